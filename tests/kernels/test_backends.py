"""Every piece of every backend against the reference run in float64: forward, loss, backward, statistics, prediction.

Inputs are numbers that float32 holds, so that all dtypes start from the same network; what differs
is rounding, bounded by ``tolerance``. Ragged sizes stand around vector lengths and register tiles.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from networks import (
    EVERY_LOSS,
    SIZES,
    Memory,
    Stage,
    both,
    dense,
    draw,
    draw_target,
    loss_id,
    network,
    output_activation,
)
from tolerance import assert_close

from fastnn import _plan as plan
from fastnn._base import random
from fastnn._kernels import reference
from fastnn._plan import compile as compiling
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Activation, Dense, Dropout, Flatten, Reshape
from fastnn.metrics import TAKES_LABELS, Reading, StatisticCode

DOUBLE = np.dtype("float64")
ROWS = (1, 2, 3, 5, 6, 7, 11, 12, 13, 17, 25, 37)
SHAPES = [
    (SIZES[i], SIZES[(5 * i + 3) % len(SIZES)], SIZES[(3 * i + 1) % len(SIZES)], ROWS[i % len(ROWS)])
    for i in range(len(SIZES))
]


def compare_step(backend, net, dtype, batch, *, scale=None, training=False, least=0.0):
    """Forward, loss, backward of one block; returns both stages for more.

    ``least`` is the size of what outputs are differences of, where they may be small beside it.
    """
    ours, right = both(backend, net, dtype)
    results = [step_of(stage, batch, scale, training) for stage in (ours, right)]
    compare(*results, dtype, net.depth + len(batch[0]), least)
    ours.check()
    return ours, right


def step_of(stage, batch, scale=None, training=False):
    """What a block gives: outputs, sums, gradients of the outputs, and of the parameters."""
    x, target, weight = batch
    y = stage.forward(x, training=training)
    sums, dy = stage.loss(target, weight, 1.0 / len(x) if scale is None else scale)
    return y, sums, dy, stage.backward()


def compare(results, right, dtype, terms, least):
    for got, expected in zip(results, right, strict=True):
        magnitude = max(least, np.abs(expected).max()) if least else None
        assert_close(got, expected, dtype, terms, magnitude)


@pytest.mark.covering
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
def test_step_with_activation_equals_reference(backend, dtype, rng, name, shape):
    n_in, width, n_out, rows = shape
    net = dense(rng, (n_in, width, n_out), name, name, loss="mse", batch_size=64)
    net.params *= 0.25 if name == "exponential" else 1.0  # twice in a row it magnifies every rounding
    compare_step(backend, net, dtype, (draw(rng, (rows, n_in)), draw(rng, (rows, n_out)), None))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_step_of_ragged_sizes_equals_reference(backend, dtype, rng, shape):
    n_in, width, n_out, rows = shape
    layers = [Dense(width, "relu"), Dense(n_out, "tanh", use_bias=False), Dense(width, "gelu"), Dense(n_out)]
    net = network(rng, layers, (n_in,), loss="mse", batch_size=64)
    compare_step(backend, net, dtype, (draw(rng, (rows, n_in)), draw(rng, (rows, n_out)), draw(rng, rows) ** 2))


@pytest.fixture(scope="module", params=ACTIVATIONS)  # of this scope: an activation's cases stand together and share it
def all_sizes(request):
    """Networks with an activation, a block for each, what the reference makes of it, and the least size of outputs."""
    name, rng, told = request.param, np.random.default_rng(20240229), []
    for width, rows in itertools.product(SIZES, ROWS):
        net = dense(rng, (5, width, width), name, loss="mse", batch_size=64)
        batch = draw(rng, (rows, 5)), draw(rng, (rows, width)), None
        told.append((net, batch, step_of(Stage(reference, net, "float64"), batch)))
    return told, 0.1 if name == "tanh_shrink" else 0.0  # z - tanh(z) of a small z is what is left of its rounding


@pytest.mark.long
def test_all_sizes_with_all_activations(backend, dtype, all_sizes):
    told, least = all_sizes
    for net, batch, right in told:
        ours = Stage(backend, net, dtype)
        compare(step_of(ours, batch), right, dtype, net.depth + len(batch[0]), least)
        ours.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_layer_on_wide_range_equals_reference(backend, dtype, rng, name):
    net = network(rng, [Activation(name)], (19,), loss="mse")
    z = draw(rng, (31, 19), 12.0)
    compare_step(backend, net, dtype, (z, draw(rng, (31, 19)), None))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("leaky_relu", "negative_slope", 0.0),
        ("leaky_relu", "negative_slope", 0.37),
        ("elu", "alpha", 0.5),
        ("elu", "alpha", 2.5),
    ],
)
def test_parameter_of_an_activation_reaches_the_backend(backend, dtype, rng, name, argument, value):
    record = {"name": name, argument: value}
    net = network(rng, [Dense(9, record), Activation(record)], (7,), loss="mse")
    compare_step(backend, net, dtype, (draw(rng, (13, 7)), draw(rng, (13, 9)), None))


@pytest.mark.covering
@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
@pytest.mark.parametrize(("n_out", "rows"), [(1, 13), (3, 17), (15, 5), (16, 5), (37, 2), (2, 300)])
@pytest.mark.parametrize("weighting", ["none", "given", "zero"])
def test_loss_and_its_gradient_equal_reference(backend, dtype, rng, loss, n_out, rows, weighting):
    n_out += loss.rowwise and n_out == 1  # shares of one class are constant
    net = dense(rng, (6, 8, n_out), "tanh", output_activation(loss), loss=loss, batch_size=300)
    weight = {"none": None, "given": draw(rng, rows) ** 2, "zero": np.zeros(rows)}[weighting]
    batch = draw(rng, (rows, 6)), draw_target(rng, loss, rows, (n_out,)), weight
    compare_step(backend, net, dtype, batch, scale=0.25)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
        ("binary_focal_crossentropy", "sigmoid"),
        ("categorical_focal_crossentropy", "softmax"),
        ("sparse_categorical_focal_crossentropy", "softmax"),
        ("poisson_deviance", "exponential"),
    ],
)
@pytest.mark.parametrize(("n_out", "rows"), [(1, 9), (5, 17), (33, 3)])
def test_loss_fused_with_its_activation_leaves_the_prediction(backend, dtype, rng, name, output, n_out, rows):
    net = dense(rng, (6, 8, n_out), "tanh", output, loss=name)
    assert net.plan.losses[0]["fused"] == ACTIVATIONS[output].code
    x, target = draw(rng, (rows, 6)), draw_target(rng, net.plan.loss_records[0], rows, (n_out,))
    ours, right = compare_step(backend, net, dtype, (x, target, None))
    assert_close(ours.output(rows), right.output(rows), dtype, net.depth)
    plain = ACTIVATIONS[output](right.forward(x))
    assert_close(ours.output(rows), plain, dtype, net.depth)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
def test_network_over_time_steps_equals_reference(backend, dtype, rng, loss):
    layers = [Dense(9, "tanh"), Activation("softsign"), Dense(4, output_activation(loss))]
    net = network(rng, layers, (5, 3), loss=loss)
    weight = draw(rng, 7) ** 2
    batch = draw(rng, (7, 15)), draw_target(rng, loss, 7, (5, 4)), weight
    compare_step(backend, net, dtype, batch)


def test_shape_layers_between_dense_layers_equal_reference(backend, dtype, rng):
    layers = [
        Dense(6, "relu"),
        Flatten(),
        Dense(12, "tanh"),
        Reshape((4, 3)),
        Dense(2, "silu"),
        Reshape((-1,)),
        Dense(3),
    ]
    net = network(rng, layers, (5, 3), loss="mse")
    compare_step(backend, net, dtype, (draw(rng, (11, 15)), draw(rng, (11, 3)), None))


PARAMETERS = {StatisticCode.HITS: 0.25, StatisticCode.TOP_K_HITS: 2, StatisticCode.CONFUSION: 0.25}
STATISTICS = [Reading(code.name, code, np.asarray, PARAMETERS.get(code, 0.0)) for code in StatisticCode]


@pytest.mark.covering
@pytest.mark.parametrize(("n_out", "rows", "repeat"), [(1, 13, 1), (3, 37, 1), (17, 5, 1), (4, 7, 3), (2, 300, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_equal_reference(backend, dtype, rng, n_out, rows, repeat, weighted):
    shape = (n_out,) if repeat == 1 else (repeat, n_out)
    metrics = [(metric, weighted) for metric in STATISTICS]
    net = network(rng, [Activation("linear")], shape, loss="mse", metrics=metrics, batch_size=300)
    y = rng.integers(-8, 40, (rows, repeat * n_out)) / 32  # float32 holds all; ties occur
    target = rng.integers(-4, 5, y.shape) / 4  # yes, no, hinge's no, and soft ones
    weight = rng.integers(0, 8, rows) / 4
    ours, right = both(backend, net, dtype)
    for stage in (ours, right):
        stage.forward(y)
    got, expected = ours.loss(target, weight)[0], right.loss(target, weight)[0]
    for row in net.plan.metrics:
        place = slice(row["first"], row["first"] + row["n_sums"])
        assert_close(got[place], expected[place], dtype, rows * repeat * n_out)
    ours.check()


@pytest.mark.parametrize("n_out", [1, 2, 11])
def test_statistics_of_class_indices_equal_reference(backend, dtype, rng, n_out):
    taken = [(metric, i % 2 == 0) for i, metric in enumerate(STATISTICS) if metric.statistic in TAKES_LABELS]
    net = dense(rng, (4, n_out), loss="sparse_categorical_crossentropy", output="softmax", metrics=taken)
    batch = draw(rng, (29, 4)), draw_target(rng, net.plan.loss_records[0], 29, (n_out,)), draw(rng, 29) ** 2
    compare_step(backend, net, dtype, batch)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    ("rate", "repeat", "width", "first_row"),
    [(0.5, 1, 16, 0), (0.1, 1, 7, 3), (0.9, 3, 5, 1), (0.0, 1, 9, 2), (0.3, 2, 33, 5)],
)
def test_dropout_masks_are_equal_bit_for_bit(backend, dtype, rng, rate, repeat, width, first_row):
    shape = (width,) if repeat == 1 else (repeat, width)
    net = network(rng, [Activation("relu"), Dropout(rate)], shape, loss="mse", seed=2**40 + 17)
    stage = Stage(backend, net, dtype)
    x = np.abs(draw(rng, (11, repeat * width)))
    assert x.all()
    for step in (0, 1, 2**33 + 5):
        y = stage.forward(x, training=True, step=step, first_row=first_row)
        factor = random.dropout_scale(2**40 + 17, 1, step, rate, first_row * x.shape[1], x.size).reshape(x.shape)
        np.testing.assert_array_equal(y, x.astype(dtype) * factor.astype(dtype))
    np.testing.assert_array_equal(stage.forward(x), x, "dropout must do nothing outside of training")
    stage.check()


def test_step_with_dropout_equals_reference(backend, dtype, rng):
    layers = [Dropout(0.2), Dense(17, "relu"), Dropout(0.5), Dense(9, "tanh"), Dropout(0.25), Dense(3)]
    net = network(rng, layers, (7,), loss="mse")
    compare_step(backend, net, dtype, (draw(rng, (19, 7)), draw(rng, (19, 3)), None), training=True)


@pytest.mark.covering
@pytest.mark.parametrize("rows", [0, 1, 2, 255, 256, 257, 700])
@pytest.mark.parametrize("name", ["softmax", "sigmoid", "linear"])
def test_prediction_of_many_blocks_equals_forward(backend, dtype, rng, rows, name):
    net = dense(rng, (5, 13, 3), "relu", name, batch_size=256)
    assert net.plan.header["block_rows"] == 256
    ours, right = both(backend, net, dtype)
    x = draw(rng, (rows, 5))
    out = ours.memory.array((rows, 3), dtype, shift=1)
    backend.predict(ours.plan, ours.arenas, (ours.place(x),), (out,))
    expected = np.concatenate([right.forward(x[i : i + 256]) for i in range(0, rows, 256)] or [np.zeros((0, 3))])
    assert_close(out, expected, dtype, net.depth)
    np.testing.assert_array_equal(out[:256], ours.forward(x[:256]), "predict and forward differ")
    ours.check()


def test_large_products_equal_reference(backend, dtype, rng, monkeypatch):
    monkeypatch.setattr(compiling, "MIN_BLOCK", 600)
    net = network(rng, [Dense(530, "relu"), Dense(401)], (770,), loss="mse", batch_size=600)
    compare_step(backend, net, dtype, (draw(rng, (487, 770)), draw(rng, (487, 401)), None))


def test_reference_output_uses_the_formulas_of_the_definitions(rng):
    net = dense(rng, (4, 6, 2), "gelu", "sigmoid", loss="mse")
    x, stage = draw(rng, (5, 4)), Stage(reference, net, DOUBLE)
    w1, b1, w2, b2 = (
        net.params[v.offset : v.offset + v.size].reshape(v.parameter.shape) for v in net.plan.layout.variables
    )
    expected = ACTIVATIONS["sigmoid"](ACTIVATIONS["gelu"](x @ w1 + b1) @ w2 + b2)
    assert_close(stage.forward(x), expected, DOUBLE, net.depth)


def test_guards_see_writes_outside():
    memory = Memory()
    inside = memory.array(5, np.float32, 0)
    memory.check()
    np.lib.stride_tricks.as_strided(inside, (6,), (4,))[5] = 1
    with pytest.raises(AssertionError, match="behind"):
        memory.check()


def test_arenas_of_a_plan_are_aligned(rng, dtype):
    net = dense(rng, (3, 5, 2), loss="mse", optimizer="adam")
    arenas = plan.allocate(net.plan, plan.aligned(len(net.params), dtype))
    for name in ("params", "grads", "slots", "workspace"):
        assert getattr(arenas, name).ctypes.data % 64 == 0
        assert getattr(arenas, name).dtype == dtype
