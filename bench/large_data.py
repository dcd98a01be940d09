"""Time per row of training on data far larger than the caches, against data that fits: ``python bench/large_data.py``.

The same network learns from few rows, from many rows in memory and from many rows mapped from a file, in turns, the
least of several rounds each. A fit of one epoch bears alone what a fit costs once (checks of the input, mapping its
pages).
"""

import argparse
import gc
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from fastnn import Sequential
from fastnn._base import threads
from fastnn._base.arrays import check_finite
from fastnn._base.writing import write_atomically
from fastnn._kernels.native.native import native
from fastnn.layers import Dense

WIDTH, FEW, BATCH = 20, 100_000, 32
EPOCHS = 1, 3  # of the fits


def write_rows(path: Path, n_rows: int) -> None:
    """A .npy file of ``n_rows`` rows, written in pieces."""
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, WIDTH))
    piece = np.random.default_rng(0).standard_normal((FEW, WIDTH), dtype=np.float32)
    for first in range(0, n_rows, FEW):
        mapped[first : first + FEW] = piece[: n_rows - first]
    mapped.flush()


def network() -> Sequential:
    model = Sequential([Dense(64, "relu", input_shape=(WIDTH,)), Dense(32, "relu"), Dense(1)], seed=1, backend="cython")
    model.compile("adam", "mean_squared_error")
    return model


def seconds(call) -> float:
    gc.collect()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def anonymous_bytes() -> int:
    """Resident memory of this process that no file backs (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def fit_nanoseconds(x, y, repeats: int) -> list[float]:
    """Time per row and epoch of fits of both lengths; ``repeats`` epochs of few rows count as one."""
    return [
        1e9 * seconds(lambda n=n: network().fit(x, y, BATCH, epochs=n, verbose=0)) / (n * len(x))
        for n in (epochs * repeats for epochs in EPOCHS)
    ]


def parts(x, n_rows: int) -> dict[str, float]:
    """Nanoseconds per row of single steps."""
    order = np.arange(n_rows, dtype=np.int32)
    few = order[:FEW].copy()
    return {
        "order, few rows": 1e9 * min(seconds(lambda: native.order(few, 1, 2)) for _ in range(9)) / FEW,
        "order, many rows": 1e9 * min(seconds(lambda: native.order(order, 1, 2)) for _ in range(3)) / n_rows,
        "check of finiteness": 1e9 * min(seconds(lambda: check_finite("x", x)) for _ in range(3)) / n_rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the file of rows is put for the time being")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "rows.npy"
        write_rows(path, options.rows)
        figures = measure(np.load(path, mmap_mode="r"), options.rounds)
    for name, value in figures.items():
        print(f"{name:42} {value:10.1f}")
    if options.json:
        write_atomically(options.json, json.dumps(figures, indent=1).encode())


def measure(mapped: np.ndarray, rounds: int) -> dict[str, float]:
    """All figures: nanoseconds per row and epoch, and megabytes."""
    target = np.random.default_rng(1).standard_normal(len(mapped), dtype=np.float32)
    before = anonymous_bytes()
    network().fit(mapped, target, BATCH, verbose=0)
    grown = (anonymous_bytes() - before) / 1e6
    held = np.array(mapped)
    cases = {
        f"{FEW} rows": (held[:FEW], target[:FEW], max(1, len(mapped) // FEW)),
        f"{len(mapped)} rows in memory": (held, target, 1),
        f"{len(mapped)} rows mapped": (mapped, target, 1),
    }
    taken = [{name: fit_nanoseconds(*case) for name, case in cases.items()} for _ in range(rounds)]
    figures: dict[str, float] = {"threads": threads.get_num_threads()}
    for i, epochs in enumerate(EPOCHS):
        figures |= {f"{name}, {epochs} epochs, ns a row": min(times[name][i] for times in taken) for name in cases}
    return figures | parts(mapped, len(mapped)) | {"mapped: growth of RssAnon after a fit, MB": grown}


if __name__ == "__main__":
    main()
