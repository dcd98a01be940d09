"""Backends give sparse rows the bits of dense ones, whatever the rows, the block and the threads."""

from __future__ import annotations

import os

import numpy as np
import pytest
from networks import Stage, dense, draw
from sparse_rows import KINDS, WIDTH, rows_of_kind, scipy_sparse, triplets, written_out
from test_guard_pages import AtTheEdge, killed_by

import fastnn
from fastnn import _kernels
from fastnn import _plan as plan
from fastnn._base.sparse import from_scipy
from fastnn._kernels.contract import Rows

BLOCK_SIZES = (1, 7, 16, 33, 64)


def trained(backend, net, dtype, x, target, weight) -> tuple:
    stage = Stage(backend, net, dtype)
    sums, order, _ = stage.train(x, target, weight, epochs=2, max_steps=3)
    stage.check()
    return stage.params().tobytes(), sums.tobytes(), order.tobytes()


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", BLOCK_SIZES)
def test_training_gives_the_bits_of_dense_rows(backend, dtype, rng, kind, batch_size):
    rows = rows_of_kind(rng, kind, dtype)
    net = dense(rng, (WIDTH, 9, 3), "relu", loss="mse", optimizer="adam", batch_size=batch_size)
    target, weight = draw(rng, (len(rows), 3)), rng.random(len(rows))
    assert trained(backend, net, dtype, rows, target, weight) == trained(
        backend, net, dtype, written_out(rows), target, weight
    )


def test_several_blocks_a_batch_give_the_bits_of_dense_rows(backend, dtype, rng):
    rows = rows_of_kind(rng, "duplicates", dtype, 700)
    net = dense(rng, (WIDTH, 90, 300, 1), "tanh", loss="mse", optimizer="sgd", batch_size=600)
    assert net.plan.header["block_rows"] < 600
    target = draw(rng, (700, 1))
    assert trained(backend, net, dtype, rows, target, None) == trained(
        backend, net, dtype, written_out(rows), target, None
    )


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", BLOCK_SIZES)
def test_prediction_gives_the_bits_of_dense_rows(backend, dtype, rng, kind, batch_size):
    rows, net = rows_of_kind(rng, kind, dtype), dense(rng, (WIDTH, 9, 3), "relu", batch_size=batch_size)
    results = []
    for x in (rows, written_out(rows)):
        stage = Stage(backend, net, dtype)
        out = stage.memory.array((len(rows), 3), dtype)
        stage.backend.predict(net.plan, stage.arenas, (stage.place(x),), (out,))
        stage.check()
        results.append(out.tobytes())
    assert results[0] == results[1]


def test_no_rows_are_predicted_as_none(backend, dtype, rng):
    net = dense(rng, (WIDTH, 3))
    stage, rows = Stage(backend, net, dtype), rows_of_kind(rng, "ragged", dtype)
    stage.backend.predict(net.plan, stage.arenas, (rows[5:5],), (stage.memory.array((0, 3), dtype),))
    stage.check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and mprotect")
def test_nothing_behind_the_arrays_is_touched(backend, dtype, rng):
    """So many values that memory is asked for rows ahead of their turn, which the last rows must end."""
    rows = from_scipy("x", scipy_sparse.csr_array(triplets(rng, 700, 700, 0.5)), dtype)
    assert rows.values.nbytes + rows.columns.nbytes > 2**20
    net, target = dense(rng, (700, 3), loss="mse", optimizer="adam", batch_size=37), draw(rng, (700, 3))

    def work():
        stage = Stage(backend, net, dtype)
        stage.memory = AtTheEdge()
        stage.train(rows, target, None, epochs=1)
        backend.predict(net.plan, stage.arenas, (stage.place(rows),), (stage.memory.array((700, 3), dtype),))

    assert killed_by(work) == 0


@pytest.fixture
def threads():
    """Sets threads; small work is shared, too. As before afterwards."""
    native = _kernels.load("cython") if _kernels.why_not("cython") is None else None
    before, flop = fastnn.get_num_threads(), native.flop_a_thread(1.0) if native else None
    yield fastnn.set_num_threads
    fastnn.set_num_threads(before)
    if native:
        native.flop_a_thread(flop)


@pytest.mark.parametrize("widths", [(WIDTH, 9, 3), (WIDTH, 500, 3)], ids=["small", "large weights"])
def test_the_number_of_threads_changes_no_bit(rng, dtype, threads, widths):
    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    native, rows = _kernels.load("cython"), rows_of_kind(rng, "duplicates", dtype, 1500)
    x, target = written_out(rows), draw(rng, (1500, 3))
    net = dense(rng, widths, "relu", loss="mse", optimizer="adam", batch_size=150)
    predicting = plan.compile_plan(net.plan.layout, batch_size=plan.MAX_BLOCK)
    results = []
    for n in (1, 2, 3, 5):
        threads(n)
        for given in (rows, x):
            arenas = plan.allocate(predicting, net.params.astype(dtype))
            out = np.empty((1500, 3), dtype)
            native.predict(predicting, arenas, (given,), (out,))
            results.append((trained(native, net, dtype, given, target, None), out.tobytes()))
    assert all(result == results[0] for result in results)


def test_prediction_uses_its_arenas_again(backend, dtype, rng):
    """Room for the rows is kept between calls: what an earlier call wrote there must not come back."""
    net = dense(rng, (WIDTH, 3), batch_size=16)
    stage = Stage(backend, net, dtype)
    for kind in ("full rows", "nothing", "ragged", "empty rows"):
        rows = rows_of_kind(rng, kind, dtype)
        found, expected = np.empty((len(rows), 3), dtype), np.empty((len(rows), 3), dtype)
        backend.predict(net.plan, stage.arenas, (rows,), (found,))
        backend.predict(net.plan, stage.arenas, (written_out(rows),), (expected,))
        assert found.tobytes() == expected.tobytes()


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [67, 700])
def test_gradient_over_all_rows_gives_the_bits_of_dense_rows(backend, dtype, rng, kind, n):
    rows = rows_of_kind(rng, kind, dtype, n)
    net = dense(rng, (WIDTH, 90, 300, 2), "relu", loss="mse", batch_size=len(rows))
    target, results = draw(rng, (len(rows), 2)), []
    for x in (rows, written_out(rows)):
        stage = Stage(backend, net, dtype)
        backend.gradient(stage.plan, stage.arenas, Rows((stage.place(x),), (stage.place(target),), (None,)), stage.sums)
        stage.check()
        results.append((stage.arenas.grads.tobytes(), stage.sums.tobytes()))
    assert results[0] == results[1]
