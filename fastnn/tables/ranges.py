"""Numbers that the network's float32 cannot hold: one error that names the column and the row."""

from __future__ import annotations

import numpy as np

from fastnn.tables.table import Column, Numbers

LARGEST = float(np.finfo(np.float32).max)


def check_finite(name: str, column: Column) -> None:
    """Raise when a number is infinite, or larger than float32 holds, and say in which row."""
    if not isinstance(column, Numbers):
        return
    above = np.abs(column.values) > LARGEST  # false for gaps
    if not above.any():
        return
    row = int(above.argmax())
    value = column.values[row]
    what = "is infinite" if np.isinf(value) else f"has {value:g}, beyond {LARGEST:.2g}, the largest number of float32,"
    raise ValueError(f"column {name!r} {what} in row {row + 1}; write a number, or nothing for a gap")


def check_range(name: str, values: np.ndarray, standard: np.ndarray) -> None:
    """Raise when a standardised number is larger than float32 holds, and say in which row."""
    above = np.abs(standard) > LARGEST
    if above.any():
        row = int(above.argmax())
        raise ValueError(
            f"column {name!r} has {values[row]:g} in row {row + 1}, too far from the training rows' values for float32"
        )
