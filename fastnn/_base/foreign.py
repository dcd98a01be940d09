"""Arrays of other libraries as NumPy's: frames of pandas, polars and Arrow, tensors, all with ``__array__`` or DLPack.

What cannot become an array is one error that names the argument. Masked arrays are refused where they hide a value:
what NumPy computes with them counts it or not, function by function.

Design: NumPy's own conversion comes first. Only where it ends in Python objects are a frame's columns looked at one by
one, for then pandas had no common type for them (a boolean beside a float, a nullable dtype).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.types import DataLike
from fastnn._base.windows import WindowRows

REAL = "fiub"  # kinds of dtypes
MOST_REPEATED = 2**31  # numbers that an array may claim by showing the same memory again and again
DATES = "mM"
TIMES = "date", "time", "duration", "period"  # dtypes of all libraries begin so, and no others: datetime64, timestamp


def as_array(name: str, came: object) -> np.ndarray:
    """``came`` as an array of whatever dtype; no copy of an array.

    Raises
    ------
    TypeError
        a frame has a column that holds no numbers.
    ValueError
        there are masked values, no array can be made, or it would be huge while next to nothing of it is in memory.
    """
    if type(came) is np.ndarray:
        return _in_memory(name, came)
    check_mask(name, came)
    came = _without_gradient(came)
    if hasattr(came, "__dlpack__") and not hasattr(came, "__array__"):
        array = _converted(name, came, np.from_dlpack)
    else:
        array = _converted(name, came, np.asarray)
    if array.dtype.kind == "O" and hasattr(came, "to_numpy") and hasattr(came, "columns"):
        return _from_frame(name, came)
    if array.dtype.kind == "O" and getattr(getattr(came, "dtype", None), "kind", "O") in REAL:
        return _from_series(name, came)
    return _in_memory(name, array)


def _in_memory(name: str, array: np.ndarray) -> np.ndarray:
    """The array, unless it only claims to be huge: a copy of it, which most ways need, could fill the memory."""
    if array.size > MOST_REPEATED and 0 in array.strides:
        there = math.prod(size for size, stride in zip(array.shape, array.strides, strict=True) if stride)
        raise ValueError(
            f"{name} of shape {array.shape} repeats {there:,} number{'s' if there > 1 else ''} of memory by axes of "
            f"stride 0, as np.broadcast_to does, and would have {array.size:,} in a copy; hand in fewer rows"
        )
    return array


def plain(name: str, came: DataLike, dates: bool = False) -> object:
    """What scikit-learn's own checks take: lists and frames as they are, all else as an array of NumPy.

    scikit-learn counts dates as numbers; they are refused unless ``dates``. So are windows, which it would copy.
    """
    if isinstance(came, WindowRows):
        raise TypeError(f"{name} must be an array, got {came!r}: Model.fit takes windows, and np.asarray copies them")
    if came is None or hasattr(came, "tocsr"):
        return came
    if isinstance(came, str | bytes | Mapping | Set) or (callable(came) and not hasattr(came, "__array__")):
        raise TypeError(f"{name} must be an array, got {shown(came)}")
    check_mask(name, came)
    if not dates:
        _check_times(name, came)
    if hasattr(came, "to_numpy") or isinstance(came, list | tuple):
        if len(getattr(came, "shape", ())) == 2 and not came.shape[1]:
            least = "while a minimum of 1 is required"
            raise ValueError(f"{name}: Found array with 0 feature(s) (shape={came.shape}) {least}.")
        return _without_gradient(came)
    array = as_array(name, came) if hasattr(came, "__array__") or hasattr(came, "__dlpack__") else came
    if getattr(getattr(array, "dtype", None), "kind", "O") in ("V" if dates else DATES + "V"):
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}; convert it with .astype(float)")
    return array


def _check_times(name: str, came: object) -> None:
    """Raise for a column of another library that holds dates, moments or durations; NumPy would count their units."""
    if hasattr(came, "column_names") and hasattr(came, "schema"):  # pyarrow
        kinds = zip(came.column_names, came.schema.types, strict=True)
    elif hasattr(came, "columns") and hasattr(came, "dtypes"):
        kinds = zip(came.columns, came.dtypes, strict=True)
    else:
        kinds = zip([None], [getattr(came, "dtype", getattr(came, "type", ""))], strict=True)
    for label, kind in kinds:
        if str(kind).lower().startswith(TIMES):
            what = name if label is None else f"{name}, column {label!r},"
            raise TypeError(f"{what} must hold real numbers, got dtype {kind}; turn times into numbers first")


def check_mask(name: str, came: object) -> None:
    """Raise when an array, or one in a list, hides a value."""
    if np.ma.is_masked(came) or (isinstance(came, list | tuple) and any(map(_hides, came))):
        raise ValueError(f"{name} has masked values; fill or drop them")


def _hides(came: object) -> bool:
    if isinstance(came, list | tuple):
        return any(map(_hides, came))
    return isinstance(came, np.ma.MaskedArray) and bool(np.ma.is_masked(came))


def _without_gradient(came: object) -> object:
    """Tensors of PyTorch without the graph that made them: NumPy refuses them otherwise."""
    if isinstance(came, list | tuple):
        return [_without_gradient(one) for one in came] if any(hasattr(one, "requires_grad") for one in came) else came
    return came.detach() if getattr(came, "requires_grad", False) is True and hasattr(came, "detach") else came


def _converted(name: str, came: object, convert: Any) -> np.ndarray:
    try:
        found: np.ndarray = convert(came)
        return found
    except MemoryError:
        raise
    except Exception as error:  # of the object's own __array__: there is no saying which
        if isinstance(came, list | tuple):
            mend = (
                "; utils.pad_sequences makes one of rows of different lengths" if "inhomogeneous" in str(error) else ""
            )
            raise ValueError(f"{name} must be a rectangular array of numbers: {error}{mend}") from None
        kind = f"{type(came).__module__}.{type(came).__qualname__}"
        raise ValueError(
            f"{name} must be a rectangular array of numbers, and no array can be made of this {kind}: "
            f"{type(error).__name__}: {error}"
        ) from None


def _from_frame(name: str, frame: DataLike) -> np.ndarray:
    """Columns of a frame side by side, in the smallest dtype that holds them all."""
    columns = [frame.iloc[:, i] if hasattr(frame, "iloc") else frame[column] for i, column in enumerate(frame.columns)]
    return np.column_stack(
        [_from_series(f"{name}, column {label!r},", one) for label, one in zip(frame.columns, columns, strict=True)]
    )


def _from_series(name: str, series: object) -> np.ndarray:
    """A column as numbers, NaN where a nullable dtype has none."""
    array = np.asarray(series)
    if array.dtype.kind in REAL:
        return array
    dtype = getattr(series, "dtype", array.dtype)
    if getattr(dtype, "kind", "O") not in REAL:
        raise TypeError(
            f"{name} must hold real numbers, got dtype {dtype}; turn text, dates and objects into numbers first"
        )
    return _converted(name, series, lambda came: came.to_numpy(dtype="float64", na_value=np.nan))
