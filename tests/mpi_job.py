"""What ``test_mpi.py`` starts on several processes: trainings, and what goes wrong in them.

``python tests/mpi_job.py CASE [ARGUMENT ...]``; the first rank prints what the test reads.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from fastnn import callbacks
from fastnn.distributed import DataParallel
from tests.doors import test_distributed as networks


def digest(model):
    parts = networks.left(model)
    return hashlib.sha256(b"".join(parts[:2]) + repr(parts[2:]).encode()).hexdigest()[:16]


def fits():
    """Digests of all networks, precisions and shards."""
    job = DataParallel()
    for name, make in networks.NETWORKS.items():
        for dtype in ("float32", "float64"):
            for shards in (12, 16):
                told(job, name, dtype, shards, digest(networks.trained(make, dtype, job.comm, shards, epochs=2)[0]))


def told(job, *words):
    everywhere = job.comm.gather(repr(words).encode())
    assert len(set(everywhere)) == 1, everywhere
    if job.rank == 0:
        print(*words, flush=True)


class At(callbacks.Callback):
    """Does something in one rank behind an update."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_train_batch_end(self, batch, logs=None):
        if self.model.state.step >= self.step:
            self.act()


def resumed(path, step="0", victim="0", sign="9"):
    """A fit with a checkpoint, in which a signal comes to one rank after so many updates; or that goes on."""
    job = DataParallel(shards=12, timeout=float(os.environ.get("JOB_TIMEOUT", "60")))
    model, x, y = networks.dense("float32")

    def act():
        if job.rank == int(victim):
            os.kill(os.getpid(), int(sign))

    own = [At(int(step), act)] if int(step) else []
    model.fit(
        x, y, batch_size=16, epochs=6, verbose=0, checkpoint=path, checkpoint_every=1, callbacks=own, distribution=job
    )
    told(job, digest(model))


def raises(where):
    """An error of a user's in one rank, or in all."""
    job = DataParallel(shards=4)
    model, x, y = networks.wide("float32")

    def act():
        if where == "all" or job.rank == int(where):
            raise ZeroDivisionError("of the user's own")

    model.fit(x, y, batch_size=16, epochs=3, callbacks=[At(4, act)], distribution=job)


def differs(what):
    """Ranks that are given other things."""
    job = DataParallel(shards=5 if what == "shards" and int(os.environ["PMI_RANK"]) else 4)
    odd = job.rank == job.size - 1
    model, x, y = networks.wide("float64" if what == "dtype" and odd else "float32")
    if what == "data" and odd:
        x = x + 1e-3
    if what == "rows" and odd:
        x, y = x[:-1], y[:-1]
    model.fit(x, y, batch_size=16 + (what == "batch_size" and odd), epochs=1, distribution=job)


def bandwidth(n, rounds):
    """Seconds a step of a wide network, and bytes that its parameters have."""
    job = DataParallel(shards=job_shards(), timeout=float(os.environ.get("JOB_TIMEOUT", "60")))
    model, x, y = (
        networks.compiled(
            [networks.layers.Dense(int(n), "relu", input_shape=(int(n),)), networks.layers.Dense(1)], "sgd", "mse"
        ),
        *(np.zeros((64, int(n))), np.zeros(64)),
    )
    model.fit(x, y, batch_size=64, epochs=1, distribution=job)
    began = time.perf_counter()
    model.fit(x, y, batch_size=64, epochs=int(rounds), distribution=job)
    told(job, "done", round(time.perf_counter() - began, 1) * 0, len(model.state.params) * 4)


def job_shards():
    return int(os.environ.get("JOB_SHARDS", "4"))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    globals()[sys.argv[1]](*sys.argv[2:])
