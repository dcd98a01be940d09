"""What users hand in, turned into arrays that the pictures can trust, or one error that says what is wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.arrays import check_finite, numbers
from fastnn._base.types import DataLike
from fastnn.layers.parameter import check_shape


def real(name: str, came: object) -> np.ndarray:
    """Finite float64 numbers of any shape, at least one."""
    array = np.ascontiguousarray(numbers(name, came), dtype=np.float64)
    if not array.size:
        raise ValueError(f"{name} is empty; at least one row is needed")
    check_finite(name, array)
    return array


def same_length(**arrays: np.ndarray) -> None:
    """Raise when the arrays have different numbers of rows."""
    lengths = [len(array) for array in arrays.values()]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{' and '.join(arrays)} must have the same number of rows, got {' and '.join(map(str, lengths))}"
        )


def labels(name: str, came: object, *, probabilities: bool = False) -> np.ndarray:
    """A class label a row, ``(n,)``: whole numbers, booleans or text.

    One-hot rows stand for the index of their largest number. With ``probabilities``, so do rows of any numbers, and
    fractions from 0 to 1 in one column stand for class 1 where they are above one half.
    """
    array = _text_or_numbers(name, came)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "fiub":
        return _largest(name, real(name, array), probabilities)
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), or (n, classes) for one-hot rows, got {array.shape}")
    if not array.size:
        raise ValueError(f"{name} is empty; at least one row is needed")
    return _whole(name, array, probabilities) if array.dtype.kind == "f" else array


def _largest(name: str, rows: np.ndarray, any_scores: bool) -> np.ndarray:
    """Index of the largest number of each row; targets must be shares of classes that exclude each other."""
    if not any_scores and (rows.min() < 0 or np.abs(rows.sum(axis=1) - 1).max() > 1e-3):
        raise ValueError(
            f"rows of {name} must be one-hot, one class a row; of several labels a row, draw one column at a time"
        )
    found: np.ndarray = rows.argmax(axis=1)
    return found


def _whole(name: str, array: np.ndarray, probabilities: bool) -> np.ndarray:
    check_finite(name, np.ascontiguousarray(array))
    if np.array_equal(array, np.floor(array)):
        return array.astype(np.int64)
    if probabilities and array.min() >= 0 and array.max() <= 1:
        return (array > 0.5).astype(np.int64)
    also = " or probabilities from 0 to 1" if probabilities else ""
    raise ValueError(
        f"{name} must hold class labels (whole numbers or text){also}, got {array.min():g} to {array.max():g}"
    )


def _text_or_numbers(name: str, came: DataLike) -> np.ndarray:
    array = np.asarray(came) if np.ndim(came) else np.empty(0, object)
    if array.dtype.kind == "O" and array.size and all(isinstance(value, str) for value in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "fiubU":
        raise TypeError(f"{name} must be an array of class labels (numbers or text), got {shown(came)}")
    return array


def positions(name: str, values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The index in ``classes`` of each label, or ``ValueError`` that names the label which is none of them."""
    same_kind(name, values, "the classes", classes)
    sorter = np.argsort(classes, kind="stable")
    index = sorter[np.searchsorted(classes, values, sorter=sorter).clip(max=len(classes) - 1)]
    strange = values[classes[index] != values]
    if len(strange):
        known = ", ".join(map(str, classes[:20])) + ", ..." * (len(classes) > 20)
        raise ValueError(f"{name} has the class {strange[0]!s}; the classes are {known}")
    found: np.ndarray = index
    return found


def same_kind(name: str, a: np.ndarray, other: str, b: np.ndarray) -> None:
    """Raise when one holds text and the other numbers, which NumPy would compare as text."""
    if (a.dtype.kind == "U") != (b.dtype.kind == "U"):
        raise TypeError(f"{name} holds {_kind(a)} and {other} {_kind(b)}; give both as the same")


def _kind(array: np.ndarray) -> str:
    return f"{'text' if array.dtype.kind == 'U' else 'numbers'} ({array.tolist()[0]!r}, ...)"


def names(classes: Sequence[object] | np.ndarray) -> list[str]:
    """Classes as texts for ticks and legends."""
    return [str(label) for label in classes]


def class_names(given: DataLike, classes: np.ndarray) -> list[str]:
    """What the classes are called: as the user says, or by their labels."""
    if given is None:
        return names(classes)
    if isinstance(given, str) or np.ndim(given) != 1 or len(given) != len(classes):
        raise ValueError(f"labels must be a list of {len(classes)} names, one for each output, got {shown(given)}")
    return names(given)


def image_shape(came: object, n: int, of: str) -> tuple[int, int, int]:
    """The shape that a user gives to rows of ``n`` numbers, with the axis of channels; ``of`` says what has so many."""
    shape = check_shape("shape", came)
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"shape must be (height, width), (height, width, 1) or (height, width, 3), got {came!r}")
    if math.prod(shape) != n:
        raise ValueError(f"shape {shape} has {math.prod(shape)} numbers, but {of}")
    return shape if len(shape) == 3 else (*shape, 1)  # type: ignore[return-value]  # three numbers


def sizes_of_image(name: str, row: tuple[int, ...], shape: object) -> tuple[int, int, int]:
    """Height, width and channels of what a row is: an image, or flat numbers whose ``shape`` the user gives."""
    if shape is not None:
        return image_shape(shape, math.prod(row), f"a row of {name} has {math.prod(row)}")
    if len(row) not in (2, 3) or not math.prod(row):
        raise ValueError(
            f"{name} must be images of shape (height, width) or (height, width, channels), got {row}; "
            f"for flat rows give shape=(height, width)"
        )
    return row if len(row) == 3 else (*row, 1)  # type: ignore[return-value]  # three numbers


def fit_model(name: str, row: tuple[int, ...], wanted: tuple[int, ...], *, many: bool = True) -> None:
    """Raise when a model reads rows of another shape; an axis of one channel may be there or not."""
    if row != wanted and (*row, 1) != wanted and row != (*wanted, 1):
        reads, came = (str((*("n",) * many, *sizes)).replace("'", "") for sizes in (wanted, row))
        hint = f"; one image is {name}[0]" if not many and row[1:] == wanted else ""
        raise ValueError(f"{name} must have the shape that the model reads, {reads}, got {came}{hint}")
