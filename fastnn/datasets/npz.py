"""NPZ archives: arrays ``x`` and ``y``, or ``x_train y_train`` and ``x_test y_test``, in either case of letters.

Training reads ``x_train``, else ``x``; testing reads ``x_test``, else ``x``.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from fastnn._base.reprs import names_in_words
from fastnn._base.types import StrPath
from fastnn.tables.reading import MAX_BYTES
from fastnn.tables.unpack import Unreadable, reading, too_large, zip_names


def read_npz(path: StrPath, part: str = "train", max_bytes: int = MAX_BYTES) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs ``(n, ...)`` and targets ``(n,)``, the latter None where the archive has none.

    Parameters
    ----------
    path : the archive.
    part : ``"train"`` or ``"test"``.
    max_bytes : what its arrays may become.

    Raises
    ------
    FileNotFoundError, PermissionError
        the file cannot be opened.
    ValueError
        the file is no NPZ archive, is damaged or too large, lacks the arrays, holds Python objects, or has rows that
        do not match.

    >>> import numpy as np
    >>> from fastnn.datasets import read_npz
    >>> np.savez("data.npz", x_train=np.ones((6, 2)), y_train=np.arange(6), x_test=np.ones((3, 2)), y_test=range(3))
    >>> x, y = read_npz("data.npz", "test")
    >>> x.shape, y.tolist()
    ((3, 2), [0, 1, 2])
    """
    path = Path(path)
    return npz_arrays(str(path), path.read_bytes(), part, max_bytes)


def is_npz(data: bytes) -> bool:
    """Whether bytes are a zip archive of arrays."""
    return any(name.endswith(".npy") for name in zip_names(data))


def npz_arrays(name: str, data: bytes, part: str, max_bytes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The arrays in the bytes of an archive; ``name`` stands in errors."""
    with reading(name, "NPZ archive"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {m.filename.removesuffix(".npy").lower(): m for m in archive.infolist()}
        suffix = f"_{part}" if f"x_{part}" in members else ""
        if f"x{suffix}" not in members:
            raise Unreadable(f"{name} has the arrays {names_in_words(list(members))}, and x or x_{part} is wanted")
        wanted = [members[key] for key in (f"x{suffix}", f"y{suffix}") if key in members]
        if sum(member.file_size for member in wanted) > max_bytes:
            raise too_large(name, max_bytes)
        arrays = [_array(name, archive.read(member)) for member in wanted]
    return _checked(name, arrays[0], arrays[1] if len(arrays) > 1 else None)


def _array(name: str, data: bytes) -> np.ndarray:
    """An array from the bytes of an NPY file, once its header agrees with their number: NumPy would make it first."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise Unreadable(f"{name} holds Python objects, which are not read; save arrays of numbers or text")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise Unreadable(f"{name} is damaged: an array of shape {shape} and {dtype} has another number of bytes")
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _checked(name: str, x: np.ndarray, y: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    if x.ndim < 2 or not x.size:
        raise ValueError(f"{name}: x must have a row for each sample and at least one column, got shape {x.shape}")
    if y is None:
        return x, None
    if y.shape == (len(x), 1):
        y = y[:, 0]
    if y.shape != (len(x),):
        raise ValueError(f"{name}: y must have shape {(len(x),)}, one value for each row of x, got {y.shape}")
    return x, y
