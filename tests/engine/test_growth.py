"""Memory that a program keeps over many fits: none."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig

import pytest

from fastnn import _kernels

SCRIPT = """
import ctypes, gc, json, sys
import numpy as np
import fastnn
from fastnn.layers import Dense, Dropout

FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
x = np.random.default_rng(0).random((32, 4), np.float32)

def fits(count):
    for _ in range(count):
        layers = [Dense(8, "tanh", input_shape=(4,)), Dropout(0.1), Dense(1)]
        model = fastnn.Sequential(layers, seed=1, backend=sys.argv[1])
        model.compile("adam", "mse")
        model.fit(x, x[:, :1], epochs=1, verbose=0)
        model.predict(x)

def used():
    gc.collect()
    libc.malloc_trim(0)
    heap = libc.mallinfo2()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * 4096
    return {"heap": heap.uordblks + heap.hblkhd, "objects": sys.getallocatedblocks(), "resident": resident}

count = int(sys.argv[2])
fits(max(200, count // 10))
before = used()
fits(count)
after = used()
print(json.dumps({name: after[name] - before[name] for name in after}))
"""


def has_mallinfo2() -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    return hasattr(ctypes.CDLL(None), "mallinfo2")


@pytest.mark.skipif(not has_mallinfo2(), reason="it asks Linux and glibc 2.33")
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.long)])
def test_fits_leave_no_memory_behind(count):
    name = "numpy" if _kernels.why_not("cython") else "cython"
    done = subprocess.run([sys.executable, "-c", SCRIPT, name, str(count)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grown = json.loads(done.stdout)
    # What is in use grows by caches that fill; a fit that loses one object or one buffer passes these at 10,000 fits.
    assert grown["heap"] < 16 * count + 2**14
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # its allocator gives back late: thousands come and go
    assert grown["objects"] < count // 2 + (8000 if free else 400)
    # Pages come and go with the heap's holes: up to 1.2 MB in 40,000 fits whose bytes in use stand still.
    assert grown["resident"] < (2**24 if free else 2**22)
