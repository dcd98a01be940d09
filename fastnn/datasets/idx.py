"""IDX, the format of MNIST: two zero bytes, a type code, the number of axes, big-endian sizes, the values.

A folder holds ``train-images*``, ``train-labels*``, ``t10k-images*``, ``t10k-labels*``, each plain or gzipped.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PREFIXES = {"train": "train", "test": "t10k"}


def read_idx(path: Any) -> np.ndarray:
    """Read one IDX file into an array of native byte order.

    Raises
    ------
    ValueError
        it is no IDX file, or its length is not what its header says.

    >>> from fastnn.datasets import read_idx
    >>> with open("labels-idx1-ubyte", "wb") as file:
    ...     written = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> read_idx("labels-idx1-ubyte").tolist()
    [7, 2, 1]
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is cut short or no gzip file ({error})") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES:
        raise ValueError(f"{path} is no IDX file: it does not begin with two zero bytes and a type code")
    dtype, n_axes = np.dtype(TYPES[data[2]]), data[3]
    start = 4 + 4 * n_axes
    if len(data) < start:
        raise ValueError(f"{path} is cut short: its header wants {start} bytes, it has {len(data)}")
    shape = struct.unpack(f">{n_axes}I", data[4:start])
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise ValueError(f"{path} has {len(data):,} bytes where its header, shape {shape}, wants {wanted:,}")
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read_idx_folder(folder: Any, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Images ``(n, height, width)`` and labels ``(n,)`` of a folder in MNIST's layout.

    Parameters
    ----------
    folder : the folder.
    part : ``"train"`` for the files train-*, ``"test"`` for t10k-*.
    """
    if part not in PREFIXES:
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    images, labels = (read_idx(_find(Path(folder), f"{PREFIXES[part]}-{what}")) for what in ("images", "labels"))
    if labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(f"{folder}: the images have shape {images.shape} and the labels {labels.shape}")
    return images, labels


def _find(folder: Path, prefix: str) -> Path:
    found = sorted(folder.glob(prefix + "*"), key=lambda path: path.suffix == ".gz")
    if not found:
        raise ValueError(f"{folder} has no file {prefix}-idx*-ubyte or the same with .gz, as MNIST's folder has")
    return found[0]
