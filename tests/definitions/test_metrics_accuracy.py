"""``accuracy`` is what its name means for the loss, the last activation and the targets."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND

from fastnn import Sequential, losses, metrics
from fastnn.layers import Activation, Dropout

N = 64


def accuracy_of(x, y, loss, activation="linear", name=None, layers=()):
    model = Sequential([Activation(activation, input_shape=x.shape[1:]), *layers], dtype="float64", backend=name)
    model.compile("sgd", loss, metrics=["accuracy"])
    return pytest.approx(model.evaluate(x, y)[1])


@pytest.fixture
def outputs(rng):
    return rng.normal(size=(N, 3))


@pytest.fixture
def classes(rng):
    return rng.integers(0, 3, N)


ONE_HOT = np.eye(3)
SOFTMAX = [
    "categorical_crossentropy",
    "binary_crossentropy",
    "mse",
    "mae",
    "kl_divergence",
    "hinge",
    "huber",
    "poisson",
]


@EVERY_BACKEND
@pytest.mark.parametrize("loss", SOFTMAX)
def test_the_largest_share_of_a_softmax_answers_whatever_the_loss(outputs, classes, loss, name):
    right = (outputs.argmax(1) == classes).mean()
    for layers in ((), (Dropout(0.5),)):
        assert accuracy_of(outputs, ONE_HOT[classes], loss, "softmax", name, layers) == right


def test_an_untrained_softmax_of_ten_is_right_by_chance_under_binary_crossentropy(rng):
    x, classes = rng.normal(size=(2000, 10)), rng.integers(0, 10, 2000)
    assert accuracy_of(x, np.eye(10)[classes], "binary_crossentropy", "softmax") == (x.argmax(1) == classes).mean()


@pytest.mark.parametrize(
    "loss",
    [losses.CategoricalCrossentropy(from_logits=True), losses.SparseCategoricalCrossentropy(from_logits=True)],
    ids=repr,
)
def test_the_largest_logit_answers_for_classes(outputs, classes, loss):
    target = classes if loss.sparse else ONE_HOT[classes]
    assert accuracy_of(outputs, target, loss) == (outputs.argmax(1) == classes).mean()


@EVERY_BACKEND
@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse", "huber"])
def test_sigmoids_answer_each_for_itself(outputs, rng, loss, n_out, name):
    x, y = outputs[:, :n_out], rng.integers(0, 2, (N, n_out))
    assert accuracy_of(x, y, loss, "sigmoid", name) == ((x > 0) == y).mean()


@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("make", [losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy])
def test_logits_say_yes_above_zero(outputs, rng, n_out, make):
    x, y = outputs[:, :n_out], rng.integers(0, 2, (N, n_out))
    assert accuracy_of(x, y, make(from_logits=True)) == ((x > 0) == y).mean()


@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("no", [0, -1])
@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_margins_say_yes_above_zero(outputs, rng, n_out, no, activation):
    x, y = outputs[:, :n_out], rng.integers(0, 2, (N, n_out))
    assert accuracy_of(x, np.where(y, 1, no), "hinge", activation) == ((x > 0) == y).mean()


def test_a_sigmoid_says_yes_above_a_half_also_under_hinge(outputs, rng):
    y = rng.integers(0, 2, (N, 1))
    assert accuracy_of(outputs[:, :1], y, "hinge", "sigmoid") == ((outputs[:, :1] > 0) == y).mean()


@EVERY_BACKEND
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_numbers_are_right_where_they_are_equal(name, weighted):
    y, x = np.array([0.0, 1.0, 2.0, -3.5, 0.3, 1.0]), np.array([0.2, 1.0, 2.0, -9.0, 0.3, 0.9])
    weight = np.array([1.0, 2, 3, 1, 1, 2]) if weighted else np.ones(6)
    model = Sequential([Activation("linear", input_shape=(1,))], dtype="float64", backend=name)
    model.compile("sgd", "mse", weighted_metrics=["accuracy"])
    right = np.average(x == y, weights=weight)
    assert model.evaluate(x[:, None], y, sample_weight=weight)[1] == pytest.approx(right)


@EVERY_BACKEND
@pytest.mark.parametrize(
    ("low", "cut"), [(0, 0.5), (-1, 0.0)], ids=["zeros and ones answer halves", "minus and plus one answer signs"]
)
def test_numbers_whose_targets_are_answers_are_taken_as_answers(outputs, rng, low, cut, name):
    y = np.where(rng.random((N, 1)) < 0.5, 1, low)
    assert accuracy_of(outputs[:, :1], y, "mse", "linear", name) == ((outputs[:, :1] > cut) == (y == 1)).mean()


def test_numbers_whose_targets_have_a_single_one_are_classes(outputs, classes):
    assert accuracy_of(outputs, ONE_HOT[classes], "mse") == (outputs.argmax(1) == classes).mean()
    several = np.maximum(ONE_HOT[classes], ONE_HOT[(classes + 1) % 3])
    assert accuracy_of(outputs, several, "mse") == ((outputs > 0.5) == several).mean()


def test_arrays_alone_are_read_as_far_as_they_tell(outputs, classes):
    accuracy, shares = metrics.get("accuracy"), np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    right = (outputs.argmax(1) == classes).mean()
    for target in (classes, classes[:, None], ONE_HOT[classes], 0.9 * ONE_HOT[classes] + 0.1 / 3):
        accuracy.reset_state()
        assert accuracy(target, shares) == pytest.approx(right)


def test_keras_classes_compute_what_they_say(outputs, rng):
    y = rng.integers(0, 2, (N, 3)).astype(float)
    assert metrics.BinaryAccuracy()(y, outputs) == pytest.approx(((outputs > 0.5) == y).mean())
    assert metrics.CategoricalAccuracy()(y, outputs) == pytest.approx((y.argmax(1) == outputs.argmax(1)).mean())
    assert metrics.Accuracy()(y, np.round(outputs)) == pytest.approx((y == np.round(outputs)).mean())
