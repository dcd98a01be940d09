"""Attention in every backend: against the reference and differences, and bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from forced import forced
from graphs import GraphStage, graph
from singles import agree, alone, attending, check_same, on_threads, same, signal_at_the_edge, with_masks
from test_join_kernels import DOUBLE, data, differences, flat
from tolerance import assert_close, difference_limit

from fastnn import _kernels
from fastnn import _plan as plans
from fastnn._kernels import reference
from fastnn._plan import compile as compiling
from fastnn.layers import Dense

ROWS = 5


def sizes_of(heads, queries, keys, d, e, **more):
    return {"heads": heads, "queries": queries, "keys": keys, "d": d, "e": e, **more}


ATTENTIONS = [
    sizes_of(1, 1, 1, 1, 1),
    sizes_of(4, 3, 5, 1, 2),
    sizes_of(2, 9, 17, 3, 17, mask_rows=1),
    sizes_of(3, 17, 7, 8, 1, mask_rows=17, gives_weights=1),
    sizes_of(2, 67, 67, 16, 16, causal=1),
    sizes_of(1, 5, 37, 17, 3, causal=1, mask_rows=1, gives_weights=1),
    sizes_of(2, 37, 5, 4, 4, causal=1, mask_rows=37, rate=0.3),
    sizes_of(2, 70, 300, 5, 9, gives_weights=1, rate=0.5),
]


def size_id(sizes):
    return "-".join(f"{name}{value:g}" for name, value in sizes.items())


@pytest.mark.covering
@pytest.mark.parametrize("sizes", ATTENTIONS, ids=size_id)
@pytest.mark.parametrize("training", [False, True])
def test_attention_equals_the_reference(backend, dtype, rng, sizes, training):
    net = alone(rng, attending(**sizes))
    xs, dys = with_masks(rng, net, ROWS, 3)
    k = 4 * (sizes["queries"] + sizes["keys"] + sizes["d"] + sizes["e"])
    agree(backend, dtype, net, xs, dys, k, training=training, step=3, first_row=6)


@pytest.mark.covering
@pytest.mark.parametrize("sizes", ATTENTIONS, ids=size_id)
def test_attention_predicts_what_it_gives_in_training(backend, dtype, rng, sizes):
    """Without dropout; in prediction weights are not kept."""
    made = attending(**sizes)
    net = alone(rng, made)
    laid = net.plan.layout
    xs, _ = with_masks(rng, net, ROWS, 3)
    predicts = type(net)(plans.compile_plan(laid, batch_size=ROWS), net.params)
    (got,), (right,) = GraphStage(backend, predicts, dtype).push(xs), GraphStage(backend, net, dtype).push(xs)
    np.testing.assert_array_equal(got, right)


SMALL = [
    sizes_of(2, 3, 4, 2, 3),
    sizes_of(2, 4, 3, 3, 1, mask_rows=1, causal=1),
    sizes_of(1, 3, 5, 1, 2, mask_rows=3, gives_weights=1),
]


@pytest.mark.parametrize("sizes", SMALL, ids=size_id)
def test_gradients_of_attention_equal_differences(rng, sizes):
    net = alone(rng, attending(**sizes))
    xs, dys = with_masks(rng, net, 2, 3)
    _, _, inputs = GraphStage(reference, net, DOUBLE).run(xs, dys)
    _, numeric = differences(net, xs, dys)
    for got, expected in zip(inputs[:3], numeric, strict=False):
        assert (np.abs(got - expected) <= difference_limit(expected)).all()


def test_a_query_without_keys_gets_zeros_and_hands_on_none(backend, dtype, rng):
    net = alone(rng, attending(2, 3, 5, 4, 4, mask_rows=1, gives_weights=1))
    xs, dys = with_masks(rng, net, 2, 3)
    xs[3][...] = [[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    (y,), _, dxs = GraphStage(backend, net, dtype).run(xs, dys)
    assert not y[0].any()
    assert y[1].any()
    assert not any(dx[0].any() for dx in dxs[:3])
    np.testing.assert_array_equal(y[1, 24:].reshape(2, 3, 5), np.broadcast_to(np.eye(5)[1], (2, 3, 5)))


@pytest.mark.covering
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("size", [(1, 3, 2), (2, 37, 5), (1, 200, 9)])
def test_gradients_meet_where_one_value_is_queries_keys_and_values(backend, dtype, rng, causal, size):
    heads, steps, d = size
    layer, _ = attending(heads, steps, steps, d, d, causal=causal)
    nodes = [(0, (0,)), (1, (1, 1, 1)), (1, (1, 0, 1)), (1, (0, 0, 1))]
    layers = [Dense(heads * d, use_bias=False), layer]
    net = graph(rng, layers, nodes, [(steps, heads * d)], [2, 3, 4])
    xs, dys = data(rng, net, 3)
    agree(backend, dtype, net, xs, dys, 40 * (steps + d))


def test_an_attention_of_equal_scores_is_exact(backend, dtype, rng):
    """The mean of as many values as keys count: powers of two of whole numbers."""
    layer, shapes = attending(2, 16, 16, 3, 17, mask_rows=16)
    net = alone(rng, (layer, shapes))
    xs, dys = data(rng, net, ROWS, whole=True)
    xs[1][...] = 0
    counts = 2 ** rng.integers(0, 5, (ROWS, 16))
    xs[3][...] = (np.arange(16) < counts[:, :, None]).reshape(ROWS, -1)
    same(backend, dtype, net, xs, dys)


def test_nan_among_keys_that_do_not_count_vanishes(backend, dtype, rng):
    """And a query that is none spoils its own row alone."""
    net = alone(rng, attending(2, 3, 5, 4, 4, mask_rows=1))
    xs, _ = with_masks(rng, net, 2, 3)
    xs[3][...] = [1, 0, 1, 1, 0]
    xs[1].reshape(2, 5, 8)[:, [1, 4]] = np.nan
    xs[0].reshape(2, 3, 8)[1, 2] = np.nan
    lost = np.isnan(GraphStage(backend, net, dtype).push(xs)[0].reshape(2, 3, 8))
    assert lost[1, 2].all()
    assert lost.sum() == 8


@pytest.mark.parametrize("sizes", ATTENTIONS[2::2], ids=size_id)
def test_threads_and_stages_leave_the_bits_of_attention(rng, dtype, monkeypatch, sizes):
    nets = [alone(rng, attending(**sizes), batch_size=33)]
    monkeypatch.setattr(compiling, "STAGE_BYTES", 1)
    nets.append(type(nets[0])(alone(rng, attending(**sizes), batch_size=33).plan, nets[0].params))
    assert nets[0].plan.header["stage_rows"] != nets[1].plan.header["stage_rows"]
    xs, dys = with_masks(rng, nets[0], 33, 3)
    for net in nets:
        found = on_threads(lambda native, net=net: flat(GraphStage(native, net, dtype).run(xs, dys, training=True)))
        check_same([*found, flat_of(nets[0], dtype, xs, dys)])


def flat_of(net, dtype, xs, dys):
    return flat(GraphStage(_kernels.load("cython"), net, dtype).run(xs, dys, training=True))


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("width", [1, 3, 17])
def test_nothing_behind_an_input_is_touched(backend, dtype, rng, width):
    masks = {"mask_rows": 1, "causal": 1, "gives_weights": 1}
    net = alone(rng, attending(1, 5, 3, width, width, **masks), batch_size=3)
    assert signal_at_the_edge(backend, dtype, net, data(rng, net, 3)[0]) == 0


@pytest.mark.covering
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask_rows", [0, 1])
@pytest.mark.parametrize("keys", [1, 5, 16, 64, 300, 1100, 9000])
def test_a_query_has_the_bits_that_it_has_alone(dtype, rng, keys, mask_rows, causal):
    """Rows of scores go together, as many as the cache holds, on every instruction set in its own number."""
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native, queries, d = _kernels.load("cython"), 1 if keys == 9000 else 19, 4
    sizes = sizes_of(1, queries, keys, d, d, mask_rows=mask_rows, causal=causal, gives_weights=1)
    net = alone(rng, attending(**sizes))
    xs, dys = with_masks(rng, net, 2, 3)
    found = []
    for isa in [isa for isa, _, runs in native.isas() if runs and isa != "portable"]:
        with forced(native, isa):
            found.append(flat(GraphStage(native, net, dtype).run(xs, dys, training=True)))
    check_same(found)
    if causal:
        return
    one = type(net)(alone(rng, attending(**sizes | {"queries": 1})).plan, net.params)
    (whole,) = GraphStage(native, net, dtype).push(xs)
    weights = whole[:, queries * d :].reshape(2, queries, keys)
    for query in range(0, queries, 6):
        read = [xs[0].reshape(2, queries, d)[:, query], *xs[1:]]
        (y,) = GraphStage(native, one, dtype).push(read)
        np.testing.assert_array_equal(y[:, :d], whole[:, query * d :][:, :d])
        np.testing.assert_array_equal(y[:, d:], weights[:, query])


@pytest.mark.covering
@pytest.mark.parametrize("reads", [(0, 0, 0), (0, 1, 1), (0, 1, 2), (1, 0, 1)])
@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("size", [(2, 37, 5), (1, 67, 16), (2, 200, 9)])
def test_gradients_stand_where_no_numbers_stood(backend, dtype, rng, size, causal, reads):
    """The first piece of queries sets them, where nothing else is to be added and all keys are seen."""
    heads, steps, d = size
    layer, _ = attending(heads, steps, steps, d, d, causal=causal)
    net = graph(rng, [layer], [(0, reads)], [(steps, heads * d)] * (max(reads) + 1), [max(reads) + 1])
    xs, dys = data(rng, net, 3)
    stage = GraphStage(backend, net, dtype)
    stage.arenas.workspace[...] = np.nan
    found, right = flat(stage.run(xs, dys, training=True)), flat(GraphStage(reference, net, DOUBLE).run(xs, dys))
    for got, expected in zip(found, right, strict=True):
        assert_close(got, expected, dtype, 40 * (steps + d), max(1.0, np.abs(expected).max(initial=0)))
