"""Data sets: the bundled digits, and readers of MNIST's IDX format and of NPZ archives."""

from fastnn.datasets.digits import load_digits
from fastnn.datasets.idx import read_idx, read_idx_folder
from fastnn.datasets.npz import read_npz

__all__ = ["load_digits", "read_idx", "read_idx_folder", "read_npz"]
