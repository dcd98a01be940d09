"""Weight decay and dropout that follow the step, in every backend, in files and in checkpoints."""

from __future__ import annotations

import json

import numpy as np
import pytest
from broken_fits import fitted, state_of
from models import EVERY_BACKEND

import fastnn
from fastnn import Input, Sequential, optimizers, schedules
from fastnn._base.threads import limited
from fastnn.layers import BatchNormalization, Dense, Dropout, SpatialDropout1D
from fastnn.optimizers import SGD, Adam, AdamW
from fastnn.schedules import CosineLog, ExponentialDecay, FlatCosine, PiecewiseConstantDecay

N, SIZE, EPOCHS = 40, 8, 3
STEPS = EPOCHS * 5
DECAY = FlatCosine(0.3, STEPS)
FALLING = FlatCosine(1.0, STEPS)


def rows():
    rng = np.random.default_rng(5)
    return rng.normal(size=(N, 4)), rng.normal(size=(N, 2))


def build(optimizer, backend=None, dropping=None, rate=0.4, dtype="float64", width=5):
    layers = [Dense(width, "tanh"), Dropout(rate), Dense(2)]
    model = Sequential([Input((4,)), *layers], seed=3, backend=backend, dtype=dtype)
    model.compile(optimizer, "mse", dropout_schedule=dropping)
    return model


def trained_step_by_step(model, change):
    """By fits of one update each, before which the model is changed; a fit begins its epochs where the last ended."""
    x, y = rows()
    for step in range(STEPS):
        change(model, step)
        model.fit(x, y, batch_size=N, epochs=1, shuffle=False, verbose=0)


@EVERY_BACKEND
@pytest.mark.parametrize("width", [5, 300])
@pytest.mark.parametrize("kind", [SGD, AdamW])
def test_weight_decay_follows_its_schedule(name, kind, width):
    x, y = rows()
    model = build(kind(0.05, weight_decay=DECAY), name, width=width)
    model.fit(x, y, batch_size=N, epochs=STEPS, shuffle=False, verbose=0)
    alike = build(kind(0.05, weight_decay=0.3), name, width=width)

    def change(model, step):
        model.optimizer.weight_decay = float(DECAY(step))

    trained_step_by_step(alike, change)
    for got, right in zip(model.get_weights(), alike.get_weights(), strict=True):
        np.testing.assert_array_equal(got, right)


@EVERY_BACKEND
def test_dropout_follows_its_schedule(name):
    """As a model whose layer has the rate of the step: what is drawn follows from seed, stream, step and rate."""
    x, y = rows()
    halves = PiecewiseConstantDecay([4], [1.0, 0.5])
    model = build(SGD(0.05, momentum=0.9), name, halves)
    model.fit(x, y, batch_size=N, epochs=12, shuffle=False, verbose=0)
    first, then = (build(SGD(0.05, momentum=0.9), name, rate=rate) for rate in (0.4, 0.2))
    first.fit(x, y, batch_size=N, epochs=5, shuffle=False, verbose=0)
    then.set_weights(first.get_weights())
    then.training_plan(N)
    then.step, then.epoch, then.slots = first.step, first.epoch, first.slots
    then.fit(x, y, batch_size=N, epochs=12, initial_epoch=5, shuffle=False, verbose=0)
    for got, right in zip(model.get_weights(), then.get_weights(), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-13)


@EVERY_BACKEND
def test_dropout_at_nothing_is_none(name):
    x, y = rows()
    without = build("adam", name, rate=0.0)
    model = build("adam", name, schedules.Constant(0.0))
    for one in (model, without):
        one.fit(x, y, batch_size=SIZE, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.params, without.params)


@EVERY_BACKEND
def test_a_schedule_of_ones_changes_no_bit(name):
    x, y = rows()
    plain = build(AdamW(0.01, 0.2), name)
    scheduled = build(AdamW(0.01, schedules.Constant(0.2)), name, schedules.Constant(1.0))
    for one in (plain, scheduled):
        one.fit(x, y, batch_size=SIZE, epochs=2, verbose=0)
    np.testing.assert_array_equal(scheduled.params, plain.params)


@EVERY_BACKEND
def test_own_loops_follow_the_same_schedules(name):
    x, y = rows()
    fit, loop = (build(AdamW(CosineLog(0.05, STEPS), DECAY), name, FALLING) for _ in range(2))
    fit.fit(x, y, batch_size=N, epochs=9, shuffle=False, verbose=0)
    for _ in range(9):
        loop.apply_gradients(loop.gradients(x, y, training=True)[1])
    for got, right in zip(fit.get_weights(), loop.get_weights(), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-15)


@EVERY_BACKEND
def test_custom_losses_and_streams_follow_them_too(name):
    """A loss of the user's own runs the loop in Python, a stream one update a call."""
    x, y = rows()
    models = [build(AdamW(0.02, DECAY), name, FALLING) for _ in range(3)]
    models[1].compile(AdamW(0.02, DECAY), lambda t, p: ((t - p) ** 2).mean(axis=-1), dropout_schedule=FALLING)
    batches = [(x[i : i + SIZE], y[i : i + SIZE]) for i in range(0, N, SIZE)]
    models[0].fit(x, y, batch_size=SIZE, epochs=EPOCHS, shuffle=False, verbose=0)
    models[1].fit(x, y, batch_size=SIZE, epochs=EPOCHS, shuffle=False, verbose=0)
    models[2].fit((batch for _ in range(EPOCHS) for batch in batches), steps_per_epoch=5, epochs=EPOCHS, verbose=0)
    for other in models[1:]:
        for got, right in zip(models[0].get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-6, atol=1e-9)


def test_backends_and_threads_agree():
    x, y = rows()
    found = {}
    for name, threads in (("numpy", 1), ("cython", 1), ("cython", 2)):
        with limited(threads):
            model = build(AdamW(0.02, DECAY), name, FALLING, width=300)
            model.fit(x, y, batch_size=SIZE, epochs=EPOCHS, verbose=0)
        found[name, threads] = model.params.copy()
    np.testing.assert_array_equal(found["cython", 1], found["cython", 2])
    np.testing.assert_allclose(found["numpy", 1], found["cython", 1], rtol=1e-9, atol=1e-12)


def test_checkpoints_go_on_to_the_bit(tmp_path):
    path = str(tmp_path / "run.safetensors")

    def made():
        layers = [Dense(5, "tanh"), Dropout(0.3), BatchNormalization(), Dense(2)]
        model = Sequential([Input((4,)), *layers], seed=3)
        model.compile(AdamW(CosineLog(0.05, STEPS), DECAY), "mse", dropout_schedule=FALLING)
        return model

    plain = {"batch_size": SIZE, "epochs": EPOCHS}
    whole = state_of(fitted(made, rows, **plain))
    for at in range(1, STEPS, 2):
        fitted(made, rows, path, at=at + 1, **plain)
        assert state_of(fitted(made, rows, path, **plain)) == whole, f"after {at} updates"
        (tmp_path / "run.safetensors").unlink()
    fitted(made, rows, path, at=4, **plain)

    def other():
        model = made()
        model.compile(model.optimizer, "mse")
        return model

    with pytest.raises(ValueError, match="dropout_schedule"):
        fitted(other, rows, path, **plain)


def test_files_copies_and_configurations_have_them(tmp_path):
    model = build(Adam(0.01, weight_decay=DECAY), dropping=ExponentialDecay(1.0, 5, 0.5))
    model.save(tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors")
    assert again.optimizer == model.optimizer
    assert again.dropout_schedule == model.dropout_schedule == ExponentialDecay(1.0, 5, 0.5)
    assert model.optimizer.weight_decay is not DECAY
    for other in (Adam.from_config(json.loads(json.dumps(model.optimizer.get_config()))), optimizers.get("adam")):
        assert (other == model.optimizer) is (other.weight_decay is not None)
    model.uncompile()
    assert model.dropout_schedule is None


def test_only_dropout_follows(rng):
    """SpatialDropout does, prediction does not."""
    model = Sequential([Input((6, 3)), SpatialDropout1D(0.5), Dense(2)], seed=1)
    model.compile("sgd", "mse", dropout_schedule=schedules.Constant(0.0))
    x = rng.normal(size=(8, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(model(x, training=True), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: Adam(weight_decay=schedules.Plateau()), ValueError, "weight_decay follows the step alone"),
        (lambda: optimizers.LBFGS(weight_decay=DECAY), ValueError, "LBFGS"),
        (lambda: build("adam", dropping=0.5), TypeError, "dropout_schedule must be a schedule"),
        (lambda: build("adam", dropping=schedules.Plateau()), ValueError, "dropout_schedule follows the step alone"),
        (lambda: build("lbfgs", dropping=FALLING), ValueError, "L-BFGS"),
        (
            lambda: build("adam", dropping=schedules.Constant(1.5)).fit(*rows(), verbose=0),
            ValueError,
            "dropout_schedule must give factors up to 1.*1.5",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()
