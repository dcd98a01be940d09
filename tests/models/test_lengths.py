"""Models of sequences whose lengths differ from call to call, and from batch to batch."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from models import EVERY_BACKEND, refused, weights_of

import fastnn
from fastnn import Model, Sequential
from fastnn.layers import GRU, LSTM, Conv1D, Dense, Embedding, Flatten, GlobalAveragePooling1D, Input, Reshape
from fastnn.models import trainable


def network(name="numpy", length=None, **more) -> Sequential:
    layers = [Input((length, 3)), LSTM(5, return_sequences=True), Dense(4, "tanh"), GRU(3), Dense(1)]
    model = Sequential(layers, seed=2, backend=name, dtype="float64", **more)
    model.compile("adam", "mse")
    return model


def rows(rng, length, n=20):
    return rng.normal(size=(n, length, 3)), rng.normal(size=(n, 1))


def test_shapes_say_where_a_length_is_open():
    model = network()
    assert (model.input_shape, model.output_shape) == ((None, None, 3), (None, 1))
    assert model.layers[0].output.shape == (None, None, 5)
    x = Input((None, 2))
    assert Model(x, Conv1D(4, 3)(x)).output_shape == (None, None, 4)
    assert Sequential([Input((None, 4)), Reshape((-1, 2))]).output_shape == (None, None, 2)


@EVERY_BACKEND
def test_each_length_gives_the_bits_of_a_model_of_that_length(rng, name):
    model = network(name)
    for length in (1, 7, 4, 7):
        closed = network(name, length)
        closed.set_weights(model.get_weights())
        x, y = rows(rng, length)
        assert np.array_equal(model.predict(x), closed.predict(x))
        assert np.array_equal(model(x), closed(x))
        assert model.evaluate(x, y) == closed.evaluate(x, y)
        loss, grads = model.gradients(x, y)
        assert (loss, grads.flat.tolist()) == (pytest.approx(closed.gradients(x, y)[0]), grads.flat.tolist())
        assert np.array_equal(model.activations(x)["lstm"], closed.activations(x)["lstm"])


@EVERY_BACKEND
def test_training_on_several_lengths_is_training_on_one_after_the_other(rng, name):
    batches = [rows(rng, length, n) for length, n in ((5, 8), (3, 8), (9, 6), (5, 8), (2, 12))]
    together, apart = network(name), network(name)
    together.fit(batches, epochs=1, shuffle=False, verbose=0)
    for x, y in batches:
        apart.train_on_batch(x, y)
    assert np.array_equal(weights_of(together), weights_of(apart))
    assert together.step == len(batches)


def test_validation_and_evaluation_may_have_another_length(rng):
    model = network()
    history = model.fit(*rows(rng, 6), validation_data=rows(rng, 9), epochs=2, verbose=0).history
    assert set(history) == {"loss", "val_loss"}
    batches = [rows(rng, 3), rows(rng, 8)]
    losses = [model.evaluate(*batch) for batch in batches]
    assert model.evaluate(batches) == pytest.approx(np.mean(losses))


@pytest.fixture
def eager_switches():
    """Threads take turns as often as they can, so that what two do at once is met."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_may_predict_more_lengths_than_are_kept(rng, monkeypatch, eager_switches):
    model = network()
    data = [rows(rng, length)[0] for length in range(1, 9)]
    wanted = [model.predict(x) for x in data]
    monkeypatch.setattr(trainable, "MOST_SIZES", 1)
    turns = [i % len(data) for i in range(800)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: [model.of_sizes((3 * n,)) for n in range(1 + i % 3, 9)], turns * 4))
        got = list(pool.map(lambda i: model.predict(data[i]), turns))
    assert all(np.array_equal(a, wanted[i]) for a, i in zip(got, turns, strict=True))


def test_copies_and_files_stay_open(rng, tmp_path):
    model = network()
    x, y = rows(rng, 5)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    described = type(model).from_config(model.get_config())
    described.set_weights(model.get_weights())
    for made in (fastnn.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model)), described):
        assert made.input_shape == (None, None, 3)
        assert np.array_equal(made.predict(rows(rng, 4)[0] * 0), model.predict(rows(rng, 4)[0] * 0))


def test_a_model_inside_another_one_may_be_open(rng):
    x = Input((None, 3))
    inner = Sequential([GRU(4)])
    model = Model(x, Dense(2)(inner(x)), backend="numpy")
    assert model.predict(np.zeros((2, 5, 3))).shape == (2, 2)


def test_weights_that_would_depend_on_the_length_are_refused_by_name():
    with pytest.raises(ValueError, match=r"Dense\(units=2\) reads \(None, None\)"):
        Sequential([Input((None, 3)), Flatten(), Dense(2)])
    with pytest.raises(ValueError, match="one size that is None"):
        Input((None, None, 3))


def test_what_is_no_sequence_is_refused(rng):
    model = network()
    refused(lambda: model.predict(np.zeros((2, 0, 3))), ValueError, ["no step"])
    refused(lambda: model.predict(np.zeros((2, 5, 4))), ValueError, ["(n, 5, 3)", "(2, 5, 4)"])
    refused(lambda: model.predict(np.zeros((2, 3))), ValueError, ["(n, None, 3)"])
    batches = [np.zeros((2, 3, 3)), np.zeros((2, 4, 3))]
    every = Sequential([Input((None, 3)), GRU(2, return_sequences=True)], backend="numpy")
    refused(lambda: every.predict(iter(batches)), ValueError, ["different lengths"])


def test_whole_numbers_without_a_vector_are_refused():
    model = Sequential([Input((None,)), Embedding(5, 2), GlobalAveragePooling1D()], backend="numpy")
    assert model.predict([[0, 4]]).shape == (1, 2)
    for wrong, told in ((5, "got 5 at (1, 2)"), (-1, "got -1"), (1.5, "got 1.5")):
        refused(lambda wrong=wrong: model.predict([[0, 1, 2], [3, 4, wrong]]), ValueError, ["0 to 4", told])
    refused(lambda: Sequential([Input((3,)), Embedding(2**24 + 1, 1)]), ValueError, ["float64"])
