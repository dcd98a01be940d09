"""Data sets: the bundled digits, MNIST and its like from copies on this machine, and readers of IDX and NPZ files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base.lazy import not_here
from fastnn.datasets import fashion_mnist, mnist
from fastnn.datasets.digits import load_digits
from fastnn.datasets.folder import read_image_folder
from fastnn.datasets.idx import read_idx, read_idx_folder
from fastnn.datasets.npz import read_npz

__all__ = ["fashion_mnist", "load_digits", "mnist", "read_idx", "read_idx_folder", "read_image_folder", "read_npz"]


def _unknown(name: str) -> object:
    raise not_here(__name__, name, __all__)


if not TYPE_CHECKING:
    __getattr__ = _unknown
