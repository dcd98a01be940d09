"""What this machine can do at most, measured: multiply-adds in registers, bytes to and from memory.

Multiply-adds count as two operations (c/peak.h). Bytes are those that the loop itself reads and writes, of arrays far
larger than the last cache: ``a *= 1`` reads and writes ``a``, ``a += b`` reads ``b`` too. Both write only what they
have read, as an optimiser does, so no memory is fetched just to be overwritten. The greater of the two counts.

The fused updates stand beside these bounds: params and slots read and written, gradients read. For steps and
predictions of whole networks the bound is that of ``fastnn bench`` (fastnn/models/bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import machine
import numpy as np
from cases import NETWORKS, data
from timed import make, update_case

from fastnn import get_num_threads, set_num_threads
from fastnn._kernels.peak import bandwidth, beyond_caches, least_seconds
from fastnn.models.profiling import prediction_bound, training_bound

PEAK_STEPS = 3_000_000  # about 5 ms: long against starting threads, short enough to find the machine free now and then
DTYPES = ("float32", "float64")
UPDATES = ("sgd", "rmsprop", "adam")


def flops(dtype: str, threads: int) -> float:
    """Floating-point operations a second of the instruction set in use."""
    native = machine.native()
    with ThreadPoolExecutor(threads) as pool:

        def run() -> float:
            return sum(pool.map(lambda _: native.fma_peak(PEAK_STEPS, dtype), range(threads)))

        return run() / least_seconds(run)


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
        plan, arenas = update_case(name, dtype, beyond_caches() // 4 // np.dtype(dtype).itemsize)
        timed = for_each_isa(lambda: least_seconds(lambda: native.update(plan, arenas, 1, 1e-3)))  # noqa: B023
        for isa, seconds in timed.items():
            n_bytes = 3 * arenas.params.nbytes + 2 * arenas.slots.nbytes
            found[isa][name] = {"us": seconds * 1e6, "bytes": n_bytes}
    return found


def of_network(name: str, dtype: str, threads: int, rows: int | None = None) -> float | None:
    """Microseconds that a step of a network takes at least, or a prediction of so many rows."""
    network, before = NETWORKS[name], get_num_threads()
    set_num_threads(threads)
    try:
        model = make(network, dtype=dtype, output=rows is None)
        if rows is None:
            bound = training_bound(model, *data(network, dtype), network.batch)
        else:
            bound = prediction_bound(model, rows)
        return bound and bound.seconds * 1e6
    finally:
        set_num_threads(before)
