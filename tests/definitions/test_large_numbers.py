"""Numbers whose squares are infinite: what is made of them is right where it can be told."""

from __future__ import annotations

import numpy as np
import pytest
from c_compilers import called, library, needs
from models import EVERY_BACKEND, dtype_on

from fastnn import Sequential, activations, layers
from fastnn.interop import to_c, to_torch

BS = (4.0, 1e12)


def squareplus(b, **more):
    return Sequential([layers.Input((8,)), layers.Activation(activations.get("squareplus", b=b))], **more)


def large(dtype, b):
    """Numbers on both sides of where squares overflow, and what follows of them; no subnormal ones."""
    most = np.finfo(dtype).max
    sizes = np.sqrt(most) * np.array([0.5, 0.99, 1.01, 2.0], dtype)
    z = np.concatenate([sizes, -sizes, most * np.array([0.3, 0.6, 1.0, -0.3, -0.6, -1.0, 0.25, -0.25], dtype)])
    left = np.array(0.25, dtype) * dtype(b) / np.abs(z)
    right = np.where(z > 0, z, np.where(left < np.finfo(dtype).tiny, 0, left))
    return z.astype(dtype).reshape(-1, 8), right.reshape(-1, 8)


@EVERY_BACKEND
@pytest.mark.parametrize("b", BS)
def test_squareplus_of_numbers_whose_squares_overflow(name, b):
    dtype = np.dtype(dtype_on(name)).type
    z, right = large(dtype, b)
    model = squareplus(b, backend=name, dtype=dtype_on(name))
    least = 2 * np.finfo(dtype).tiny  # one backend makes subnormal numbers zero, another does not
    np.testing.assert_allclose(model.predict(z, verbose=0), right, rtol=1e-6, atol=least)
    slopes = model.gradients(z, dy=np.full_like(z, 2.0**-40), wrt="inputs")  # sums of dy * y are finite, too
    np.testing.assert_allclose(slopes * 2.0**40, z > 0, atol=1e-12)


@needs("gcc")
@pytest.mark.parametrize("b", BS)
def test_so_exported_c_has_it(b, tmp_path):
    z, right = large(np.float32, b)
    report = to_c(squareplus(b), tmp_path, name="curve")
    for row, wanted in zip(z, right, strict=True):
        (y,) = called(library(tmp_path, ["curve"]).curve_predict, [row], [8], report.work["predict"])
        np.testing.assert_allclose(y, wanted, rtol=1e-6, atol=2 * np.finfo(np.float32).tiny)


@pytest.mark.parametrize("b", BS)
def test_so_has_a_module_of_pytorch(b):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    z, right = large(np.float32, b)
    with torch.no_grad():
        y = to_torch(squareplus(b))(torch.tensor(z)).numpy()
    np.testing.assert_allclose(y, right, rtol=1e-6, atol=2 * np.finfo(np.float32).tiny)
