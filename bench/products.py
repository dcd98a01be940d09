"""Matrix products of the native backend beside NumPy's BLAS: 200 shapes, one thread, the same instruction set.

    FASTNN_ISA=avx2 python products.py float32 200        prints JSON, one record a shape

Sizes go from 1 to 2048, primes and thin ones among them, in the three forms that training needs. Both sides are called
from Python with a ready output. The bare call costs ``gemm`` 0.15 us and ``np.matmul`` 0.9 us, so the smallest shapes
compare calls and not products. They take turns and the least time counts; results that differ end the run.

Design: a process for each instruction set, because OpenBLAS chooses its kernels once, by OPENBLAS_CORETYPE; without
that, AVX2 would be held against AVX-512 or the reverse. ``dz @ W.T`` runs as the op does, whose rows are those of one
block: it has no entry point of its own.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from turns import environment

from fastnn import _kernels
from fastnn import _plan as plans
from fastnn.layers import Dense
from fastnn.losses import LOSSES

CORE_TYPES = {"avx512": "SkylakeX", "avx2": "Haswell", "portable": "Nehalem"}
FORMS = ("x @ W", "x.T @ dz", "dz @ W.T")
N_SHAPES = 200
PRIMES = (3, 7, 13, 17, 31, 37, 61, 67, 97, 127, 131, 257, 509, 521, 1021, 1031, 2039)
LARGEST, MOST_WORK = 2048, 2**30  # m * n * k of the drawn ones
# Where the share of the peak is to be high, and layers of width 64.
CHOSEN = [(m, 64, 64) for m in (32, 64, 96, 128)] + [(n, n, n) for n in (128, 256, 512, 777, 1024, 2048)]
CHOSEN += [(512, 1536, 640), (2048, 512, 512), (600, 700, 2048)]
TURNS, TURN_SECONDS = 5, 2e-3


def shapes(count: int = N_SHAPES) -> list[tuple[str, int, int, int]]:
    """``(form, m, n, k)``: always the same, the chosen ones last."""
    draw, found = random.Random(1), []
    while len(found) < N_SHAPES - len(CHOSEN):
        m, n, k = (_size(draw) for _ in range(3))
        if m * n * k <= MOST_WORK:
            found.append((m, n, k))
    return [(FORMS[i % len(FORMS)], *shape) for i, shape in enumerate(found + CHOSEN)][:count]


def _size(draw: random.Random) -> int:
    return draw.choice(
        (int(LARGEST ** draw.random()), int(LARGEST ** draw.random()), draw.choice(PRIMES), draw.randint(1, 8))
    )


def case(form: str, m: int, n: int, k: int, dtype: str) -> tuple[int, Callable, Callable]:
    """Rows, and the two calls, each giving its ``(rows, n)``."""
    native, rng = _kernels.load("cython"), np.random.default_rng(0)
    if form == "dz @ W.T":
        return _way_back(native, rng, m, n, k, dtype)
    a = rng.standard_normal((m, k) if form == "x @ W" else (k, m)).astype(dtype)
    a = a if form == "x @ W" else a.T
    b = rng.standard_normal((k, n)).astype(dtype)
    ours, theirs = np.empty((2, m, n), dtype)
    return m, lambda: (native.gemm(a, b, ours), ours)[1], lambda: np.matmul(a, b, out=theirs)


def _way_back(native, rng, m: int, n: int, k: int, dtype: str) -> tuple[int, Callable, Callable]:
    """``dx (rows, n) = dz (rows, k) @ W (n, k).T`` of the second of two layers."""
    layout = plans.lay_out([Dense(n), Dense(k)], (1,))
    plan = plans.compile_plan(layout, batch_size=m, losses=[LOSSES["mean_squared_error"]])
    arenas = plans.allocate(plan, plans.aligned(layout.n_params, np.dtype(dtype)))
    op, rows = plan.ops[1], int(plan.header["block_rows"])

    def view(array, start, *shape):
        return array[start : start + shape[0] * shape[1]].reshape(shape)

    read, written = (plan.values[int(i)]["grad"] for i in (plan.edges[int(op["first_edge"])]["value"], op["output"]))
    dz, dx = view(arenas.workspace, written, rows, k), view(arenas.workspace, read, rows, n)
    w = view(arenas.params, op["w"], n, k)
    dz[...], w[...] = rng.standard_normal((rows, k)), rng.standard_normal((n, k))
    theirs = np.empty_like(dx)
    return rows, lambda: (native.backward_op(plan, arenas, 1, rows), dx)[1], lambda: np.matmul(dz, w.T, out=theirs)


def times(calls: tuple[Callable, ...]) -> list[float]:
    """Microseconds of each, in turns."""

    def seconds(call: Callable, count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - began) / count

    counts = [max(1, int(TURN_SECONDS / seconds(call, 2))) for call in calls]
    turns = [[seconds(call, count) for call, count in zip(calls, counts, strict=True)] for _ in range(TURNS)]
    return [min(turn) * 1e6 for turn in zip(*turns, strict=True)]


def sweep(dtype: str, count: int) -> list[dict]:
    """``{"form", "m", "n", "k", "us", "blas_us"}`` of each shape, in the instruction set in use."""
    found = []
    for form, m, n, k in shapes(count):
        rows, ours, blas = case(form, m, n, k, dtype)
        bound = 100 * k * np.finfo(dtype).eps  # rounding stays far below, a wrong sum far above
        np.testing.assert_allclose(ours(), blas(), rtol=0, atol=bound, err_msg=f"{form} {m} {n} {k}")
        us, blas_us = times((ours, blas))
        found.append({"form": form, "m": rows, "n": n, "k": k, "us": us, "blas_us": blas_us})
    return found


def measure(isas: list[str], dtype: str, count: int) -> dict[str, list[dict]]:
    """The sweep of each instruction set, in a process of its own."""
    found = {}
    for isa in isas:
        variables = environment(1) | {"FASTNN_ISA": isa}
        if isa in CORE_TYPES:
            variables["OPENBLAS_CORETYPE"] = CORE_TYPES[isa]
        command = [sys.executable, str(Path(__file__).resolve()), dtype, str(count)]
        done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True)
        found[isa] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(sweep(sys.argv[1], int(sys.argv[2]))))
