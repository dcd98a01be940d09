"""Sparse rows: SciPy's matrices in every form, the numbers of dense ones from every call, never dense as a whole."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from models import EVERY_BACKEND, FAST_BACKENDS, dtype_on, model_of, weights_of
from networks import draw
from sparse_rows import KINDS, WIDTH, rows_of_kind, scipy_sparse, triplets, written_out

import fastnn
from fastnn import Sequential
from fastnn import _plan as plan
from fastnn._base.sparse import from_scipy, take_rows
from fastnn._plan.compile import INPUT_BYTES
from fastnn.layers import Dense, Dropout

MATRICES = [
    f"{form}_{kind}" for form in ("csr", "csc", "coo", "bsr", "lil", "dok", "dia") for kind in ("array", "matrix")
]

# -- the rows themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_what_they_are_number_by_number(rng, kind, dtype):
    rows = rows_of_kind(rng, kind, dtype)
    expected = written_out(rows)
    assert (rows.shape, rows.dtype, len(rows)) == (expected.shape, dtype, len(expected))
    for chosen in (np.arange(len(rows)), rng.integers(0, len(rows), 2 * len(rows)), np.arange(0)):
        out = np.full((len(chosen), WIDTH), np.nan, dtype)
        take_rows(rows, chosen.astype(np.int32), out)
        assert out.tobytes() == expected[chosen].tobytes()


def test_the_kinds_hold_what_they_are_named_for(rng):
    """Duplicates lie in one row at one place, and unsorted columns go down somewhere: else nothing is tested."""
    found = rows_of_kind(rng, "duplicates", "float32")
    assert any(len(set(found.columns[a:b])) < b - a for a, b in zip(found.starts, found.starts[1:], strict=False))
    found = rows_of_kind(rng, "unsorted", "float32")
    assert any((np.diff(found.columns[a:b]) < 0).any() for a, b in zip(found.starts, found.starts[1:], strict=False))
    assert (np.diff(rows_of_kind(rng, "empty rows", "float32").starts) == 0).sum() >= 6


def test_a_slice_shares_the_arrays_and_keeps_places(rng):
    rows = rows_of_kind(rng, "ragged", "float32")
    whole = written_out(rows)
    for first, last in ((0, 67), (5, 9), (66, 67), (9, 5), (70, 90), (0, 0), (-3, None), (None, -60)):
        cut = rows[first:last]
        assert cut.values is rows.values
        assert cut.columns is rows.columns
        assert np.shares_memory(cut.starts, rows.starts)
        np.testing.assert_array_equal(written_out(cut), whole[first:last])
        np.testing.assert_array_equal(written_out(cut[1:3]), whole[first:last][1:3])
    with pytest.raises(ValueError, match="step 2"):
        rows[::2]


@pytest.mark.parametrize("form", MATRICES)
@pytest.mark.parametrize("kind", ["bool", "int8", "uint16", "int64", "uint64", "float32", "float64", "longdouble"])
def test_every_format_and_type_of_scipy_becomes_the_same_rows(rng, form, kind, dtype):
    x = np.trunc(3 * triplets(rng, 24, 12)).clip(0 if kind[0] in "ub" else -9, 9) + 0.0  # no zero is negative
    x = x.astype(kind)
    rows = from_scipy("x", getattr(scipy_sparse, form)(x), dtype)
    assert (rows.dtype, rows.columns.dtype, rows.starts.dtype) == (dtype, np.int32, np.int64)
    assert written_out(rows).tobytes() == x.astype(dtype).tobytes()


def test_half_precision_and_foreign_byte_order_are_converted(rng, dtype):
    x = scipy_sparse.csr_array(triplets(rng, 9, 12))
    for kind in ("float16", ">f4", ">f8"):
        changed = x.copy()
        changed.data = x.data.astype(kind)
        expected = x.toarray().astype(kind).astype(dtype)
        assert written_out(from_scipy("x", changed, dtype)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("index", ["int32", "int64", "uint32", "int16", ">i8"])
def test_indices_of_any_width_are_taken(rng, index):
    x = scipy_sparse.csr_array(triplets(rng, 9, 12))
    x.indices, x.indptr = x.indices.astype(index), x.indptr.astype(index)
    np.testing.assert_array_equal(written_out(from_scipy("x", x, np.dtype("float32"))), x.toarray())


def test_what_is_right_already_is_shared_and_nothing_is_changed(rng, dtype):
    x = scipy_sparse.csr_matrix(triplets(rng, 9, 12).astype(dtype))
    before = [array.tobytes() for array in (x.data, x.indices, x.indptr)]
    rows = from_scipy("x", x, dtype)
    assert np.shares_memory(rows.values, x.data)
    assert not np.shares_memory(rows.columns, x.indices), "who changes his indices must not lead a kernel astray"
    assert before == [array.tobytes() for array in (x.data, x.indices, x.indptr)]


def test_what_lies_behind_the_last_row_is_not_looked_at():
    x = scipy_sparse.csr_array(np.eye(3, dtype=np.float32))
    x.data, x.indices = np.append(x.data, np.float32(np.nan)), np.append(x.indices, 99).astype(np.int32)
    rows = from_scipy("x", x, np.dtype("float32"))
    assert len(rows.values) == len(rows.columns) == 3


# -- what users call --------------------------------------------------------------------------------


def signed(target, prediction):
    """A custom loss with its gradient."""
    difference = prediction - target
    return (difference**2).sum(axis=1), 2 * difference


CASES = {
    "adam": {},
    "dropout": {"layers": (Dropout(0.3), Dense(8, "tanh"), Dense(1))},
    "lbfgs": {"optimizer": "lbfgs"},
    "custom loss": {"loss": signed},
    "clipped": {"optimizer": fastnn.optimizers.SGD(0.01, global_clipnorm=0.1)},
}


def everything(model, x, y, weight, validation) -> list:
    """Fit, evaluate, predict and train on a batch: all numbers that come back."""
    kept = []
    kept.append(model.fit(x, y, 17, 3, verbose=0, sample_weight=weight, validation_data=validation).history)
    kept.append(model.fit(x, y, 17, 2, verbose=0, validation_split=0.2, shuffle=False).history)
    kept += [model.evaluate(x, y, sample_weight=weight), model.predict(x).tobytes()]
    kept += [model.train_on_batch(x, y), model.test_on_batch(x, y), model.predict_on_batch(x).tobytes()]
    return [*kept, weights_of(model).tobytes()]


@EVERY_BACKEND
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", [scipy_sparse.csr_array, scipy_sparse.csr_matrix])
def test_every_call_gives_what_dense_rows_give(rng, name, case, form, dtype):
    x, y, weight = triplets(rng, 120), draw(rng, 120), rng.random(120)
    settings = {"layers": (), **CASES[case]}
    layers = settings.pop("layers")
    results = [
        everything(
            model_of(*layers, name=name, n_in=WIDTH, dtype=dtype.name, metrics=["mae"], **settings),
            make(x),
            y,
            weight,
            (make(x[50:80]), y[50:80]),
        )
        for make in (form, np.asarray)
    ]
    assert results[0] == results[1]


@EVERY_BACKEND
def test_a_callback_for_batches_sees_what_dense_rows_give(rng, name):
    x, y, told = triplets(rng, 50), draw(rng, 50), []
    for make in (scipy_sparse.csr_array, np.asarray):
        losses: list = []
        hook = fastnn.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, to=losses: to.append(logs["loss"])
        )
        model_of(name=name, n_in=WIDTH).fit(make(x), y, 8, 2, verbose=0, callbacks=[hook])
        told.append(losses)
    assert len(told[0]) == 14
    assert told[0] == told[1]


@pytest.mark.single
@EVERY_BACKEND
def test_many_models_share_sparse_rows(rng, name):
    x, y = triplets(rng, 90), draw(rng, 90)
    results = []
    for make in (scipy_sparse.csc_matrix, np.asarray):
        models = [
            model_of(name=name, n_in=WIDTH, seed=seed, dtype=d) for seed in (1, 2) for d in ("float32", "float64")
        ]
        fastnn.fit_many(models, make(x), y, 16, 3, validation_split=0.2, n_threads=2)
        results.append([(weights_of(model).tobytes(), model.history.history) for model in models])
    assert results[0] == results[1]


def test_a_model_takes_its_input_shape_from_sparse_rows(rng):
    x, y = scipy_sparse.csr_array(triplets(rng, 20)), draw(rng, 20)
    model = Sequential([Dense(3, "tanh"), Dense(1)], seed=1, backend="numpy")
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    assert model.input_shape == (None, WIDTH)


@EVERY_BACKEND
def test_one_sparse_column_is_enough(rng, name):
    x, y = triplets(rng, 20, 1, 0.5), draw(rng, 20)
    model = model_of(Dense(2, "relu"), Dense(1), name=name, n_in=1)
    model.fit(scipy_sparse.csr_array(x), y, verbose=0)
    assert model.predict(scipy_sparse.csr_array(x)).tobytes() == model.predict(x).tobytes()


# -- memory -----------------------------------------------------------------------------------------

LARGE = """
import resource, sys
import numpy as np
import scipy.sparse
from fastnn import Sequential
from fastnn.layers import Dense

ROWS, COLUMNS, A_ROW = int(sys.argv[3]), 5_000, 3
rng = np.random.default_rng(1)
columns = rng.integers(0, COLUMNS, ROWS * A_ROW, dtype=np.int32)
starts = np.arange(0, ROWS * A_ROW + 1, A_ROW)
x = scipy.sparse.csr_matrix((np.ones(ROWS * A_ROW), columns, starts), (ROWS, COLUMNS))
y = np.resize([0.0, 1.0], ROWS)


def status(field):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(field))


def train(x, y):
    layers = [Dense(2, "tanh", input_shape=(COLUMNS,)), Dense(1)]
    model = Sequential(layers, seed=1, backend=sys.argv[1], dtype=sys.argv[2])
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=1000, verbose=0, validation_split=0.1)
    return model.predict(x)


train(x[:2000], y[:2000])
before = status("VmRSS")
resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + 512 * 2**20,) * 2)
predicted = train(x, y)
assert np.isfinite(predicted).all() and predicted.std() > 0
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="resident memory is read from Linux' /proc")
@FAST_BACKENDS
@pytest.mark.parametrize("rows", [50_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_a_large_matrix_is_never_dense_as_a_whole(name, rows):
    """1 GB or 4 GB of float32 would not fit under the limit of 512 MB more; a block of 1,000 rows takes 20 MB or 40."""
    command = [sys.executable, "-c", LARGE, name, dtype_on(name), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 150 * 2**20


def test_a_block_of_a_million_columns_has_few_rows():
    layout = plan.lay_out([Dense(1)], (2**20,))
    for batch_size in (32, 1024):
        block = int(plan.compile_plan(layout, batch_size=batch_size).header["block_rows"])
        assert 16 <= block <= batch_size
        assert block * 2**20 * 4 <= INPUT_BYTES
