"""Raw columns as numbers for a network: how many cells a second, and how long a single row takes.

Run: ``python bench/encoding.py [--rows 50000] [--table FILE]``; one thread. Without a file the table has ten columns of
numbers, of which some have gaps. Printed are the fit of the encoding, cells (and numbers that come of them) a second,
and microseconds of one raw row by ``RowEncoder``; the best of several runs each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from fastnn.tables import FeatureOptions, RowEncoder, Table, fit_features, read_table, table_of_frame
from fastnn.tables.table import Text

OPTIONS = {
    "standardised": FeatureOptions(),
    "32 pieces": FeatureOptions(pieces=32),
    "32 pieces, codes, dates": FeatureOptions(32, 8, True),
}


def drawn(rows: int) -> Table:
    """Ten columns of numbers with ties, tails and gaps."""
    rng = np.random.default_rng(0)
    columns = [rng.normal(size=rows), rng.lognormal(size=rows), rng.integers(0, 50, rows).astype(float)] * 3
    columns.append(np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)))
    return table_of_frame({f"x{place}": column for place, column in enumerate(columns)})


def best(call: Callable[[], object], repeats: int = 5, calls: int = 1) -> float:
    """Seconds of a call."""
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        found.append((time.perf_counter() - begun) / calls)
    return min(found)


def first_row(table: Table) -> dict[str, object]:
    """The first row as Python's values."""
    row: dict[str, object] = {}
    for name, column in table.columns.items():
        if isinstance(column, Text):
            row[name] = None if column.codes[0] < 0 else column.values[column.codes[0]]
        else:
            row[name] = float(column.values[0])
    return row


def main() -> None:
    """Print a line for each way of encoding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--table", help="a file of CSV, Parquet or Excel")
    told = parser.parse_args()
    table = read_table(told.table) if told.table else drawn(told.rows)
    row = first_row(table)
    print(f"{'':24}{'fit s':>8}{'M cells/s':>11}{'M numbers/s':>13}{'one row us':>12}")
    for name, options in OPTIONS.items():
        features, _ = fit_features(table, options)
        encoder = RowEncoder(features)  # type: ignore[arg-type]
        fit = best(lambda options=options: fit_features(table, options), 3)
        encode = best(lambda features=features: features.encode(table))
        one = best(lambda encoder=encoder: encoder(row), 5, 500)
        cells = len(table) * len(features.features) / encode / 1e6  # type: ignore[union-attr]
        numbers = len(table) * features.width / encode / 1e6
        print(f"{name:24}{fit:8.3f}{cells:11.2f}{numbers:13.1f}{1e6 * one:12.1f}")


if __name__ == "__main__":
    main()
