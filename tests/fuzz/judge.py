"""Whether a reader behaved on one file: what it raised, its time, its memory.

Time is the processor's, so that a machine that is shared does not count. Memory is bounded by the system: an address
space of what is there now, 10 times the file, and ``ROOM``; of one file in ``TRACED`` each allocation of Python and
NumPy is counted, too.
"""

from __future__ import annotations

import random
import resource
import time
import tracemalloc
import warnings
from pathlib import Path

from fuzz.readers import Reader

MOST_SECONDS = 1.0
TIMES = 10  # of the file's size may be taken
ROOM = 96 * 2**20  # of addresses: allocators and thread stacks ask for tens of megabytes that they do not use
SMALL_ROOM = 2 * 2**20  # of what is counted: modules that are imported late, compiled patterns
TRACED = 64
USED = 8  # of those that are read, one in so many is used
MOST_WORDS = 1000


def case(samples: list[bytes], reader: Reader, seed: int, index: int) -> bytes:
    """The input of a number: the same on every machine."""
    draw = random.Random(f"{seed}:{index}")
    return reader.mutate(draw.choice(samples), draw)


def judged(reader: Reader, path: Path, content: bytes, index: int) -> tuple[bool, list[str]]:
    """Whether the reader read a file, and what is wrong with how it took it: nothing, if all is well."""
    path.unlink(missing_ok=True)  # quicker than cutting it to nothing
    path.write_bytes(content)
    traced = reader.traced and index % TRACED == 0
    room = None if traced else _bounded(TIMES * len(content) + ROOM)
    if traced:
        tracemalloc.start()
    began, found, made = time.process_time(), [], None
    try:
        made = _read(reader, path, found)
        took = time.process_time() - began
        if made is not None and reader.use and index % USED == 0:
            _use(reader, made, found)
    finally:
        if traced:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if room:
            resource.setrlimit(resource.RLIMIT_AS, room)
    if took > MOST_SECONDS:
        found.append(f"it took {took:.1f} s")
    if traced and peak > TIMES * len(content) + SMALL_ROOM:
        found.append(f"it took {peak:,} bytes for a file of {len(content):,}")
    return made is not None, found


def _read(reader: Reader, path: Path, found: list[str]) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = reader.read(path)
            return True if made is None else made
    except MemoryError:
        found.append("MemoryError")
    except reader.errors as error:
        words = str(error)
        if type(error) not in reader.errors and not type(error).__module__.startswith("fastnn"):
            found.append(f"{type(error).__name__} is not of those that are documented: {words[:200]}")
        if path.name not in words:
            found.append(f"the message does not name the file: {words[:200]}")
        if "\n" in words or len(words) > MOST_WORDS:
            found.append(f"the message is no line: {words[:2000]}")
        if _of_memory(error):
            found.append(f"memory for more than the file: {words[:200]}")
    except Exception as error:
        found.append(f"{type(error).__name__}: {str(error)[:300]}")
    return None


def _use(reader: Reader, made: object, found: list[str]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.use(made)
    except (*reader.errors, MemoryError):  # a model of its own size may want more than there is
        pass
    except Exception as error:
        found.append(f"in use, {type(error).__name__}: {str(error)[:300]}")


def _of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _bounded(more: int) -> tuple[int, int]:
    """Bound the address space to what it is and some more; what the bounds were before."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    return before
