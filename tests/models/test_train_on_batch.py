"""``train_on_batch`` keeps what does not change between calls, and is a fit of one batch all the same."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Sequential, layers
from tests.doors.test_distributed import NETWORKS, left


def by_fit(model, x, y, weight=None, class_weight=None):
    """What the call is to be; its logs and what it leaves."""
    history = model.fit(
        x, y, batch_size=2**20, sample_weight=weight, class_weight=class_weight, shuffle=False, verbose=0
    )
    return {name: values[-1] for name, values in history.history.items()}


def rows_of(data, part):
    return [each[part] for each in data] if isinstance(data, list) else data[part]


def same(quick, slow, logs, wanted):
    assert {name: np.float64(value).tobytes() for name, value in logs.items()} == {
        name: np.float64(value).tobytes() for name, value in wanted.items()
    }
    assert left(quick) == left(slow)
    ours, theirs = (copy.copy(vars(model.history)) for model in (quick, slow))
    assert ours.pop("model") is quick
    del theirs["model"]
    assert ours == theirs or "nan" in repr(ours)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_each_call_is_a_fit_of_one_batch(name, dtype):
    """In any order of sizes, with and without weights, of arrays in other layouts."""
    (quick, x, y), (slow, *_) = (NETWORKS[name](dtype) for _ in range(2))
    for step, (first, last) in enumerate([(0, 16), (16, 32), (0, 16), (5, 12), (20, 70), (0, 16), (3, 4), (0, 16)]):
        part = slice(first, last)
        inputs, targets = rows_of(x, part), rows_of(y, part)
        weight = np.linspace(0.5, 2.0, last - first) if step in (2, 5) else None
        if step == 4:
            inputs = np.asfortranarray(inputs)
        if step == 6 and not isinstance(inputs, list):
            inputs = inputs.astype(dtype)
        logs = quick.train_on_batch(inputs, targets, sample_weight=weight, return_dict=True)
        same(quick, slow, logs, by_fit(slow, inputs, targets, weight))


def pair(**more):
    def made():
        model = Sequential([layers.Dense(6, "tanh", input_shape=(4,)), layers.Dense(1, "sigmoid")], seed=3, **more)
        model.compile("adam", "bce", metrics=["accuracy"])
        return model

    draws = np.random.default_rng(1)
    return made(), made(), draws.standard_normal((12, 4)).astype("float32"), draws.integers(0, 2, 12)


CHANGES = {
    "rate": lambda model: setattr(model.optimizer, "learning_rate", 0.3),
    "number": lambda model: setattr(model.optimizer, "beta_1", 0.5),
    "schedule": lambda model: setattr(model.optimizer, "learning_rate", fastnn.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "optimizer": lambda model: setattr(model, "optimizer", fastnn.optimizers.SGD(0.1, 0.9)),
    "compile": lambda model: model.compile("sgd", "mse"),
    "frozen": lambda model: setattr(model.layers[0], "trainable", False),
    "weights": lambda model: model.set_weights([np.ones_like(w) for w in model.get_weights()]),
    "backend": lambda model: setattr(model, "backend", "numpy"),
    "seed": lambda model: setattr(model, "seed", 8),
    "fit": lambda model: model.fit(np.ones((3, 4)), np.ones(3), epochs=2, verbose=0),
    "own loop": lambda model: model.apply_gradients(model.gradients(np.ones((3, 4)), np.ones(3))[1]),
    "layer": lambda model: (model.pop(), model.add(layers.Dense(1, "sigmoid")), model.compile("adam", "bce")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_between_calls_acts_on_the_next(name):
    quick, slow, x, y = pair()
    for _ in range(2):
        quick.train_on_batch(x, y)
        by_fit(slow, x, y)
    for model in (quick, slow):
        CHANGES[name](model)
    for _ in range(3):
        same(quick, slow, quick.train_on_batch(x, y, return_dict=True), by_fit(slow, x, y))


def test_class_weights_and_backends_in_blocks():
    quick, slow, x, y = pair()
    for step in range(4):
        with fastnn.use_backend("numpy" if step % 2 else "auto"):
            logs = quick.train_on_batch(x, y, class_weight={0: 2.0, 1: 0.5}, return_dict=True)
            same(quick, slow, logs, by_fit(slow, x, y, class_weight={0: 2.0, 1: 0.5}))


def test_what_is_wrong_is_an_error_and_changes_nothing():
    model, _, x, y = pair()
    model.train_on_batch(x, y)
    before = left(model)
    for bad_x, bad_y, words in [
        (np.full_like(x, np.nan), y, "x"),
        (x, y[:5], "y"),
        (x[:, :3], y, "x"),
        (x[:0], y[:0], "empty"),
        (x, y + 0.5j, "y"),
    ]:
        with pytest.raises((ValueError, TypeError), match=words):
            model.train_on_batch(bad_x, bad_y)
        assert left(model) == before
    assert model.train_on_batch(x, y) is not None


def test_codes_of_an_embedding_are_looked_at_each_time():
    model = Sequential([layers.Embedding(5, 4, input_shape=(3,)), layers.Flatten(), layers.Dense(1)], seed=1)
    model.compile("sgd", "mse")
    good, y = np.full((8, 3), 2.0, np.float32), np.zeros((8, 1), np.float32)
    model.train_on_batch(good, y)
    model.train_on_batch(good, y)
    for call in (lambda: model.train_on_batch(good + 400, y), lambda: model.fit(iter([(good, y), (good + 400, y)]))):
        with pytest.raises(ValueError, match="must hold whole numbers from 0 to 4"):
            call()


def test_a_loss_that_is_not_finite_is_told_as_by_fit():
    quick, slow = (Sequential([layers.Dense(1, input_shape=(4,))], seed=3) for _ in range(2))
    _, _, x, y = pair()
    for model in (quick, slow):
        model.compile(fastnn.optimizers.SGD(1e18, 0.9), "mse")

    def repeated(call):
        for _ in range(9):
            call()

    with pytest.raises(fastnn.DivergenceError) as ours:
        repeated(lambda: quick.train_on_batch(x, y))
    with pytest.raises(fastnn.DivergenceError) as theirs:
        repeated(lambda: by_fit(slow, x, y))
    assert str(ours.value) == str(theirs.value)
    assert left(quick) == left(slow)
    assert np.isfinite(quick.params).all()


def test_copies_and_pickles_go_their_own_ways():
    quick, slow, x, y = pair()
    quick.train_on_batch(x, y)
    by_fit(slow, x, y)
    for twin in (copy.deepcopy(quick), pickle.loads(pickle.dumps(quick))):
        twin.train_on_batch(x, y)
    same(quick, slow, quick.train_on_batch(x, y, return_dict=True), by_fit(slow, x, y))
