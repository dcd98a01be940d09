"""The bundled set: 5,620 handwritten digits of 8 x 8 pixels with values from 0 to 16.

"Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
CC BY 4.0; see ``optdigits.LICENSE.txt``. The split is the donors' own: 3,823 rows of 30 people to train,
1,797 rows of 13 other people to test.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastnn.tables import Numbers, Table, read_table

FILE = Path(__file__).with_name("optdigits.csv.gz")
N_TRAIN = 3823
TARGET = "target"


def digits_table(part: str) -> Table:
    """The rows of ``part``, ``"train"`` or ``"test"``: columns input1 to input64 and target."""
    table = read_table(FILE)
    rows = np.arange(N_TRAIN) if part == "train" else np.arange(N_TRAIN, len(table))
    return Table(table.take(rows).columns, "digits")


def load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits as arrays.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : ``(n, 8, 8)`` float32 from 0 to 1, and ``(n,)`` int64 from 0 to 9.

    >>> from fastnn.datasets import load_digits
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, y_train.shape, x_test.shape
    ((3823, 8, 8), (3823,), (1797, 8, 8))
    """
    train, test = (_arrays(digits_table(part)) for part in ("train", "test"))
    return train, test


def digits_images(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a part as images are stored: ``(n, 8, 8)`` uint8 from 0 to 255, and ``(n,)`` int64."""
    x, y = _arrays(digits_table(part))
    return np.rint(x * 255).astype(np.uint8), y


def _arrays(table: Table) -> tuple[np.ndarray, np.ndarray]:
    numbers = [column.values for column in table.columns.values() if isinstance(column, Numbers)]
    pixels = np.stack(numbers[:-1], axis=1).astype(np.float32) / 16
    return pixels.reshape(-1, 8, 8), numbers[-1].astype(np.int64)
