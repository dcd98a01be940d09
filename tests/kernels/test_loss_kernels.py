"""What single losses ask of every backend: extreme logits, a parameter for each column, small trainings."""

from __future__ import annotations

import numpy as np
import pytest
from networks import EVERY_LOSS, Stage, both, dense, draw, draw_target, loss_id, network
from tolerance import assert_close

from fastnn import losses
from fastnn._kernels import reference
from fastnn.layers import Activation
from fastnn.losses.records import EVERY_KERNEL

FOCAL = [
    make(gamma=gamma, from_logits=True)
    for make in (
        losses.BinaryFocalCrossentropy,
        losses.CategoricalFocalCrossentropy,
        losses.SparseCategoricalFocalCrossentropy,
    )
    for gamma in (0.0, 0.25, 2.0)
]
EXTREMES = (-np.inf, -1e6, -1e3, -90.0, -17.0, -1.0, 0.0, 1.0, 17.0, 90.0, 1e3, 1e6, np.inf)
FINITE = EXTREMES[1:-1]


def test_all_losses_are_among_those_compared():
    assert {loss.code for loss in EVERY_LOSS} == {loss.code for loss in EVERY_KERNEL}


def hard_target(rng, loss, rows, width):
    """One class a row, or yes and no."""
    if loss.name.startswith("binary"):
        return rng.integers(0, 2, (rows, width)) * 1.0
    index = rng.integers(0, width, rows)
    return index[:, None].astype(np.int32) if loss.sparse else np.eye(width)[index]


def check_rows(backend, dtype, loss, z, target):
    """Value and gradient of each row by itself, as exact relative to their own size as rounding allows."""
    net = network(np.random.default_rng(0), [Activation("linear")], (z.shape[1],), loss=loss, batch_size=len(z))
    for i in range(len(z)):
        ours, right = both(backend, net, dtype)
        with np.errstate(all="ignore"):
            for stage in (ours, right):
                stage.forward(z[i : i + 1])
            (got, dy), (value, slope) = (stage.loss(target[i : i + 1]) for stage in (ours, right))
        assert_close(got, value, dtype, 400, magnitude=np.nan_to_num(np.abs(value)))
        assert_close(dy, slope, dtype, 400, magnitude=np.nan_to_num(np.abs(slope)))
        ours.check()


@pytest.mark.covering
@pytest.mark.parametrize("loss", FOCAL, ids=loss_id)
@pytest.mark.parametrize("width", [2, 3, 17, 37])
@pytest.mark.parametrize("numbers", [FINITE, EXTREMES], ids=["finite", "infinite"])
def test_focal_losses_at_extreme_logits_equal_reference(backend, dtype, rng, loss, width, numbers):
    z = rng.choice(numbers, (12, width))
    check_rows(backend, dtype, loss, z, hard_target(rng, loss, len(z), width))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("loss", FOCAL, ids=loss_id)
@pytest.mark.parametrize("width", [2, 37])
def test_focal_losses_of_sure_predictions_keep_their_digits(backend, dtype, rng, loss, width):
    target = hard_target(rng, loss, 12, width)
    sure = (np.arange(width) == target) if loss.sparse else target == 1
    z = np.where(sure, rng.choice((9.0, 17.0, 25.0, 40.0), (12, 1)), -1.0)
    check_rows(backend, dtype, loss, z, target)


@pytest.mark.parametrize("loss", FOCAL, ids=loss_id)
def test_focal_losses_let_nan_through(backend, dtype, rng, loss):
    z = draw(rng, (20, 5))
    z[7, 3] = np.nan
    net = network(rng, [Activation("linear")], (5,), loss=loss)
    stage = Stage(backend, net, dtype)
    with np.errstate(all="ignore"):
        stage.forward(z)
        sums, dy = stage.loss(hard_target(rng, loss, 20, 5))
    assert np.isnan(sums[0])
    spoilt = np.zeros((20, 5), bool)
    spoilt[7, 3 if loss.name.startswith("binary") else slice(None)] = True
    np.testing.assert_array_equal(np.isnan(dy), spoilt)


COUNTS = (0.0, 1e-3, 1.0, 7.0, 1e3, 1e6)


def test_poisson_deviance_of_all_counts_equals_reference(backend, dtype, rng):
    for from_logits in (False, True):
        loss = losses.get("poisson_deviance", from_logits=from_logits)
        target = rng.choice(COUNTS, (12, 17)).astype(dtype).astype(np.float64)
        z = rng.choice((-60.0, -3.0, -0.5, 0.0, 2.0, 6.9, 13.8, 60.0), (12, 17)).astype(np.float32).astype(np.float64)
        z[::2] = np.log(np.maximum(target[::2], 1e-3)) * 1.01
        y = (z if from_logits else np.exp(z)).astype(np.float32).astype(np.float64)
        net = network(rng, [Activation("linear")], (17,), loss=loss)
        ours, right = both(backend, net, dtype)
        for stage in (ours, right):
            stage.forward(y)
        (got, dy), (value, slope) = (stage.loss(target) for stage in (ours, right))
        assert_close(got, value, dtype, 17)
        assert_close(dy, slope, dtype, magnitude=np.abs(slope) + target + np.exp(z))
        ours.check()


@pytest.mark.covering
@pytest.mark.parametrize("count", [30.0, 1e3, 1e6, 3e7])
@pytest.mark.parametrize("off", [-1e-3, 1e-4, 0.02])
def test_poisson_deviance_of_a_large_count_keeps_its_digits(backend, dtype, rng, count, off):
    z = np.full((1, 1), np.float32(np.log(count) + off), np.float64)
    net = network(rng, [Activation("linear")], (1,), loss=losses.get("poisson_deviance", from_logits=True))
    ours, right = both(backend, net, dtype)
    for stage in (ours, right):
        stage.forward(z)
    (got, _), (value, slope) = (stage.loss(np.full((1, 1), count)) for stage in (ours, right))
    assert_close(got, value, dtype, magnitude=value + z[0] * np.abs(slope[0]))  # what rounding the logit alone does


QUANTILES = {2: (0.1, 0.9), 3: (0.05, 0.5, 0.95), 5: (0.1, 0.2, 0.3, 0.4, 0.9), 32: tuple(np.arange(1, 33) / 40)}


@pytest.mark.covering
@pytest.mark.parametrize("count", QUANTILES)
@pytest.mark.parametrize("periods", [1, 2, 3, 7, 11])
@pytest.mark.parametrize(("rows", "repeat"), [(1, 1), (13, 1), (256, 1), (7, 3)])
def test_columns_take_the_quantiles_in_turn(backend, dtype, rng, count, periods, rows, repeat):
    width = count * periods
    shape = (width,) if repeat == 1 else (repeat, width)
    net = network(rng, [Activation("linear")], shape, loss=losses.Pinball(QUANTILES[count]), batch_size=256)
    y, target = (draw(rng, (rows, repeat * width)) for _ in range(2))
    weight = draw(rng, rows) ** 2 if periods % 2 else None
    ours, right = both(backend, net, dtype)
    for stage in (ours, right):
        stage.forward(y)
    for got, expected in zip(ours.loss(target, weight), right.loss(target, weight), strict=True):
        assert_close(got, expected, dtype, rows * repeat * width)
    ours.check()


@pytest.mark.parametrize("width", [1, 3, 17, 40])
def test_a_quantile_in_a_tuple_is_the_quantile(backend, dtype, rng, width):
    y, target = (draw(rng, (20, width)) for _ in range(2))
    results = []
    for quantile in (0.3, (0.3,)):
        net = network(rng, [Activation("linear")], (width,), loss=losses.Pinball(quantile))
        stage = Stage(backend, net, dtype)
        stage.forward(y)
        results.append(stage.loss(target))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


TRAININGS = (
    ("exponential", losses.PoissonDeviance()),
    ("softplus", losses.PoissonDeviance()),
    ("sigmoid", losses.BinaryFocalCrossentropy(True, gamma=1.5)),
    ("linear", losses.BinaryFocalCrossentropy(gamma=0.5, from_logits=True)),
    ("softmax", losses.CategoricalFocalCrossentropy()),
    ("softmax", losses.SparseCategoricalFocalCrossentropy((0.5, 0.25, 1.0), gamma=0.5)),
    ("softplus", losses.SparseCategoricalFocalCrossentropy()),
    ("linear", losses.Pinball((0.25, 0.5, 0.75))),
    ("linear", losses.MeanAbsolutePercentageError()),
    ("softplus", losses.MeanSquaredLogarithmicError()),
    ("tanh", losses.SquaredHinge()),
    ("linear", losses.CategoricalHinge()),
    ("linear", losses.CosineSimilarity()),
)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("output", "loss"), TRAININGS, ids=lambda value: getattr(value, "name", value))
def test_training_ends_where_the_reference_ends(backend, dtype, rng, output, loss):
    net = dense(rng, (5, 9, 3), "tanh", output, loss=loss, optimizer="adam", batch_size=16)
    x, target, weight = draw(rng, (50, 5)), draw_target(rng, loss, 50, (3,)), draw(rng, 50) ** 2
    ours, right = Stage(backend, net, dtype), Stage(reference, net, np.float64)
    sums, expected = (stage.train(x, target, weight, epochs=3)[0] for stage in (ours, right))
    assert np.abs(right.params() - net.params).max() > 0.01
    assert_close(ours.params(), right.params(), dtype, 6 * net.depth)
    assert_close(sums, expected, dtype, 6 * net.depth)
    ours.check()
