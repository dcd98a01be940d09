"""What a batch of an iterable costs: the same epochs on arrays and on batches take turns, and the least counts.

``python bench/streams.py`` prints microseconds a batch on arrays, and what a list of batches, a generator and a
generator that takes long to make a batch add to that.
"""

from __future__ import annotations

import time

import numpy as np

from fastnn import Sequential
from fastnn.layers import Dense

BATCH, BATCHES, ROUNDS = 32, 40, 150
SLOW = 2e-4  # seconds that the slow generator works on a batch, with the GIL given up as by NumPy on large arrays
NETWORKS = {"20-16-1": (20, 16, 1), "20-64-32-1": (20, 64, 32, 1), "200-256-256-1": (200, 256, 256, 1)}


def model_of(widths: tuple[int, ...]) -> Sequential:
    layers = [Dense(n, "relu") for n in widths[1:-1]]
    model = Sequential([*layers, Dense(widths[-1])], seed=1)
    model.build((widths[0],))
    model.compile("adam", "mse")
    return model


def ways(x: np.ndarray, y: np.ndarray):
    """Calls of fit by name, of one epoch each."""
    batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def slow():
        for batch in batches:
            time.sleep(SLOW)
            yield batch

    return {
        "arrays": lambda model: model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0),
        "list": lambda model: model.fit(batches, shuffle=False, verbose=0),
        "generator": lambda model: model.fit((batch for batch in batches), verbose=0),
        "slow generator": lambda model: model.fit(slow(), verbose=0),
    }


def main() -> None:
    rng = np.random.default_rng(0)
    for name, widths in NETWORKS.items():
        x = rng.normal(size=(BATCH * BATCHES, widths[0])).astype(np.float32)
        y = x[:, :1].copy()
        calls = ways(x, y)
        models = {way: model_of(widths) for way in calls}
        least = dict.fromkeys(calls, float("inf"))
        for _ in range(ROUNDS):
            for way, call in calls.items():
                began = time.perf_counter()
                call(models[way])
                least[way] = min(least[way], time.perf_counter() - began)
        us = {way: 1e6 * seconds / BATCHES for way, seconds in least.items()}
        added = ", ".join(f"{way} {us[way] - us['arrays']:+.1f}" for way in calls if way != "arrays")
        print(f"{name}: arrays {us['arrays']:.1f} us a batch; {added}")


if __name__ == "__main__":
    main()
