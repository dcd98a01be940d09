"""What a network of two inputs says over the plane of its inputs, and the rows it learns from, for the page.

Classes are drawn by the most probable one and how sure the network is of it, numbers as a heat map on the scale of the
rows' own targets. Numbers on the page are in the units of the raw columns, those of the picture in the network's.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastnn import _kernels
from fastnn._plan.memory import allocate
from fastnn._plan.passes import last_activation
from fastnn.watch.curves import finite

if TYPE_CHECKING:
    from fastnn._base.types import DataLike, Numbers
    from fastnn.models.model import Model

POINTS = 400  # rows drawn, chosen by chance
SIDES = 24, 80  # least and greatest number of places along each axis
WORK = 5e8  # multiplications for a picture, which decide between the two
MARGIN = 0.06  # around the rows, as a share of their range
Unit = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Plane:
    """Rows of two inputs for the page of a network of two inputs, and how their axes are named.

    Parameters
    ----------
    x : ``(n, 2)``, rows as the network takes them, usually those it trains on.
    y : targets as ``fit`` takes them.
    columns : the names of the two inputs.
    labels : the names of the classes; without them their numbers.
    target : the name of what is predicted.
    units : of each input ``(mean, spread)``: the raw value is ``mean + spread * x``.
    target_unit : the same of the target, if it is a number.

    >>> import numpy as np
    >>> Plane(np.zeros((3, 2)), [0, 1, 1], columns=("age", "height")).columns
    ('age', 'height')
    """

    x: DataLike
    y: DataLike
    columns: Sequence[str] = ("input 1", "input 2")
    labels: Sequence[object] | None = None
    target: str = "output"
    units: tuple[Unit, Unit] = ((0.0, 1.0), (0.0, 1.0))
    target_unit: Unit = (0.0, 1.0)

    def __post_init__(self) -> None:
        x = np.asarray(self.x)
        if x.ndim != 2 or x.shape[1] != 2 or not len(x):
            raise ValueError(f"x must have shape (n, 2), a column for each axis of the plane, got {x.shape}")
        if len(self.y) != len(x):
            raise ValueError(f"y must have a target for each of the {len(x)} rows of x, got {len(self.y)}")
        if not np.isfinite([x.min(), x.max()]).all():
            raise ValueError("x holds NaN or infinities, which have no place in a picture")

    def __deepcopy__(self, memo: object) -> Plane:
        """Itself: ``fit_many`` copies callbacks, and need not copy their rows."""
        return self


class Painter:
    """Draws a :class:`Plane` for one model, in arrays of its own, so that the model may train meanwhile."""

    topic, described_as = "picture", "plane"

    def __init__(self, plane: Plane, model: Model):
        self.plane = plane
        self.plan = model.prediction_plan()
        self.backend = _kernels.select(self.plan, model.backend_ or model.backend)[1]
        self.memory = allocate(self.plan, model.params.copy())
        self.n_out = model.layout.output_shape[-1]
        self.logits = bool(getattr(model.loss, "from_logits", False))
        self.classes = self.logits or last_activation(model.layout) in ("sigmoid", "softmax")
        self._choose_rows()
        self.side = int(min(max(math.sqrt(WORK / max(1, model.count_params())), SIDES[0]), SIDES[1]))
        places = (np.arange(self.side) + 0.5) / self.side
        across, up = (low + (high - low) * places for low, high in zip(self.low, self.high, strict=True))
        grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        self.x = np.ascontiguousarray(grid, dtype=model.dtype)
        self.out = np.empty((len(self.x), self.n_out), model.dtype)

    def _choose_rows(self) -> None:
        x, y = np.asarray(self.plane.x), np.asarray(self.plane.y)
        chosen = np.sort(np.random.default_rng(0).choice(len(x), min(POINTS, len(x)), replace=False))
        self.rows, self.targets = x[chosen].astype(np.float64), y[chosen].astype(np.float64)
        low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
        margin = np.where(high > low, MARGIN * (high - low), 1.0)
        self.low, self.high = low - margin, high + margin
        self.scale = float(_column(self.targets).min()), float(_column(self.targets).max())

    @staticmethod
    def fits(model: Model) -> bool:
        """Whether a model has two inputs and one row of outputs."""
        layout = model.layout
        single = len(layout.inputs) == len(layout.outputs) == 1
        return single and layout.input_shape == (2,) and len(layout.output_shape) == 1

    def taken(self, model: Model) -> np.ndarray:
        """What a picture is painted of, copied while the model stands still."""
        return model.params.copy()

    def describe(self) -> dict[str, object]:
        """What stays the same: axes, scale, and the rows as ``[x, y, class or value]``."""
        plane = self.plane
        values = _classes(self.targets, self.n_out) if self.classes else _raw(_column(self.targets), plane.target_unit)
        points = [_raw(self.rows[:, i], plane.units[i]) for i in (0, 1)] + [values]
        n_classes = max(2, self.n_out) if self.classes else 0
        named = [] if plane.labels is None else list(plane.labels)[:n_classes]
        labels = [str(label) for label in [*named, *range(len(named), n_classes)]]
        return {
            "columns": [str(name) for name in plane.columns],
            "target": str(plane.target),
            "low": [finite(_raw(v, unit)) for v, unit in zip(self.low, plane.units, strict=True)],
            "high": [finite(_raw(v, unit)) for v, unit in zip(self.high, plane.units, strict=True)],
            "points": [[finite(v) for v in point] for point in zip(*points, strict=True)],
            "labels": labels,
            "scale": [finite(_raw(v, plane.target_unit)) for v in self.scale],
        }

    def paint(self, params: np.ndarray) -> dict[str, object]:
        """The picture with these parameters: ``side`` rows of ``side`` bytes, the lowest first, as base64."""
        np.copyto(self.memory.params, params)
        with np.errstate(all="ignore"):
            self.backend.predict(self.plan, self.memory, (self.x,), (self.out,))
            if not self.classes:
                low, high = self.scale
                return {"side": self.side, "values": _bytes((self.out[:, 0] - low) / ((high - low) or 1.0))}
            if self.n_out == 1:
                p = _sigmoid(self.out[:, 0]) if self.logits else self.out[:, 0]
                return {"side": self.side, "classes": _bytes((p > 0.5) / 255), "sure": _bytes(np.abs(2 * p - 1))}
            p = _softmax(self.out) if self.logits else self.out
            sure = (p.max(axis=1) * self.n_out - 1) / (self.n_out - 1)
            return {"side": self.side, "classes": _bytes(p.argmax(axis=1) / 255), "sure": _bytes(sure)}


def _bytes(shares: np.ndarray) -> str:
    """Numbers of 0 to 1 as bytes, in base64; what is outside goes to the ends, NaN to 0."""
    whole = np.rint(255 * np.nan_to_num(np.asarray(shares, np.float64), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1))
    return base64.b64encode(whole.astype(np.uint8).tobytes()).decode()


def _raw(values: Numbers, unit: Unit) -> Numbers:
    return unit[0] + unit[1] * values


def _column(y: np.ndarray) -> np.ndarray:
    return y.reshape(len(y), -1)[:, 0]


def _classes(y: np.ndarray, n_out: int) -> np.ndarray:
    if n_out == 1:
        return (_column(y) > 0.5).astype(np.float64)
    return (y.argmax(axis=1) if y.ndim > 1 and y.shape[1] > 1 else _column(y)).astype(np.float64)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    found: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return found
