"""Rows, targets and weights of a call, from what a user hands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import number
from fastnn._base.arrays import check_finite
from fastnn._base.types import DataLike
from fastnn._base.windows import WindowRows
from fastnn._engine import convert
from fastnn._engine.compiled import Compiled
from fastnn._engine.targets import check_metrics, converted_targets, row_weights, warn_when_sorted
from fastnn._kernels.contract import Rows

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows


@dataclass(frozen=True, eq=False)
class Given:
    """Data as a user handed it in, taken apart: an entry for each input, and for each output that has a loss.

    Attributes
    ----------
    x, y, weights : None where nothing came; ``labels`` are what errors call each of the first two.
    class_weight : of the only output.
    is_finite : whether all numbers of ``x`` are known to be finite as they came.
    """

    x: Sequence[DataLike]
    y: Sequence[DataLike]
    weights: Sequence[DataLike]
    x_labels: Sequence[str] = ("x",)
    y_labels: Sequence[str] = ("y",)
    class_weight: object = None
    is_finite: bool = False


def check_given(x: object, y: object) -> None:
    """``TypeError`` where targets are missing."""
    if y is None:
        raise TypeError(
            f"y is missing beside x, a {type(x).__name__}: targets come as an array; batches (x, y) come from a "
            f"generator or another iterable, given as x alone"
        )


def make_rows(compiled: Compiled, given: Given, prefix: str = "") -> Rows:
    """Check and convert for a model that is built and compiled."""
    layout, dtype = compiled.layout, compiled.dtype
    inputs = tuple(
        convert.inputs(f"{prefix}{label}", x, shape, dtype, n_ids=n_ids, is_finite=given.is_finite)
        for label, x, shape, n_ids in zip(
            given.x_labels, given.x, layout.stated(layout.inputs), layout.n_ids, strict=True
        )
    )
    check_lengths(given.x_labels, inputs)
    layout = compiled.sized(inputs).layout
    targets, weights = [], []
    for i, (label, y, weight) in enumerate(zip(given.y_labels, given.y, given.weights, strict=True)):
        shape, loss = layout.output_shapes[i], compiled.losses[i]
        check_given(given.x[0], y)
        target = converted_targets(label, y, len(inputs[0]), shape, loss, dtype)
        check_metrics([metric[:2] for metric in compiled.metrics if metric[2] == i], target, shape, loss)
        targets.append(target)
        weights.append(row_weights(weight, None, target, shape, loss, dtype))
    return Rows(inputs, tuple(targets), tuple(weights))


def are_plain(compiled: Compiled, x: object, rows: Rows) -> bool:
    """Whether ``x``, of which ``rows`` were made, and arrays like it need nothing but a look at their numbers."""
    taken, layout = rows.inputs[0], compiled.layout
    looked_at = compiled.has_custom_loss or layout.is_open or layout.n_ids != (None,)  # codes are compared with a range
    if looked_at or len(rows.targets) > 1 or not type(x) is type(taken) is np.ndarray:
        return False
    return (x.dtype, x.shape) == (taken.dtype, taken.shape)


def plain_rows(compiled: Compiled, x: np.ndarray, y: np.ndarray) -> Rows:
    """What :func:`make_rows` makes of such arrays, C-contiguous ones, in a third of the time."""
    check_finite("x", x)
    shape, loss = compiled.layout.output_shapes[0], compiled.losses[0]
    return Rows((x,), (converted_targets("y", y, len(x), shape, loss, compiled.dtype),), (None,))


def check_lengths(labels: Sequence[str], inputs: Sequence[AnyRows]) -> None:
    """``ValueError`` when inputs have different numbers of rows."""
    for label, x in zip(labels[1:], inputs[1:], strict=True):
        if len(x) != len(inputs[0]):
            raise ValueError(
                f"all inputs must have the same number of rows, got {len(inputs[0])} of {labels[0]} and {len(x)} of "
                f"{label}"
            )


def split_rows(compiled: Compiled, given: Given, share: object, validation: Given | None) -> tuple[Rows, Rows | None]:
    """Training and validation data: the last ``share`` of the rows, or ``validation``, or none.

    Class weights are for the rows that train.
    """
    share = number("validation_split", share, low=0.0, high=1.0, open_high=True)
    rows = make_rows(compiled, given)
    if validation is not None:
        return weighted(compiled, rows, given.class_weight), make_rows(compiled, validation, prefix="validation ")
    if not share:
        return weighted(compiled, rows, given.class_weight), None
    first = int(len(rows) * (1 - share))
    if not 0 < first < len(rows):
        raise ValueError(
            f"validation_split {share:g} of {len(rows)} rows leaves none for "
            f"{'training' if first == 0 else 'validation'}"
        )
    if not any(isinstance(x, WindowRows) for x in rows.inputs):  # of a series, its end shall be held out
        warn_when_sorted(rows.targets[0])
    return weighted(compiled, rows.part(slice(None, first)), given.class_weight), rows.part(slice(first, None))


def weighted(compiled: Compiled, rows: Rows, class_weight: object) -> Rows:
    """The same rows with the weights of their classes."""
    if class_weight is None:
        return rows
    if len(compiled.losses) > 1:
        raise ValueError("class_weight is for models with one output; give sample_weight for each output")
    shape, loss = compiled.sized(rows.inputs).layout.output_shape, compiled.losses[0]
    weights = row_weights(rows.weights[0], class_weight, rows.targets[0], shape, loss, compiled.dtype)
    return replace(rows, weights=(weights,))


def own(rows: Rows) -> Rows:
    """The same rows in arrays that nobody else has."""
    return Rows(
        tuple(x.copy() for x in rows.inputs),
        tuple(target.copy() for target in rows.targets),
        tuple(None if weight is None else weight.copy() for weight in rows.weights),
    )


def cut(
    name: str, n_rows: int, batch_size: int | None, steps: int | None, default: int = 32, repeats: bool = False
) -> tuple[int, int]:
    """How many of the first rows make ``steps`` batches, and the rows of a batch, as Keras counts both.

    Where no ``batch_size`` is given, ``steps`` batches hold all rows. What ``repeats`` may have fewer rows than that.
    """
    if batch_size is None:
        batch_size = -(-n_rows // steps) if steps and n_rows else default
    batch_size = min(batch_size, n_rows or batch_size)
    batches = -(-n_rows // batch_size)
    if steps is not None and steps > batches and not repeats:
        raise ValueError(f"{name} is {steps}, and the {n_rows} rows make {batches} batches of {batch_size}; give fewer")
    return (n_rows if steps is None else min(n_rows, steps * batch_size)), batch_size
