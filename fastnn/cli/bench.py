"""``fastnn bench``: a short timing of a model on each backend that runs here.

One row is predicted by ``model.predictor()``; a training step is one update of 32 random rows within ``fit``.
Each figure is the median of repeated runs of about 50 ms, so that a busy machine disturbs it less than a mean.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fastnn
from fastnn import _kernels
from fastnn._base.reprs import counted
from fastnn.layers import Dense

ROWS, STEPS = 32, 50  # rows an update, updates a fit
RUNS, SECONDS = 7, 0.05


def bench(arguments: argparse.Namespace) -> int:
    """Print a line a backend: microseconds for a row predicted and for an update."""
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    model = fastnn.load(arguments.model) if arguments.model else _example()
    name = arguments.model or "no MODEL given: dense layers 20 - 64 - 32 - 1 of random weights"
    print(
        f"{name}; {counted(model.count_params(), 'parameter')}, at most {counted(fastnn.get_num_threads(), 'thread')}"
    )
    print(f"{'backend':8}  {'one row':>12}  {f'update, {ROWS} rows':>17}")
    for backend in _kernels.PREFERENCE:
        reason = _kernels.why_not(backend)
        print(f"{backend:8}  {reason or _timed(model, backend)}")
    return 0


def _example() -> fastnn.Sequential:
    model = fastnn.Sequential([Dense(64, "relu", input_shape=(20,)), Dense(32, "relu"), Dense(1, "sigmoid")], seed=0)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


def _timed(model: fastnn.Model, backend: str) -> str:
    model.backend = backend
    try:
        return f"{_predict_seconds(model) * 1e6:9.1f} us  {_update_text(model):>17}"
    except fastnn.BackendError as error:
        return str(error)


def _predict_seconds(model: fastnn.Model) -> float:
    predictor = model.predictor()
    row = _random_rows(model, 1)[0]
    out = np.empty(model.layout.output_shape, model.dtype)
    return _median(lambda: predictor(row, out=out), 1)


def _update_text(model: fastnn.Model) -> str:
    loss = getattr(model, "loss", None)
    if loss is None:
        return "not compiled"
    learner = copy.deepcopy(model)  # the model's own weights must not change
    random = np.random.default_rng(0)
    x = _random_rows(model, ROWS * STEPS)
    y: Any = random.integers(0, 2, len(x)) if loss.sparse else random.random((len(x), *model.layout.output_shape))
    seconds = _median(lambda: learner.fit(x, y, batch_size=ROWS, verbose=0), STEPS)
    return f"{seconds * 1e6:.1f} us"


def _random_rows(model: fastnn.Model, n: int) -> np.ndarray:
    """Rows ``(n, *input_shape)``; whole numbers for an ``Embedding``."""
    random, shape, n_ids = np.random.default_rng(0), (n, *model.layout.input_shape), model.layout.n_ids[0]
    return (random.random(shape) if n_ids is None else random.integers(0, n_ids, shape)).astype(model.dtype)


def _median(run: Callable[[], Any], count: int) -> float:
    """Seconds for one of the ``count`` things that ``run`` does."""
    run()
    began = time.perf_counter()
    run()
    repeats = max(1, int(SECONDS / max(time.perf_counter() - began, 1e-7)))
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(repeats):
            run()
        times.append((time.perf_counter() - began) / repeats / count)
    return statistics.median(times)
