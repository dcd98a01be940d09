"""What training on several processes costs and brings: python bench/data_parallel.py [--rounds 5]

Every process has one thread. First what shards cost on one process, beside ``fit``, in processor time: the least of
several rounds in turn. Then two processes beside one, started by mpiexec, and what a message and a byte cost between
them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from fastnn import Sequential, set_num_threads
from fastnn.distributed import DataParallel
from fastnn.layers import Dense

NETS = {
    "784-128-10, batch 128": ((784, 128, 10), 128, 40),
    "784-512-512-10, batch 256": ((784, 512, 512, 10), 256, 10),
    "1024x4-10, batch 1024": ((1024, 1024, 1024, 1024, 1024, 10), 1024, 3),
}
SHARDS = 1, 2, 4, 8, 16


def network(widths):
    hidden = [Dense(width, "relu") for width in widths[1:-1]]
    model = Sequential([*hidden, Dense(widths[-1], "softmax")], seed=1)
    model.build((widths[0],))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def data(widths, batch, steps):
    draws = np.random.default_rng(1)
    n = batch * steps
    return draws.standard_normal((n, widths[0])).astype(np.float32), draws.integers(0, widths[-1], n)


def seconds(model, rows, batch, distribution, clock=time.perf_counter):
    began = clock()
    model.fit(*rows, batch_size=batch, epochs=1, verbose=0, distribution=distribution)
    return clock() - began


def cost_of_shards(rounds):
    """Milliseconds of an update by ``fit``, and how many times as long with so many shards on one process."""
    found = {}
    for name, (widths, batch, steps) in NETS.items():
        rows, least = data(widths, batch, steps), {}
        models = {shards: network(widths) for shards in (0, *SHARDS)}
        for _ in range(rounds + 1):
            for shards, model in models.items():
                job = DataParallel(shards=shards) if shards else None
                took = seconds(model, rows, batch, job, time.thread_time)  # others' load is none of its own
                least.setdefault(shards, []).append(took)
        least = {shards: min(times[1:]) / steps for shards, times in least.items()}
        found[name] = (least[0] * 1e3, {shards: least[shards] / least[0] for shards in SHARDS})
    return found


def of_a_job(rounds, shards):
    """Milliseconds of an update of this job, for each network; and of messages. Run by mpiexec."""
    job, found = DataParallel(shards=shards), {}
    for name, (widths, batch, steps) in NETS.items():
        model, rows = network(widths), data(widths, batch, steps)
        times = [seconds(model, rows, batch, job) for _ in range(rounds + 1)]
        found[name] = min(times[1:]) / steps * 1e3
    if job.size == 2:
        small = []
        for _ in range(300):
            began = time.perf_counter()
            job.comm.gather(b"x" * 64)
            small.append(time.perf_counter() - began)
        large, vector = [], np.zeros(4_000_000, np.float32)
        for _ in range(20):
            began = time.perf_counter()
            job.comm.share(vector, [0, len(vector) // 2, len(vector)])
            large.append(time.perf_counter() - began)
        found["message"], found["byte"] = float(np.median(small)), float(np.median(large)) / (vector.nbytes / 2)
    if job.rank == 0:
        print(json.dumps(found))


def started(n, rounds, shards):
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
    command = [mpiexec, "-n", str(n), sys.executable, __file__, "--job", str(shards), "--rounds", str(rounds)]
    env = {**os.environ, "FASTNN_NUM_THREADS": "1"}
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    set_num_threads(1)
    if given.job:
        of_a_job(given.rounds, given.job)
        return
    print("one process: milliseconds an update by fit, and how many times that with 1, 2, 4, 8, 16 shards")
    for name, (alone, times) in cost_of_shards(given.rounds).items():
        print(f"  {name:28} {alone:8.2f} ms  " + "  ".join(f"{times[shards]:5.2f}" for shards in SHARDS))
    print("one process and two, in turn: milliseconds an update, and how many times as fast two are")
    for shards in (2, 4, 16):
        ones, twos = [], []
        for _ in range(3):
            ones.append(started(1, given.rounds, shards))
            twos.append(started(2, given.rounds, shards))
        for name in NETS:
            one, two = (min(each[name] for each in found) for found in (ones, twos))
            print(f"  {name:28} shards {shards:2}  {one:8.2f} {two:8.2f} ms  {one / two:5.2f}")
    message, byte = (min(found[what] for found in twos) for what in ("message", "byte"))
    print(f"between two processes here: {message * 1e6:.1f} us a message, {byte * 1e9:.3f} ns a byte")


if __name__ == "__main__":
    main()
