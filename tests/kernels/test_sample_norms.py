"""Normalisation of rows and of groups of channels in every backend beside the reference, PyTorch and differences."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage, joined
from networks import Stage, both, draw
from norms import ROWS, normalized
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit, trajectory_limit

from fastnn._kernels import reference
from fastnn.layers import BatchNormalization, Dense, GroupNormalization, LayerNormalization, UnitNormalization

DOUBLE = np.dtype("float64")
CASES = {  # layer, shape of a sample, axes of the statistics, groups
    "row": (lambda: LayerNormalization(), (1,)),
    "row-7": (lambda: LayerNormalization(scale=False), (7,)),
    "row-19": (lambda: LayerNormalization(center=False), (3, 19)),
    "row-67": (lambda: LayerNormalization(), (5, 67)),
    "axes": (lambda: LayerNormalization([-2, -1]), (3, 5, 7)),
    "sample": (lambda: LayerNormalization([1, 2, 3]), (4, 5, 3)),
    "groups-of-features": (lambda: GroupNormalization(3), (33,)),
    "groups": (lambda: GroupNormalization(2), (5, 7, 6)),
    "channels": (lambda: GroupNormalization(-1, scale=False), (4, 19)),
    "one-group": (lambda: GroupNormalization(1, center=False), (3, 17)),
    "parts": (lambda: GroupNormalization(5), (20, 26, 35)),
}


def size_of(shape) -> int:
    return int(np.prod(shape))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("case", CASES)
def test_every_backend_gives_what_the_reference_gives(backend, dtype, rng, case):
    made, shape = CASES[case]
    net = normalized(rng, shape, [Dense(shape[-1], "tanh"), made(), Dense(2)])
    for rows in ROWS if size_of(shape) < 1000 else (2, 9):
        x, dy = draw(rng, (rows, size_of(shape))), draw(rng, (rows, size_of(shape[:-1]) * 2))
        ours, right = both(backend, net, dtype)
        found = []
        for stage in (ours, right):
            y = stage.forward(x, training=True)
            stage.dy(rows)[...] = dy
            found.append((y, stage.backward(), stage.forward(x)))
        for got, expected in zip(*found, strict=True):
            assert_close(got, expected, dtype, net.depth + rows * size_of(shape[:-1]))
        ours.check()


@pytest.mark.parametrize("case", ["row-7", "row-19", "axes", "groups", "channels", "groups-of-features"])
def test_gradients_equal_differences(backend, rng, case):
    made, shape = CASES[case]
    net = normalized(rng, shape, [made(), Dense(2, "tanh")])
    x, target = draw(rng, (3, size_of(shape))), draw(rng, (3, size_of(shape[:-1]) * 2))
    stage = Stage(backend, net, DOUBLE)

    def loss(params):
        stage.arenas.params[...] = params
        stage.forward(x, training=True)
        return stage.loss(target)[0][0]

    loss(net.params)
    gradient, numeric = stage.backward(), np.zeros_like(net.params)
    for i in np.flatnonzero(net.params):
        moved = np.zeros_like(net.params)
        moved[i] = DIFFERENCE_STEP
        numeric[i] = (loss(net.params + moved) - loss(net.params - moved)) / (2 * DIFFERENCE_STEP)
    assert np.all(np.abs(gradient - numeric) <= difference_limit(numeric))
    assert np.count_nonzero(numeric) > 5


def theirs(torch, layer, x, gamma, beta):
    """What PyTorch makes of samples ``(n, ..., channels)``."""
    functional = torch.nn.functional
    if isinstance(layer, LayerNormalization):
        shape = x.shape[-(len(layer.axis) if isinstance(layer.axis, tuple) else 1) :]
        factors = (None if array is None else array.reshape(shape) for array in (gamma, beta))
        return functional.layer_norm(x, shape, *factors, layer.epsilon)
    groups = x.shape[-1] if layer.groups == -1 else layer.groups
    gamma = torch.ones_like(beta) if gamma is None else gamma  # without one it cannot go back
    return functional.group_norm(x.movedim(-1, 1), groups, gamma, beta, layer.epsilon).movedim(1, -1)


@pytest.mark.parametrize("case", [case for case in CASES if case != "row"])
def test_outputs_and_gradients_equal_pytorch(backend, rng, case):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    made, shape = CASES[case]
    layer = made()
    net = joined(rng, layer, [shape])
    x, dy = (draw(rng, (5, size_of(shape))) for _ in range(2))
    stage = GraphStage(backend, net, DOUBLE)
    (y,), grads, (dx,) = stage.run([x], [dy])
    variables = {v.parameter.name: slice(v.offset, v.offset + v.size) for v in net.plan.layout.variables}
    given = {name: torch.tensor(net.params[at].copy(), requires_grad=True) for name, at in variables.items()}
    inputs = torch.tensor(x.reshape(5, *shape), requires_grad=True)
    out = theirs(torch, layer, inputs, given.get("gamma"), given.get("beta"))
    out.backward(torch.tensor(dy.reshape(5, *shape)))
    most = trajectory_limit(DOUBLE)
    pairs = [(y, out.detach()), (dx, inputs.grad), *((grads[at], given[name].grad) for name, at in variables.items())]
    for got, expected in pairs:
        np.testing.assert_allclose(got.ravel(), expected.numpy().ravel(), rtol=most, atol=most)


@pytest.mark.single
@pytest.mark.parametrize("case", ["row-67", "groups", "axes"])
def test_a_mean_a_hundred_thousand_times_the_deviation_leaves_digits(backend, rng, case):
    made, shape = CASES[case]
    net = normalized(rng, shape, [made()])
    x = (1e5 + rng.normal(size=(4, size_of(shape)))).astype(np.float32).astype(float)
    ours, right = both(backend, net, "float32")
    most = np.abs(net.params).max() * 1e5  # of a mean that float32 holds
    assert_close(ours.forward(x), right.forward(x), np.float32, 0, most)


def test_gradients_of_blocks_and_of_shared_layers_are_added(backend, dtype, rng):
    for layer, shape in ((LayerNormalization(), (9,)), (GroupNormalization(2), (3, 6)), (BatchNormalization(), (3, 6))):
        net = joined(rng, layer, [shape])
        x, dy = (draw(rng, (20, size_of(shape))) for _ in range(2))
        stage, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
        for first in (0, 12):
            part = slice(first, first + 12)
            for one in (stage, right):
                one.push([x[part]], training=True)
                value = one.plan.outputs[0]
                one.arenas.workspace[int(value["grad"]) :][: dy[part].size] = dy[part].ravel()
            assert_close(stage.pull(first > 0)[0], right.pull(first > 0)[0], dtype, 100)


def test_vectors_of_length_1_are_those_of_the_kind_that_dot_has(backend, dtype, rng):
    for layer in (UnitNormalization(), UnitNormalization(1), UnitNormalization([1, 2])):
        net = normalized(rng, (3, 5), [Dense(5), layer])
        x = draw(rng, (6, 15))
        y = Stage(backend, net, dtype).forward(x).reshape(6, 3, 5)
        axes = {-1: 2, 1: 1, (1, 2): (1, 2)}[layer.axis]
        assert_close(np.sqrt((y**2).sum(axis=axes)), np.ones_like(y.sum(axis=axes)), dtype, 15)
