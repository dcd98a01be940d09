"""Training on a Parquet file ten times as large as the memory that is allowed, beside arrays and PyTorch's DataLoader.

``python bench/larger_than_memory.py [--rows N] [--rounds N] [--speed] [--torch]`` writes a file of 20 columns of
float64 and a target into a temporary folder (168 bytes a row), and prints

- the most memory that a fit takes over what the process had before, in a process that the system allows a tenth of the
  file's rows (RLIMIT_DATA), after each epoch, and the CRC of the weights of two runs;
- rows a second of an epoch on arrays that are all in memory, and on the stream, which take turns: the best of each;
  seconds of CPU beside them, for where another program has a core, reading does not run beside training;
- with ``--torch``, rows a second of the same network in PyTorch on the same file: a DataLoader over an IterableDataset
  that gives rows, and one that gives whole batches.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np

COLUMNS, GROUP, BATCH = 20, 16384, 256
NETWORKS = {"20-64-32-1": (64, 32), "20-256-256-1": (256, 256)}
ROW_BYTES = 8 * (COLUMNS + 1)


def write(path: str, rows: int) -> None:
    """The file: random numbers, which no encoding makes smaller."""
    import pyarrow as pa
    from pyarrow import parquet

    random = np.random.default_rng(0)
    writer = None
    for _ in range(0, rows, GROUP):
        x = random.standard_normal((COLUMNS, GROUP))
        columns = {f"c{place}": column for place, column in enumerate(x)} | {"y": (x[:3].sum(0) > 0).astype(np.int64)}
        table = pa.table(columns)
        writer = writer or parquet.ParquetWriter(path, table.schema, use_dictionary=False)
        writer.write_table(table)
    writer.close()


def network(hidden: tuple[int, ...]):
    """A compiled network."""
    import fastnn
    from fastnn.layers import Dense

    model = fastnn.Sequential([*(Dense(n, "relu") for n in hidden), Dense(1, "sigmoid")], seed=1)
    model.compile("adam", "binary_crossentropy")
    return model


def stream_of(path: str, window: int | None = 8):
    """The file as a stream."""
    from fastnn.data import stream

    return stream(path, target="y", batch_size=BATCH, window=window)


def status(name: str) -> int:
    """Bytes of a line of Linux's /proc/self/status."""
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def limited(path: str, allowed: int, window: int, epochs: int) -> dict:
    """Train in this process, which may have so many bytes more than after a first few updates; the most it took."""
    import resource

    model, given = network((64, 32)), stream_of(path, window)
    model.fit(stream_of(path, 1), steps_per_epoch=2 * GROUP // BATCH, epochs=2, verbose=0)  # all code, all threads
    model = network((64, 32))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak so far is forgotten
    base, data = status("VmRSS"), status("VmData")
    resource.setrlimit(resource.RLIMIT_DATA, (data + allowed, data + allowed))
    peaks = []
    for _ in range(epochs):
        model.fit(given, verbose=0)
        peaks.append(status("VmHWM") - base)
    crc = zlib.crc32(b"".join(np.ascontiguousarray(w).tobytes() for w in model.get_weights()))
    return {"peaks": peaks, "window": window * GROUP * ROW_BYTES, "allowed": allowed, "crc": crc}


def memory(path: str, rows: int, window: int = 8, epochs: int = 3) -> dict:
    """:func:`limited` in a process of its own; the allowed memory is a tenth of the rows."""
    command = [sys.executable, __file__, "--limited", path, str(rows * ROW_BYTES // 10), str(window), str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the limited process ended with {done.returncode}: {done.stderr[-2000:]}")
    found: dict = json.loads(done.stdout)
    return found


def speeds(path: str, rows: int, hidden: tuple[int, ...], rounds: int) -> None:
    """Print rows a second on arrays and on the stream, which take turns."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    x = np.stack([table.column(place).to_numpy() for place in range(COLUMNS)], 1).astype(np.float32)
    y = table.column("y").to_numpy().copy()
    del table
    ways = {"arrays": ((x, y), {"batch_size": BATCH}), "stream": ((stream_of(path),), {})}
    models = {name: network(hidden) for name in ways}
    best: dict[str, tuple[float, float]] = {}
    for _ in range(rounds + 1):  # the first round compiles nothing, but fills the system's cache of the file
        for name, (given, asked) in ways.items():
            began, cpu = time.perf_counter(), time.process_time()
            models[name].fit(*given, epochs=2, verbose=0, **asked)
            took = time.perf_counter() - began, time.process_time() - cpu
            best[name] = min(best.get(name, took), took)
    for name, (wall, cpu) in best.items():
        print(f"  {name}: {2 * rows / wall:,.0f} rows/s, {cpu / wall:.2f} cores busy")
    print(f"  stream / arrays: {best['arrays'][0] / best['stream'][0]:.2f}")


def torch_speeds(path: str, hidden: tuple[int, ...], ours: float = 0.0) -> None:
    """Print rows a second of PyTorch, fed by a DataLoader over the same file."""
    import torch
    from pyarrow import parquet
    from torch.utils.data import DataLoader, IterableDataset

    class Groups(IterableDataset):
        """Rows of a Parquet file in the order of shuffled row groups, one by one or in batches."""

        def __init__(self, whole: bool, most: int):
            self.whole, self.most = whole, most

        def __iter__(self):
            file, random, given = parquet.ParquetFile(path), np.random.default_rng(0), 0
            for group in random.permutation(file.num_row_groups):
                table = file.read_row_group(group)
                x = np.stack([table.column(place).to_numpy() for place in range(COLUMNS)], 1).astype(np.float32)
                y = table.column("y").to_numpy().astype(np.float32)
                order = random.permutation(len(x))
                step = BATCH if self.whole else 1
                for first in range(0, len(order), step):
                    rows = order[first : first + step]
                    yield (x[rows], y[rows]) if self.whole else (x[rows[0]], y[rows[0]])
                    given += step
                    if given >= self.most:
                        return

    for whole, rows in ((False, 3 * GROUP), (True, 20 * GROUP)):
        widths = (COLUMNS, *hidden)
        layers = [m for a, b in zip(widths, hidden, strict=False) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(hidden[-1], 1))
        optimizer, loss = torch.optim.Adam(model.parameters()), torch.nn.BCEWithLogitsLoss()
        loader = DataLoader(Groups(whole, rows), batch_size=None if whole else BATCH)
        began = time.perf_counter()
        for x, y in loader:
            optimizer.zero_grad()
            loss(model(x)[:, 0], y).backward()
            optimizer.step()
        speed = rows / (time.perf_counter() - began)
        kind = "whole batches" if whole else "rows"
        print(f"  PyTorch, a DataLoader of {kind}: {speed:,.0f} rows/s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_621_440)
    parser.add_argument("--speed", action="store_true", help="leave the memory out, for fewer rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--limited", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.limited:
        path, *numbers = asked.limited
        print(json.dumps(limited(path, *map(int, numbers))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path, rows = os.path.join(folder, "rows.parquet"), asked.rows // GROUP * GROUP
        write(path, rows)
        runs = [] if asked.speed else [memory(path, rows) for _ in range(2)]
        mb = 2**20
        print(f"{rows:,} rows, {rows * ROW_BYTES / mb:.0f} MB")
        for run in runs:
            peaks = ", ".join(f"{peak / mb:.1f}" for peak in run["peaks"])
            limits = f"{run['allowed'] / mb:.1f} are allowed, a window has {run['window'] / mb:.1f}"
            print(f"  most MB after each epoch: {peaks}; {limits}; weights {run['crc']:08x}")
        for name, hidden in NETWORKS.items():
            print(f"{name}, batches of {BATCH}")
            speeds(path, rows, hidden, asked.rounds)
            if asked.torch:
                torch_speeds(path, hidden)


if __name__ == "__main__":
    main()
