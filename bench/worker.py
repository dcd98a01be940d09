"""The process of one library: times what it is asked, a line of JSON in and a line out.

    python worker.py LIBRARY THREADS DTYPE

The first line out says what runs: ``{"version"}``, or ``{"missing"}`` with the reason. A request is
``{"task": "train", "network"}``, ``{"task": "predict", "network", "rows"}``, ``{"task": "convolve", "shape", "part"}``
or ``{"task": "step", "layer"}``; its answer is microseconds for a step or a call by label, or ``{"error"}``. Asked the
same again, the process times again what it has prepared.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from itertools import repeat

import numpy as np
import single_convolutions
from cases import NETWORKS, STEP_FEATURES, STEPPED, data, drawn, weights
from reference import last_state, outputs

TRAIN_SECONDS, CALLS_SECONDS = 0.2, 0.02  # of one timing
MOST_EPOCHS = 20_000

Timing = Callable[[], dict[str, float]]  # microseconds by label


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Time of one call, over so many."""
    began = time.perf_counter()
    for _ in repeat(None, times):
        call()
    return (time.perf_counter() - began) / max(1, times)


def epochs_to_time(run: Callable[[int], object]) -> int:
    """As many as fill the time of one timing; a library that compiles for their number has done so."""
    epochs = 1
    for _ in range(2):  # what a fit costs once hides how quick an epoch of a small network is
        run(epochs)
        wanted = max(1, min(MOST_EPOCHS, int(epochs * TRAIN_SECONDS / seconds(lambda: run(epochs)))))  # noqa: B023
        if wanted == epochs:
            return epochs
        epochs = wanted
    run(epochs)
    return epochs


def train_timing(peer, dtype: str, network: str) -> Timing:
    """Times whole epochs; the figures are for one step."""
    case = NETWORKS[network]
    runs = peer.train(case, *data(case, dtype))
    counts = {label: epochs_to_time(run) for label, run in runs.items()}

    def timing() -> dict[str, float]:
        took = {label: seconds(lambda: run(counts[label])) for label, run in runs.items()}  # noqa: B023
        return {label: took[label] / counts[label] / case.steps * 1e6 for label in runs}

    return timing


def predict_timing(peer, dtype: str, network: str, rows: int) -> Timing:
    """Times single calls with ready input, and refuses a library whose outputs are wrong."""
    case = NETWORKS[network]
    layers, x = weights(case, dtype), np.random.default_rng(2).standard_normal((rows, *case.shape)).astype(dtype)
    right, calls = outputs(case, layers, x), {}
    for label, call in peer.predict(case, layers, x).items():
        np.testing.assert_allclose(np.asarray(call()).reshape(right.shape), right, rtol=1e-3, atol=1e-3, err_msg=label)
        calls[label] = call
    return calls_timing(calls)


def convolve_timing(peer, dtype: str, shape: str, part: str) -> Timing:
    """Times one pass of a single convolution, and refuses a library whose result is wrong."""
    case = single_convolutions.CASES[shape]
    given = single_convolutions.arrays(case, dtype)
    right, calls = single_convolutions.right(case, part, given), {}
    bound = 1e-3 * np.abs(right).max()
    for label, (call, as_numpy) in peer.convolve(case.conv, part, given).items():
        np.testing.assert_allclose(np.asarray(as_numpy(call())), right, rtol=0, atol=bound, err_msg=label)
        calls[label] = call
    return calls_timing(calls)


def step_timing(peer, dtype: str, layer: str) -> Timing:
    """Times steps of one sequence with ready input, and refuses a library that does not go on from step to step."""
    case, rng = STEPPED[layer], np.random.default_rng(3)
    arrays = drawn(rng, case.arrays((1, STEP_FEATURES)), dtype)
    x, calls = rng.standard_normal(STEP_FEATURES).astype(dtype), {}
    for label, call in peer.step(case, arrays, x).items():
        for n in (1, 2, 3):
            right = last_state(case, arrays, np.broadcast_to(x, (1, n, STEP_FEATURES)))[0]
            np.testing.assert_allclose(np.asarray(call()).ravel(), right, rtol=1e-3, atol=1e-3, err_msg=label)
        calls[label] = call
    return calls_timing(calls)


def calls_timing(calls: dict[str, Callable[[], object]]) -> Timing:
    """Times calls one after the other, each as often as fills its share of time."""
    counts = {label: max(3, int(CALLS_SECONDS / seconds(call, 3))) for label, call in calls.items()}

    def timing() -> dict[str, float]:
        found = {}
        for label, call in calls.items():
            seconds(call, counts[label] // 4)  # else the first of them would find the caches cold after others' turns
            found[label] = seconds(call, counts[label]) * 1e6
        return found

    return timing


TASKS = {"train": train_timing, "predict": predict_timing, "convolve": convolve_timing, "step": step_timing}


def serve(dtype: str, peer, say: Callable[[dict], None]) -> None:
    """Answer requests until there are no more."""
    asked = timing = None
    for line in sys.stdin:
        try:
            if line != asked:
                asked = timing = None  # the last network's memory goes before the next one's comes
                request = json.loads(line)
                timing = TASKS[request.pop("task")](peer, dtype, **request)
                asked = line
            say(timing())
        except Exception as error:  # whatever a library raises, the others go on
            say({"error": " ".join(f"{type(error).__name__}: {error}".split())[:200]})


def main() -> None:
    library, threads, dtype = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not get between

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        peer = importlib.import_module(f"peers.{library.replace('-', '_')}")
    except ImportError as error:
        return say({"missing": str(error)})
    peer.setup(threads)
    say({"version": peer.VERSION})
    return serve(dtype, peer, say)


if __name__ == "__main__":
    main()
