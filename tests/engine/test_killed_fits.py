"""Fits that are killed, or whose disk fails, at any moment: the checkpoint is whole, and the fit goes on from it."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from broken_fits import state_of

import fastnn
from fastnn import Sequential
from fastnn.callbacks import EarlyStopping
from fastnn.layers import BatchNormalization, Dense, Dropout

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
EPOCHS = 4


def fit(path=None):
    """A fit of 24 updates with what draws, measures and waits; a checkpoint behind each."""
    rng = np.random.default_rng(0)
    layers = [Dense(16, "relu", input_shape=(5,)), Dropout(0.2), BatchNormalization(), Dense(1)]
    model = Sequential(layers, seed=2, backend=None if fastnn.get_backend() == "cython" else "numpy")
    model.compile("adam", "mse", metrics=["mae"])
    told = {} if path is None else {"checkpoint": path, "checkpoint_every": 1}
    model.fit(
        rng.normal(size=(48, 5)),
        rng.normal(size=(48, 1)),
        batch_size=8,
        epochs=EPOCHS,
        verbose=0,
        validation_data=(rng.normal(size=(8, 5)), rng.normal(size=(8, 1))),
        callbacks=[EarlyStopping(patience=20, restore_best_weights=True)],
        **told,
    )
    return model


def in_a_child(work) -> int:
    """Fork a process that does some work, and ends with 0 when it is done."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def kill_often(kills: int, path: Path) -> int:
    """Kill fits that many times, each of which goes on where the last one was killed; how many came to their end."""
    whole, draw = state_of(fit()), random.Random(kills)
    began = time.perf_counter()
    os.waitpid(in_a_child(lambda: fit(path)), 0)
    span, done, ended = 1.2 * (time.perf_counter() - began), 0, 0
    path.unlink()
    while done < kills:
        child = in_a_child(lambda: fit(path))
        time.sleep(draw.uniform(0, span))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        done += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        if path.exists() and fastnn.load(path).step == 24 and not os.WIFSIGNALED(status):
            assert state_of(fit(path)) == whole
            path.unlink()
            ended += 1
    assert state_of(fit(path)) == whole
    return ended


@pytest.mark.parametrize("kills", [12, pytest.param(1000, marks=pytest.mark.long)])
def test_killed_at_any_moment_it_ends_with_the_same_bits(kills, tmp_path):
    """In a process of its own, for one with all tests in it is slow to fork."""
    path = tmp_path / "run.safetensors"
    program = f"from test_killed_fits import *; print(kill_often({kills}, Path({str(path)!r})))"
    here = Path(__file__).parent
    places = os.pathsep.join([str(here.parents[1]), str(here.parent), str(here), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert kills < 100 or int(told.stdout) > 0
    assert [name for name in os.listdir(tmp_path) if name != path.name] == []  # what was left was swept


FAILING = ("write", "fsync", "replace", "open")


class Disk:
    """Fails in one of its calls."""

    def __init__(self, monkeypatch, at, error):
        self.count, self.at, self.error = 0, at, error
        for name in FAILING:
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))

    def _failing(self, real):
        def call(*arguments, **told):
            self.count += 1
            if self.count == self.at:
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments, **told)

        return call


@pytest.mark.parametrize("stride", [23, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_in_any_call_leaves_a_whole_file_and_says_so(error, stride, tmp_path):
    path, whole, at, failed = tmp_path / "run.safetensors", state_of(fit()), 0, 0
    while True:
        at += stride
        with pytest.MonkeyPatch.context() as patch:
            disk, told = Disk(patch, at, error), []
            try:
                fit(path)
            except OSError as came:
                told.append((came.errno, came.filename))
        if disk.count < at:
            break
        assert told in ([], [(error, str(path))])  # of a folder that nobody waits for there may be no word
        failed += len(told)
        if path.exists():
            assert fastnn.load(path).step <= 24
        assert state_of(fit(path)) == whole
        path.unlink()
    assert failed * stride > 70


def test_two_fits_that_write_one_file_leave_a_whole_one(tmp_path):
    path, whole = tmp_path / "run.safetensors", state_of(fit())
    for _ in range(5):
        children = [in_a_child(lambda: fit(path)) for _ in range(2)]
        assert [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
        assert state_of(fit(path)) == whole
        path.unlink()
