"""NPZ archives: arrays ``x`` and ``y``, or ``x_train y_train`` and ``x_test y_test``, in either case of letters.

Training reads ``x_train``, else ``x``; testing reads ``x_test``, else ``x``.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np


def read_npz(path: Any, part: str = "train") -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs ``(n, ...)`` and targets ``(n,)``, the latter None where the archive has none.

    Raises
    ------
    ValueError
        the file is no NPZ archive, lacks the arrays, holds Python objects, or has rows that do not match.

    >>> import numpy as np
    >>> from fastnn.datasets import read_npz
    >>> np.savez("data.npz", x_train=np.ones((6, 2)), y_train=np.arange(6), x_test=np.ones((3, 2)), y_test=range(3))
    >>> x, y = read_npz("data.npz", "test")
    >>> x.shape, y.tolist()
    ((3, 2), [0, 1, 2])
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise ValueError("it is a single array")
            names = {name.lower(): name for name in archive.files}
            suffix = f"_{part}" if f"x_{part}" in names else ""
            if f"x{suffix}" not in names:
                raise ValueError(f"it has the arrays {', '.join(archive.files)}, and x or x_{part} is wanted")
            x = archive[names[f"x{suffix}"]]
            y = archive[names[f"y{suffix}"]] if f"y{suffix}" in names else None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as an NPZ archive: {error}") from None
    return _checked(path, x, y)


def _checked(path: Path, x: np.ndarray, y: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    if x.ndim < 2 or not x.size:
        raise ValueError(f"{path}: x must have a row for each sample and at least one column, got shape {x.shape}")
    if y is None:
        return x, None
    if y.shape == (len(x), 1):
        y = y[:, 0]
    if y.shape != (len(x),):
        raise ValueError(f"{path}: y must have shape {(len(x),)}, one value for each row of x, got {y.shape}")
    return x, y
