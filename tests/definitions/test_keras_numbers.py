"""Optimisers, schedules, constraints and penalties on outputs against what Keras 3 computed (``keras_numbers.py``)."""

from __future__ import annotations

import json

import keras_numbers
import numpy as np
import pytest
from models import EVERY_BACKEND
from tolerance import assert_close

from fastnn import Sequential, optimizers
from fastnn.layers import Dense, Input
from fastnn.optimizers import AdamW, schedules
from fastnn.optimizers.updates import UPDATES

RECORDS = json.loads(keras_numbers.FILE.read_text())


@pytest.mark.parametrize("record", RECORDS["optimizers"], ids=lambda r: r["class_name"])
def test_ten_steps_end_where_those_of_keras_end(record, dtype):
    """By the formulas of the reference; the backends are held to them by other tests."""
    optimizer = optimizers.get(record)
    flat = np.concatenate([w.ravel() for w in keras_numbers.start()]).astype(dtype)
    slots = tuple(np.full(flat.shape, start, dtype) for start in optimizer.slot_starts)
    for step in range(1, keras_numbers.STEPS + 1):
        gradients = keras_numbers.gradients(step)
        flat_gradient = np.concatenate([g.ravel() for g in clipped(optimizer, gradients)]).astype(dtype)
        c = optimizer.all_scalars(step, float(optimizer.learning_rate)).astype(dtype)
        flat, slots = UPDATES[optimizer.code](flat, flat_gradient, slots, c)
    right = np.concatenate([np.ravel(w) for w in record["weights"]])
    by_norm = optimizer.clipnorm or optimizer.global_clipnorm  # which Keras computes to some nine digits
    assert np.abs(flat - right).max() <= (1e-6 if dtype == np.float32 else 1e-8 if by_norm else 1e-12)


def clipped(optimizer, gradients):
    """Gradients as Keras clips them."""
    bound = optimizer.clip[1]
    if optimizer.clipvalue:
        return [np.clip(g, -bound, bound) for g in gradients]
    sizes = [np.sqrt((g * g).sum()) for g in gradients]
    if optimizer.global_clipnorm:
        sizes = [np.sqrt(sum(size**2 for size in sizes))] * len(sizes)
    return [g * min(1, bound / size) if bound else g for g, size in zip(gradients, sizes, strict=True)]


@pytest.mark.parametrize("record", RECORDS["schedules"], ids=lambda r: r["class_name"])
def test_rates_are_those_of_keras(record):
    schedule = schedules.schedule_from_config(record)
    steps = np.array(keras_numbers.STEPS_OF_SCHEDULES)
    assert_close(schedule.rates(steps), record["rates"], np.float64, 8)
    assert_close(schedule(steps), record["rates"], np.float64, 8)
    assert schedule(int(steps[3])) == schedule.rates(steps)[3]
    assert schedules.schedule_from_config(record | {"config": schedule.get_config()}) == schedule


@EVERY_BACKEND
@pytest.mark.parametrize("record", RECORDS["fits"], ids=lambda r: "-".join(r["layer"]))
def test_fits_with_constraints_and_penalties_on_outputs_are_those_of_keras(record, name):
    layers = [Input((4,)), Dense(5, "tanh", **record["layer"]), Dense(2, **record["layer"])]
    model = Sequential(layers, dtype="float64", backend=name)
    model.set_weights(keras_numbers.fit_start())
    model.compile(AdamW(0.02, weight_decay=0.01), "mse")
    x, y = keras_numbers.data()
    assert_close(model.evaluate(x, y), record["evaluated"], np.float32, 20)  # Keras computes losses in single precision
    losses = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    assert_close(losses, record["losses"], np.float32, 20)
    for w, right in zip(model.get_weights(), record["weights"], strict=True):
        assert_close(w, right, np.float32, 20)
