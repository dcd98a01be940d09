"""No backend reads or writes behind the end of a user's array: the page behind it cannot be touched.

A kernel that reaches over is killed by the operating system, and its process with it: that is a child, or the process
of a share of the cases, of which pytest-xdist then says what it died in.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
import traceback
import warnings

import numpy as np
import pytest
from networks import Memory, Stage, dense, draw, draw_target

from fastnn import losses

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and mprotect")


class AtTheEdge(Memory):
    """Hands out arrays whose last byte is the last before a forbidden page."""

    def array(self, shape, dtype, fill=np.nan, **place):
        inside = np.empty(shape, dtype)
        pages = -(-max(inside.nbytes, 1) // mmap.PAGESIZE)
        room = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
        edge = ctypes.addressof(ctypes.c_char.from_buffer(room)) + pages * mmap.PAGESIZE
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(edge), mmap.PAGESIZE, 0):
            raise OSError("mprotect failed")
        end = pages * mmap.PAGESIZE
        found = np.frombuffer(room, np.uint8, inside.nbytes, end - inside.nbytes).view(dtype).reshape(shape)
        found[...] = fill
        self.kept.append(room)
        return found


def signal_of_child(work) -> int:
    """Run ``work`` in a child: 0 when it ended well, else the signal that killed it (or -1 for an exception)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn when other libraries have threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def killed_by(work) -> int:
    """The signal that killed the process of ``work``, 0 when it ended well.

    Where pytest-xdist tells which case a process died in and starts another, no child is made: a fork copies the page
    tables of all that the session holds, 50 ms for each of 300 runs.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return signal_of_child(work)
    work()
    return 0


def train_and_predict(backend, net, dtype, data):
    stage = Stage(backend, net, dtype)
    edge = AtTheEdge()
    stage.place = lambda values: (
        None if values is None else edge.copy(values, None if values.dtype.kind == "i" else dtype)
    )
    stage.train(*data, epochs=1)
    out = edge.array((len(data[0]), int(net.plan.outputs[0]["size"])), dtype)
    backend.predict(net.plan, stage.arenas, (stage.place(data[0]),), (out,))


@pytest.mark.covering
@pytest.mark.parametrize(
    "loss",
    [
        "mean_squared_error",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "categorical_focal_crossentropy",
        "sparse_categorical_focal_crossentropy",
    ],
)
@pytest.mark.parametrize(
    ("widths", "rows"), [((1, 1), 3), ((7, 1), 13), ((7, 5, 3), 37), ((33, 17, 19), 5), ((300, 130, 99), 100)]
)
def test_nothing_behind_a_users_array_is_touched(backend, dtype, rng, loss, widths, rows):
    net = dense(rng, widths, "relu", loss=losses.get(loss), optimizer="adam")
    data = (
        draw(rng, (rows, widths[0])),
        draw_target(rng, net.plan.loss_records[0], rows, (widths[-1],)),
        draw(rng, rows) ** 2,
    )
    assert killed_by(lambda: train_and_predict(backend, net, dtype, data)) == 0


def test_the_forbidden_page_is_there():
    edge = AtTheEdge().array(5, np.float32, 0)
    beyond = np.lib.stride_tricks.as_strided(edge, (6,), (4,))
    assert signal_of_child(lambda: beyond[5].sum()) in (signal.SIGSEGV, signal.SIGBUS)
