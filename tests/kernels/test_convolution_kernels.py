"""The op kinds with windows in every backend: beside PyTorch in float64, in differences, and to the last bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from convolutions import EVEN, FEW, TRANSPOSED, WIDER, case, grid, pytorch, torch_gradients
from graphs import GraphStage, graph, joined
from networks import Network, Stage, draw, network
from test_guard_pages import AtTheEdge, killed_by
from test_join_kernels import data, differences, flat
from tolerance import assert_close, difference_limit

from fastnn import _kernels
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn._plan import compile as compiling
from fastnn.layers import Add, Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, Flatten, SeparableConv2D

DOUBLE = np.dtype("float64")
CASES = FEW + TRANSPOSED + WIDER + EVEN
SMALL = tuple(some for some in CASES if some.rows * np.prod(some.shape) < 200)  # for differences
PARTS = 24  # of the grid, one test each
MOST = 2**24  # whole numbers up to here are exact in float32


def net_of(rng, some, **more) -> Network:
    """One layer alone, with gradients by its input."""
    return joined(rng, some.layer(), [some.shape], **more)


def weights_of(net: Network, vector) -> list[np.ndarray]:
    """The parameters in a vector like ``params``."""
    return [vector[v.offset : v.offset + v.size].reshape(v.parameter.shape) for v in net.plan.layout.variables]


def arrays_of(rng, net, some):
    """x and dy of a block."""
    (x,), (dy,) = data(rng, net, some.rows)
    return x.reshape(some.rows, *some.shape), dy


def results(stage, net, x, dy, rows) -> list[np.ndarray]:
    """y, dx and the gradients of the weights."""
    (y,), parameters, (dx,) = stage.run([x.reshape(rows, -1)], [dy])
    return [y, dx, *weights_of(net, parameters)]


def by_pytorch(rng, some):
    """The layer as a network, x, dy, what PyTorch makes of them, and how large the terms are."""
    torch = pytorch()
    net, layer = net_of(rng, some), some.layer()
    x, dy = arrays_of(rng, net, some)
    weights = weights_of(net, net.params)
    expected = torch_gradients(torch, layer, x, weights, dy)
    return net, x, dy, expected, torch_gradients(torch, layer, np.abs(x), [np.abs(w) for w in weights], np.abs(dy))


def check_beside_pytorch(backend, dtype, net, x, dy, expected, sizes):
    stage = GraphStage(backend, net, dtype)
    terms = max(x.size, dy.size, len(net.params))
    for got, right, size in zip(results(stage, net, x, dy, len(x)), expected, sizes, strict=True):
        assert_close(got.reshape(right.shape), right, dtype, terms, size)
    stage.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("some", CASES, ids=repr)
def test_outputs_and_gradients_equal_those_of_pytorch(backend, dtype, rng, some):
    check_beside_pytorch(backend, dtype, *by_pytorch(rng, some))


@pytest.fixture(scope="module", params=range(PARTS))  # of this scope: cases of a part stand together, and share it
def part_by_pytorch(request):
    """What PyTorch says of a part of the grid."""
    rng = np.random.default_rng(request.param)
    return [by_pytorch(rng, some) for some in grid()[request.param :: PARTS]]


@pytest.mark.long
def test_outputs_and_gradients_of_all_shapes_equal_those_of_pytorch(backend, dtype, part_by_pytorch):
    for told in part_by_pytorch:
        check_beside_pytorch(backend, dtype, *told)


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softmax"])
def test_an_activation_is_applied_and_differentiated_as_by_pytorch(backend, rng, activation):
    torch = pytorch()
    some = case("Conv2D", (6, 5, 3), 3, filters=5, kernel_size=3, padding="same", activation=activation)
    net = net_of(rng, some)
    x, dy = arrays_of(rng, net, some)
    theirs = {"gelu": torch.nn.functional.gelu, "softmax": lambda z: torch.softmax(z, -1)}
    activate = theirs.get(activation) or getattr(torch, activation)
    expected = torch_gradients(torch, some.layer(), x, weights_of(net, net.params), dy, activate)
    stage = GraphStage(backend, net, DOUBLE)
    for got, right in zip(results(stage, net, x, dy, some.rows), expected, strict=True):
        assert_close(got.reshape(right.shape), right, DOUBLE, net.plan.workspace_size)
    stage.check()


@pytest.mark.parametrize("some", SMALL[::3], ids=repr)
def test_gradients_equal_differences(rng, some):
    net = net_of(rng, some)
    x, dy = arrays_of(rng, net, some)
    _, parameters, inputs = GraphStage(reference, net, DOUBLE).run([x.reshape(some.rows, -1)], [dy])
    numeric, of_inputs = differences(net, [x.reshape(some.rows, -1)], [dy])
    for got, right in zip([parameters, *inputs], [numeric, *of_inputs], strict=True):
        assert (np.abs(got - right) <= difference_limit(right)).all()


# -- bits -------------------------------------------------------------------------------------------


def whole_numbers(rng, some):
    """The layer as a network of whole numbers, x, dy, and what the reference makes of them."""
    net = net_of(rng, some)
    net.params[net.params != 0] = rng.integers(-2, 3, np.count_nonzero(net.params))
    (x,), (dy,) = data(rng, net, some.rows, whole=True)
    right = results(GraphStage(reference, net, DOUBLE), net, x, dy, some.rows)
    assert max(np.abs(part).max() for part in right) < MOST
    return net, x, dy, right


def check_bits(backend, dtype, net, x, dy, right):
    stage = GraphStage(backend, net, dtype)
    for got, expected in zip(results(stage, net, x, dy, len(x)), right, strict=True):
        np.testing.assert_array_equal(got, expected)
    stage.check()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("some", CASES, ids=repr)
def test_whole_numbers_give_equal_bits(backend, dtype, rng, some):
    check_bits(backend, dtype, *whole_numbers(rng, some))


@pytest.fixture(scope="module", params=range(PARTS))
def part_of_whole_numbers(request):
    """What the reference says of a part of the grid."""
    rng = np.random.default_rng(request.param)
    return [whole_numbers(rng, some) for some in grid()[request.param :: PARTS]]


@pytest.mark.long
def test_whole_numbers_of_all_shapes_give_equal_bits(backend, dtype, part_of_whole_numbers):
    for told in part_of_whole_numbers:
        check_bits(backend, dtype, *told)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("channels", [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 67])
def test_whole_numbers_give_equal_bits_for_all_widths(backend, dtype, rng, channels):
    for filters in (1, 5, 16, 33):
        some = case("Conv2D", (4, 5, channels), 3, filters=filters, kernel_size=(2, 3))
        check_bits(backend, dtype, *whole_numbers(rng, some))
    some = case("DepthwiseConv2D", (4, 7, channels), 3, kernel_size=2, padding="same")
    check_bits(backend, dtype, *whole_numbers(rng, some))


RUNS = [] if _kernels.why_not("cython") else [name for name, _, runs in _kernels.load("cython").isas() if runs]
SAME_BITS = [name for name in RUNS if name != "portable"]  # those with fused multiply-add


@pytest.mark.parametrize("some", (FEW + TRANSPOSED)[::2] + WIDER + EVEN, ids=repr)
def test_bits_depend_neither_on_threads_nor_on_the_instruction_set(dtype, rng, some):
    if not SAME_BITS:
        pytest.skip(_kernels.why_not("cython") or "no instruction set with fused multiply-add runs here")
    native = _kernels.load("cython")
    some = case(some.kind, some.shape, 37, **dict(some.arguments))
    net = net_of(rng, some)
    x, dy = arrays_of(rng, net, some)
    before, isa, found = native.flop_a_thread(1.0), native.isa(), []
    try:
        for name in SAME_BITS:
            native.use_isa(name)
            for n in (1, 2, 5):
                with threads.limited(n):
                    found.append(results(GraphStage(native, net, dtype), net, x, dy, some.rows))
    finally:
        native.use_isa(isa)
        native.flop_a_thread(before)
    for other in found[1:]:
        for got, expected in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(got, expected)


# -- how gradients meet -----------------------------------------------------------------------------


SAME = {  # layers that leave a shape (h, w, 3) as it is
    "Conv2D": Conv2D(3, 3, padding="same"),
    "groups": Conv2D(3, (2, 3), padding="same", groups=3, dilation_rate=2),
    "places": Conv2D(3, 1),
    "DepthwiseConv2D": DepthwiseConv2D(3, padding="same"),
    "SeparableConv2D": SeparableConv2D(3, 2, padding="same", depth_multiplier=2),
    "Conv2DTranspose": Conv2DTranspose(3, (3, 2), padding="same"),
}


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("kind", SAME)
def test_gradients_of_a_second_block_are_added(backend, dtype, rng, kind):
    net = joined(rng, copy.copy(SAME[kind]), [(5, 4, 3)])
    stage, parts = GraphStage(backend, net, dtype), []
    blocks = [data(rng, net, rows) for rows in (19, 3)]
    for (x,), (dy,) in blocks:
        parts.append(stage.run([x], [dy])[1].astype(dtype))
    for i, ((x,), (dy,)) in enumerate(blocks):
        stage.push([x])
        stage.arenas.workspace[int(net.plan.outputs[0]["grad"]) :][: dy.size] = dy.ravel()
        total, _ = stage.pull(accumulate=i > 0)
    np.testing.assert_array_equal(total, (parts[0] + parts[1]).astype(np.float64))


def branched(rng, kind, **more):
    """x is read by two convolutions, of which one is used twice, and by an addition."""
    listed = [copy.copy(SAME[kind]), Conv2D(3, (1, 2), padding="same"), Add(), Flatten(), Dense(2)]
    nodes = [(0, (0,)), (1, (0,)), (0, (1,)), (2, (0, 1, 2, 3)), (3, (4,)), (4, (5,))]
    return graph(rng, listed, nodes, [(5, 4, 3)], [6], **more)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("kind", SAME)
def test_gradients_of_what_is_read_several_times_are_added(backend, dtype, rng, kind):
    net = branched(rng, kind)
    xs, dys = data(rng, net, 21)
    ours, right = GraphStage(backend, net, dtype), GraphStage(reference, net, DOUBLE)
    for got, expected in zip(flat(ours.run(xs, dys)), flat(right.run(xs, dys)), strict=True):
        assert_close(got, expected, dtype, net.depth + 21 * 20)
    ours.check()


@pytest.mark.parametrize("kind", ["groups", "Conv2DTranspose"])
def test_gradients_of_several_uses_equal_differences(rng, kind):
    net = branched(rng, kind)
    xs, dys = data(rng, net, 1)
    _, parameters, inputs = GraphStage(reference, net, DOUBLE).run(xs, dys)
    numeric, of_inputs = differences(net, xs, dys)
    for got, expected in zip([parameters, *inputs], [numeric, *of_inputs], strict=True):
        assert (np.abs(got - expected) <= difference_limit(expected)).all()


# -- what is not a number ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_number_spoils_what_reads_it_and_nothing_else(backend, dtype, rng, bad):
    for kind, arguments in (("Conv2D", {"filters": 3}), ("DepthwiseConv2D", {})):
        net = net_of(rng, case(kind, (7, 6, 2), kernel_size=3, padding="same", strides=2, **arguments))
        (x,), (dy,) = data(rng, net, 3)
        x.reshape(3, 7, 6, 2)[1, 3, 3, 0] = bad
        found = []
        with np.errstate(all="ignore"):
            for module, number in ((backend, dtype), (reference, DOUBLE)):
                (y,), gradients, _ = GraphStage(module, net, number).run([x], [dy])
                found.append((y, gradients))
        assert np.isfinite(found[0][0][[0, 2]]).all()
        for got, right in zip(*found, strict=True):
            np.testing.assert_array_equal(np.isfinite(got), np.isfinite(right))


# -- memory -----------------------------------------------------------------------------------------


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("some", (FEW + TRANSPOSED)[::9] + WIDER + EVEN, ids=repr)
def test_nothing_behind_a_users_array_is_touched(backend, dtype, rng, some):
    net = net_of(rng, some)
    (x,), (dy,) = data(rng, net, some.rows)

    def work():
        stage, edge = GraphStage(backend, net, dtype), AtTheEdge()
        stage.place = lambda values: edge.copy(values, dtype)
        for name in ("params", "grads"):
            object.__setattr__(stage.arenas, name, edge.copy(getattr(stage.arenas, name)))
        stage.run([x], [dy])
        out = edge.array(dy.shape, dtype)
        backend.predict(net.plan, stage.arenas, stage.xs, (out,))

    assert killed_by(work) == 0


# -- whole fits -------------------------------------------------------------------------------------

STACK = (
    Conv2D(5, 3, activation="tanh", padding="same"),
    Conv2D(7, (3, 2), strides=2, activation="relu"),
    Conv2DTranspose(4, 2, 2, activation="gelu"),
    Flatten(),
    Dense(3),
)


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("rows", "batch_size", "block"), [(41, 13, 256), (50, 50, 16), (23, 64, 256), (37, 36, 24)])
def test_fits_in_blocks_and_stages_end_where_those_of_the_reference_end(
    backend, dtype, rng, monkeypatch, rows, batch_size, block
):
    monkeypatch.setattr(compiling, "MIN_BLOCK", block)
    monkeypatch.setattr(compiling, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(compiling, "STAGE_BYTES", 4096)
    net = network(rng, STACK, (7, 6, 2), loss="mse", optimizer="adam", batch_size=batch_size, n_samples=rows)
    assert net.plan.header["stage_rows"] == 8
    x, target = draw(rng, (rows, 84)), draw(rng, (rows, 3))
    ours, right = Stage(backend, net, dtype), Stage(reference, net, DOUBLE)
    sums = [stage.train(x, target, epochs=3, rate=0.01)[0] for stage in (ours, right)]
    assert_close(sums[0], sums[1], dtype, net.depth * rows)
    assert_close(ours.params(), right.params(), dtype, net.depth * rows)
    ours.check()


def test_stages_change_no_bit(backend, dtype, rng, monkeypatch):
    x, target, found = draw(rng, (50, 84)), draw(rng, (50, 3)), []
    for least in (8, 64):
        monkeypatch.setattr(compiling, "STAGE_BYTES", 4096)
        monkeypatch.setattr(compiling, "MIN_STAGE", least)
        net = network(np.random.default_rng(1), STACK, (7, 6, 2), loss="mse", optimizer="adam", batch_size=50)
        assert net.plan.header["stage_rows"] == min(least, 50)
        stage = Stage(backend, net, dtype)
        sums, _, _ = stage.train(x, target, epochs=2)
        found.append((sums, stage.params()))
    for got, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(got, expected)
