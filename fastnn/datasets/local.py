"""Data sets under Keras' names, from files that are on this machine already; nothing is downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fastnn._base.types import StrPath
from fastnn.datasets.idx import read_idx_folder
from fastnn.datasets.npz import read_npz

Parts = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_local(name: str, files: tuple[str, ...], path: StrPath | None = None) -> Parts:
    """``(x_train, y_train), (x_test, y_test)`` from an NPZ file or a folder of IDX files.

    Without a ``path`` the first of ``files`` is taken that is in the working folder or where Keras keeps its own.

    Raises
    ------
    FileNotFoundError
        there is none; it says where it was looked for.
    """
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    places = [Path(path)] if path is not None else [folder / file for folder in (Path(), keras) for file in files]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise FileNotFoundError(
            f"no copy of {name} in {', '.join(map(str, places))}, and fastnn downloads nothing; give load_data the "
            f"path of its NPZ file or folder of IDX files. fastnn.datasets.load_digits() comes with fastnn"
        )
    read = read_idx_folder if found.is_dir() else read_npz
    (x_train, y_train), (x_test, y_test) = (read(found, part) for part in ("train", "test"))
    if y_train is None or y_test is None:
        raise ValueError(f"{found} has no y_train and y_test")
    return (x_train, y_train), (x_test, y_test)
