"""Predictors of models with several inputs or outputs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on

from fastnn import Input, Model
from fastnn import layers as L


def two_and_two(name, dtype=None, form="list"):
    """A policy and a value of an image and a vector."""
    dtype = dtype or dtype_on(name)
    image, state = Input((3, 2), name="image"), Input((4,), name="state")
    hidden = L.Concatenate()([L.Dense(5, "tanh")(L.Flatten()(image)), state])
    ends = L.Dense(3, "softmax", name="policy")(hidden), L.Dense(1, name="value")(hidden)
    if form == "dict":
        named = {"p": ends[0], "v": ends[1]}
        return Model({"image": image, "state": state}, named, seed=1, backend=name, dtype=dtype)
    return Model([image, state], list(ends), seed=1, backend=name, dtype=dtype)


def rows(rng, n, dtype=np.float32):
    return [rng.normal(size=(n, 3, 2)).astype(dtype), rng.normal(size=(n, 4)).astype(dtype)]


@EVERY_BACKEND
def test_it_gives_what_predict_gives(rng, name, dtype):
    model = two_and_two(name, dtype.name)
    f = model.predictor()
    for n in (0, 1, 2, 17, 700):
        x = rows(rng, n, dtype)
        for y, expected in zip(f(x), model.predict(x), strict=True):
            assert (y.shape, y.dtype, y.tobytes()) == (expected.shape, dtype, expected.tobytes())
    one = f([array[3] for array in x])
    assert [y.shape for y in one] == [(3,), (1,)]
    assert [y.tobytes() for y in one] == [y[0].tobytes() for y in model.predict([array[3:4] for array in x])]


@EVERY_BACKEND
def test_dicts_go_in_and_come_out(rng, name):
    model, (image, state) = two_and_two(name, form="dict"), rows(rng, 5, dtype_on(name))
    y = model.predictor()({"state": state, "image": image})
    expected = model.predict({"image": image, "state": state})
    assert {key: array.tobytes() for key, array in y.items()} == {k: a.tobytes() for k, a in expected.items()}
    assert list(y) == ["p", "v"]


@EVERY_BACKEND
def test_one_input_is_an_array_and_one_output_too(rng, name):
    x, dtype = Input((4,), name="x"), dtype_on(name)
    hidden = L.Dense(6, "relu")(x)
    heads = Model(x, [L.Dense(2)(hidden), L.Dense(1)(hidden)], seed=1, backend=name, dtype=dtype)
    data = rng.normal(size=(5, 4)).astype(dtype)
    f = heads.predictor()
    assert [y.tobytes() for y in f(data)] == [y.tobytes() for y in heads.predict(data)]
    assert [y.shape for y in f(data[0])] == [(2,), (1,)]
    total = Model([x, (z := Input((6,)))], L.Add()([hidden, z]), backend=name, dtype=dtype)
    other = rng.normal(size=(5, 6)).astype(dtype)
    assert total.predictor()((data, other)).tobytes() == total.predict([data, other]).tobytes()


@EVERY_BACKEND
def test_out_is_filled_and_returned_also_over_the_inputs(rng, name):
    model, x = two_and_two(name), rows(rng, 5, dtype_on(name))
    f, expected = model.predictor(), model.predict(x)
    out = [np.empty((5, 3), x[0].dtype), np.empty((5, 1), x[0].dtype)]
    assert f(x, out=out) is out
    assert [y.tobytes() for y in out] == [y.tobytes() for y in expected]
    over = [x[1].reshape(-1)[:15].reshape(5, 3), out[1]]  # lies over the second input
    f(x, over)
    assert over[0].tobytes() == expected[0].tobytes()


@EVERY_BACKEND
def test_it_follows_training_and_parameters_that_move(rng, name):
    model, x = two_and_two(name), rows(rng, 8, dtype_on(name))
    f = model.predictor()
    before = f(x)
    model.compile("sgd", "mse")
    model.fit(x, [np.ones((8, 3)), np.ones((8, 1))], epochs=1, verbose=0)
    trained = f(x)
    assert trained[0].tobytes() == model.predict(x)[0].tobytes() != before[0].tobytes()
    end = L.Dense(2)(model.layers[-1].output)
    Model(model.inputs, end, backend=name, dtype=dtype_on(name))  # shares layers: parameters stand elsewhere
    assert f(x)[0].tobytes() == trained[0].tobytes()


def test_folded_and_in_int8(rng):
    x, z = Input((4,), name="x"), Input((3,), name="z")
    both = L.Concatenate()([L.BatchNormalization()(L.Dense(8)(x)), L.Dense(4, "relu")(z)])
    model = Model([x, z], [L.Dense(3)(both), L.Dense(2)(both)], seed=1)
    data = [rng.normal(size=(9, 4)).astype(np.float32), rng.normal(size=(9, 3)).astype(np.float32)]
    expected = model.predict(data)
    for y, wanted in zip(model.predictor(fold=True)(data), expected, strict=True):
        np.testing.assert_allclose(y, wanted, atol=1e-6)
    small = model.predictor(precision="int8", calibrate=data)
    assert str(small).count("int8, inputs from") == 4
    for y, wanted in zip(small(data), expected, strict=True):
        np.testing.assert_allclose(y, wanted, atol=0.1)
    with pytest.raises(ValueError, match=r"calibrate\['z'\] must have shape"):
        model.predictor(precision="int8", calibrate=[data[0], data[1][:, :2]])


GOOD = [np.zeros((2, 3, 2), np.float32), np.zeros((2, 4), np.float32)]
OUT = [np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)]
WRONG = {
    "one array": (GOOD[0], None, TypeError, "x must be a list of 2 arrays, or a dict of them by name"),
    "one too few": (GOOD[:1], None, ValueError, "got 1 of them"),
    "unknown": ({"image": GOOD[0], "stat": GOOD[1]}, None, ValueError, "x has 'stat' (did you mean 'state'?)"),
    "a row and rows": ([GOOD[0], GOOD[1][0]], None, ValueError, "x['image'] has 2 rows, x['state'] one row"),
    "lengths": ([GOOD[0], GOOD[1][:1]], None, ValueError, "x['image'] has 2 rows, x['state'] 1 rows"),
    "width": ([GOOD[0], GOOD[1][:, :3].copy()], None, ValueError, "x['state'] must have shape (4,) or"),
    "dtype": ([GOOD[0], GOOD[1].astype(float)], None, TypeError, "x['state'] must be a C-contiguous array of float32"),
    "a list of lists": ([GOOD[0].tolist(), GOOD[1]], None, TypeError, "x['image'] must be an array, got list"),
    "out of one": (GOOD, OUT[0], TypeError, "out must be a list of 2 arrays"),
    "out shape": (GOOD, [OUT[0], OUT[0]], ValueError, "out['value'] must be writable and have shape (2, 1)"),
    "out read-only": (GOOD, [OUT[0], np.broadcast_to(np.float32(0), (2, 1))], TypeError, "C-contiguous"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_it_refuses(case):
    x, out, error, words = WRONG[case]
    with pytest.raises(error) as told:
        two_and_two("numpy").predictor()(x, out)
    assert words in str(told.value)


def test_outputs_may_not_lie_over_each_other():
    z = Input((2,))
    model = Model(z, [L.Dense(2, name="a")(z), L.Dense(2, name="b")(z)], backend="numpy")
    place = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"out\['b'\] must not share memory"):
        model.predictor()(np.zeros((3, 2), np.float32), [place, place])


def test_what_there_is_none_of():
    z = Input((None, 2))
    model = Model(z, [L.LSTM(2)(z), L.GRU(3)(z)], backend="numpy")
    with pytest.raises(ValueError, match="sizes that are known, and the inputs are \\(None, 2\\)"):
        model.predictor()
    with pytest.raises(ValueError, match="a C function takes one input"):
        _ = two_and_two("numpy").predictor().cfunc


@EVERY_BACKEND
def test_many_threads_share_one(rng, name):
    model = two_and_two(name)
    f, wrong = model.predictor(), []
    chunks = [rows(rng, n, dtype_on(name)) for n in (1, 5, 300)]
    expected = [[y.tobytes() for y in model.predict(x)] for x in chunks]

    def work(first):
        for i in range(30):
            at = (first + i) % len(chunks)
            if [y.tobytes() for y in f(chunks[at])] != expected[at]:
                wrong.append(at)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
