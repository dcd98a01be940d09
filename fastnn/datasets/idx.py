"""IDX, the format of MNIST: two zero bytes, a type code, the number of axes, big-endian sizes, the values.

A folder holds ``train-images*``, ``train-labels*``, ``t10k-images*``, ``t10k-labels*``, each plain or compressed.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from fastnn._base.types import StrPath
from fastnn.tables.reading import MAX_BYTES
from fastnn.tables.unpack import Unreadable, reading, unpack

MOST_AXES = 8
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PREFIXES = {"train": "train", "test": "t10k"}


def read_idx(path: StrPath, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read one IDX file, plain or compressed, into an array of native byte order.

    Parameters
    ----------
    path : the file.
    max_bytes : what a compressed file may become.

    Raises
    ------
    FileNotFoundError, PermissionError
        the file cannot be opened.
    ValueError
        it is no IDX file, is damaged, or its length is not what its header says.

    >>> from fastnn.datasets import read_idx
    >>> with open("labels-idx1-ubyte", "wb") as file:
    ...     written = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> read_idx("labels-idx1-ubyte").tolist()
    [7, 2, 1]
    """
    path = Path(path)
    return idx_array(str(path), unpack(str(path), path.read_bytes(), max_bytes))


def is_idx(data: bytes) -> bool:
    """Whether bytes begin as an IDX file."""
    return len(data) >= 4 and data[:2] == b"\0\0" and data[2] in TYPES and 1 <= data[3] <= MOST_AXES


def idx_array(name: str, data: bytes) -> np.ndarray:
    """The array in the bytes of an IDX file; ``name`` stands in errors."""
    if not is_idx(data):
        raise Unreadable(f"{name} is no IDX file: it does not begin with two zero bytes, a type code and 1 to 8 axes")
    dtype, n_axes = np.dtype(TYPES[data[2]]), data[3]
    start = 4 + 4 * n_axes
    if len(data) < start:
        raise Unreadable(f"{name} is cut short: its header wants {start} bytes, it has {len(data)}")
    shape = struct.unpack(f">{n_axes}I", data[4:start])
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise Unreadable(f"{name} has {len(data):,} bytes where its header, shape {shape}, wants {wanted:,}")
    with reading(name, "IDX file"):  # a size of zero beside huge ones is no array of NumPy's
        values = np.frombuffer(data, dtype, offset=start).reshape(shape)
        return values.astype(dtype.newbyteorder("="))


def read_idx_folder(folder: StrPath, part: str = "train", max_bytes: int = MAX_BYTES) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(n, height, width)`` and labels ``(n,)`` of a folder in MNIST's layout.

    Parameters
    ----------
    folder : the folder.
    part : ``"train"`` for the files train-*, ``"test"`` for t10k-*.
    max_bytes : what a compressed file may become.
    """
    if part not in PREFIXES:
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    images, labels = (
        read_idx(_find(Path(folder), f"{PREFIXES[part]}-{what}"), max_bytes) for what in ("images", "labels")
    )
    if labels.ndim != 1 or images.ndim < 2 or len(images) != len(labels):
        raise ValueError(f"{folder}: the images have shape {images.shape} and the labels {labels.shape}")
    return images, labels


def _find(folder: Path, prefix: str) -> Path:
    found = sorted(folder.glob(prefix + "*"), key=lambda path: path.suffix == ".gz")
    if not found:
        raise ValueError(f"{folder} has no file {prefix}-idx*-ubyte or the same compressed, as MNIST's folder has")
    return found[0]
