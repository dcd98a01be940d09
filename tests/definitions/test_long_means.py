"""Means of many numbers: single precision has the mean's digits, however long a signal or an image is."""

from __future__ import annotations

import numpy as np
import pytest
from c_compilers import called, library, needs
from models import EVERY_BACKEND, dtype_on

from fastnn import Model, Sequential, layers
from fastnn._ops.pool import MANY
from fastnn.interop import to_c
from fastnn.interop.c.pieces import pieces

NEAR = 4 * np.finfo(np.float32).eps
CASES = {  # layer, shape of a sample
    "signal": (layers.GlobalAveragePooling1D(), (300_000, 3)),
    "image": (layers.GlobalAveragePooling2D(), (97, 301, 5)),
    "channels": (layers.GlobalAveragePooling2D(), (40, 40, 70)),
    "windows": (layers.AveragePooling2D((150, 3), (70, 2), "same"), (401, 9, 4)),
    "steps": (layers.AveragePooling1D(1000, 700, "same"), (5001, 2)),
}


def of_case(case, backend="numpy"):
    layer, shape = CASES[case]
    return Sequential([layers.Input(shape), layer], backend=backend, dtype=dtype_on(backend))


def means(layer, x):
    """What a model in double precision gives, by NumPy."""
    return Sequential([layers.Input(x.shape[1:]), layer], dtype="float64", backend="numpy").predict(x, verbose=0)


@EVERY_BACKEND
@pytest.mark.parametrize("case", CASES)
def test_long_windows_lose_no_digits(name, case, rng):
    layer, shape = CASES[case]
    for x in (np.full((2, *shape), 1000.1, np.float32), rng.random((2, *shape), np.float32)):
        model = of_case(case, name)
        y, right = model.predict(x, verbose=0), means(layer, x.astype(np.float64))
        np.testing.assert_allclose(y, right, rtol=NEAR)
        ones = np.ones_like(right)
        dx = model.gradients(x, dy=ones, wrt="inputs")
        np.testing.assert_allclose(dx.sum(axis=tuple(range(1, dx.ndim))), ones[0].sum(), rtol=1e-3)


@EVERY_BACKEND
def test_a_sum_too_large_is_infinite_or_right_and_never_nan(name):
    x = np.full((1, 400, 1), 3e38, np.float32)
    chain = [layers.Input((400, 1)), layers.GlobalAveragePooling1D()]
    y = Sequential(chain, backend=name, dtype=dtype_on(name)).predict(x, verbose=0)
    assert np.isinf(y).all() or np.allclose(y, 3e38)


def masked(name="numpy", rows=20_000):
    """The mean of the rows that are not 0."""
    x = layers.Input((rows, 2))
    return Model(x, layers.GlobalAveragePooling1D()(layers.Masking()(x)), backend=name, dtype=dtype_on(name))


@EVERY_BACKEND
def test_long_masked_sequences_lose_no_digits(name, rng):
    x = np.full((2, 20_000, 2), 1000.1, np.float32)
    x[1] = rng.random((20_000, 2))
    x[:, rng.permutation(20_000)[:7000]] = 0
    right = [x[i][x[i, :, 0] != 0].astype(np.float64).mean(axis=0) for i in range(2)]
    np.testing.assert_allclose(masked(name).predict(x, verbose=0), right, rtol=NEAR)


def at_the_limit(kind, rows, backend):
    """A mean of so many numbers: the model, rows, what is right, and what without the ones behind the first."""
    if kind == "masked":
        model = masked(backend, rows)
    else:
        model = Sequential([layers.Input((rows, 2)), layers.GlobalAveragePooling1D()], backend=backend)
    x = np.ones((1, rows, 2), np.float32)
    x[:, 0] = first = 2 / np.finfo(np.float32).eps
    return model, x, (first + rows - 1) / rows, first / rows


LIMIT = pytest.mark.parametrize(("rows", "keeps"), [(MANY, False), (MANY + 1, True)])
KINDS = pytest.mark.parametrize("kind", ["pooled", "masked"])


@LIMIT
@KINDS
@pytest.mark.single
@EVERY_BACKEND
def test_from_the_same_number_on_sums_keep_what_rounding_loses(name, kind, rows, keeps):
    model, x, right, short = at_the_limit(kind, rows, name)
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.float32(right if keeps else short))


@needs("gcc")
@LIMIT
@KINDS
def test_so_they_do_in_exported_c(kind, rows, keeps, tmp_path):
    model, x, right, short = at_the_limit(kind, rows, "numpy")
    report = to_c(model, tmp_path, name="means")
    (y,) = called(library(tmp_path, ["means"]).means_predict, [x], [2], report.work["predict"])
    np.testing.assert_array_equal(y, np.float32(right if keeps else short))


def test_exported_c_says_once_how_many_numbers_are_many():
    texts = {name: piece.text for name, piece in pieces("float32").items() if str(MANY) in piece.text}
    assert list(texts) == ["are_many"]
    assert f"n > {MANY};" in texts["are_many"]


@needs("gcc")
@pytest.mark.parametrize("which", ["image", "windows", "masked"])
def test_exported_c_loses_none_either(which, tmp_path):
    model = masked(rows=5000) if which == "masked" else of_case(which)
    x = np.full((1, *model.input_shape[1:]), 1000.1, np.float32)
    report = to_c(model, tmp_path, name="means")
    function = library(tmp_path, ["means"]).means_predict
    right = model.predict(x, verbose=0).ravel()
    (y,) = called(function, [x], [right.size], report.work["predict"])
    np.testing.assert_allclose(y, right, rtol=NEAR)
    assert np.allclose(right, 1000.1, rtol=NEAR)
