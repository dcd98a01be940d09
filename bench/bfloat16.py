"""What products of bf16 numbers cost and give: accuracy beside float32, speed of training, and of predictors.

    python bench/bfloat16.py [--rounds 15] [--folder DATA [--seeds 5]]

On one thread, the least CPU time of many, all in turns, beside float32, and in training beside PyTorch under
``torch.autocast`` where it is installed. DATA is as of ``estimators.py``; of MNIST, digits and adult the
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

from fastnn import Input, Model, Sequential
from fastnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from fastnn.models.profiling import training_bound

MIXED = "mixed_bfloat16"
PREDICTED = {"thin": [2048] * 4, "wide": [1024] * 5, "mnist512": [784, 512, 512, 10], "policy": [8, 64, 64, 4]}
TRAINED = {"thin": ([2048] * 4, 16), "mnist512": ([784, 512, 512, 10], 256), "wide": ([1024] * 5, 1024)}
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


def lenet(dtype: str) -> Sequential:
    """LeNet-5 with 128 filters."""
    layers = [Conv2D(64, 5, padding="same", activation="relu"), MaxPooling2D(2), Conv2D(128, 5, activation="relu")]
    ends = [MaxPooling2D(2), Flatten(), Dense(120, "relu"), Dense(84, "relu"), Dense(10)]
    return Sequential([Input((28, 28, 1)), *layers, *ends], seed=0, dtype=dtype)  # type: ignore[arg-type]


def residual(channels: int, side: int, dtype: str) -> Model:
    """Two residual blocks of two convolutions each."""
    inputs = x = Input((side, side, channels))
    for _ in range(2):
        made = Activation("relu")(BatchNormalization()(Conv2D(channels, 3, padding="same", use_bias=False)(x)))
        made = BatchNormalization()(Conv2D(channels, 3, padding="same", use_bias=False)(made))
        x = Activation("relu")(Add()([x, made]))
    return Model(inputs, Dense(10)(GlobalAveragePooling2D()(x)), dtype=dtype, seed=0)


def of_images() -> dict[str, tuple[Callable[[str], Model], int]]:
    made: dict[str, tuple[Callable[[str], Model], int]] = {"LeNet-5, 128 filters": (lenet, 128)}
    for channels, side in ((16, 32), (32, 16), (64, 16)):
        made[f"residual {side}x{side}x{channels}"] = (lambda dtype, c=channels, s=side: residual(c, s, dtype), 64)
    return made


def autocast(widths: list[int], x: np.ndarray, y: np.ndarray, batch: int) -> Callable[[], Any] | None:
    """PyTorch's epoch of a dense network in bf16."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    rows = [(torch.from_numpy(x[i : i + batch]), torch.from_numpy(y[i : i + batch])) for i in range(0, len(x), batch)]

    def epoch() -> None:
        for given, wanted in rows:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = torch.nn.functional.mse_loss(network(given).float(), wanted)
            loss.backward()
            optimizer.step()

    return epoch


def told(name: str, batch: int, models: list[Model], rounds: int, widths: list[int] | None) -> str:
    """What a step takes of models of float32 and mixed, and of PyTorch's."""
    rng = np.random.default_rng(0)
    shapes = models[0].input_shape[1:], models[0].output_shape[1:]
    x, y = (rng.random((4 * batch, *shape)).astype(np.float32) for shape in shapes)
    runs: list[Callable[[], Any]] = []
    for model in models:
        model.compile("adam", "mse")
        runs.append(lambda model=model: model.fit(x, y, batch_size=batch, epochs=1, verbose=0))
    peer = autocast(widths, x, y, batch) if widths else None
    took = least([*runs, peer] if peer else runs, rounds) / 4
    ours = f"float32 {took[0]:8.3f}, mixed {took[1]:8.3f} ms, {took[0] / took[1]:.2f}"
    beside = f", PyTorch's autocast {took[2]:8.3f} ms, {took[2] / took[1]:.2f}" if peer else ""
    bound = training_bound(models[1], x, y, batch)
    reached = f"; bound of mixed {bound.seconds * 1e3:8.3f} ms, {bound.seconds * 1e3 / took[1]:.0%}" if bound else ""
    return f"{name:20} batches of {batch:4}: {ours}{beside}{reached}"


def trainings(rounds: int) -> None:
    """A few updates with Adam; how many times as fast mixed is as each."""
    for name, (widths, batch) in TRAINED.items():
        print(told(name, batch, [dense(widths, dtype) for dtype in ("float32", MIXED)], rounds, widths))
    for name, (made, batch) in of_images().items():
        print(told(name, batch, [made(dtype) for dtype in ("float32", MIXED)], rounds, None))


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
