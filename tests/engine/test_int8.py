"""Predictors in int8: how near they are, what they say, what they refuse."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from models import dtype_on

import fastnn
from fastnn import Input, Model, Sequential, _kernels
from fastnn import layers as L
from fastnn._ops import OPS
from fastnn.datasets import load_digits


def in_int8(model, x):
    return model.predictor(precision="int8", calibrate=x)


def images(name="numpy", **more):
    layers = [
        L.Conv2D(16, 3, use_bias=False, input_shape=(8, 8, 8)),
        L.BatchNormalization(),
        L.ReLU(),
        L.MaxPooling2D(2),
        L.Dropout(0.2),
        L.Flatten(),
        L.Dense(10, "softmax"),
    ]
    return Sequential(layers, seed=0, backend=name, **more)


@pytest.mark.parametrize("name", ["numpy", "cython", pytest.param("numba", marks=pytest.mark.long)])
def test_what_is_predicted_is_near_what_the_model_predicts(rng, name):
    if _kernels.why_not(name):
        pytest.skip(_kernels.why_not(name))
    model, x = images(name, dtype=dtype_on(name)), rng.normal(size=(40, 8, 8, 8)).astype(dtype_on(name))
    f = in_int8(model, x)
    y = f(x)
    assert (y.shape, y.dtype) == ((40, 10), model.dtype)
    np.testing.assert_allclose(y, model.predict(x), atol=0.03)
    assert abs(y - model.predict(x)).max() > 0
    out = np.empty_like(y)
    assert f(x, out=out) is out
    assert out.tobytes() == y.tobytes()
    assert f(x[7]).tobytes() == y[7].tobytes()


def test_digits_lose_no_more_than_three_in_a_thousand():
    (x, y), (x_test, y_test) = load_digits()
    lost = []
    for seed in range(3):
        model = Sequential([L.Dense(64, "relu", input_shape=(64,)), L.Dense(10)], seed=seed)
        model.compile("adam", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x.reshape(-1, 64), y, epochs=10, verbose=0)
        rows = x_test.reshape(-1, 64)
        right = [(f(rows).argmax(axis=1) == y_test).mean() for f in (model.predictor(), in_int8(model, rows[:100]))]
        lost.append(right[0] - right[1])
    assert np.mean(lost) <= 0.003
    assert max(lost) <= 0.006  # of one seed: two of 360


def test_printing_says_what_became_of_each_layer(rng):
    layers = [
        L.Embedding(9, 4, input_shape=(6,)),
        L.Dense(5, "tanh", name="wide"),
        L.LSTM(4),
        L.LayerNormalization(),
        L.Dense(2),
    ]
    f = in_int8(Sequential(layers, backend="numpy"), rng.integers(0, 9, (20, 6)))
    kinds = {line.split()[0]: line.split(maxsplit=2)[2] for line in str(f).splitlines()[1:]}
    assert repr(f).endswith("int8>")
    assert kinds["wide"].startswith("int8, inputs from -")
    assert kinds["lstm"] == "float32: LSTM is not quantised"
    assert kinds["layer_normalization"] == "float32: LayerNormalization is not quantised"
    assert kinds["embedding"] == "float32: Embedding is not quantised"
    assert kinds["dense"].startswith("int8")


@pytest.mark.parametrize(
    ("layer", "shape", "why"),
    [
        (L.Conv2D(4, 3, groups=2), (6, 6, 2), "its channels are in groups"),
        (L.DepthwiseConv2D(3), (6, 6, 2), "DepthwiseConv2D is not quantised"),
        (L.Conv1D(40, 3, padding="causal"), (6, 40), "it goes step by step"),
        (L.Conv2D(4, 5), (6, 6, 1), "it is too small to gain by int8"),
        (L.LeakyReLU(0.1), (6, 2), "it has no weights"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, L.Layer) else None,
)
def test_what_stays_gives_what_it_gave(rng, layer, shape, why):
    model, x = Sequential([L.Input(shape), layer], backend="numpy"), rng.normal(size=(5, *shape)).astype(np.float32)
    f = in_int8(model, x)
    assert str(f).endswith(f"float32: {why}")
    assert f(x).tobytes() == model.predict(x).tobytes()


def test_weights_and_inputs_beyond_all_bounds_leave_a_layer_as_it_is(rng):
    model = Sequential([L.Dense(2, input_shape=(3,))], backend="numpy")
    x = rng.normal(size=(4, 3)).astype(np.float32)
    model.set_weights([np.full((3, 2), 1e38, np.float32), np.zeros(2, np.float32)])
    assert "float32: its products overflow" in str(in_int8(model, x))
    model.set_weights([np.full((3, 2), 1e-3, np.float32), np.zeros(2, np.float32)])
    assert "int8, inputs" in str(in_int8(model, x))


def test_shared_layers_have_one_range_and_branches_join(rng):
    x, shared = Input((4,)), L.Dense(6, "relu", name="shared")
    y = L.Add()([shared(x), shared(L.Rescaling(3.0)(x))])
    model = Model(x, L.Dense(2)(y), seed=1, backend="numpy")
    rows = rng.uniform(-1, 1, (50, 4)).astype(np.float32)
    f = in_int8(model, rows)
    told = next(line for line in str(f).splitlines() if line.startswith("shared"))
    low, high = (float(word) for word in told.split()[-3::2])
    assert (low, high) == (pytest.approx(3 * rows.min(), rel=1e-3), pytest.approx(3 * rows.max(), rel=1e-3))
    np.testing.assert_allclose(f(rows), model.predict(rows), atol=0.1)


def test_inputs_beyond_the_range_count_as_its_ends(rng):
    model = Sequential([L.Dense(3, input_shape=(4,))], seed=1, backend="numpy")
    x = rng.uniform(-1, 1, (30, 4)).astype(np.float32)
    x[0], x[1] = -1, 1
    f = in_int8(model, x)
    np.testing.assert_array_equal(f(50 * x), f(np.sign(x)))


def test_steps_of_sequences_have_the_bits_of_the_whole(rng):
    model = Sequential([L.Input((None, 3)), L.Dense(5, "relu"), L.GRU(4), L.Dense(2)], seed=1, backend="numpy")
    x = rng.normal(size=(6, 7, 3)).astype(np.float32)
    f = in_int8(model, x)
    assert [f(x[0]).tobytes()] == [f.step(row).tobytes() for row in x[0]][-1:]
    assert "RecurrentPredictor" in repr(f)
    assert "int8, inputs" in str(f)


def test_the_model_stays_as_it_was_and_is_not_followed(rng):
    model, x = images(), rng.normal(size=(9, 8, 8, 8)).astype(np.float32)
    before, y = [w.tobytes() for w in model.get_weights()], model.predict(x)
    f = in_int8(model, x)
    said = f(x)
    assert [w.tobytes() for w in model.get_weights()] == before
    assert model.predict(x).tobytes() == y.tobytes()
    model.set_weights([w * 0 for w in model.get_weights()])
    assert f(x).tobytes() == said.tobytes()


def test_weights_take_a_quarter_of_the_memory(rng):
    model = Sequential([L.Dense(512, input_shape=(512,)), L.Dense(512)], backend="numpy")
    f = in_int8(model, rng.normal(size=(5, 512)))
    assert f.params.nbytes < 0.26 * sum(w.nbytes for w in model.get_weights())


def test_threads_may_share_it(rng):
    model = Sequential([L.Dense(64, "relu", input_shape=(32,)), L.Dense(8)], seed=1)
    x = rng.normal(size=(300, 32)).astype(np.float32)
    f = in_int8(model, x)
    expected, found = f(x).tobytes(), []
    workers = [threading.Thread(target=lambda: found.extend(f(x).tobytes() for _ in range(20))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 80
    assert set(found) == {expected}


@pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not there")
def test_the_c_function_gives_the_same(rng):
    model = Sequential([L.Dense(33, "relu", input_shape=(20,)), L.Dense(3)], seed=1, backend="cython")
    x, out = rng.normal(size=(5, 20)).astype(np.float32), np.empty((5, 3), np.float32)
    f = in_int8(model, x)
    call = f.cfunc
    assert call.ctypes(call.context, x.ctypes.data, out.ctypes.data, len(x)) == 0
    assert out.tobytes() == f(x).tobytes()


def test_its_operations_have_no_way_back():
    assert not any(op.has_way_back for op in OPS.values() if op.name.endswith("int8"))


X = np.zeros((6, 4), np.float32)
WRONG = {
    "no rows given": ({"precision": "int8"}, 'precision="int8" needs calibrate=, rows such as'),
    "another shape": ({"precision": "int8", "calibrate": X[:, :3]}, "calibrate must have shape"),
    "empty": ({"precision": "int8", "calibrate": X[:0]}, "calibrate is empty; at least one row"),
    "NaN": ({"precision": "int8", "calibrate": X + np.nan}, "calibrate"),
    "misspelt": (
        {"precision": "int_8", "calibrate": X},
        "must be 'float32', 'bfloat16' or 'int8', got 'int_8' (did you mean 'int8'?)",
    ),
    "a number": ({"precision": 8, "calibrate": X}, "must be 'float32', 'bfloat16' or 'int8', got 8"),
    "float32": ({"calibrate": X}, 'calibrate= is for precision="int8"'),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_refused(wrong):
    given, words = WRONG[wrong]
    model = Sequential([L.Dense(2, input_shape=(4,))], backend="numpy")
    with pytest.raises(ValueError, match=r"precision|calibrate") as caught:
        model.predictor(**given)
    assert words in str(caught.value)
