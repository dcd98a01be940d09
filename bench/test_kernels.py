"""Time of single kernels: products, activations, the fused update."""

import numpy as np
import pytest
from timed import update_case

from fastnn import _kernels
from fastnn.activations import ACTIVATIONS

SIZES = (32, 64, 128, 256, 512, 1024)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_product(benchmark, backend, size, dtype):
    """Square products; NumPy's BLAS stands for the reference."""
    if backend == "numba":
        pytest.skip("numba's products are timed with an epoch")
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, size, size)).astype(dtype)
    c = np.empty_like(a)
    benchmark.extra_info["flop"] = 2 * size**3
    gemm = _kernels.load(backend).gemm if backend == "cython" else lambda a, b, c: np.matmul(a, b, out=c)
    benchmark(gemm, a, b, c)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(benchmark, backend, name):
    """65,536 float32 numbers in rows of 64."""
    z = np.random.default_rng(0).standard_normal((1024, 64)).astype(np.float32)
    y, record = np.empty_like(z), ACTIVATIONS[name]
    if backend == "numba":
        pytest.skip("numba's activations are timed with an epoch")
    if backend == "numpy":
        benchmark(record, z)
        return
    benchmark(_kernels.load(backend).activate, int(record.code), record.parameter, z, y)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_update(benchmark, backend, name):
    """A million float32 parameters."""
    plan, arenas = update_case(name, "float32", 1_000_000)
    benchmark(_kernels.load(backend).update, plan, arenas, 1, 1e-3)
