"""``fastnn bench``: a short timing of a model on each backend that runs here, and where the time of a step goes.

A prediction is a call of ``model.predictor()``, or of ``predict`` where lengths are open; a training step is one update
of random rows within ``fit``. Each figure is the median of repeated runs of about 50 ms, so that a busy machine
disturbs it less than a mean. Bounds and phases are those of :func:`fastnn.utils.profile`.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fastnn
from fastnn import _kernels
from fastnn._base.reprs import counted
from fastnn._base.writing import write_atomically
from fastnn.cli.output import check_output
from fastnn.layers import Dense
from fastnn.models.bounds import Bound, bound_of
from fastnn.models.made_data import made_data
from fastnn.models.model import Model
from fastnn.models.profiles import Profile
from fastnn.models.profiling import Clock, profile
from fastnn.models.work import ops_of

STEPS = 50  # updates a fit
RUNS, SECONDS = 7, 0.05


def bench(arguments: argparse.Namespace) -> int:
    """Print a line a backend: microseconds for a prediction and for an update; then bounds or a profile."""
    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    if arguments.json:
        check_output(arguments.json, *([arguments.model] if arguments.model else []))
    model = fastnn.load(arguments.model) if arguments.model else _example()
    found = _Bench(model, arguments)
    name = arguments.model or "no MODEL given: dense layers 20 - 64 - 32 - 1 of random weights"
    print(
        f"{name}; {counted(model.count_params(), 'parameter')}, at most {counted(fastnn.get_num_threads(), 'thread')}"
    )
    rows = "one row" if arguments.rows == 1 else counted(arguments.rows, "row")
    update = f"update, {counted(arguments.batch, 'row')}"
    print(f"{'backend':8}  {rows:>12}  {update:>17}")
    for backend in _kernels.PREFERENCE:
        reason = _kernels.why_not(backend)
        print(f"{backend:8}  {reason or found.line(backend)}")
    print("\n".join(found.bounds()))
    if arguments.json:
        text = json.dumps({"model": name, "threads": fastnn.get_num_threads(), **found.told}, indent=1)
        write_atomically(arguments.json, text.encode())
    return 0


def _example() -> fastnn.Sequential:
    model = fastnn.Sequential([Dense(64, "relu", input_shape=(20,)), Dense(32, "relu"), Dense(1, "sigmoid")], seed=0)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


class _Bench:
    """What is measured of a model, and ``told``: the same for JSON."""

    def __init__(self, model: Model, arguments: argparse.Namespace):
        self.model, self.arguments = model, arguments
        self.is_compiled = getattr(model, "loss", None) is not None
        self.told: dict[str, Any] = {"batch": arguments.batch, "rows": arguments.rows, "backends": {}}

    def line(self, backend: str) -> str:
        """A backend's two figures."""
        self.model.backend = backend
        try:
            predicted = self._predict_seconds()
            updated = self._update_seconds() if self.is_compiled else None
        except fastnn.BackendError as error:
            return str(error)
        self.told["backends"][backend] = {"predict_seconds": predicted, "update_seconds": updated}
        text = "not compiled" if updated is None else f"{updated * 1e6:.1f} us"
        return f"{predicted * 1e6:9.1f} us  {text:>17}"

    def bounds(self) -> list[str]:
        """What the native backend could reach at best, and with ``--phases`` where the time of a step goes."""
        native = self.told["backends"].get("cython")
        lines: list[str] = []
        if native:
            bound = self._prediction_bound()
            if bound is not None:
                self.told["prediction_bound"] = bound.to_dict()
                lines.append(f"prediction: {bound}: {bound.seconds / native['predict_seconds']:.0%} reached")
        if not self.is_compiled:
            return lines
        if native or self.arguments.phases:
            found = self._profile()
            self.told["profile"] = found.to_dict()
            if found.bound is not None:
                lines.append(f"update: {found.bound}: {found.bound.seconds / found.step_seconds:.0%} reached")
            if self.arguments.phases:
                lines += ["", str(found)]
        return lines

    def _profile(self) -> Profile:
        backend = "cython" if _kernels.why_not("cython") is None else "numpy"
        x, y = made_data(self.model, 8 * self.arguments.batch, self.arguments.length)
        clock: Clock = "thread_time" if self.arguments.thread_time else "perf_counter"
        return profile(self.model, x, y, self.arguments.batch, backend=backend, clock=clock)

    def _prediction_bound(self) -> Bound | None:
        x, _ = made_data(self.model, 1, self.arguments.length)
        sizes = [int(np.prod(one.shape[1:])) for one in (x.values() if isinstance(x, dict) else [x])]
        sized = self.model.of_sizes(tuple(sizes)) if self.model.layout.is_open else self.model
        plan = sized.prediction_plan()
        rows = self.arguments.rows
        return bound_of(plan, ops_of(plan, rows), rows, str(self.model.dtype), fastnn.get_num_threads())

    def _predict_seconds(self) -> float:
        x, _ = made_data(self.model, self.arguments.rows, self.arguments.length)
        if self.model.layout.is_open:
            return _median(lambda: self.model.predict(x, verbose=0), 1)
        predictor = self.model.predictor()
        if isinstance(x, dict) or len(self.model.ends[1].names) > 1:
            return _median(lambda: predictor(x), 1)
        rows = x[0] if self.arguments.rows == 1 else x
        shape = self.model.layout.output_shape
        out = np.empty(shape if self.arguments.rows == 1 else (len(x), *shape), self.model.dtype)
        return _median(lambda: predictor(rows, out=out), 1)

    def _update_seconds(self) -> float:
        learner = copy.deepcopy(self.model)  # the model's own weights must not change
        size = self.arguments.batch
        x, y = made_data(self.model, size * STEPS, self.arguments.length)
        steps = -(-len(next(iter(x.values())) if isinstance(x, dict) else x) // size)
        return _median(lambda: learner.fit(x, y, batch_size=size, verbose=0), steps)


def _median(run: Callable[[], object], count: int) -> float:
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
