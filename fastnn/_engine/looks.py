"""Looks at arrays that users bring to their own loops, and vectors without gaps.

Design: these run at every step of a user's loop, where a call into NumPy for each question takes as long as a small
network. A backend may bring these three functions; :func:`of` says whose are used.
"""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np

from fastnn._base.arrays import is_surely_finite

Cuts = list[tuple[int, int, int]]


def of(backend: ModuleType) -> ModuleType:
    """The module whose functions of these names are used beside a backend."""
    return backend if hasattr(backend, "plain_rows") else _HERE


def plain_rows(x: object, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Rows in ``x``, where it is an array ``(n, *shape)`` as kernels take it and few, finite numbers; -1 where not.

    -1 says nothing but that a closer look is needed, which finds the words for what is wrong.
    """
    if type(x) is not np.ndarray or x.dtype != dtype or x.shape[1:] != shape or not x.flags.carray or not x.ndim:
        return -1
    return len(x) if is_surely_finite(x) else -1


def gathered(cuts: Cuts, size: int, vector: np.ndarray) -> np.ndarray:
    """The stretches ``(offset in vector, start, end)`` of a vector as one ``(size,)``, without gaps."""
    flat = np.empty(size, vector.dtype)
    for offset, start, end in cuts:
        flat[start:end] = vector[offset : offset + end - start]
    return flat


def spread(cuts: Cuts, flat: np.ndarray, vector: np.ndarray) -> None:
    """Write a vector without gaps, C-contiguous and of the same dtype, to its stretches of ``vector``."""
    for offset, start, end in cuts:
        vector[offset : offset + end - start] = flat[start:end]


_HERE = sys.modules[__name__]
