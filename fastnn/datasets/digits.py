"""The bundled set: 5,620 handwritten digits of 8 x 8 pixels with values from 0 to 16.

"Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
CC BY 4.0; see ``optdigits.LICENSE.txt``. The split is the donors' own: 3,823 rows of 30 people to train,
1,797 rows of 13 other people to test.
"""

from __future__ import annotations

import bz2
from pathlib import Path

import numpy as np

from fastnn.tables import Numbers, Table

FILE = Path(__file__).with_name("optdigits.bz2")  # three tenths less than the table as text, packed
N, N_TRAIN, N_PIXELS = 5620, 3823, 64
TARGET = "target"


def digits_table(part: str) -> Table:
    """The rows of ``part``, ``"train"`` or ``"test"``: columns input1 to input64 and target."""
    pixels, digits = _bytes(part)
    columns = {f"input{j + 1}": Numbers(pixels[:, j].astype(np.float64)) for j in range(N_PIXELS)}
    return Table({**columns, TARGET: Numbers(digits.astype(np.float64))}, "digits")


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
    train, test = (_arrays(part) for part in ("train", "test"))
    return train, test


def digits_images(part: str) -> tuple[np.ndarray, np.ndarray]:
    """The digits of a part as images are stored: ``(n, 8, 8)`` uint8 from 0 to 255, and ``(n,)`` int64."""
    x, y = _arrays(part)
    return np.rint(x * 255).astype(np.uint8), y


def _arrays(part: str) -> tuple[np.ndarray, np.ndarray]:
    pixels, digits = _bytes(part)
    return pixels.astype(np.float32).reshape(-1, 8, 8) / 16, digits.astype(np.int64)


def _bytes(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels ``(n, 64)`` from 0 to 16 and digits ``(n,)``, uint8.

    The file has pixel after pixel, each of all rows in the order of their digits, which packs best, then the digits.
    """
    numbers = np.frombuffer(bz2.decompress(FILE.read_bytes()), np.uint8)
    digits, pixels = numbers[N * N_PIXELS :], np.empty((N, N_PIXELS), np.uint8)
    pixels[np.argsort(digits, kind="stable")] = numbers[: N * N_PIXELS].reshape(N_PIXELS, N).T
    rows = slice(N_TRAIN) if part == "train" else slice(N_TRAIN, N)
    return pixels[rows], digits[rows]
