"""Memory that a program keeps over many fits: none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastnn import _kernels

SCRIPT = """
import ctypes, gc, sys
import numpy as np
import fastnn
from fastnn.layers import Dense, Dropout

trim = ctypes.CDLL(None).malloc_trim
x = np.random.default_rng(0).random((32, 4), np.float32)

def fits(count):
    for _ in range(count):
        layers = [Dense(8, "tanh", input_shape=(4,)), Dropout(0.1), Dense(1)]
        model = fastnn.Sequential(layers, seed=1, backend=sys.argv[1])
        model.compile("adam", "mse")
        model.fit(x, x[:, :1], epochs=1, verbose=0)
        model.predict(x)

def resident():
    gc.collect()
    trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

count = int(sys.argv[2])
fits(max(200, count // 10))
before = resident()
fits(count)
print(resident() - before)
"""
MOST_BYTES = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux and glibc")
@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.long)])
def test_fits_leave_no_memory_behind(count):
    name = "numpy" if _kernels.why_not("cython") else "cython"
    done = subprocess.run([sys.executable, "-c", SCRIPT, name, str(count)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_BYTES
