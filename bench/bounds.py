"""What this machine can do at most, measured: multiply-adds in registers, bytes to and from memory.

Multiply-adds count as two operations (c/peak.h). Bytes are those that the loop itself reads and writes, of arrays far
larger than the last cache: ``a *= 1`` reads and writes ``a``, ``a += b`` reads ``b`` too. Both write only what they
have read, as an optimiser does, so no memory is fetched just to be overwritten. The greater of the two counts.

The fused updates stand beside these bounds: params and slots read and written, gradients read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import machine
import numpy as np
from timed import update_case

LEAST_REPEATS, SECONDS = 3, 0.12  # of one measurement
PEAK_STEPS = 3_000_000  # about 5 ms: long against starting threads, short enough to find the machine free now and then
MEMORY = 256 * 2**20  # bytes at least, and many times the last cache
DTYPES = ("float32", "float64")
UPDATES = ("sgd", "rmsprop", "adam")


def least_seconds(call: Callable[[], object]) -> float:
    """The least time of several calls, after one that is not counted."""
    call()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or sum(times) < SECONDS:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def flops(dtype: str, threads: int) -> float:
    """Floating-point operations a second of the instruction set in use."""
    native = machine.native()
    with ThreadPoolExecutor(threads) as pool:

        def run() -> float:
            return sum(pool.map(lambda _: native.fma_peak(PEAK_STEPS, dtype), range(threads)))

        return run() / least_seconds(run)


def bandwidth(threads: int) -> float:
    """Bytes a second."""
    a, b = np.ones((2, _memory() // 2 // 4), np.float32)
    pieces = list(zip(np.array_split(a, threads), np.array_split(b, threads), strict=True))
    one = np.float32(1)
    with ThreadPoolExecutor(threads) as pool:
        scale = least_seconds(lambda: list(pool.map(lambda ab: np.multiply(ab[0], one, out=ab[0]), pieces)))
        add = least_seconds(lambda: list(pool.map(lambda ab: np.add(ab[0], ab[1], out=ab[0]), pieces)))
    return max(2 * a.nbytes / scale, 3 * a.nbytes / add)


def _memory() -> int:
    return max(MEMORY, 8 * machine.last_cache())


def for_each_isa(measure: Callable[[], dict | float]) -> dict:
    """What ``measure`` gives under each instruction set, forced in turn."""
    native, found = machine.native(), {}
    for isa in machine.isas():
        before = native.isa()
        native.use_isa(isa)
        found[isa] = measure()
        native.use_isa(before)
    return found


def measure(threads: int) -> dict:
    """``{"flops": {isa: {dtype: {threads: per second}}}, "bytes": {threads: per second}}``; JSON keys are texts."""
    counts = sorted({1, threads, machine.cores()})
    peaks = for_each_isa(lambda: {dtype: {str(n): flops(dtype, n) for n in counts} for dtype in DTYPES})
    return {"flops": peaks, "bytes": {str(n): bandwidth(n) for n in counts}}


def updates(dtype: str) -> dict:
    """``{isa: {optimizer: {"us", "bytes"}}}`` for one update of more parameters than any cache holds."""
    native = machine.native()
    found: dict = {isa: {} for isa in machine.isas()}
    for name in UPDATES if native else ():
        plan, arenas = update_case(name, dtype, _memory() // 4 // np.dtype(dtype).itemsize)
        timed = for_each_isa(lambda: least_seconds(lambda: native.update(plan, arenas, 1, 1e-3)))  # noqa: B023
        for isa, seconds in timed.items():
            n_bytes = 3 * arenas.params.nbytes + 2 * arenas.slots.nbytes
            found[isa][name] = {"us": seconds * 1e6, "bytes": n_bytes}
    return found
