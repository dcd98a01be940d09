"""Backends give windows the bits of their copies, whatever the block and the threads, and read nothing beside them."""

from __future__ import annotations

import os

import numpy as np
import pytest
from networks import Stage, dense, draw
from test_guard_pages import AtTheEdge, killed_by
from test_sparse_backends import threads, trained  # noqa: F401 - a fixture

from fastnn import _kernels
from fastnn import _plan as plan
from fastnn._base.windows import WindowRows
from fastnn._kernels.contract import Rows

LENGTH, FEATURES = 12, 3
KINDS = ("overlapping", "in strides", "apart", "from starts")


def windows_of(rng, kind: str, dtype, n: int = 67) -> WindowRows:
    """So many windows, of which the last ends with the series."""
    stride = {"in strides": 5, "apart": 14}.get(kind, 1)
    values = draw(rng, ((n - 1) * stride + LENGTH, FEATURES)).astype(dtype)
    starts = np.append(rng.integers(0, n, n - 1), n - 1) if kind == "from starts" else None
    return WindowRows(values, LENGTH, stride, starts)


@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 16, 33])
def test_every_verb_gives_the_bits_of_copied_windows(backend, dtype, rng, kind, batch_size):
    rows, net = windows_of(rng, kind, dtype), dense(rng, (36, 9, 2), "relu", loss="mse", batch_size=batch_size)
    learns = dense(rng, (36, 9, 2), "relu", loss="mse", optimizer="adam", batch_size=batch_size)
    target, weight, results = draw(rng, (67, 2)), rng.random(67), []
    for x in (rows, rows.copy()):
        stage = Stage(backend, net, dtype)
        out = stage.memory.array((67, 2), dtype)
        stage.backend.predict(net.plan, stage.arenas, (stage.place(x),), (out,))
        backend.gradient(stage.plan, stage.arenas, Rows((stage.place(x),), (stage.place(target),), (None,)), stage.sums)
        stage.check()
        found = out.tobytes(), stage.arenas.grads.tobytes(), stage.sums.tobytes()
        results.append((*found, trained(backend, learns, dtype, x, target, weight)))
    assert results[0] == results[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and mprotect")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_behind_the_series_is_touched(backend, dtype, rng, kind):
    """A series of more than 1 MB, so that memory is asked for windows ahead of their turn, which the last ones end."""
    n = {"in strides": 20_000, "apart": 7000}.get(kind, 90_000)
    rows, target = windows_of(rng, kind, dtype, n), np.zeros((n, 1))
    assert rows.values.nbytes > 2**20
    net = dense(rng, (36, 1), loss="mse", optimizer="sgd", batch_size=1024)

    def work():
        stage = Stage(backend, net, dtype)
        stage.memory = AtTheEdge()
        stage.train(rows, target, None, epochs=1)
        backend.predict(net.plan, stage.arenas, (stage.place(rows),), (stage.memory.array((n, 1), dtype),))

    assert killed_by(work) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_no_bit(rng, dtype, threads, kind):  # noqa: F811
    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    native, rows = _kernels.load("cython"), windows_of(rng, kind, dtype, 1500)
    net = dense(rng, (36, 9, 1), "relu", loss="mse", optimizer="adam", batch_size=150)
    predicting = plan.compile_plan(net.plan.layout, batch_size=plan.MAX_BLOCK)
    target, results = draw(rng, (1500, 1)), []
    for n in (1, 2, 5):
        threads(n)
        for x in (rows, rows.copy()):
            arenas = plan.allocate(predicting, net.params.astype(dtype))
            out = np.empty((1500, 1), dtype)
            native.predict(predicting, arenas, (x,), (out,))
            results.append((trained(native, net, dtype, x, target, None), out.tobytes()))
    assert all(result == results[0] for result in results)
