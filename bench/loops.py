"""What a step of one's own loop costs beside its native calls: a 4-64-64-2 network, 32 rows, Adam, float32.

    python bench/loops.py [--backend cython] [--seconds 3]

Times are the least of many interleaved runs, in microseconds. "native" is the backend's three functions with all that
they take prepared and the slope in NumPy, one after the other as in a step, so that each finds the caches as there;
"step" is ``model(x)``, the slope in NumPy, ``gradients(x, dy=)`` and ``apply_gradients``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import Sequential, _kernels
from fastnn._kernels.contract import Rows
from fastnn.layers import Dense

ROWS, INNER = 32, 3


def make(backend: str) -> Sequential:
    """The network of a small control task."""
    layers = [Dense(64, "relu", input_shape=(4,)), Dense(64, "relu"), Dense(2)]
    model = Sequential(layers, seed=0, backend=backend)
    model.compile("adam", "mse")
    return model


def native(model: Sequential, x: np.ndarray, dy: np.ndarray) -> dict[str, Callable[[], Any]]:
    """The backend's functions on arrays that are there."""
    model.apply_gradients(model.gradients(x, dy=dy))
    loops: Any = model._prepared()
    plan, pool = model.prediction_entry()
    module = _kernels.load(model.backend_)
    model.predict(x)
    memory, out, desk, updater = pool[0], np.empty_like(dy), loops.for_slopes(False, True, ROWS)[1][0], loops.updater
    rows, sums = Rows((x,), (dy,), (None,)), np.zeros(1)
    assert rows.sources is rows.sources
    assert rows.answers is rows.answers

    def native() -> None:
        module.predict(plan, memory, (x,), (out,))
        np.multiply(out, np.float32(1 / ROWS), dy)
        module.gradient(desk.plan, desk.memory, rows, sums, 0)
        module.update(updater.plan, updater.memory, 1, 0.0, 0.0)

    return {
        "predict": lambda: module.predict(plan, memory, (x,), (out,)),
        "gradient": lambda: module.gradient(desk.plan, desk.memory, rows, sums, 0),
        "update": lambda: module.update(updater.plan, updater.memory, 1, 0.0, 0.0),
        "native": native,
    }


def calls(model: Sequential, x: np.ndarray, dy: np.ndarray) -> dict[str, Callable[[], Any]]:
    """What a user calls."""
    model.optimizer.learning_rate = 0.0  # times of numbers that stay
    grads = model.gradients(x, dy=dy)

    def step() -> None:
        y = model(x)
        slope = y * np.float32(1 / ROWS)
        model.apply_gradients(model.gradients(x, dy=slope))

    return {
        "model(x)": lambda: model(x),
        "gradients": lambda: model.gradients(x, dy=dy),
        "apply_gradients": lambda: model.apply_gradients(grads),
        "dy in NumPy": lambda: dy * np.float32(1 / ROWS),
        "step": step,
        "train_on_batch": lambda: model.train_on_batch(x, dy),
    }


def torch_step(x: np.ndarray) -> Callable[[], Any] | None:
    """The same step in PyTorch, on one thread; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    parts = [torch.nn.Linear(4, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)]
    net, rows = torch.nn.Sequential(*parts), torch.from_numpy(x)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.0)

    def step() -> None:
        y = net(rows)
        optimizer.zero_grad()
        y.backward(y.detach() / ROWS)
        optimizer.step()

    return step


def least(timed: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The least time of a call of each, in microseconds, taken in turns."""
    best, end = dict.fromkeys(timed, float("inf")), time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in timed.items():
            start = time.perf_counter()
            for _ in range(INNER):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / INNER * 1e6)
    return best


def main(backend: str = "cython", seconds: float = 3.0) -> None:
    rng = np.random.default_rng(0)
    x, dy = (rng.normal(size=(ROWS, n)).astype(np.float32) for n in (4, 2))
    model = make(backend)
    kernels, python = native(model, x, dy), calls(model, x, dy)
    theirs = torch_step(x)
    best = least(kernels | python | ({"torch step": theirs} if theirs else {}), seconds)
    for name, value in best.items():
        print(f"{name:16} {value:8.2f}")
    print(f"{'step - native':16} {best['step'] - best['native']:8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="cython")
    parser.add_argument("--seconds", type=float, default=3.0)
    main(**vars(parser.parse_args()))
