"""Targets and weights of rows, as the losses of a model want them; with the same promises as ``convert.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base import users_line
from fastnn._base.arguments import number
from fastnn._base.arrays import check_finite, dense_array, numbers, real_array
from fastnn._engine.convert import MAX_SAMPLES
from fastnn.layers.parameter import Shape
from fastnn.losses import CustomLoss, LossRecord
from fastnn.metrics import TAKES_LABELS, Reading
from fastnn.metrics.readings import one_class

if TYPE_CHECKING:
    from fastnn._plan.compile import AnyLoss


def converted_targets(
    label: str, came: object, n_samples: int, shape: Shape, loss: LossRecord | CustomLoss, dtype: np.dtype
) -> np.ndarray:
    """Targets for an output ``shape``: ``(n, prod(shape))``, or int32 ``(n, repeat)`` for a sparse loss.

    A custom loss takes targets of any other shape as they are.
    """
    array = dense_array(label, came)
    if array.ndim and len(array) != n_samples:
        raise ValueError(f"x and {label} must have the same number of rows, got {n_samples} and {len(array)}")
    if loss.activation == "softmax" and shape[-1] == 1:
        raise ValueError(one_class(str(loss.definition)))
    if loss.sparse:
        return _class_indices(label, array, n_samples, shape, str(loss.definition))
    narrow = (n_samples, *shape[:-1]) if shape[-1] == 1 else None
    if loss.is_own and array.shape not in ((n_samples, *shape), narrow):
        return _own_targets(label, array)
    real = real_array(label, array, dtype)
    if real.shape not in ((n_samples, *shape), narrow):
        raise ValueError(_target_shape(label, real.shape, n_samples, shape, loss))
    check_finite(label, real, came)
    real = real.reshape(n_samples, math.prod(shape))
    return _domain(label, real, loss)


def _own_targets(label: str, came: np.ndarray) -> np.ndarray:
    """Targets of a custom loss that are not as wide as the output: C-contiguous, of the dtype they came in."""
    array = np.ascontiguousarray(numbers(label, came))
    if array.dtype.kind == "f":
        check_finite(label, array)
    return array


def _target_shape(label: str, came: Shape, n_samples: int, shape: Shape, loss: LossRecord | CustomLoss) -> str:
    message = f"{label} must have shape {(n_samples, *shape)}, got {came}"
    if came in ((n_samples,), (n_samples, 1)):
        if loss.activation == "softmax":
            return message + f"; class indices belong to the loss sparse_{loss.definition}"
        if len(shape) == 1 and loss.definition == "binary_crossentropy":
            return message + "; one class of each row goes with one output, or with sparse_categorical_crossentropy"
    return message + _one_answer(shape, came)


def _one_answer(shape: Shape, came: Shape) -> str:
    """What makes an output over steps or an image one answer a row, where the targets are that."""
    if len(shape) > 1 and len(came) < 3:
        last = "a recurrent layer's return_sequences=False, " if len(shape) == 2 else ""
        made = f"{last}Flatten() or a global pooling before the last layer makes one of it"
        return f"; the output is {shape} a row: {made}"
    return ""


def _class_indices(label: str, array: np.ndarray, n_samples: int, shape: Shape, name: str) -> np.ndarray:
    n_classes, positions, dense = shape[-1], shape[:-1], name.removeprefix("sparse_")
    if array.dtype.kind not in "iubf":
        hint = f"; classes, {label} = np.unique({label}, return_inverse=True) numbers names of classes"
        told = hint if array.dtype.kind in "OUST" and label == "y" else ""
        raise TypeError(f"{label} must hold class indices (whole numbers), got dtype {array.dtype}{told}")
    if array.shape == (n_samples, *positions, n_classes):
        raise ValueError(
            f"{label} must hold class indices of shape {(n_samples, *positions)}, got {array.shape}; "
            f"one-hot rows belong to the loss {dense}"
        )
    if array.shape not in ((n_samples, *positions), (n_samples, *positions, 1)):
        hint = _one_answer(shape, array.shape)
        raise ValueError(f"{label} must hold class indices of shape {(n_samples, *positions)}, got {array.shape}{hint}")
    if array.dtype.kind == "f" and not np.array_equal(array, np.floor(array)):
        raise ValueError(f"{label} must hold class indices (whole numbers), got fractions or NaN")
    _check_classes(label, array, n_classes)
    with np.errstate(invalid="ignore"):
        own = array.astype(np.int32, order="C")  # kernels follow them: nobody may change them after this
    _check_classes(label, own, n_classes)
    return own.reshape(n_samples, math.prod(positions))


def _check_classes(label: str, indices: np.ndarray, n_classes: int) -> None:
    low, high = (indices.min(), indices.max()) if indices.size else (0, 0)
    if low < 0 or high >= n_classes:
        raise ValueError(f"{label} must hold class indices from 0 to {n_classes - 1}, got {low:g} to {high:g}")


def _domain(label: str, target: np.ndarray, loss: LossRecord | CustomLoss) -> np.ndarray:
    """Check the loss's domain; where it is made of signs, 0 and 1 become -1 and 1."""
    if not loss.signs and loss.low == -math.inf:
        return target
    low, high = (target.min(), target.max()) if target.size else (0.0, 0.0)
    if loss.signs:
        if not np.isin(target, (-1, 0, 1)).all():
            raise ValueError(f"{label} must hold -1 and 1 (or 0 and 1) for {loss.name}")
        return target if low < 0 else _scaled(target, 2, -1)
    if loss.high < math.inf and (low < loss.low or high > loss.high):
        raise ValueError(f"{label} must lie in [{loss.low:g}, {loss.high:g}] for {loss.name}, got {low:g} to {high:g}")
    if low < loss.low:
        raise ValueError(f"{label} must not be negative for {loss.name}, got {low:g}")
    return target


def check_metrics(resolved: Sequence[tuple[Reading, bool]], target: np.ndarray, shape: Shape, loss: AnyLoss) -> None:
    """Raise where a metric cannot read the targets of a custom loss, which are neither outputs nor classes."""
    if not loss.is_own or target.shape[1:] == (math.prod(shape),):
        return
    labels = target.shape == (len(target),) and target.dtype.kind in "iu" and len(shape) == 1 < shape[0]
    classes = labels and target.min() >= 0 and target.max() < shape[0]
    for metric, _ in resolved:
        if not (classes and metric.statistic in TAKES_LABELS):
            raise ValueError(
                f"metric {metric.name!r} needs a target as wide as the output, {(len(target), *shape)}; the loss "
                f"{loss.name!r} was given y of shape {target.shape}, so compile without that metric"
            )


def _scaled(target: np.ndarray, factor: float, shift: float) -> np.ndarray:
    """``target * factor + shift``, with no array besides the result."""
    scaled = target * factor
    scaled += shift
    return scaled


def row_weights(
    sample_weight: object,
    class_weight: object,
    target: np.ndarray,
    shape: Shape,
    loss: LossRecord | CustomLoss,
    dtype: np.dtype,
) -> np.ndarray | None:
    """Weights of rows from both arguments, ``(n,)``, or None where there are none; they may be negative."""
    combined = None
    if sample_weight is not None:
        combined = real_array("sample_weight", sample_weight, dtype)
        if combined.shape == (len(target), 1):
            combined = combined[:, 0]
        if combined.shape != (len(target),):
            raise ValueError(f"sample_weight must have shape {(len(target),)}, got {combined.shape}")
        check_finite("sample_weight", combined, sample_weight)
    if class_weight is not None:
        by_class = _class_weights(class_weight, target, shape, loss).astype(dtype)
        combined = by_class if combined is None else combined * by_class
    return combined


def _class_weights(class_weight: object, target: np.ndarray, shape: Shape, loss: LossRecord | CustomLoss) -> np.ndarray:
    if not isinstance(class_weight, dict):
        raise TypeError(
            f"class_weight must be a dict {{class index: weight}}, got {class_weight!r}; of a list or array of weights "
            f"that is dict(enumerate(weights))"
        )
    classes, n_classes = _classes(target, shape, loss)
    table = {_class_index(index): number(f"class_weight[{index}]", w, low=0.0) for index, w in class_weight.items()}
    unknown = sorted(index for index in table if not 0 <= index < n_classes)
    if unknown:
        several = f"classes {str(unknown)[1:-1]}" if len(unknown) > 1 else f"class {unknown[0]}"
        raise ValueError(f"class_weight has the {several}; classes are 0 to {n_classes - 1}, so leave that out")
    result = np.ones(len(target))
    for index, weight in table.items():
        result[classes == index] = weight
    return result


def _class_index(came: object) -> int:
    """A key of ``class_weight``, any whole number, as an int."""
    if hasattr(came, "__index__"):
        return int(came)
    if isinstance(came, float | np.floating) and float(came).is_integer():
        return int(came)
    raise ValueError(f"class_weight has the class {came!r}; classes are whole numbers")


def _classes(target: np.ndarray, shape: Shape, loss: LossRecord | CustomLoss) -> tuple[np.ndarray, int]:
    """Class of each row, and how many there are; any number where the target is no class of the output's."""
    if len(shape) > 1:
        raise ValueError("class_weight needs one class a row; give sample_weight for sequences")
    if loss.sparse:
        return target[:, 0], shape[-1]
    column = target.reshape(len(target), -1)
    if loss.is_own and column.shape[1] != shape[-1]:
        if column.shape[1] == 1 and np.array_equal(column, np.rint(column)):
            return column[:, 0], MAX_SAMPLES
        raise ValueError("class_weight needs one class a row; these targets have none, give sample_weight")
    if shape[-1] == 1:
        if loss.signs or loss.high == 1:
            return (column[:, 0] > 0.5).astype(int), 2
        return np.rint(column[:, 0]), MAX_SAMPLES  # as Keras, which asks no loss
    if np.allclose(target.sum(axis=1), 1.0):  # soft labels add up to one within rounding
        return target.argmax(axis=1), shape[-1]
    raise ValueError("class_weight needs one class a row; these targets have several, give sample_weight")


def warn_when_sorted(target: np.ndarray) -> None:
    """Warn when a split from the end takes rows of other targets than the rest: sorted data."""
    column = target.reshape(len(target), -1)[:, 0]
    steps = np.diff(column)
    if len(column) > 2 and steps.any() and ((steps >= 0).all() or (steps <= 0).all()):
        users_line.warn(
            "the targets are sorted, and validation_split takes the last rows: shuffle the rows first, "
            "or give validation_data"
        )
