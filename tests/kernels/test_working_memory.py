"""Native calls that do not get the working memory that an op wants: an error, and all is as before."""

from __future__ import annotations

import ctypes
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from networks import Stage, draw, network
from norms import positive
from test_guard_pages import signal_of_child

from fastnn import _kernels
from fastnn._base import threads
from fastnn.layers import BatchNormalization, Conv2D, Dense, Flatten, GroupNormalization

DOUBLE, MANY = np.dtype("float64"), 2**22
IMAGES = (16, 16, 1)
WANT_MEMORY = {  # of each kind a layer that wants little and one that wants more than 64 MiB, what they read, and rows
    "conv": ((Conv2D(1, 3), Conv2D(1, 3, padding="same", dilation_rate=2048)), (IMAGES, IMAGES), 16),
    "batch_norm": ((BatchNormalization(), BatchNormalization()), ((5,), (MANY,)), 1),
    "group_norm": ((GroupNormalization(1), GroupNormalization(1)), ((5,), (MANY,)), 1),
}


def no_more_memory() -> None:
    """Let the process have what it has and 64 MiB, in smaller blocks.

    What tests before have freed may lie in the heap in larger ones, which serve when the system gives no more.
    """
    resource = pytest.importorskip("resource", reason="limits are those of POSIX")
    malloc = ctypes.CDLL(None).malloc
    malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**26, resource.RLIM_INFINITY))
    while malloc(2**26):
        pass


def in_another_thread(work) -> None:
    """Do it where no working memory is left of what ran before."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process holds is read from Linux' /proc")
@pytest.mark.parametrize(
    ("kind", "n"),
    [  # without --long every kind with one or two threads
        pytest.param(kind, n, marks=() if (i + n) % 2 else pytest.mark.long)
        for i, kind in enumerate(WANT_MEMORY)
        for n in (1, 2)
    ],
)
def test_a_call_without_working_memory_ends_with_an_error(rng, kind, n):
    """Before and after, a smaller network works as ever."""
    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    native = _kernels.load("cython")
    layers, shapes, n_rows = WANT_MEMORY[kind]
    nets = [
        positive(network(rng, (layer, Flatten(), Dense(1)), shape, loss="mse", optimizer="sgd", batch_size=n_rows))
        for layer, shape in zip(layers, shapes, strict=True)
    ]
    (few, x), target = (draw(rng, (n_rows, math.prod(shape))) for shape in shapes), draw(rng, (n_rows, 1))

    def work():
        native.flop_a_thread(1.0)
        with threads.limited(n):
            small, large = (Stage(native, net, DOUBLE) for net in nets)
            before = small.forward(few)
            rows, out = large.place(x), large.memory.array((n_rows, 1), DOUBLE, 0)
            large.x = rows
            params = large.params()
            no_more_memory()
            calls = (
                lambda: native.forward(large.plan, large.arenas, (rows,)),
                lambda: native.backward(large.plan, large.arenas, (rows,)),
                lambda: native.predict(large.plan, large.arenas, (rows,), (out,)),
                lambda: large.train(x, target, epochs=1),
            )
            for call in calls:
                with pytest.raises(MemoryError, match="working memory"):
                    call()
            assert np.array_equal(large.arenas.params, params)
            np.testing.assert_array_equal(small.forward(few), before)

    assert signal_of_child(lambda: in_another_thread(work)) == 0
