"""Many networks on executors: how much two workers are faster than one, and what a task costs beside its training.

    python bench/executors.py [--models 64] [--epochs 12] [--kinds threads spawn loky dask]

64 networks (784-128-10, Adam, batches of 128) are trained on 6,000 rows by one worker and by two, in turns; times are
the least of the runs, without the beginning of the pool. "Cost" is what a network of one update takes on one worker
beside what it takes here. Results are compared with those of ``fit``, to the last bit. The load of the machine is told,
for two workers want two idle processors.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np

import fastnn
from fastnn import Sequential
from fastnn.layers import Dense

HERE = os.path.dirname(os.path.abspath(__file__))
Make = Callable[[int], contextlib.AbstractContextManager[Executor]]


def spawned(n: int) -> Executor:
    """Processes of Python's own."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


@contextlib.contextmanager
def loky(n: int) -> Iterator[Executor]:
    """Joblib's processes."""
    from joblib.externals.loky import ProcessPoolExecutor as Loky

    with Loky(n) as executor:
        yield executor


@contextlib.contextmanager
def dask(n: int) -> Iterator[Executor]:
    """A cluster of this machine's."""
    from distributed import Client, LocalCluster

    told = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(**told) as cluster, Client(cluster) as client:
        client.wait_for_workers(n)
        yield client.get_executor()


KINDS: dict[str, Make] = {"threads": ThreadPoolExecutor, "spawn": spawned, "loky": loky, "dask": dask}


def networks(n: int) -> list[Sequential]:
    """Networks that differ in their seeds."""
    made = [Sequential([Dense(128, "relu", input_shape=(784,)), Dense(10, "softmax")], seed=i) for i in range(n)]
    for model in made:
        model.compile("adam", "sparse_categorical_crossentropy")
    return made


def seconds(executor: Executor, models: list[Sequential], *data: Any, **how: Any) -> float:
    """What a call takes."""
    began = time.perf_counter()
    fastnn.fit_many(models, *data, executor=executor, **how)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x, y = rng.random((6000, 784), np.float32), rng.integers(0, 10, 6000)
    how = {"batch_size": 128, "epochs": arguments.epochs}
    few = x[:128], y[:128]
    here = networks(2)
    for model in here:
        model.fit(x, y, verbose=0, **how)
    print(f"load of the machine at the beginning: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'executor':10} {'one worker':>12} {'two workers':>12} {'times':>6} {'cost of a task':>16}  load")
    for kind in arguments.kinds:
        took: dict[int, list[float]] = {1: [], 2: []}
        costs: list[float] = []
        for _ in range(arguments.turns):
            for n in took:
                with KINDS[kind](n) as executor:  # alone: what waits takes processors, too, as Dask's clocks do
                    fastnn.fit_many(networks(8), *few, executor=executor)  # workers have imported all
                    models = networks(arguments.models)
                    took[n].append(seconds(executor, models, x, y, **how))
                    for model, other in zip(models, here, strict=False):
                        assert (model.params == other.params).all(), "other bits than those of fit"
                    if n == 1:
                        costs += [_cost(executor, few) for _ in range(3)]
        alone, both = min(took[1]), min(took[2])
        load = os.getloadavg()[0]
        print(
            f"{kind:10} {alone:10.2f} s {both:10.2f} s {alone / both:6.2f} {min(costs) * 1e3:13.1f} ms  {load:.1f}",
            flush=True,
        )


def _cost(executor: Executor, few: tuple[Any, Any], n: int = 32) -> float:
    """Seconds that a network of one update takes on one worker beside those on a thread here."""
    with ThreadPoolExecutor(1) as thread:
        there, here = seconds(executor, networks(n), *few), seconds(thread, networks(n), *few)
    return (there - here) / n


if __name__ == "__main__":
    main()
