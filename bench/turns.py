"""Libraries take turns on each case, each in a process that stays up, and the least time of the rounds counts.

Design: turns, because a machine's clock and neighbours change within a minute, and a library that is timed first would
see another machine than the last. A process of its own for each, because thread pools, allocators and denormal modes of
one library reach into another.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = {
    "train": ("fastnn", "fastnn-numba", "torch", "jax", "sklearn"),
    "predict": ("fastnn", "onnxruntime", "torch", "numpy", "sklearn"),
    "convolve": ("fastnn", "torch"),
    "step": ("fastnn", "onnxruntime", "torch"),
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FASTNN_NUM_THREADS")
TUNING = ("OMP_", "OPENBLAS_", "MKL_", "KMP_", "GOMP_", "XLA_")
SETTLE = 0.02  # seconds between turns: waiting threads of the last library spin for a while


def environment(threads: int) -> dict[str, str]:
    """Variables that hold every library to so many threads; what the shell tunes a library with is dropped.

    OPENBLAS_CORETYPE, for one, may keep a BLAS from the instructions that fastnn uses.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}
    variables |= {**{name: str(threads) for name in THREAD_VARIABLES}, "JAX_PLATFORMS": "cpu"}
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return variables


class Worker:
    """The process of one library; ``version`` is None, with the reason in ``missing``, when it cannot be had."""

    def __init__(self, library: str, threads: int, dtype: str, python: str, script: str = "worker.py"):
        self.library = library
        command = [python, str(HERE / script), library, str(threads), dtype]
        self.ended = {"error": f"its process has ended; to see why: {' '.join(command)} < /dev/null"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(threads),
        )
        first = self._read()
        self.version = first.get("version")
        self.missing = first.get("missing", first.get("error"))

    def ask(self, **request) -> dict:
        """Microseconds by label, or ``{"error": why}``."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return self.ended
        return self._read()

    def _read(self) -> dict:
        line = self.process.stdout.readline()
        return json.loads(line) if line else self.ended

    def close(self) -> None:
        """End the process, also one that is in the middle of a timing."""
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


def start(libraries: list[tuple[str, str, int]], dtype: str, peers_python: str) -> dict[str, Worker]:
    """Workers by label, from ``(label, library, threads)``; says which are left out.

    fastnn runs in this interpreter, the one it was built for.
    """
    workers = {}
    for label, library, threads in libraries:
        worker = Worker(library, threads, dtype, sys.executable if library.startswith("fastnn") else peers_python)
        if worker.version is None:
            print(f"# {label} is left out: {worker.missing}", flush=True)
            worker.close()
        else:
            workers[label] = worker
    return workers


def least(workers: dict[str, Worker], rounds: int, **request) -> dict[str, float]:
    """The least microseconds of each label; a library that fails is left out and named."""
    best: dict[str, float] = {}
    failed = set()
    for _ in range(rounds):
        for name, worker in workers.items():
            if name in failed:
                continue
            answer = worker.ask(**request)
            if "error" in answer:
                print(f"# {' '.join(map(str, request.values()))}, {name}: {answer['error']}", flush=True)
                failed.add(name)
                continue
            for label, us in answer.items():
                shown = name if label == worker.library else label
                best[shown] = min(best.get(shown, us), us)
            time.sleep(SETTLE)
    return best
