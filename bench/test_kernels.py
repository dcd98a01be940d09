"""Time of single kernels: products, convolutions, activations, the fused update."""

import numpy as np
import pytest
import single_convolutions
from timed import convolution, update_case

from fastnn import _kernels
from fastnn.activations import ACTIVATIONS

SHAPES = ("16x16 32>32 3x3 same", "14x14 64>128 1x1 same", "28x28 1>6 5x5 same", "16x16 32>each 3x3 same")
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


@pytest.mark.parametrize("part", single_convolutions.PASSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_convolution(benchmark, backend, shape, part):
    """64 images; float32."""
    case = single_convolutions.CASES[shape]
    benchmark.extra_info["flop"] = case.flops
    call, _ = convolution(case.conv, part, single_convolutions.arrays(case, "float32"), backend)
    benchmark(call)


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
