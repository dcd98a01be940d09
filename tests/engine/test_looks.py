"""Looks at arrays of own loops: the native ones say what those in Python say, and lead to the same bits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from fastnn import Sequential, _kernels
from fastnn._base.arrays import FEW
from fastnn._engine import looks
from fastnn.layers import Conv2D, Dense, Flatten
from fastnn.models import Gradients

# The looks of Numba's loops are those of NumPy's.
OWN = [name for name in _kernels.available_backends() if name != "numba"]
CUTS, SIZE, ROOM = [(0, 0, 3), (16, 3, 20), (40, 20, 21)], 21, 48


def modules() -> list:
    native = [_kernels.load("cython")] if "cython" in _kernels.available_backends() else []
    return [looks, *native]


def unusual(dtype: type) -> dict[str, object]:
    """What wants a closer look where rows of three numbers are wanted."""
    other = np.float64 if dtype is np.float32 else np.float32
    swapped = np.dtype(dtype).newbyteorder()
    return {
        "a list": [[1.0, 2.0, 3.0]],
        "another dtype": np.ones((2, 3), other),
        "another byte order": np.ones((2, 3), swapped),
        "one row": np.ones(3, dtype),
        "no axes": np.array(1.0, dtype),
        "another width": np.ones((2, 4), dtype),
        "an axis too many": np.ones((2, 3, 1), dtype),
        "columns first": np.ones((3, 2), dtype).T,
        "every other row": np.ones((4, 3), dtype)[::2],
        "unaligned": np.frombuffer(bytes(25 * 8), np.uint8)[1 : 1 + 6 * np.dtype(dtype).itemsize]
        .view(dtype)
        .reshape(2, 3),
        "a subclass": np.ones((2, 3), dtype).view(np.matrix),
        "many": np.ones((FEW, 3), dtype),
        "None": None,
    }


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rsplit(".", 1)[-1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_rows_are_counted_and_all_others_want_a_closer_look(module, dtype):
    wanted = np.dtype(dtype)
    for rows in (0, 1, 2, 5, 100):
        assert module.plain_rows(np.ones((rows, 3), dtype), (3,), wanted) == rows
    assert module.plain_rows(np.full((1, 3), np.finfo(dtype).max, dtype), (3,), wanted) in (1, -1)  # a square overflows
    assert module.plain_rows(np.full((1, 3), np.finfo(dtype).smallest_subnormal), (3,), wanted) == 1
    assert module.plain_rows(np.ones((4, 2, 3), dtype), (2, 3), wanted) == 4
    assert module.plain_rows(np.ones(7, dtype), (), wanted) == 7
    for name, array in unusual(dtype).items():
        assert module.plain_rows(array, (3,), wanted) == -1, name


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rsplit(".", 1)[-1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_at_every_place(module, dtype, bad):
    for place in range(37):
        array = np.zeros((37, 1), dtype)
        array[place] = bad
        assert module.plain_rows(array, (1,), np.dtype(dtype)) == -1


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.rsplit(".", 1)[-1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vectors_lose_their_gaps_and_get_them_back(module, dtype):
    vector = np.arange(ROOM).astype(dtype)
    flat = module.gathered(CUTS, SIZE, vector)
    assert flat.tolist() == [0, 1, 2, *range(16, 33), 40]
    assert flat.dtype == dtype
    to = np.full(ROOM, -1, dtype)
    module.spread(CUTS, flat, to)
    inside = np.isin(np.arange(ROOM), flat)
    np.testing.assert_array_equal(to, np.where(inside, vector, -1))


def networks() -> dict[str, tuple[list, tuple[int, ...]]]:
    return {
        "dense": ([Dense(5, "relu", input_shape=(3,)), Dense(2)], (3,)),
        "images": ([Conv2D(2, 2, activation="tanh", input_shape=(4, 4, 1)), Flatten(), Dense(2)], (4, 4, 1)),
    }


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("name", networks())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_of_plain_arrays_are_those_of_lists(own, name, dtype):
    layers, shape = networks()[name]
    model = Sequential(layers, seed=3, backend=own, dtype=dtype)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    for rows in (1, 7, 300):
        x, dy = rng.normal(size=(rows, *shape)).astype(dtype), rng.normal(size=(rows, 2)).astype(dtype)
        quick, usual = model.gradients(x, dy=dy), model.gradients(x.tolist(), dy=dy.tolist())
        assert type(quick) is type(usual) is Gradients
        assert quick.flat.tobytes() == usual.flat.tobytes()
        assert model(x).tobytes() == model(x.tolist()).tobytes()
        model.apply_gradients(quick)


@pytest.mark.parametrize("own", OWN)
def test_a_sum_that_overflows_is_told_by_gradients_of_nan(own):
    model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))], backend=own)
    big = np.full((1, 2), 3e38, np.float32)
    assert np.isnan(model.gradients(big, dy=np.ones((1, 1), np.float32)).flat).all()


@pytest.mark.parametrize("own", OWN)
def test_gradients_go_to_other_processes_and_come_back(own):
    made = [Sequential([Dense(3, "tanh", input_shape=(2,)), Dense(1)], seed=4, backend=own) for _ in range(3)]
    for model in made:
        model.compile("adam", "mse")
    grads = made[0].gradients([[1.0, 2.0]], dy=[[1.0]])
    for model, came in zip(made, (grads, pickle.loads(pickle.dumps(grads)), copy.deepcopy(grads)), strict=True):
        assert (came.names, came.flat.tobytes()) == (grads.names, grads.flat.tobytes())
        model.apply_gradients(came)
    assert len({model.get_weights()[0].tobytes() for model in made}) == 1


def test_a_flat_vector_of_another_size_is_refused_and_nothing_is_updated():
    model = Sequential([Dense(2, input_shape=(3,))], seed=1)
    model.compile("sgd", "mse")
    before = model.params.copy()
    for flat in (np.zeros(7, np.float32), np.zeros((1, 8), np.float32), np.zeros(0, np.float32)):
        grads = model.gradients(np.ones((4, 3), np.float32), np.ones((4, 2), np.float32))[1]
        grads.flat = flat
        with pytest.raises(ValueError, match=r"grads.flat must have shape \(8,\)"):
            model.apply_gradients(grads)
    assert model.step == 0
    np.testing.assert_array_equal(model.params, before)
