"""What small fits, calls and predictions take, on one thread: the least CPU time of many, in microseconds.

    python bench/small_calls.py

Only public names are used, so that with ``PYTHONPATH=DIR`` the same command times another checkout that is built; run
both in turns and compare the least.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

os.environ["FASTNN_NUM_THREADS"] = "1"

import numpy as np

from fastnn import Sequential
from fastnn.layers import Dense


def least(call: Callable[[], Any], times: int, inner: int = 1) -> float:
    """The least of ``times`` mean times of ``inner`` calls."""
    found = []
    for _ in range(times):
        start = time.process_time()
        for _ in range(inner):
            call()
        found.append((time.process_time() - start) / inner * 1e6)
    return min(found)


def make(widths: tuple[int, ...], hidden: str = "relu", last: str | None = None, loss: str = "mse") -> Sequential:
    """A compiled chain that is built."""
    layers = [Dense(widths[1], hidden, input_shape=widths[:1]), *(Dense(n, hidden) for n in widths[2:-1])]
    model = Sequential([*layers, Dense(widths[-1], last)], seed=1, backend="cython")
    model.compile("adam", loss)
    return model


def update(model: Sequential, x: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> float:
    """An update within a fit of many."""
    model.fit(x, y, epochs=1, batch_size=batch, verbose=0)
    updates = epochs * -(-len(x) // batch)
    return least(lambda: model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0), 7) / updates


def main() -> None:
    rng = np.random.default_rng(0)
    x, y, wide = (rng.normal(size=(1024, n)).astype(np.float32) for n in (20, 1, 64))
    images, labels = rng.random((4096, 784)).astype(np.float32), rng.integers(0, 10, 4096)
    corners, odd = np.float32([[0, 0], [0, 1], [1, 0], [1, 1]]), np.float32([[0], [1], [1], [0]])
    model = make((20, 64, 32, 1))
    images_net = make((784, 128, 10), "relu", "softmax", "sparse_categorical_crossentropy")
    xor = make((2, 8, 1), "tanh", "sigmoid", "binary_crossentropy")
    figures = {
        "update 20-64-32-1, batch 32": update(model, x, y, 32, 20),
        "update 784-128-10, batch 128": update(images_net, images, labels, 128, 2),
        "update 2-8-1, batch 4": update(xor, corners, odd, 4, 3000),
        "update 64 x 6 - 10, batch 32": update(make((64,) * 6 + (10,), "tanh"), wide, wide[:, :10], 32, 5),
    }
    predictor, row = model.predictor(), x[0]
    figures |= {
        "train_on_batch, 32 rows": least(lambda: model.train_on_batch(x[:32], y[:32]), 7, 100),
        "fit of one epoch, 32 rows": least(lambda: model.fit(x[:32], y[:32], epochs=1, verbose=0), 7, 100),
        "predictor, 1 row": least(lambda: predictor(row), 15, 3000),
        "predictor, 1024 rows": least(lambda: predictor(x), 15, 50),
        "predict, 1 row": least(lambda: model.predict(x[:1]), 15, 500),
        "compile and build": least(lambda: make((20, 64, 32, 1)), 7, 20),
    }
    for name, value in figures.items():
        print(f"{name:30} {value:9.2f}")


if __name__ == "__main__":
    main()
