"""Few rows and layers that are larger than the caches: what is added, all instruction sets, any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from forced import forced

import fastnn
from fastnn._base import threads
from fastnn.layers import Add, Dense, Input

native = pytest.importorskip("fastnn._kernels.native.native", reason="the native backend is not built")
FUSED = [name for name, _, runs in native.isas() if runs and name != "portable"]


def branches(dtype):
    """The gradients of a layer's outputs are added from two others."""
    first = Input((40,))
    hidden = Dense(1203, "tanh")(first)
    outputs = Dense(5)(Add()([Dense(901)(hidden), Dense(901, "relu")(hidden)]))
    model = fastnn.Model(first, outputs, dtype=dtype, seed=3)
    model.compile("sgd", "mse")
    return model


def gradients(model, x, y):
    return [np.array(each) for each in model.gradients(x, y)[1]]


@pytest.mark.parametrize("isa", FUSED)
@pytest.mark.parametrize("rows", [8, 16, 31, 33])
def test_gradients_that_are_added_are_those_of_rows_one_by_one(isa, dtype, rng, rows):
    model = branches(dtype)
    x, y = rng.normal(size=(rows, 40)), rng.normal(size=(rows, 5))
    with forced(native, isa):
        found = gradients(model, x, y)
        singly = [gradients(model, x[i : i + 1], y[i : i + 1]) for i in range(rows)]
    for i, each in enumerate(found):
        mean = np.mean([one[i] for one in singly], axis=0, dtype=np.float64)
        np.testing.assert_allclose(
            each, mean, rtol=0, atol=(1e-12 if dtype == np.float64 else 2e-4) * np.abs(mean).max()
        )


@pytest.mark.parametrize("rows", [8, 16, 31, 33])
def test_bits_do_not_depend_on_isa_or_threads(dtype, rng, rows, monkeypatch):
    model, found = branches(dtype), []
    x, y = rng.normal(size=(rows, 40)), rng.normal(size=(rows, 5))
    for isa in FUSED:
        for n in (1, 2, 3):
            monkeypatch.setattr(threads, "_chosen", n)
            with forced(native, isa):
                found.append(gradients(model, x, y))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
