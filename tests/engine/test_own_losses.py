"""Losses of a user's own: subclasses, targets that are no outputs, and words where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression
from tolerance import assert_close, difference_limit

import fastnn
from fastnn import Sequential, fit_many, losses
from fastnn.layers import Dense, Reshape

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3))
ACTIONS = np.column_stack([RNG.integers(0, 4, 40), RNG.random(40), RNG.normal(size=40)])  # action, old share, advantage
CLIP = 0.2


def ppo(target, prediction):
    """Clipped objective of policies (Schulman et al. 2017) with its gradient; predictions are shares."""
    action, old, advantage = target[:, 0].astype(int), target[:, 1], target[:, 2]
    rows = np.arange(len(target))
    ratio = prediction[rows, action] / old
    clipped = np.clip(ratio, 1 - CLIP, 1 + CLIP)
    gradient = np.zeros_like(prediction)
    gradient[rows, action] = np.where(ratio * advantage <= clipped * advantage, -advantage / old, 0)
    return -np.minimum(ratio * advantage, clipped * advantage), gradient


def ppo_alone(target, prediction):
    return ppo(target, prediction)[0]


def policy(loss, backend=None, **more):
    model = Sequential([Dense(4, "softmax", input_shape=(3,))], seed=2, dtype="float64", backend=backend)
    model.compile("sgd", loss, **more)
    return model


@EVERY_BACKEND
def test_targets_of_another_shape_come_as_they_were_given(name):
    seen = []

    def loss(target, prediction):
        seen.append((target.shape[1:], target.dtype, prediction.shape[1:]))
        return ppo(target, prediction)

    one, other = policy(loss, name), policy(ppo_alone, name)
    for model in (one, other):
        model.fit(X, ACTIONS, batch_size=16, epochs=2, validation_split=0.2, verbose=0)
    assert set(seen) == {((3,), np.dtype(float), (4,))}
    assert np.all(np.abs(one.params - other.params) <= difference_limit(one.params))
    value = ppo_alone(ACTIONS, one.predict(X)).mean()
    assert_close(one.evaluate(X, ACTIONS), value, np.float64, 40)
    assert_close(one.train_on_batch(X, ACTIONS), value, np.float64, 40)
    (history,) = fit_many([one], X, ACTIONS, epochs=1)
    assert np.isfinite(history.history["loss"]).all()


def indexed(target, prediction):
    return -np.log(prediction[np.arange(len(target)), target])


def test_class_indices_stay_whole_numbers_and_serve_accuracy():
    labels = RNG.integers(0, 4, 40)
    one, other = policy(indexed, metrics=["accuracy"]), policy("sparse_categorical_crossentropy", metrics=["accuracy"])
    for model in (one, other):
        model.fit(X, labels, epochs=3, verbose=0)
    assert np.all(np.abs(one.params - other.params) <= difference_limit(other.params))
    assert_close(one.evaluate(X, labels)[1], other.evaluate(X, labels)[1], np.float64, 40)


def test_metrics_that_need_outputs_are_refused_beside_other_targets():
    for metric in ("accuracy", "mse"):
        with pytest.raises(ValueError, match=rf"metric '{metric}' needs a target as wide as the output, \(40, 4\)"):
            policy(ppo, metrics=[metric]).fit(X, ACTIONS)


def test_outputs_of_several_axes_come_whole_beside_other_targets():
    def loss(target, prediction):
        assert prediction.shape[1:] == (2, 2)
        return ((prediction.sum(axis=(1, 2)) - target) ** 2), 2 * (prediction.sum(axis=(1, 2)) - target)[
            :, None, None
        ] * np.ones_like(prediction)

    model = Sequential([Dense(4, input_shape=(3,)), Reshape((2, 2))], seed=2, dtype="float64")
    model.compile("sgd", loss)
    flat = Sequential([Dense(4, input_shape=(3,))], seed=2, dtype="float64")
    flat.compile("sgd", lambda t, p: (p.sum(axis=1) - t) ** 2)
    for one in (model, flat):
        one.fit(X, ACTIONS[:, 2], epochs=2, verbose=0)
    assert np.all(np.abs(model.params - flat.params) <= difference_limit(model.params))


def test_errors_of_shapes_inside_a_loss_name_it():
    model = policy(lambda t, p: (p - t).mean(axis=1))
    with pytest.raises(ValueError, match=r"loss '<lambda>' failed on a target of shape \(32, 3\).*\(32, 4\)"):
        model.fit(X, ACTIONS, verbose=0)
    with pytest.raises(ValueError, match="one value a row"):
        policy(lambda t, p: (0.0, np.zeros_like(p))).fit(X, ACTIONS, verbose=0)
    with pytest.raises(ValueError, match="must be finite"):
        model.fit(X, np.where(ACTIONS > 2, np.nan, ACTIONS), verbose=0)


class Quartic(losses.Loss):
    def __init__(self, scale=1.0, **more):
        super().__init__(**more)
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * np.mean((y_pred - y_true) ** 4, axis=-1)


def test_a_subclass_of_loss_trains_as_its_function(tmp_path):
    y = np.eye(4)[RNG.integers(0, 4, 40)]
    one, other = policy(Quartic(2.0)), policy(lambda t, p: 2 * np.mean((p - t) ** 4, axis=-1))
    for model in (one, other):
        model.fit(X, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(one.params, other.params)
    assert (one.loss.name, repr(one.loss)) == ("quartic", "<loss function quartic>")
    assert_close(Quartic(reduction="sum")(y, one.predict(X)), 40 * one.evaluate(X, y) / 2, np.float64, 40)
    one.save(tmp_path / "model.safetensors")
    again = fastnn.load(tmp_path / "model.safetensors", {"Quartic": Quartic(2.0)})
    assert again.evaluate(X, y) == one.evaluate(X, y)


def test_a_subclass_without_a_call_says_so():
    class Empty(losses.Loss):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty needs a method call\(self, y_true, y_pred\)"):
        policy(Empty).fit(X, np.eye(4)[RNG.integers(0, 4, 40)], verbose=0)


def test_a_function_named_as_one_of_ours_is_a_users():
    def hinge(target, prediction):
        return ((prediction - target) ** 2).mean(axis=1)

    assert losses.get(hinge).definition is None
    policy(hinge).fit(X, RNG.normal(size=(40, 4)), verbose=0)


@pytest.mark.parametrize("came", [None, "a", [None], (None, None)])
def test_what_is_no_number_is_named_with_the_loss(rng, came):
    x, y = regression(rng)
    model = model_of(loss=lambda target, prediction: came)
    with pytest.raises((TypeError, ValueError), match="loss '<lambda>' must return"):
        model.fit(x, y, verbose=0)


def test_a_dict_of_losses_goes_by_the_names_of_outputs():
    assert model_of(loss={"dense_1": "mse"}).loss.definition == "mean_squared_error"
    with pytest.raises(ValueError, match=r"loss has 'dense'.*dense_1"):
        model_of(loss={"dense": "mse"})


def test_a_model_without_a_loss_says_so_when_it_is_trained_or_evaluated(rng):
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("adam")
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match="without a loss"):
            call(np.ones((2, 3)), np.ones(2))
    assert (model.loss, model.step, model.predict(np.ones((2, 3))).shape) == (None, 0, (2, 1))
