"""Sparse matrices that are damaged, not finite or of another shape: one error, and nothing has changed."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, refused, state_of
from sparse_rows import scipy_sparse, triplets

import fastnn
from fastnn import Sequential, _kernels
from fastnn._base.sparse import from_scipy
from fastnn.layers import Dense, Flatten

GOOD = scipy_sparse.csr_matrix(triplets(np.random.default_rng(1), 20, 4, 0.5))
Y = np.linspace(0, 1, 20)


def damaged(form="csr_matrix", /, **arrays):
    """A copy of the good matrix with some of its arrays changed behind SciPy's back."""
    x = getattr(scipy_sparse, form)(GOOD)
    for name, change in arrays.items():
        setattr(x, name, change(getattr(x, name).copy()))
    return x


def put(place, value):
    """A change of one number."""

    def change(array):
        array[place] = value
        return array

    return change


def of(form, kind):
    return getattr(scipy_sparse, form)(GOOD.toarray().astype(kind))


WRONG = {
    "column too large": (damaged(indices=put(3, 4)), ValueError, ("damaged", "0 to 3", "4")),
    "column far off": (damaged(indices=lambda a: put(3, 2**40)(a.astype(np.int64))), ValueError, ("damaged", 2**40)),
    "column that int32 wraps": (damaged(indices=lambda a: put(3, 2**32)(a.astype(np.int64))), ValueError, ("damaged",)),
    "column below 0": (damaged(indices=put(3, -1)), ValueError, ("damaged", "-1")),
    "columns with fractions": (damaged(indices=lambda a: a.astype(float)), ValueError, ("damaged", "float64")),
    "fewer columns than values": (damaged(indices=lambda a: a[:-1]), ValueError, ("damaged", "indptr")),
    "fewer values than columns": (damaged(data=lambda a: a[:-1]), ValueError, ("damaged", "indptr")),
    "starts that go back": (damaged(indptr=put(5, 0)), ValueError, ("damaged", "indptr must grow")),
    "starts below 0": (damaged(indptr=put(5, -9)), ValueError, ("damaged", "indptr must grow")),
    "a first start behind 0": (damaged(indptr=put(0, 1)), ValueError, ("damaged", "indptr must grow from 0")),
    "a last start too far": (damaged(indptr=put(-1, 10**6)), ValueError, ("damaged", "indptr must grow")),
    "a start too far": (damaged(indptr=put(5, 10**6)), ValueError, ("damaged", "indptr must grow")),
    "too few starts": (damaged(indptr=lambda a: a[:-1]), ValueError, ("damaged", "21 whole numbers", "(20,)")),
    "starts with fractions": (damaged(indptr=lambda a: a.astype(float)), ValueError, ("damaged", "whole numbers")),
    "csc, row too large": (damaged("csc_array", indices=put(3, 20)), ValueError, ("damaged", "0 to 19")),
    "csc, starts that go back": (damaged("csc_array", indptr=put(2, 0)), ValueError, ("damaged", "indptr")),
    "coo, row too large": (damaged("coo_matrix", row=put(3, 20)), ValueError, ("damaged", "0 to 19")),
    "coo, column below 0": (damaged("coo_matrix", col=put(3, -2)), ValueError, ("damaged", "-2")),
    "bsr, column too large": (damaged("bsr_matrix", indices=put(0, 4)), ValueError, ("damaged",)),
    "NaN": (damaged(data=put(2, np.nan)), ValueError, ("x must be finite", "nan", "1 such value ")),
    "infinity": (damaged(data=put(slice(2, 5), -np.inf)), ValueError, ("x must be finite", "-inf", "3 such values")),
    "too large": (damaged(data=lambda a: put(2, 1e300)(a.astype(float))), ValueError, ("x must be finite", "inf")),
    "complex": (of("csr_array", "complex128"), TypeError, ("x", "real numbers", "complex128", "real part")),
    "width": (GOOD[:, :3], ValueError, ("x", "(n, 4)", "(20, 3)")),
    "other way round": (GOOD.T, ValueError, ("x", "(n, 4)", "(4, 20)")),
    "one axis": (scipy_sparse.coo_array(GOOD.toarray()[0]), ValueError, ("x", "two axes", "(4,)")),
    "empty": (GOOD[:0], ValueError, ("x", "empty", "at least one row")),
}
CALLS = ("fit", "evaluate", "predict", "train_on_batch", "validation", "fit_many")


@pytest.mark.covering
@pytest.mark.parametrize("name", ["numpy", "cython"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", WRONG)
def test_wrong_sparse_rows_leave_the_model_as_it_was(name, call, case):
    if _kernels.why_not(name):
        pytest.skip(_kernels.why_not(name))
    x, error, words = WRONG[case]
    if (call, case) == ("predict", "empty"):
        pytest.skip("no rows may be predicted")
    y = Y[: x.shape[0]] if len(x.shape) == 2 else Y
    model = model_of(name=name)
    model.fit(GOOD, Y, verbose=0)
    before = state_of(model)
    calls = {
        "predict": lambda: model.predict(x),
        "validation": lambda: model.fit(GOOD, Y, validation_data=(x, y)),
        "fit_many": lambda: fastnn.fit_many([model], x, y),
    }
    refused(calls.get(call, lambda: getattr(model, call)(x, y)), error, words)
    assert state_of(model) == before


def test_the_first_value_that_is_not_finite_is_named():
    dense_rows = np.zeros((9, 5))
    dense_rows[3, 1], dense_rows[7, 0], dense_rows[3, 4], dense_rows[1, 2] = np.nan, np.inf, 1, 1
    with pytest.raises(ValueError, match=r"got nan at index \(3, 1\) and 2 such values in all"):
        from_scipy("x", scipy_sparse.csr_array(dense_rows), np.dtype("float32"))


class Foreign:
    """Another package's matrix, which only SciPy's conversion is known of."""

    dtype, shape = GOOD.dtype, GOOD.shape

    def __init__(self, csr):
        self.tocsr = lambda: csr


def test_what_other_packages_convert_is_looked_at_too():
    model = model_of()
    assert model.predict(Foreign(GOOD)).tobytes() == model.predict(GOOD).tobytes()
    refused(lambda: model.predict(Foreign(damaged(indices=put(3, 4)))), ValueError, ("damaged", "0 to 3"))


def test_a_damaged_matrix_leaves_a_model_waiting_for_its_shape():
    model = Sequential([Dense(1)], seed=1, backend="numpy")
    model.compile("adam", "mse")
    refused(lambda: model.fit(damaged(indices=put(3, 4)), Y), ValueError, ("damaged",))
    assert not model.built


def test_samples_of_several_axes_take_no_sparse_rows():
    model = Sequential([Flatten(input_shape=(2, 2)), Dense(1)], seed=1, backend="numpy")
    refused(lambda: model.predict(GOOD), ValueError, ("x", "(n, 2, 2)", "(20, 4)"))


def test_targets_and_weights_must_be_dense(rng):
    model, sparse = model_of(), scipy_sparse.csr_matrix(Y[:, None])
    refused(lambda: model.fit(GOOD, sparse), TypeError, ("y", "dense", "toarray()"))
    refused(lambda: model.fit(GOOD, Y, sample_weight=sparse), TypeError, ("sample_weight", "dense", "toarray()"))


@EVERY_BACKEND
def test_a_predictor_takes_dense_rows_only(name):
    f = model_of(name=name).predictor()
    refused(lambda: f(GOOD), TypeError, ("x must be an array", "csr_matrix", "model.predict"))


def test_predict_takes_no_rows():
    assert model_of().predict(GOOD[:0]).shape == (0, 1)
