"""Whole epochs: one call equals the plain loop over batches, however it is cut, whatever the blocks are."""

from __future__ import annotations

import numpy as np
import pytest
from networks import EVERY_LOSS, Memory, Stage, dense, draw, draw_target, loss_id, network, output_activation, reading
from tolerance import assert_close

from fastnn import _plan as plan
from fastnn._base import random
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Rows
from fastnn._plan import compile as compiling
from fastnn.layers import BatchNormalization, Dense, Dropout
from fastnn.metrics import Reading, StatisticCode
from fastnn.optimizers import SGD, Adam
from fastnn.regularizers import L1L2

DOUBLE = np.dtype("float64")
METRIC_PAIR = [(reading("mse"), True), (reading("mae"), False)]


def loop_of_steps(stage, data, *, epochs, rates):
    """What ``train`` promises to equal, written with ``steps.train_step``."""
    rows_of = Rows(*((stage.place(part),) for part in data))
    n, batch = len(rows_of), int(stage.plan.header["batch_size"])
    order = stage.memory.copy(np.arange(n, dtype=np.int32))
    sums, step = np.zeros((epochs, int(stage.plan.header["n_sums"]))), 0
    for epoch in range(epochs):
        random.fill_order(order, int(stage.plan.header["seed"]), epoch)
        for first in range(0, n, batch):
            rate = rates[min(step, len(rates) - 1)]
            rows = order[first : first + batch]
            assert steps.train_step(
                stage.backend, stage.plan, stage.arenas, rows_of, step, rate, sums[epoch], order=rows
            )
            step += 1
    return sums, order


def regression(rng, n, n_in, n_out, weighted=True):
    return draw(rng, (n, n_in)), draw(rng, (n, n_out)), draw(rng, n) ** 2 if weighted else None


def state(stage):
    return [stage.arenas.params.copy(), stage.arenas.slots.copy()]


NETWORKS = {
    "plain": lambda rng, **more: dense(rng, (5, 19, 3), "relu", loss="mse", **more),
    "no bias": lambda rng, **more: network(
        rng, [Dense(9, "tanh", use_bias=False), Dense(3, use_bias=False)], (5,), loss="huber", **more
    ),
    "dropout": lambda rng, **more: network(
        rng, [Dropout(0.2), Dense(17, "gelu"), Dropout(0.5), Dense(3)], (5,), loss="mse", **more
    ),
    "batch normalisation": lambda rng, **more: network(
        rng, [Dense(9, "tanh"), BatchNormalization(momentum=0.7), Dense(3)], (5,), loss="mse", **more
    ),
    "penalties": lambda rng, **more: network(
        rng, [Dense(9, "elu", kernel_regularizer=L1L2(0.01, 0.02)), Dense(3)], (5,), loss="mse", **more
    ),
    "one layer": lambda rng, **more: dense(rng, (5, 3), loss="log_cosh", **more),
    "deep": lambda rng, **more: dense(rng, (5, 8, 8, 16, 33, 3), "silu", loss="mse", **more),
}


@pytest.mark.covering
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(("n", "batch_size"), [(50, 16), (33, 32), (64, 32), (7, 100), (5, 1)])
def test_train_epochs_equals_the_loop_of_steps(backend, dtype, rng, kind, n, batch_size):
    net = NETWORKS[kind](rng, batch_size=batch_size, optimizer=Adam(), metrics=METRIC_PAIR)
    data, rates = regression(rng, n, 5, 3), np.linspace(0.02, 0.001, 3 * -(-n // batch_size))
    once, looped = Stage(backend, net, dtype), Stage(backend, net, dtype)
    sums, order, run = once.train(*data, epochs=3, rate=rates)
    expected, last_order = loop_of_steps(looped, data, epochs=3, rates=rates)
    for got, right in zip(state(once), state(looped), strict=True):
        np.testing.assert_array_equal(got, right)
    assert_close(sums, expected, DOUBLE, n)
    np.testing.assert_array_equal(order, last_order)
    assert (run["status"], run["batch"], run["epoch"], run["step"]) == (0, 0, 3, len(rates))
    once.check()


@pytest.mark.parametrize("max_steps", [1, 2, 3, 5, 7])
def test_cutting_a_training_into_calls_changes_no_bit(backend, dtype, rng, max_steps):
    net = NETWORKS["dropout"](rng, batch_size=8, optimizer="adam", metrics=METRIC_PAIR)
    data, rates = regression(rng, 43, 5, 3), np.linspace(0.02, 0.001, 18)
    whole, cut = Stage(backend, net, dtype), Stage(backend, net, dtype)
    sums, order, _ = whole.train(*data, epochs=3, rate=rates)
    cut_sums, cut_order, run = cut.train(*data, epochs=3, rate=rates, max_steps=max_steps)
    for got, right in zip(state(cut), state(whole), strict=True):
        np.testing.assert_array_equal(got, right)
    np.testing.assert_array_equal(cut_order, order)
    np.testing.assert_array_equal(cut_sums, sums)
    assert run["step"] == 18


def test_training_goes_on_where_an_earlier_call_ended(backend, dtype, rng):
    net = NETWORKS["dropout"](rng, batch_size=8, optimizer="adam", metrics=METRIC_PAIR)
    data = regression(rng, 43, 5, 3)
    whole, parts = Stage(backend, net, dtype), Stage(backend, net, dtype)
    sums, order, _ = whole.train(*data, epochs=5)
    first, _, _ = parts.train(*data, epochs=2)
    second, last_order, run = parts.train(*data, epochs=3, done=(2, 12))
    for got, right in zip(state(parts), state(whole), strict=True):
        np.testing.assert_array_equal(got, right)
    np.testing.assert_array_equal(np.concatenate([first, second]), sums)
    np.testing.assert_array_equal(last_order, order)
    assert (run["epoch"], run["step"]) == (5, 30)
    parts.check()


@pytest.mark.covering
@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
@pytest.mark.parametrize("weighted", [False, True])
def test_training_under_every_loss_equals_reference(backend, dtype, rng, loss, weighted):
    net = dense(rng, (5, 11, 3), "tanh", output_activation(loss), loss=loss, optimizer=SGD(0.01), batch_size=12)
    data = draw(rng, (29, 5)), draw_target(rng, loss, 29, (3,)), draw(rng, 29) ** 2 if weighted else None
    ours, right = Stage(backend, net, dtype), Stage(reference, net, DOUBLE)
    sums, expected = ours.train(*data, epochs=2)[0], right.train(*data, epochs=2)[0]
    assert_close(ours.params(), right.params(), dtype, 6 * net.depth)
    assert_close(sums, expected, dtype, 6 * net.depth)
    ours.check()


@pytest.mark.covering
@pytest.mark.parametrize(("batch_size", "n"), [(16, 40), (37, 100), (20, 20), (100, 55)])
@pytest.mark.parametrize("block", [1, 3, 16])
def test_blocks_smaller_than_the_batch_equal_reference(backend, dtype, rng, monkeypatch, batch_size, n, block):
    whole = NETWORKS["dropout"](rng, batch_size=batch_size, optimizer=SGD(0.05), metrics=METRIC_PAIR)
    monkeypatch.setattr(compiling, "MIN_BLOCK", block)
    monkeypatch.setattr(compiling, "MAX_BLOCK", block)
    small = plan.compile_plan(
        whole.plan.layout,
        batch_size=batch_size,
        losses=whole.plan.loss_records,
        metrics=[(*metric, 0) for metric in METRIC_PAIR],
        optimizer=whole.plan.optimizer_record,
        seed=int(whole.plan.header["seed"]),
    )
    assert small.header["block_rows"] == block
    data = regression(rng, n, 5, 3)
    ours, right = Stage(backend, type(whole)(small, whole.params), dtype), Stage(reference, whole, DOUBLE)
    sums, expected = ours.train(*data, epochs=2)[0], right.train(*data, epochs=2)[0]
    assert_close(ours.params(), right.params(), dtype, 10 * (whole.depth + batch_size))
    assert_close(sums, expected, dtype, 10 * (whole.depth + n))
    ours.check()


def test_order_of_rows_is_that_of_the_definition(backend, dtype, rng):
    net = dense(rng, (2, 1), loss="mse", optimizer=SGD(0.0), batch_size=4, seed=2**50 + 3)
    for n in (1, 2, 5, 64, 1001):
        _, order, _ = Stage(backend, net, dtype).train(*regression(rng, n, 2, 1, False), epochs=3)
        expected = np.empty(n, np.int32)
        random.fill_order(expected, 2**50 + 3, 2)
        np.testing.assert_array_equal(order, expected)


def test_without_shuffling_rows_come_in_the_order_given(backend, dtype, rng):
    net = dense(rng, (2, 3, 1), loss="mse", optimizer="sgd", batch_size=4)
    data = regression(rng, 11, 2, 1)
    ours, right = Stage(backend, net, dtype), Stage(reference, net, DOUBLE)
    _, order, _ = ours.train(*data, epochs=2, shuffle=False)
    right.train(*data, epochs=2, shuffle=False)
    np.testing.assert_array_equal(order, np.arange(11))
    assert_close(ours.params(), right.params(), dtype, 6 * net.depth)


def test_zero_weights_leave_the_parameters_alone(backend, dtype, rng):
    net = NETWORKS["plain"](rng, batch_size=16, optimizer=SGD(0.5))
    x, target, _ = regression(rng, 40, 5, 3)
    stage = Stage(backend, net, dtype)
    sums, _, _ = stage.train(x, target, np.zeros(40), epochs=2)
    np.testing.assert_array_equal(stage.params(), net.params)
    assert not sums.any()


def test_weights_of_one_equal_no_weights(backend, dtype, rng):
    net = NETWORKS["deep"](rng, batch_size=16, optimizer="adam")
    x, target, _ = regression(rng, 40, 5, 3)
    stages = [Stage(backend, net, dtype) for _ in range(2)]
    for stage, weight in zip(stages, (None, np.ones(40)), strict=True):
        stage.train(x, target, weight, epochs=2)
    np.testing.assert_array_equal(stages[0].params(), stages[1].params())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_before_its_update(backend, dtype, rng, bad):
    net = NETWORKS["plain"](rng, batch_size=8, optimizer="adam")
    x, target, _ = regression(rng, 24, 5, 3)
    target[13, 1] = bad
    stage, good = Stage(backend, net, dtype), Stage(backend, net, dtype)
    with np.errstate(all="ignore"):
        _, _, run = stage.train(x, target, epochs=2, shuffle=False)
    good.train(x[:8], target[:8], epochs=1, shuffle=False)
    assert (run["status"], run["step"], run["batch"], run["epoch"]) == (1, 1, 1, 0)
    for got, right in zip(state(stage), state(good), strict=True):
        np.testing.assert_array_equal(got, right)
    stage.check()


@pytest.mark.covering
@pytest.mark.parametrize("optimizer", [SGD(0.05, momentum=0.9), "adam", "lion"], ids=str)
@pytest.mark.parametrize("clip", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_training_with_clipping_equals_reference(backend, dtype, rng, optimizer, clip):
    from fastnn import optimizers

    record = optimizers.get(optimizers.get(optimizer).config() | {clip: 0.05})
    net = NETWORKS["penalties"](rng, batch_size=16, optimizer=record)
    data = regression(rng, 50, 5, 3)
    ours, looped = Stage(backend, net, dtype), Stage(backend, net, dtype)
    ours.train(*data, epochs=2)
    loop_of_steps(looped, data, epochs=2, rates=[0.01])
    np.testing.assert_array_equal(ours.params(), looped.params())
    right = Stage(reference, net, DOUBLE)
    right.train(*data, epochs=2)
    if record.name != "lion":  # the sign of a momentum near zero is a matter of rounding
        assert_close(ours.params(), right.params(), dtype, 8 * (net.depth + 50))


@pytest.mark.parametrize("statistic", StatisticCode)
def test_statistics_add_up_over_batches(backend, dtype, rng, statistic):
    parameter = 2 if statistic == StatisticCode.TOP_K_HITS else 0.5
    metrics = [(Reading(statistic.name, statistic, np.asarray, parameter), True)]
    net = dense(
        rng,
        (5, 4),
        "linear",
        "softmax",
        loss="categorical_crossentropy",
        optimizer=SGD(0.0),
        batch_size=8,
        n_samples=30,
        metrics=metrics,
    )
    x, target, weight = draw(rng, (30, 5)), np.eye(4)[rng.integers(0, 4, 30)], draw(rng, 30) ** 2
    ours, right = Stage(backend, net, dtype), Stage(reference, net, DOUBLE)
    sums, expected = (
        ours.train(x, target, weight, epochs=2, rate=0.0)[0],
        right.train(x, target, weight, epochs=2, rate=0.0)[0],
    )
    assert_close(sums, expected, dtype, net.depth + 30)
    if statistic != StatisticCode.PREDICTIONS:  # which stand in the order of their epoch
        assert_close(sums[0], sums[1], dtype, net.depth + 30)


def test_inputs_stay_as_they_are(backend, dtype, rng):
    net = NETWORKS["dropout"](rng, batch_size=8, optimizer="adam")
    memory, data = Memory(), regression(rng, 20, 5, 3)
    placed = [memory.copy(part, dtype) for part in data]
    for part in placed:
        part.flags.writeable = False
    stage = Stage(backend, net, dtype)
    stage.place = lambda values: values
    stage.train(*placed, epochs=2)
    for part, before in zip(placed, data, strict=True):
        np.testing.assert_array_equal(part, before.astype(dtype))
    memory.check()
