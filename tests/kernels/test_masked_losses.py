"""Losses and statistics of outputs that have a mask are those of the positions that count, alone, in every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from graphs import GraphStage, graph
from networks import EVERY_LOSS, Network, Stage, both, draw, draw_target, loss_id, network, output_activation
from padded import Padded, counting, draw_batch, draw_mask
from tolerance import assert_close

from fastnn import _plan as plan
from fastnn import losses
from fastnn._kernels import reference
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Activation, Dense
from fastnn.losses import Reduction
from fastnn.losses.records import INNER_PRODUCT
from fastnn.metrics import TAKES_LABELS, Reading, StatisticCode

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's, where steps do not count
DOUBLE = np.dtype("float64")
MASKED = tuple(loss for loss in EVERY_LOSS if loss is not INNER_PRODUCT)
PARAMETERS = {StatisticCode.HITS: 0.25, StatisticCode.TOP_K_HITS: 2, StatisticCode.CONFUSION: 0.25}
STATISTICS = [Reading(code.name, code, np.asarray, PARAMETERS.get(code, 0.0)) for code in StatisticCode]
REDUCTIONS = {"mean": Reduction(), "sum": Reduction(summed=True), "weight": Reduction(by_weight=True)}


def masked(rng, shape, loss, layers=(), **more) -> Network:
    """A network whose only output has a mask."""
    return network(rng, [Padded(shape), *layers], (math.prod(shape) + shape[0],), loss=loss, **more)


def of_rows(loss, activation, y, target, weight, scale=1.0, **more):
    """Sums and gradient of rows that all count, by the reference."""
    rows, width = y.shape
    net = network(np.random.default_rng(0), [Activation(activation)], (width,), loss=loss, batch_size=rows, **more)
    stage = Stage(reference, net, DOUBLE)
    stage.forward(y)
    return stage.loss(target, weight, scale)


def weights_of(rng, rows, weighting):
    return {"none": None, "given": draw(rng, rows) ** 2, "zero": np.zeros(rows)}[weighting]


@pytest.mark.covering
@pytest.mark.parametrize("loss", MASKED, ids=loss_id)
@pytest.mark.parametrize(("rows", "shape"), [(7, (5, 3)), (3, (21, 2)), (2, (9, 17)), (3, (5, 4, 3)), (9, (1, 37))])
@pytest.mark.parametrize(("kind", "weighting"), [("ahead", "none"), ("mixed", "given"), ("all", "zero")])
def test_loss_and_gradient_are_those_of_positions_that_count(backend, dtype, rng, loss, rows, shape, kind, weighting):
    name, mask, weight = output_activation(loss), draw_mask(rng, rows, shape[0], kind), weights_of(rng, rows, weighting)
    mask.flat[0] = True
    net = masked(rng, shape, loss, [Activation(name)])
    x, target = draw_batch(rng, loss, rows, shape, mask)
    stage = Stage(backend, net, dtype)
    stage.forward(x)
    sums, dy = stage.loss(target, weight, 0.25)
    own = None if weight is None else np.repeat(weight, mask.sum(axis=1) * math.prod(shape[1:-1]))
    y = counting(x[:, : math.prod(shape)], mask, shape)
    value, slope = of_rows(loss, name, y, counting(target, mask, shape), own, 0.25)
    share = mask.size / mask.sum() / math.prod(shape[:-1])
    assert_close(sums, value * share, dtype, len(y) * shape[-1])
    assert_close(counting(dy, mask, shape), slope * share, dtype, shape[-1])
    np.testing.assert_array_equal(counting(dy, ~mask, shape), 0)
    stage.check()


@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy", "cosine_similarity"])
@pytest.mark.parametrize("reduction", REDUCTIONS.values(), ids=REDUCTIONS)
def test_where_nothing_counts_loss_and_gradient_are_zero(backend, dtype, rng, loss, reduction):
    net = masked(rng, (4, 3), loss, reduction=reduction, metrics=[(reading, False) for reading in STATISTICS[6:7]])
    x, target = draw_batch(rng, losses.get(loss), 5, (4, 3), draw_mask(rng, 5, 4, "none"))
    stage = Stage(backend, net, dtype)
    stage.forward(x)
    for got in stage.loss(target, draw(rng, 5) ** 2):
        np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_positions_that_count_are_divided_as_all_would_be(backend, dtype, rng, name):
    mask, weight, shape = draw_mask(rng, 6, 5, "ahead"), draw(rng, 6) ** 2, (5, 2)
    net = masked(rng, shape, "mse", reduction=REDUCTIONS[name])
    x, target = draw_batch(rng, losses.get("mse"), 6, shape, mask)
    stage = Stage(backend, net, dtype)
    stage.forward(x)
    (total, *_), _ = stage.loss(target, weight)
    error = np.where(mask, ((x[:, :10] - target) ** 2).reshape(6, 5, 2).mean(axis=2), 0)
    added, own = (weight[:, None] * error).sum(), weight[:, None] * mask
    # what train then divides by: the rows, nothing, the weights of the rows
    right = {"mean": added / mask.sum() * 6, "sum": added / 5, "weight": added / own.sum() * weight.sum()}
    assert_close(total, right[name], dtype, 60)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
        ("sparse_categorical_focal_crossentropy", "softmax"),
        ("poisson_deviance", "exponential"),
    ],
)
@pytest.mark.parametrize(("n_out", "rows"), [(2, 9), (5, 17), (33, 3)])
def test_a_loss_fused_with_its_activation_leaves_the_prediction_everywhere(
    backend, dtype, rng, name, output, n_out, rows
):
    loss, shape, mask = losses.get(name), (6, n_out), draw_mask(rng, rows, 6, "ahead")
    net = masked(rng, shape, loss, [Activation(output)])
    assert net.plan.losses[0]["fused"] == ACTIVATIONS[output].code
    x, target = draw_batch(rng, loss, rows, shape, mask, lost=(-1.0, 0.5))
    ours, right = both(backend, net, dtype)
    for stage in (ours, right):
        stage.forward(x)
    for got, expected in zip(ours.loss(target), right.loss(target), strict=True):
        assert_close(got, expected, dtype, rows * 6 * n_out)
    y = ACTIVATIONS[output](x[:, : 6 * n_out].reshape(-1, n_out))
    assert_close(ours.output(rows).reshape(y.shape), y, dtype, n_out)
    there = counting(x[:, : 6 * n_out], mask, shape), counting(target, mask, shape)
    value, _ = of_rows(loss.on_logits(), "linear", *there, None)
    assert_close(ours.sums, value * rows / mask.sum(), dtype, rows * 6 * n_out)
    ours.check()


@pytest.mark.covering
@pytest.mark.parametrize(("rows", "shape"), [(7, (5, 3)), (3, (21, 1)), (2, (3, 4, 17))])
@pytest.mark.parametrize("kind", ["ahead", "mixed", "all", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_are_those_of_positions_that_count(backend, dtype, rng, rows, shape, kind, weighted):
    size, each, mask = math.prod(shape), math.prod(shape[1:-1]), draw_mask(rng, rows, shape[0], kind)
    net = masked(rng, shape, "mse", metrics=[(reading, weighted) for reading in STATISTICS])
    y, target = rng.integers(-8, 40, (rows, size)) / 32, rng.integers(-4, 5, (rows, size)) / 4
    x, weight = np.column_stack([y, mask]), rng.integers(0, 8, rows) / 4
    stage = Stage(backend, net, dtype)
    stage.forward(x)
    sums, _ = stage.loss(target, weight)
    own = np.repeat(weight, mask.sum(axis=1) * each)
    there = counting(y, mask, shape), counting(target, mask, shape), own
    right = np.zeros_like(sums)
    if mask.any():
        metrics = [(reading, weighted) for reading in STATISTICS]
        right, _ = of_rows("mse", "linear", *there, metrics=metrics, n_samples=rows * math.prod(shape[:-1]))
    for row in net.plan.metrics[net.plan.metrics["statistic"] != StatisticCode.PREDICTIONS]:
        place = slice(row["first"], row["first"] + row["n_sums"])
        assert_close(sums[place], right[place], dtype, mask.size * shape[-1] * each)
    kept = sums[net.plan.metrics[-1]["first"] :]
    beside = np.column_stack([y.reshape(-1, shape[-1]), np.repeat(mask.ravel(), each)])
    assert kept[0] == beside.size
    np.testing.assert_array_equal(kept[1 : 1 + beside.size], beside.ravel())
    stage.check()


def test_statistics_of_class_indices_leave_out_positions(backend, dtype, rng):
    metrics = [(reading, i % 2 == 0) for i, reading in enumerate(STATISTICS) if reading.statistic in TAKES_LABELS]
    net = masked(rng, (6, 4), "sparse_categorical_crossentropy", [Activation("softmax")], metrics=metrics)
    x, target = draw_batch(rng, net.plan.loss_records[0], 9, (6, 4), draw_mask(rng, 9, 6, "mixed"), lost=(np.nan,))
    ours, right, weight = *both(backend, net, dtype), draw(rng, 9) ** 2
    for stage in (ours, right):
        stage.forward(x)
    (got, _), (expected, _) = (stage.loss(target, weight) for stage in (ours, right))
    assert_close(got, expected, dtype, 9 * 6 * 4)


def test_only_the_output_that_has_a_mask_leaves_out_positions(backend, dtype, rng):
    layers, nodes, shape = [Padded((4, 3)), Dense(2), Dense(2, "tanh")], [(0, (0,)), (1, (2,)), (2, (1,))], (4, 3)
    more = {"batch_size": 8, "input_gradients": False, "loss_weights": [2.0, 0.5]}
    net, mask = graph(rng, layers, nodes, [(16,), (4, 3)], [3, 4], **more), draw_mask(rng, 8, 4, "ahead")
    made, loss = net.plan, losses.get("mse")
    assert made.losses["mask"][0] >= 0 > made.losses["mask"][1]
    x, other = draw_batch(rng, loss, 8, shape, mask, lost=(7.0,))[0], draw(rng, (8, 12))
    targets = [draw_target(rng, loss, 8, (4, 2)) for _ in range(2)]
    stage = GraphStage(backend, net, dtype)
    first, second = stage.push([x, other])
    stage.sums[...] = 0
    backend.loss(made, stage.arenas, tuple(map(stage.place, targets)), (None, None), stage.sums, 1.0)
    square = ((first - targets[0]) ** 2).reshape(8, 4, 2).mean(axis=2)[mask].mean() * 8
    plain = ((second - targets[1]) ** 2).mean() * 8
    assert_close(stage.sums, [2 * square + 0.5 * plain, square, plain], dtype, 64)
    at = made.values[made.losses[0]["output"]]
    dy = stage.arenas.workspace[int(at["grad"]) :][:64].reshape(8, 4, 2)
    np.testing.assert_array_equal(dy[~mask], 0)
    assert np.all(dy[mask] != 0)
    stage.check()


def test_gradients_of_a_users_slopes_know_no_mask(rng):
    assert masked(rng, (4, 3), "mse").plan.has_masks
    made = plan.compile_plan(plan.lay_out([Padded((4, 3)), Dense(2)], (16,)), batch_size=8, losses=[INNER_PRODUCT])
    assert not made.has_masks
    assert len(made.ops) == 2  # the mask itself is left out, too


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mse"])
@pytest.mark.parametrize("batch_size", [7, 300])
@pytest.mark.parametrize("weighting", ["none", "given"])
def test_trainings_are_those_of_the_reference(backend, dtype, rng, loss, batch_size, weighting):
    layers, loss = [Dense(9, "tanh"), Dense(3, "linear" if loss == "mse" else "softmax")], losses.get(loss)
    metrics = [(Reading("hits", StatisticCode.ARGMAX_HITS, np.asarray), True)]
    net = masked(rng, (5, 4), loss, layers, optimizer="adam", batch_size=batch_size, metrics=metrics)
    assert net.plan.header["block_rows"] == batch_size
    rows = 3 * batch_size // 2
    mask, weight = draw_mask(rng, rows, 5, "ahead"), weights_of(rng, rows, weighting)
    x = draw_batch(rng, loss, rows, (5, 4), mask, lost=(0.5,))[0]
    target = draw_target(rng, loss, rows, (5, 3))
    ours, right = both(backend, net, dtype)
    (sums, *_), (expected, *_) = (stage.train(x, target, weight, epochs=2) for stage in (ours, right))
    assert_close(ours.params(), right.params(), dtype, net.depth * 6)
    assert_close(sums, expected, dtype, net.depth + rows * 15)
    ours.check()


def test_steps_that_are_no_axis_of_the_output_are_refused(rng):
    class Torn(Padded):
        def output_shape(self, shape):
            return (2, 6)

    with pytest.raises(ValueError, match=r"a mask of 4 steps came to an output of the shape \(2, 6\)"):
        network(rng, [Torn((4, 3))], (16,), loss="mse")
