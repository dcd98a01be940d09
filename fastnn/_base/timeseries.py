"""Windows of a series with their targets, as a user asks for them: :func:`timeseries`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.arrays import check_finite, numbers, read_only
from fastnn._base.foreign import as_array
from fastnn._base.types import DataLike
from fastnn._base.windows import WindowRows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Windows:
    """Windows of a series and their targets; made by :func:`timeseries`.

    ``windows[:800]`` are the first 800 (also by an array of indices or booleans), ``windows[3]`` is one
    with its target. ``np.asarray(windows.x)`` copies all windows.

    Attributes
    ----------
    x : rows ``(n, length, *step_shape)``, which a model takes in place of an array.
    y : targets, an array with an entry for each window.
    """

    x: WindowRows
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Any:
        x, y = self.x[rows], self.y[rows]
        return Windows(x, y) if isinstance(x, WindowRows) else (x, y)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError("windows with targets are no array: np.asarray(windows.x) copies the windows, windows.y is one")

    def __repr__(self) -> str:
        return f"<{len(self)} windows {self.x.shape[1:]} with targets {self.y.shape[1:]}>"


def timeseries(
    x: object,
    y: object = None,
    *,
    length: int,
    stride: int = 1,
    horizon: int = 1,
    targets: int = 1,
    groups: object = None,
) -> Windows:
    """Windows of a series, as rows for ``fit``, ``evaluate`` and ``predict``, that are never copied as a whole.

    The window that begins at step ``i`` is ``x[i : i + length]``, and its target ``y[i + length - 1 + horizon]``.
    Backends write out the windows of a block while they gather it, so that memory holds the series, its targets and one
    block; training has the bits of training on an array of all windows. The last ones are those that
    ``validation_split`` holds out.

    Parameters
    ----------
    x : the series ``(steps,)`` or ``(steps, features)``, in the order of time; finite numbers. A model takes the
        windows as an input ``(length,)`` or ``(length, 1)``, and ``(length, features)``; or ``(None, features)``.
    y : what is predicted, ``(steps,)`` or ``(steps, ...)``; None for ``x`` itself. Numbers, also class indices.
    length : steps of a window.
    stride : steps from one window to the next.
    horizon : steps from the last one of a window to its target; 0 is that last step, whose ``y`` is to be told from the
        window. Windows end early enough to have targets: for a prediction beyond the end of the series,
        ``timeseries(x[-length:], length=length, horizon=0).x`` is its last window.
    targets : how many steps are predicted, from ``horizon`` on. More than one make targets ``(n, targets)``, or ``(n,
        targets, ...)`` where ``y`` has further axes; ``fit`` keeps a copy of them.
    groups : the series' parts, an id for each step ``(steps,)``, numbers or text; steps of a group follow each other.
        No window, and no target of it, crosses from one group into the next; a group that is too short has none.

    Returns
    -------
    :class:`Windows`
        ``fit(windows)``, or ``fit(windows.x, windows.y)``; with ``len``, and cut by ``windows[:800]``.

    Raises
    ------
    ValueError, TypeError
        the series, or the longest group, is too short for a window; lengths differ; numbers are not finite.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> from fastnn.utils import timeseries
    >>> windows = timeseries(np.sin(np.arange(500) / 5), length=8)
    >>> windows
    <492 windows (8,) with targets ()>
    >>> model = Sequential([Dense(1)], seed=1)
    >>> model.compile("adam", "mse")
    >>> history = model.fit(windows, validation_split=0.2, epochs=2, verbose=0)
    >>> model.predict(windows[-3:]).shape
    (3, 1)
    >>> [part.tolist() for part in timeseries([1, 2, 3, 4], length=2)[0]]
    [[1, 2], 3]
    """
    values = _series("x", x)
    told = values if y is None else _series("y", y)
    if len(told) != len(values):
        raise ValueError(f"x and y must have the same number of steps, got {len(values)} and {len(told)}")
    length, stride = integer("length", length, low=1), integer("stride", stride, low=1)
    horizon, targets = integer("horizon", horizon, low=0), integer("targets", targets, low=1)
    needs = length + horizon + targets - 1
    if groups is None:
        _check_room(len(values), needs, "x has", length, horizon, targets)
        n = (len(values) - needs) // stride + 1
        rows = WindowRows(values[: (n - 1) * stride + length], length, stride)
    else:
        firsts = _group_firsts(groups, len(values))
        longest = int(np.diff(firsts).max(initial=0))
        _check_room(longest, needs, "the longest of the groups has", length, horizon, targets)
        rows = WindowRows(values, length, starts=read_only(_starts(firsts, needs, stride)))
    return Windows(rows, _targets(told, rows, length - 1 + horizon, targets))


def _series(name: str, came: object) -> np.ndarray:
    """Finite numbers in the order of time, C-contiguous, of the dtype they came in."""
    if isinstance(came, WindowRows | Windows):
        raise TypeError(f"{name} must be a series, got {came!r}")
    array = np.ascontiguousarray(numbers(name, came))
    if 0 in array.shape[1:]:
        raise ValueError(f"{name} has no columns, got shape {array.shape}; at least one is needed")
    if array.dtype.kind == "f":
        check_finite(name, array)
    return array


def _check_room(steps: int, needs: int, what: str, length: int, horizon: int, targets: int) -> None:
    if steps < needs:
        more = f" and targets {targets}" if targets > 1 else ""
        raise ValueError(
            f"length {length} with horizon {horizon}{more} needs {needs} steps, and {what} {steps}; a shorter length "
            f"fits"
        )


def _group_firsts(came: object, steps: int) -> np.ndarray:
    """The step at which each group begins, and behind them the number of steps."""
    ids = as_array("groups", came)
    if ids.shape != (steps,):
        raise ValueError(f"groups must have an id for each step, shape {(steps,)}, got {ids.shape}")
    firsts = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1, [steps]]).astype(np.int64)
    seen: set[object] = set()
    for first, name in zip(firsts[:-1].tolist(), ids[firsts[:-1]].tolist(), strict=True):
        if name in seen:
            raise ValueError(
                f"steps of a group must follow each other, and group {name!r} begins again at step {first}; sort by "
                f"np.argsort(groups, kind='stable')"
            )
        seen.add(name)
    return firsts


def _starts(firsts: np.ndarray, needs: int, stride: int) -> np.ndarray:
    """Where windows begin that have ``needs`` steps in their group."""
    counts = np.maximum(0, (np.diff(firsts) - needs) // stride + 1)
    before = np.cumsum(counts) - counts
    found: np.ndarray = (
        np.repeat(firsts[:-1] - before * stride, counts) + np.arange(counts.sum(), dtype=np.int64) * stride
    )
    return found


def _targets(told: np.ndarray, rows: WindowRows, offset: int, targets: int) -> np.ndarray:
    """Steps of ``told`` from ``offset`` behind each window's first on: one, or so many."""
    if targets == 1:
        if rows.starts is None:
            return told[offset :: rows.stride][: len(rows)]
        found: np.ndarray = told[rows.starts + offset]
        return found
    of_all = np.lib.stride_tricks.sliding_window_view(told, targets, axis=0)
    several = np.moveaxis(of_all, -1, 1)[offset:]
    return several[:: rows.stride][: len(rows)] if rows.starts is None else several[rows.starts]


def parted(x: object, y: object) -> tuple[DataLike, DataLike]:
    """Rows and targets of a call: those of windows, where no other targets came with them."""
    return (x.x, x.y if y is None else y) if isinstance(x, Windows) else (x, y)
