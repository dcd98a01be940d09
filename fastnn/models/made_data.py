"""Numbers drawn at random in the shapes that a model takes, for measurements: inputs of each kind and targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import DataLike
from fastnn.layers.parameter import OpenSize, Shape
from fastnn.losses import LossRecord

if TYPE_CHECKING:
    from fastnn.models.choices import AnyLoss
    from fastnn.models.model import Model

BATCHES = 8
MOST_BYTES = 2**28  # of the inputs: fewer rows are made where they are large


def made_data(model: Model, n: int, length: int | None = None) -> tuple[DataLike, DataLike]:
    """``x, y`` as :meth:`Model.fit` takes them, of ``n`` rows or those that fit into memory set aside for them.

    Parameters
    ----------
    model : built and compiled; losses are fastnn's own.
    n : rows wanted.
    length : what sizes that differ from batch to batch shall be.

    Raises
    ------
    ValueError
        the model has such sizes, and no length was given.
    """
    random, layout = np.random.default_rng(0), model.layout
    shapes = [_closed(shape, length) for shape in layout.input_shapes]
    outputs = layout.output_shapes
    if layout.is_open:
        sized = layout.of_sizes([math.prod(shape) for shape in shapes])
        outputs = sized.output_shapes
    rows = max(1, min(n, MOST_BYTES // (8 * sum(math.prod(shape) for shape in shapes))))
    ins, outs = model.ends
    x = [_input(random, (rows, *shape), n_ids, model.dtype) for shape, n_ids in zip(shapes, layout.n_ids, strict=True)]
    y = [_targets(random, rows, shape, loss) for shape, loss in zip(outputs, model._losses, strict=True)]
    return _joined(x, ins.names), _joined(y, outs.names)


def _closed(shape: Shape, length: int | None) -> Shape:
    if length is None and any(isinstance(size, OpenSize) for size in shape):
        raise ValueError(
            "lengths of this model's inputs differ from batch to batch: say how long made data shall be, or give data"
        )
    return tuple(int(length or 0) if isinstance(size, OpenSize) else size for size in shape)


def _input(random: np.random.Generator, shape: Shape, n_ids: int | None, dtype: np.dtype) -> np.ndarray:
    """Numbers of [0, 1), or whole ones for an ``Embedding``."""
    found = random.random(shape, np.float32) if n_ids is None else random.integers(0, n_ids, shape)
    return found.astype(dtype)


def _targets(random: np.random.Generator, rows: int, shape: Shape, loss: AnyLoss | None) -> np.ndarray | None:
    if loss is None:
        return None
    if loss.sparse:
        return random.integers(0, shape[-1], (rows, *shape[:-1]))
    if isinstance(loss, LossRecord) and loss.signs:
        return 2.0 * random.integers(0, 2, (rows, *shape)) - 1
    if isinstance(loss, LossRecord) and loss.rowwise and shape[-1] > 1:
        return np.eye(shape[-1])[random.integers(0, shape[-1], (rows, *shape[:-1]))]
    return random.random((rows, *shape))


def _joined(arrays: Sequence[np.ndarray | None], names: tuple[str, ...]) -> object:
    return arrays[0] if len(arrays) == 1 else dict(zip(names, arrays, strict=True))
