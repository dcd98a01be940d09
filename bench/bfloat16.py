"""What products of bf16 numbers cost and give: accuracy beside float32, speed of training, and of predictors.

    python bench/bfloat16.py [--rounds 15] [--folder DATA [--seeds 5]]

On one thread, the least CPU time of many, all in turns. DATA is as of ``estimators.py``; of MNIST, digits and adult the
share of the test rows that are right is told, in float32 and mixed, as means over the seeds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["FASTNN_NUM_THREADS"] = "1"

import bounds
import estimators
import machine
import numpy as np

from fastnn import Input, Sequential
from fastnn.layers import Dense, Dropout

MIXED = "mixed_bfloat16"
PREDICTED = {"thin": [2048] * 4, "wide": [1024] * 5, "mnist512": [784, 512, 512, 10], "policy": [8, 64, 64, 4]}
TRAINED = {"thin": ([2048] * 4, 16), "wide": ([1024] * 5, 256), "mnist512": ([784, 512, 512, 10], 256)}
ROWS = (1, 16, 1024)


def dense(widths: list[int], dtype: str) -> Sequential:
    """Layers of these widths."""
    layers = (Dense(n, "relu") for n in widths[1:])
    return Sequential([Input((widths[0],)), *layers], seed=0, dtype=dtype)  # type: ignore[arg-type]


def least(calls: list[Callable[[], Any]], rounds: int) -> np.ndarray:
    """Milliseconds of CPU time of each."""
    best = np.full(len(calls), np.inf)
    for call in calls:
        call()
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            best[i] = min(best[i], (time.process_time() - start) * 1e3)
    return best


def predictions(rounds: int) -> None:
    """Predictors of a model of float32, and of the same with kernels held in bf16."""
    bandwidth = bounds.bandwidth(1)
    for name, widths in PREDICTED.items():
        model = dense(widths, "float32")
        plain, held = model.predictor(), model.predictor(precision="bfloat16")
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        for n in ROWS:
            x = np.random.default_rng(0).random((n, widths[0])).astype(np.float32)
            times = max(1, int(1e7 / (weights * n)))
            runs = [lambda f=f, x=x, times=times: [f(x) for _ in range(times)] for f in (plain, held)]
            took = least(runs, rounds) / times
            bound = [f"{size * weights / bandwidth * 1e3:.3f}" for size in (4, 2)]
            print(
                f"{name:9} {n:5} rows: float32 {took[0]:9.4f}, bfloat16 {took[1]:9.4f} ms, {took[0] / took[1]:.2f} "
                f"times as fast; weights alone at {bandwidth / 1e9:.0f} GB/s: {bound[0]} and {bound[1]} ms"
            )


def trainings(rounds: int) -> None:
    """A few updates with Adam."""
    for name, (widths, batch) in TRAINED.items():
        rng = np.random.default_rng(0)
        x, y = (rng.random((4 * batch, n)).astype(np.float32) for n in (widths[0], widths[-1]))
        runs = []
        for dtype in ("float32", MIXED):
            model = dense(widths, dtype)
            model.compile("adam", "mse")
            runs.append(lambda model=model, x=x, y=y, n=batch: model.fit(x, y, batch_size=n, epochs=1, verbose=0))
        took = least(runs, rounds) / 4
        print(
            f"{name:9} batches of {batch:3}: float32 {took[0]:8.3f}, mixed {took[1]:8.3f} ms, {took[1] / took[0]:.3f}"
        )


TASKS: dict[str, tuple[list[int], int]] = {"optdigits": ([64, 32], 30), "adult": ([64, 32], 10), "mnist": ([128], 8)}


def share_right(rows: tuple, widths: list[int], epochs: int, dtype: str, seed: int) -> float:
    x, y, x_test, y_test = rows
    classes = np.unique(y)
    layers = [layer for n in widths for layer in (Dense(n, "relu"), Dropout(0.1))]
    given = [Input(np.shape(x)[1:]), *layers, Dense(len(classes), "softmax")]
    model = Sequential(given, dtype=dtype, seed=seed)  # type: ignore[arg-type]
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, np.searchsorted(classes, y), batch_size=64, epochs=epochs, verbose=0)
    return float((classes[model.predict(x_test).argmax(axis=1)] == y_test).mean())


def accuracies(folder: Path, seeds: int) -> None:
    for name, (widths, epochs) in TASKS.items():
        rows, both = estimators.read(name, folder), ("float32", MIXED)
        found = np.array([[share_right(rows, widths, epochs, dtype, seed) for dtype in both] for seed in range(seeds)])
        mean, spread = 100 * found.mean(axis=0), 100 * found.std(axis=0)
        print(
            f"{name:9} float32 {mean[0]:.2f} (spread {spread[0]:.2f}), mixed {mean[1]:.2f} ({spread[1]:.2f}) % right, "
            f"difference {mean[1] - mean[0]:+.2f}"
        )


def main(rounds: int, folder: Path | None, seeds: int) -> None:
    print(machine.describe())
    predictions(rounds)
    trainings(rounds)
    if folder is not None:
        accuracies(folder, seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    main(given.rounds, given.folder, given.seeds)
