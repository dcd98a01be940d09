"""Input conversion and validation, once, at the boundary: what comes out of here backends may trust.

Every function either returns an array as ``_kernels/contract.py`` wants it or raises one
``ValueError``/``TypeError`` that names the argument, what came and what is wanted. ``targets.py`` does it for targets.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from fastnn._base.arrays import check_finite, is_sparse, numbers, real_array
from fastnn._base.sparse import AnyRows, SparseRows, from_scipy
from fastnn._base.timeseries import Windows
from fastnn._base.types import DataLike
from fastnn._base.windows import WindowRows
from fastnn.layers.parameter import Shape

MAX_SAMPLES = 2**31 - 1  # the order of rows is int32


def inputs(
    name: str,
    came: object,
    shape: Any,
    dtype: np.dtype,
    *,
    empty: bool = False,
    n_ids: int | None = None,
    is_finite: bool = False,
) -> AnyRows:
    """Rows for a model with input ``shape``: C-contiguous ``(n, prod(shape))``, or sparse rows or windows that came.

    One size of the shape may be None, for any number of steps. With ``n_ids`` numbers are whole and below that.
    ``is_finite`` tells that all are finite as they came.
    """
    if type(came) is not np.ndarray:
        came = _rows_of(came)
        if isinstance(came, WindowRows):
            return _window_inputs(name, came, shape, dtype, empty, n_ids)
        if is_sparse(came):
            return _sparse_inputs(name, came, shape, dtype, empty)
    array = real_array(name, came, dtype)
    if None in shape:
        shape = _with_length(name, shape, array.shape)
    if array.shape[1:] != shape or not 0 < len(array) <= MAX_SAMPLES:  # the call would be felt in one row's prediction
        _check_rows(name, array.shape, shape, empty)
    if not (is_finite and array is came):
        check_finite(name, array, came)
    if n_ids is not None and array.size:
        _check_ids(name, array, n_ids)
    return array if array.ndim == 2 else array.reshape(len(array), math.prod(shape))


def _check_ids(name: str, array: np.ndarray, n_ids: int) -> None:
    """``ValueError`` for what is no whole number from 0 to ``n_ids - 1``; it names the first."""
    low, high = array.min(), array.max()
    if low >= 0 and high < n_ids and not (array % 1).any():
        return
    wrong = (array < 0) | (array >= n_ids) | (array % 1 != 0)
    place = tuple(map(int, np.argwhere(wrong)[0]))
    raise ValueError(
        f"{name} must hold whole numbers from 0 to {n_ids - 1}, which an Embedding has vectors for, got "
        f"{array[place]:g} at {place}; its input_dim says how many there are"
    )


def _with_length(name: str, shape: Any, came: Shape) -> Shape:
    """The shape with the length that came in place of None; an axis of 1 at the end may be missing, or one too many."""
    at, rank = shape.index(None) + 1, len(shape)
    if at >= len(came) or len(came) - 1 not in (rank - (shape[-1] == 1), rank, rank + (came[-1] == 1)):
        raise ValueError(f"{name} must have shape {of_rows(shape)}, got {came}")
    if came[at] < 1:
        raise ValueError(f"{name} has sequences of no step, got shape {came}; at least one is needed")
    return tuple(came[at] if size is None else size for size in shape)


def _check_rows(name: str, came: Shape, shape: Shape, empty: bool) -> None:
    """Raise when rows of a shape are none for a model with input ``shape``."""
    if (
        came[1:] != shape and (*came[1:], 1) != shape and came[1:] != (*shape, 1)
    ):  # Keras adds or drops a last axis of 1
        raise ValueError(f"{name} must have shape {of_rows(shape)}, got {came}{way_to(shape, came)}")
    if came[0] == 0 and not empty:
        raise ValueError(f"{name} is empty; at least one row is needed")
    if came[0] > MAX_SAMPLES:
        raise ValueError(f"{name} has {came[0]} rows; at most {MAX_SAMPLES} can be trained at once")


def of_rows(shape: Shape) -> str:
    """The shape of any number of rows, in words."""
    return "(n, " + ", ".join(map(str, shape)) + ")"


def way_to(shape: Shape, came: Shape) -> str:
    """What makes rows of ``shape`` of an array of another one, where that can be guessed."""
    if came == shape:
        return f"; one row is x[None], shape {(1, *came)}"
    if (*came, 1) == shape and len(came) > 1:
        return f"; one row is x[None, ..., None], shape {(1, *shape)}"
    if len(shape) > 1 and came[1:] == (shape[-1], *shape[:-1]):
        return f"; channels come last: np.moveaxis(x, 1, -1), shape {(came[0], *shape)}"
    if len(shape) > 1 and came[1:] == (math.prod(shape),):
        return f"; flat rows become that by x.reshape({(-1, *shape)})"
    return ""


def _sparse_inputs(name: str, came: DataLike, shape: Shape, dtype: np.dtype, empty: bool) -> SparseRows:
    numbers(name, np.empty(0, came.dtype))  # refuses what it refuses in arrays
    if len(came.shape) != 2:
        raise ValueError(f"{name} must have two axes when it is sparse, got shape {came.shape}")
    if len(shape) > 1 and (*came.shape[1:], 1) != shape:
        raise ValueError(
            f"{name} must have shape {of_rows(shape)}, got {came.shape}, sparse; a first layer "
            f"Reshape({shape}, input_shape=({math.prod(shape)},)) takes sparse rows"
        )
    _check_rows(name, came.shape, shape, empty)
    if isinstance(came, SparseRows):  # from `fit_many`, which has had them checked
        return replace(came, values=real_array(name, came.values, dtype))
    return from_scipy(name, came, dtype)


def _rows_of(came: object) -> object:
    """The rows, where they came with their targets."""
    return came.x if isinstance(came, Windows) else came


def _window_inputs(
    name: str, came: WindowRows, shape: Any, dtype: np.dtype, empty: bool, n_ids: int | None
) -> WindowRows:
    """Windows of a series that is converted, and looked at, once."""
    if None in shape:
        shape = _with_length(name, shape, came.shape)
    _check_rows(name, came.shape, shape, empty)
    series = f"the series of {name}"
    values = real_array(series, came.values, dtype)
    check_finite(series, values, came.values)
    if n_ids is not None and values.size:
        _check_ids(series, values, n_ids)
    return replace(came, values=values)


def sample_shape(name: str, came: DataLike) -> Shape:
    """Shape of one row, for a model that takes its input shape from its data."""
    if isinstance(came, list | tuple) and len(came) == 1 and np.ndim(came[0]) > 1:  # Keras takes a list for its inputs
        raise ValueError(
            f"{name} is a list of one array of shape {np.shape(came[0])}, which could be all rows or a single one; "
            f"give the array itself, or np.stack of a single row"
        )
    came = _rows_of(came)
    shape = came.shape if isinstance(came, WindowRows) or is_sparse(came) else numbers(name, came).shape
    if 0 in shape[1:]:
        raise ValueError(f"{name} has no columns, got shape {tuple(shape)}; at least one is needed")
    return shape[1:] or (1,)
