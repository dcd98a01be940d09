"""What every backend must get right to the last bit, whatever the order of its sums.

Small integers (and powers of two) make each partial sum exact, so that any other result is an error
and no rounding. NaN and infinities must stand in the same places. Repeating a call repeats its bits.
"""

from __future__ import annotations

import numpy as np
import pytest
from networks import SIZES, Stage, dense, draw, draw_target, network
from tolerance import assert_close

from fastnn._kernels import reference
from fastnn._plan import compile as compiling
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Activation, Dense, Dropout, ParametricActivation, Scale
from fastnn.losses.records import EVERY_KERNEL
from fastnn.optimizers import SGD

DOUBLE = np.dtype("float64")
ROWS = (1, 2, 5, 6, 7, 11, 12, 13, 23, 24, 25, 48, 64)


def whole(rng, shape, most: int = 2):
    """Whole numbers from ``-most`` to ``most``, float64."""
    return rng.integers(-most, most + 1, shape).astype(np.float64)


def whole_network(rng, layers, input_shape, **compiled):
    """A network whose parameters are whole numbers; padding stays zero."""
    net = network(rng, layers, input_shape, **compiled)
    net.params[net.params != 0] = whole(rng, np.count_nonzero(net.params))
    return net


def exact_pass(backend, net, dtype, x, dy):
    """Output and gradients of a block whose output gradient is given."""
    stage = Stage(backend, net, dtype)
    y = stage.forward(x)
    stage.dy(len(x))[...] = dy
    gradients = stage.backward()
    stage.check()
    return y, gradients


def compare_exactly(backend, dtype, rng, layers, n_in, rows):
    net = whole_network(rng, layers, (n_in,), loss="mse", batch_size=rows)
    x, dy = whole(rng, (rows, n_in)), whole(rng, (rows, int(net.plan.outputs[0]["size"])), 1)
    expected = exact_pass(reference, net, DOUBLE, x, dy)
    assert max(np.abs(part).max() for part in expected) < 2**24, "too large to be exact in float32"
    for got, right in zip(exact_pass(backend, net, dtype, x, dy), expected, strict=True):
        np.testing.assert_array_equal(got, right)


def test_few_rows_of_wide_layers_are_exact(backend, dtype, rng):
    net = whole_network(rng, [Dense(1203), Dense(512), Dense(7)], (3,), loss="mse", batch_size=49)
    net.params[:] = np.clip(net.params, -1, 1)
    for rows in (8, 15, 16, 17, 33, 49):
        x, dy = whole(rng, (rows, 3), 1), whole(rng, (rows, 7), 1)
        expected = exact_pass(reference, net, DOUBLE, x, dy)
        assert max(np.abs(part).max() for part in expected) < 2**24, "too large to be exact in float32"
        for got, right in zip(exact_pass(backend, net, dtype, x, dy), expected, strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", SIZES)
def test_whole_numbers_give_equal_bits_for_all_sizes(backend, dtype, rng, width):
    for i, rows in enumerate(ROWS):
        other, last = SIZES[(i * 3 + 1) % len(SIZES)], SIZES[(i * 5 + 2) % len(SIZES)]
        compare_exactly(backend, dtype, rng, [Dense(width, "relu"), Dense(last, use_bias=i % 2 == 0)], other, rows)
        compare_exactly(backend, dtype, rng, [Dense(last, "relu", use_bias=False), Dense(width)], other, rows)


def test_whole_numbers_of_single_rows_give_equal_bits_for_every_number_of_vectors(backend, dtype, rng):
    for vectors in range(1, 9):
        for width, bias in ((16 * vectors - 3, False), (16 * vectors - 3, True), (16 * vectors, True)):
            compare_exactly(backend, dtype, rng, [Dense(width, use_bias=bias)], 3 + vectors, 1)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    ("n_in", "width", "n_out", "rows"), [(400, 1, 300, 500), (700, 129, 1, 3), (3, 801, 130, 97), (389, 260, 517, 167)]
)
def test_whole_numbers_give_equal_bits_in_large_products(backend, dtype, rng, monkeypatch, n_in, width, n_out, rows):
    monkeypatch.setattr(compiling, "MIN_BLOCK", rows)
    compare_exactly(backend, dtype, rng, [Dense(width, "relu"), Dense(n_out)], n_in, rows)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(
    ("n_in", "n_out", "rows"), [(391, 3100, 13), (3100, 391, 13), (13, 4111, 500), (1024, 1024, 64)]
)
def test_whole_numbers_give_equal_bits_across_cache_blocks(backend, dtype, rng, monkeypatch, n_in, n_out, rows):
    monkeypatch.setattr(compiling, "MIN_BLOCK", rows)
    compare_exactly(backend, dtype, rng, [Activation("linear"), Dense(5), Dense(n_in, "relu"), Dense(n_out)], 7, rows)


def test_whole_numbers_through_activation_and_dropout_layers(backend, dtype, rng):
    layers = [Dense(9), Activation("relu"), Activation("hard_sigmoid"), Dropout(0.5), Dense(5, "leaky_relu"), Dense(3)]
    layers[4] = Dense(5, {"name": "leaky_relu", "negative_slope": 0.5})
    net = whole_network(rng, [layers[0], layers[1], *layers[3:]], (6,), loss="mse")
    x, dy = whole(rng, (17, 6)), whole(rng, (17, 3), 1)
    results = []
    for module, kind in ((backend, dtype), (reference, DOUBLE)):
        stage = Stage(module, net, kind)
        y = stage.forward(x, training=True, step=9, first_row=4)
        stage.dy(17)[...] = dy
        results.append((y, stage.backward()))
        stage.check()
    for got, right in zip(*results, strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", SIZES)
def test_whole_numbers_give_equal_bits_through_factors(backend, dtype, rng, width):
    for rows in ROWS[::3]:
        compare_exactly(backend, dtype, rng, [Scale(), Dense(width, "relu"), Scale()], width, rows)


@pytest.mark.parametrize("width", SIZES)
def test_whole_numbers_give_equal_bits_through_parametric_activations(backend, dtype, rng, width):
    for rows in ROWS[::3]:
        stack = [ParametricActivation("relu"), Dense(width, "relu"), ParametricActivation("relu6")]
        compare_exactly(backend, dtype, rng, stack, width, rows)


def test_updates_of_whole_numbers_are_exact(backend, dtype, rng):
    net = whole_network(rng, [Dense(19), Dense(7)], (5,), loss="mse", optimizer=SGD(1.0, momentum=0.5))
    ours, right = Stage(backend, net, dtype), Stage(reference, net, DOUBLE)
    for step in range(1, 4):
        gradient = whole(rng, len(net.params)) * (net.params != 0)
        for stage in (ours, right):
            stage.arenas.grads[...] = gradient
            stage.update(step, 0.25)
    np.testing.assert_array_equal(ours.params(), right.params())
    ours.check()


CANCEL = ("gelu", "gelu_tanh", "tanh_shrink")  # their rounding is that of the argument
EXTREMES = (
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    88.0,
    -88.0,
    104.0,
    -104.0,
    700.0,
    -700.0,
    1e4,
    -1e4,
    3.0,
    -3.0,
    1e-6,
    -1e-6,
)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("name", [name for name, record in ACTIVATIONS.items() if not record.rowwise])
def test_extreme_inputs_of_an_activation_match_the_reference(backend, dtype, rng, name):
    width = 37  # every extreme at every place of a vector and in the tail
    net = network(rng, [Activation(name)], (width,))
    x = np.array([EXTREMES[(i + j) % len(EXTREMES)] for i in range(len(EXTREMES)) for j in range(width)]).reshape(
        -1, width
    )
    with np.errstate(all="ignore"):
        got, right = Stage(backend, net, dtype).forward(x), Stage(reference, net, dtype).forward(x)
    size = np.maximum(np.abs(right), np.abs(x) if name in CANCEL else 0)
    assert_close(got, right, dtype, magnitude=np.where(np.isfinite(size), size, 1))


@pytest.mark.covering
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("width", [1, 3, 16, 37])
def test_extreme_rows_of_a_rowwise_activation_match_the_reference(backend, dtype, rng, name, width):
    net = network(rng, [Activation(name)], (width,))
    x = np.tile(draw(rng, width), (9, 1))
    x[1, 0], x[2, -1], x[3, width // 2] = np.nan, np.inf, -np.inf
    x[4], x[5], x[6], x[7, 0] = 1e4, -1e4, -np.inf, 3e38
    with np.errstate(all="ignore"):
        got, right = Stage(backend, net, dtype).forward(x), Stage(reference, net, dtype).forward(x)
    assert_close(got, right, dtype, width)


@pytest.mark.covering
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("width", [3, 16, 33])
def test_a_bad_row_spoils_its_own_output_and_the_same_gradients(backend, dtype, rng, bad, width):
    net = dense(rng, (7, width, width, 5), "relu", loss="mse")
    x, target = draw(rng, (13, 7)), draw(rng, (13, 5))
    x[4, 2] = bad
    results = []
    with np.errstate(all="ignore"):
        for module, kind in ((backend, dtype), (reference, DOUBLE)):
            stage = Stage(module, net, kind)
            y = stage.forward(x)
            sums, dy = stage.loss(target)
            results.append((y, sums, dy, stage.backward()))
    assert np.isfinite(np.delete(results[0][0], 4, axis=0)).all()
    for got, right in zip(*results, strict=True):
        np.testing.assert_array_equal(np.isnan(got), np.isnan(right))
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(right))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("loss", EVERY_KERNEL, ids=lambda loss: loss.code.name.lower())
def test_a_prediction_that_is_not_a_number_makes_the_loss_one(backend, dtype, rng, loss):
    net = network(rng, [Activation("linear")], (19,), loss=loss)
    target = draw_target(rng, loss, 5, (19,))
    for place in (0, 17, 18):
        y = np.abs(draw(rng, (5, 19))) + 1
        y[3, place] = np.nan
        stage = Stage(backend, net, dtype)
        stage.forward(y)
        with np.errstate(all="ignore"):
            sums, _ = stage.loss(target)
            plain = loss.value(target[:, 0] if loss.sparse else target, y).sum()
        assert np.isnan(sums[0]) == np.isnan(plain)
        stage.check()


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "softmax"])
def test_the_second_backward_pass_gives_the_same_bits(backend, dtype, rng, name):
    net = dense(rng, (7, 19, 11, 3), name, loss="mse")
    x, target = draw(rng, (29, 7)), draw(rng, (29, 3))
    stage, seen = Stage(backend, net, dtype), []
    for _ in range(2):
        stage.forward(x)
        stage.loss(target, None, 1 / 29)
        seen.append(stage.backward())
    np.testing.assert_array_equal(*seen)


def test_accumulated_gradients_are_the_sum_of_both(backend, dtype, rng):
    net = dense(rng, (7, 19, 3), "relu", loss="mse")
    blocks = [(draw(rng, (rows, 7)), draw(rng, (rows, 3))) for rows in (29, 11)]
    stage, parts = Stage(backend, net, dtype), []
    for x, target in blocks:
        stage.forward(x)
        stage.loss(target)
        parts.append(stage.backward().astype(dtype))
    for i, (x, target) in enumerate(blocks):
        stage.forward(x)
        stage.loss(target)
        total = stage.backward(accumulate=i > 0)
    np.testing.assert_array_equal(total, (parts[0] + parts[1]).astype(np.float64))
    stage.check()


def test_rows_of_a_block_do_not_depend_on_each_other(backend, dtype, rng):
    net = dense(rng, (7, 33, 5), "tanh", "softmax")
    x, stage = draw(rng, (31, 7)), Stage(backend, net, dtype)
    together = stage.forward(x)
    for rows in (slice(0, 1), slice(3, 4), slice(30, 31), slice(5, 22)):
        alone = stage.forward(x[rows])
        if backend is reference:  # BLAS picks another kernel for another size
            assert_close(alone, together[rows], dtype, net.depth)
        else:
            np.testing.assert_array_equal(alone, together[rows])
