"""How many processors a process may use, and how many of those are fast ones.

Machines with two kinds of cores (Apple's, ARM's big.LITTLE, Intel's hybrids) are counted by the fast kind. The threads
of a network have equal shares and wait for each other after each layer, so that one slow core makes all of them slow.

Design: asked of the system in Python and not in ``c/platform``, because backends without native code share the answer.
What a system does not say is not guessed: then all processors count.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from functools import cache
from pathlib import Path

SYSTEM = Path("/sys/devices")
SLOW = 0.5  # of the largest capacity: less is another kind of core, for speeds of one kind differ by some percent
CPU_SET = struct.Struct("<IIIHBBBBBBIQ")  # SYSTEM_CPU_SET_INFORMATION of Windows


def count() -> int:
    """Fast processors that this process may use, at least 1."""
    if sys.platform == "darwin":
        return _of_macos() or os.cpu_count() or 1
    if sys.platform == "win32":
        allowed = getattr(os, "process_cpu_count", os.cpu_count)() or 1  # Python 3.13 knows the affinity
        return min(allowed, _of_windows() or allowed)
    if hasattr(os, "sched_getaffinity"):
        return len(fast(frozenset(os.sched_getaffinity(0)), SYSTEM))
    return os.cpu_count() or 1


@cache
def fast(allowed: frozenset[int], system: Path) -> frozenset[int]:
    """Those of the processors that are of the fastest kind, as Linux tells it; all when it does not."""
    with contextlib.suppress(OSError, ValueError):  # Intel's hybrids
        cores = allowed & listed((system / "cpu_core/cpus").read_text(encoding="ascii"))
        return cores or allowed
    with contextlib.suppress(OSError, ValueError):  # ARM
        capacity = {n: int((system / f"system/cpu/cpu{n}/cpu_capacity").read_text(encoding="ascii")) for n in allowed}
        return frozenset(n for n, size in capacity.items() if size >= SLOW * max(capacity.values()))
    return allowed


def listed(text: str) -> frozenset[int]:
    """The numbers of a list such as ``0-3,8``."""
    ends = (part.partition("-") for part in text.strip().split(","))
    return frozenset(n for first, _, last in ends for n in range(int(first), int(last or first) + 1))


@cache
def _of_macos() -> int:
    """Cores of performance; 0 where there is one kind only, or another system."""
    import ctypes

    number, size = ctypes.c_int32(0), ctypes.c_size_t(4)
    ask = ctypes.CDLL(None).sysctlbyname
    failed = ask(b"hw.perflevel0.logicalcpu", ctypes.byref(number), ctypes.byref(size), None, ctypes.c_size_t(0))
    return 0 if failed else number.value


@cache
def _of_windows() -> int:
    """Processors of the highest class of efficiency; 0 where Windows does not tell."""
    import ctypes

    ask = ctypes.WinDLL("kernel32").GetSystemCpuSetInformation  # type: ignore[attr-defined, unused-ignore]
    ask.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
    process, length = ctypes.c_void_p(-1), ctypes.c_uint32(0)
    ask(None, 0, ctypes.byref(length), process, 0)
    room = ctypes.create_string_buffer(length.value)
    return fast_of_sets(room.raw) if ask(room, length, ctypes.byref(length), process, 0) else 0


def fast_of_sets(told: bytes) -> int:
    """How many of these records, each of which begins with its size, have the highest class of efficiency."""
    classes, at = [], 0
    while at + CPU_SET.size <= len(told):
        record = CPU_SET.unpack_from(told, at)
        classes.append(record[8])
        at += record[0] or len(told)
    return classes.count(max(classes, default=0))
