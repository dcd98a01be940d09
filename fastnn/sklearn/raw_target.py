"""The target of an estimator of raw tables: classes or numbers that every row has; errors count rows and name one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from fastnn._base.arguments import shown
from fastnn._base.foreign import plain
from fastnn._base.reprs import counted
from fastnn._base.types import DataLike
from fastnn.tables.objects import TRUTH, is_gap


def class_codes(y: DataLike) -> tuple[np.ndarray, np.ndarray]:
    """The classes in order, and the place of each row's among them.

    Raises
    ------
    ValueError
        rows have no class, there are fewer than two, or labels are of several types.
    """
    y = column_or_1d(_as_said(plain("y", y, dates=True)), warn=True)
    _check_gaps(y)
    y = _of_one_type(y)
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if not len(classes):
        raise ValueError("y: Found array with 0 sample(s) while a minimum of 1 is required.")
    if len(classes) < 2:
        raise ValueError(f"y has one class, {shown(classes.tolist()[0])}: there is nothing to learn")
    return classes, codes


def _as_said(y: DataLike) -> object:
    """Labels of pandas in their own type, where scikit-learn would make floats of whole numbers and truth."""
    series = y.iloc[:, 0] if hasattr(y, "iloc") and np.shape(y)[1:] == (1,) else y
    dtype: Any = getattr(series, "dtype", None)
    if hasattr(dtype, "categories") and hasattr(series, "cat"):
        values = np.asarray(series)
    elif hasattr(dtype, "numpy_dtype") and dtype.kind in "biu" and not series.isna().any():
        values = series.to_numpy(dtype=dtype.numpy_dtype)
    else:
        return y
    return values if series is y else values[:, None]


def _of_one_type(y: np.ndarray) -> np.ndarray:
    """Objects that are all truth, whole numbers or numbers as such; texts as they are."""
    if y.dtype.kind != "O":
        return y
    kinds = dict.fromkeys(map(type, y.tolist()))
    for types, dtype in ((TRUTH, np.bool_), ((int, np.integer), np.int64), ((int, float, np.number), np.float64)):
        if kinds and all(issubclass(kind, types) and (kind is not bool or dtype is np.bool_) for kind in kinds):
            try:
                return y.astype(dtype)
            except OverflowError:
                break
    if len(kinds) > 1 and not all(issubclass(kind, str) for kind in kinds):
        told = " and ".join(
            f"{shown(next(v for v in y if type(v) is kind))} ({kind.__name__})" for kind in [*kinds][:2]
        )
        raise ValueError(f"y holds labels of several types, such as {told}; make them one, such as by y.astype(str)")
    return y


def quantities(y: DataLike) -> np.ndarray:
    """The numbers to predict, ``(n,)`` float64.

    Raises
    ------
    ValueError
        rows have no number, an infinite one, or text.
    """
    y = column_or_1d(plain("y", y), warn=True)
    _check_gaps(y)
    try:
        numbers = np.asarray(y).astype(np.float64)
    except (ValueError, TypeError):
        word = next((value for value in np.asarray(y).tolist() if isinstance(value, str)), None)
        if word is None:
            raise
        why = f"y holds text ({shown(word)}), and this estimator predicts numbers; TabularClassifier predicts classes"
        raise ValueError(why) from None
    infinite = np.flatnonzero(~np.isfinite(numbers))
    if len(infinite):
        rows = counted(len(infinite), "row")
        raise ValueError(f"y is infinite in {rows} (row {infinite[0] + 1} is the first); drop them")
    return numbers


def _check_gaps(y: np.ndarray) -> None:
    if y.dtype.kind == "f":
        gaps = np.isnan(y)
    elif y.dtype.kind in "mM":
        gaps = np.isnat(y)
    elif y.dtype.kind == "O":
        gaps = np.fromiter(map(is_gap, y.tolist()), bool, len(y))
    else:
        return
    if gaps.any():
        rows, first = counted(int(gaps.sum()), "row"), int(gaps.argmax())
        raise ValueError(
            f"y has gaps (NaN or None) in {rows} of {len(y):,} (row {first + 1} is the first); drop them from X and y, "
            "such as by keep = y.notna(); X[keep], y[keep]"
        )
