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


@pytest.mark.parametrize("kind", ["float32", "float64", "mixed_bfloat16"])
def test_threads_that_share_large_layers_train_to_the_bits_of_one(kind, rng, monkeypatch):
    """Rows of a softmax are whole again behind the product; the last batch has rows for two threads of three."""
    x, y, found = rng.normal(size=(41, 60)), rng.random((41, 907)), []
    for n in (1, 2, 3):
        monkeypatch.setattr(threads, "_chosen", n)
        model = fastnn.Sequential([Dense(1203, "relu", input_shape=(60,)), Dense(907, "softmax")], dtype=kind, seed=5)
        model.compile("adam", "categorical_crossentropy")
        for isa in FUSED:
            with forced(native, isa):
                model.fit(x, y, batch_size=32, epochs=1, verbose=0)
        found.append(model.get_weights())
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
