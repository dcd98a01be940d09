"""Batch normalisation of masked sequences in every backend: beside the reference, and what padding leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, graph
from models import EVERY_BACKEND
from networks import draw
from norms import positive
from padded import draw_mask
from tolerance import assert_close

from fastnn import Input, Model, _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn.layers import GRU, BatchNormalization, Dense, WithMask

DOUBLE = np.dtype("float64")
SIZES = ((1, 1), (3, 17), (33, 3), (40, 9), (300, 2))  # steps, features; more than one part of rows that count
MASKS = ("ahead", "mixed", "all", "none")


def masked_norm(rng, steps, n, trains=True, **told):
    """Inputs are the sequence and its mask; ``told`` goes to the layer."""
    layers = [WithMask(), BatchNormalization(trainable=trains, **told)]
    return positive(graph(rng, layers, [(0, (0, 1)), (1, (2,))], [(steps, n), (steps,)], [3], batch_size=40))


def padded(rng, rows, steps, n, kind):
    """A sequence whose padding is large, its mask, and a gradient of all steps."""
    mask = draw_mask(rng, rows, steps, kind)
    x = draw(rng, (rows, steps, n)) + 3
    x[~mask] *= 100
    return [x.reshape(rows, -1), mask.astype(float)], [draw(rng, (rows, steps * n))]


def found(stage, xs, dys):
    """Output and gradients, of the sequence too."""
    (y,), parameters, inputs = stage.run(xs, dys, training=True)
    return y, parameters, inputs[0]


@pytest.mark.covering
@pytest.mark.parametrize("rows", [1, 9, 33])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("trains", [True, False])
def test_every_backend_gives_what_the_reference_gives(backend, dtype, rng, size, rows, kind, trains):
    net = masked_norm(rng, *size, trains, scale=size[1] != 3, center=size[1] != 9)
    xs, dys = padded(rng, rows, *size, kind)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    # Of a single number nothing is left but the rounding of terms that cancel: dy gamma / sqrt(0 + epsilon).
    alone = np.abs(dys[0]).max() * np.abs(net.params).max() / np.sqrt(1e-3) if rows * size[0] == 1 else None
    for got, expected, terms in zip(found(ours, xs, dys), found(right, xs, dys), (None, None, alone), strict=True):
        assert_close(got, expected, dtype, net.depth + rows * size[0], terms)
    assert_close(ours.push(xs)[0], right.push(xs)[0], dtype, net.depth)
    ours.check()


@pytest.mark.covering
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("lost", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("measures", [True, False])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_stands_in_padding_changes_no_bit(backend, dtype, rng, size, kind, lost, measures):
    """Of steps that count, of gradients, and of the statistics that were measured; of gradients without training."""
    net = masked_norm(rng, *size)
    net.plan.ops.flags.writeable = True
    net.plan.ops["inference"] = not measures
    (x, mask), dys = padded(rng, 9, *size, kind)
    counts = np.repeat(mask != 0, size[1], axis=1)
    dys[0][~counts] = 0
    results = []
    with np.errstate(invalid="ignore", over="ignore"):
        for filled in (np.where(counts, x, 0), np.where(counts, x, lost)):
            y, *gradients = found(GraphStage(backend, net, dtype), [filled, mask], dys)
            results.append((y.reshape(x.shape)[counts], *gradients))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("steps", [4, 30])
def test_how_much_padding_there_is_changes_no_bit(backend, dtype, rng, steps):
    n, rows, results = 5, 21, []
    (x, mask), (dy,) = padded(rng, rows, steps, n, "ahead")
    dy *= np.repeat(mask, n, axis=1)
    for more in (0, 1, 300):
        net = masked_norm(np.random.default_rng(0), steps + more, n)
        wide = [np.pad(part, [(0, 0), (0, more * each)]) for part, each in ((x, n), (mask, 1), (dy, n))]
        y, parameters, dx = found(GraphStage(backend, net, dtype), wide[:2], wide[2:])
        results.append((y[:, : steps * n], parameters, dx[:, : steps * n]))
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one.ravel(), same.ravel())


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("length", [3, 32])
def test_padded_rows_are_measured_as_rows_alone(backend, dtype, rng, length):
    """With the bits of those on the native backend."""
    n, rows = 4, 21
    alone = positive(graph(np.random.default_rng(0), [BatchNormalization()], [(0, (0,))], [(length, n)], [1]))
    net = masked_norm(np.random.default_rng(0), length + 2, n)
    x, dy = draw(rng, (rows, length * n)), draw(rng, (rows, length * n))
    wide, slope = (np.pad(part, [(0, 0), (0, 2 * n)], constant_values=fill) for part, fill in ((x, np.nan), (dy, 0)))
    mask = np.broadcast_to(np.arange(length + 2) < length, (rows, length + 2)).astype(float)
    y, parameters, dx = found(GraphStage(backend, net, dtype), [wide, mask], [slope])
    right = found(GraphStage(backend, alone, dtype), [x], [dy])
    cut = y.reshape(rows, -1)[:, : length * n], parameters, dx.reshape(rows, -1)[:, : length * n]
    for got, expected in zip(cut, right, strict=True):
        if "native" in backend.__name__:
            np.testing.assert_array_equal(got.ravel(), expected.ravel())
        assert_close(got.ravel(), expected.ravel(), dtype, rows * length)


def trained(name, rng, **told):
    """The weights of a model behind a few updates."""
    x, mask = Input((50, 3)), Input((50,))
    hidden = BatchNormalization(momentum=0.5)(Dense(6)(WithMask()([x, mask])))
    model = Model([x, mask], Dense(2)(GRU(4)(hidden)), seed=3, backend=name, **told)
    model.compile("sgd", "mse")
    rows = rng.normal(size=(70, 50, 3))
    there = draw_mask(rng, 70, 50, "ahead")
    model.fit([rows, there.astype(float)], rng.normal(size=(70, 2)), batch_size=48, epochs=2, verbose=0)
    return model.get_weights()


def test_any_number_of_threads_gives_the_same_bits(rng, dtype):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native, results, draws = _kernels.load("cython"), [], rng.bit_generator.state
    before = native.flop_a_thread(1.0)
    try:
        for n in (1, 2, 5):
            rng.bit_generator.state = draws
            with threads.limited(n):
                results.append(trained("cython", rng, dtype=dtype.name))
    finally:
        native.flop_a_thread(before)
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@EVERY_BACKEND
def test_moving_statistics_follow_steps_that_count(name, rng):
    x, mask = Input((6, 2)), Input((6,))
    layer = BatchNormalization(momentum=0.75)
    model = Model([x, mask], layer(WithMask()([x, mask])), backend=name, dtype="float64")
    rows, there = rng.normal(size=(9, 6, 2)), draw_mask(rng, 9, 6, "mixed")
    model([rows, there.astype(float)], training=True)
    assert_close(layer.moving_mean, rows[there].mean(axis=0) / 4, DOUBLE, 54)
    assert_close(layer.moving_variance, 0.75 + rows[there].var(axis=0) / 4, DOUBLE, 54)


def test_a_mean_far_from_zero_leaves_the_variance_its_digits(backend, dtype, rng):
    """Squares around the first step that counts, not around 0."""
    net = masked_norm(rng, 40, 3, momentum=0.0)
    x = (1e5 + rng.normal(size=(30, 40, 3))).astype(np.float32).astype(float)
    mask = draw_mask(rng, 30, 40, "mixed")
    stage = GraphStage(backend, net, dtype)
    stage.push([x.reshape(30, -1), mask.astype(float)], training=True)
    room = stage.arenas.workspace[int(net.plan.ops[-1]["room"]) :][:6].astype(float)
    assert_close(room[:3], x[mask].mean(axis=0), dtype, 1200)
    assert_close(room[3:], x[mask].var(axis=0), dtype, 1200)
