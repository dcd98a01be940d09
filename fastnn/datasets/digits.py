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

FILE = Path(__file__).with_name("optdigits.bz2")  # a third less than the table as text, packed
N, N_TRAIN, N_PIXELS, SIDE, LEVELS = 5620, 3823, 64, 8, 17
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

    The file has the numbers of one pixel after the other, then the digits. Those of a pixel stand in the order of what
    its reader knows, the digit and the pixels above and to the left, so that like ones follow each other.
    """
    numbers = np.frombuffer(bz2.decompress(FILE.read_bytes()), np.uint8)
    digits, pixels = numbers[N * N_PIXELS :], np.zeros((N, N_PIXELS), np.uint8)
    for pixel, stored in enumerate(numbers[: N * N_PIXELS].reshape(N_PIXELS, N)):
        pixels[known_order(pixels, digits, pixel), pixel] = stored
    rows = slice(N_TRAIN) if part == "train" else slice(N_TRAIN, N)
    return pixels[rows], digits[rows]


def known_order(pixels: np.ndarray, digits: np.ndarray, pixel: int) -> np.ndarray:
    """Rows by their digits, the pixels above and to the left of ``pixel``, and their places."""
    above = pixels[:, pixel - SIDE] if pixel >= SIDE else 0
    left = pixels[:, pixel - 1] if pixel % SIDE else 0
    return np.argsort((digits.astype(np.int16) * LEVELS + above) * LEVELS + left, kind="stable")
