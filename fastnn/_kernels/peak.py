"""What this machine can do at most, measured: multiply-adds in registers, bytes to and from memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from fastnn import _kernels

STEPS = 1_000_000  # about 2 ms: short enough to find the machine free now and then
REPEATS = 15
LEAST_REPEATS, SECONDS = 3, 0.12  # of one measurement of memory
MEMORY = 256 * 2**20  # bytes at least, and many times the last cache
UNKNOWN_CACHE = 32 * 2**20


def flops(dtype: str) -> float | None:
    """Operations a second of one core, two a product, by the instructions in use; None without the native backend.

    ``dtype`` is that of the numbers multiplied: also "bfloat16", and "int8", which has None where no instruction
    multiplies and adds such numbers at once.
    """
    if _kernels.why_not("cython"):
        return None
    native = _kernels.load("cython")
    return _flops(dtype, native.isa(), *native.extras()) or None


@cache
def _flops(dtype: str, *_instructions: str) -> float:
    native = _kernels.load("cython")
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        done = native.fma_peak(STEPS, dtype)
        found.append(done / (time.perf_counter() - began))
    return float(max(found))


def last_cache() -> int:
    """Bytes of the last-level cache; a guess where the system does not say."""
    sizes = [path.read_text().strip() for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max((int(size.removesuffix("K")) * 1024 for size in sizes), default=UNKNOWN_CACHE)


def least_seconds(call: Callable[[], object]) -> float:
    """The least time of several calls, after one that is not counted."""
    call()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or sum(times) < SECONDS:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def beyond_caches() -> int:
    """Bytes of arrays that no cache holds."""
    return max(MEMORY, 8 * last_cache())


def bandwidth(threads: int) -> float:
    """Bytes a second to and from memory, of loops that write only what they have read.

    ``a *= 1`` reads and writes ``a``, ``a += b`` reads ``b`` too: bytes are those of the loop. The greater counts.
    """
    a, b = np.ones((2, beyond_caches() // 2 // 4), np.float32)
    pieces = list(zip(np.array_split(a, threads), np.array_split(b, threads), strict=True))
    one = np.float32(1)
    with ThreadPoolExecutor(threads) as pool:
        scale = least_seconds(lambda: list(pool.map(lambda ab: np.multiply(ab[0], one, out=ab[0]), pieces)))
        add = least_seconds(lambda: list(pool.map(lambda ab: np.add(ab[0], ab[1], out=ab[0]), pieces)))
    return max(2 * a.nbytes / scale, 3 * a.nbytes / add)
