"""What each step of a pipeline makes of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import DataLike
from fastnn.interop.sklearn.columns import Column, Made, Raw, filled, gap, numeric, one_hot

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


def after(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    """The columns behind a fitted step.

    Raises
    ------
    TypeError
        the step has no counterpart.
    ValueError
        what it does has none.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return columns
    kind = type(step).__name__
    if kind not in STEPS or not type(step).__module__.startswith("sklearn."):
        raise TypeError(f"the step {kind} has no counterpart here; known are {', '.join(STEPS)}")
    return STEPS[kind](step, columns)


def _pipeline(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    for _, inner in step.steps:
        columns = after(inner, columns)
    return columns


def _each(columns: list[Column], factors: np.ndarray | None, offsets: np.ndarray | None) -> list[Column]:
    """All columns times factors, and offsets; None for ones and zeros."""
    n = len(columns)
    factors, offsets = np.ones(n) if factors is None else factors, np.zeros(n) if offsets is None else offsets
    triples = zip(columns, np.broadcast_to(factors, n), np.broadcast_to(offsets, n), strict=True)
    return [numeric(column).scaled(float(factor), float(offset)) for column, factor, offset in triples]


def _standard(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    factors = None if step.scale_ is None or not step.with_std else 1 / step.scale_
    means = None if step.mean_ is None or not step.with_mean else step.mean_
    return _each(columns, factors, None if means is None else -means * (1 if factors is None else factors))


def _min_max(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    if step.clip:
        raise ValueError("MinMaxScaler(clip=True) bends numbers, which has no counterpart here")
    return _each(columns, step.scale_, step.min_)


def _max_abs(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    if getattr(step, "clip", False):
        raise ValueError("MaxAbsScaler(clip=True) bends numbers, which has no counterpart here")
    return _each(columns, 1 / step.scale_, None)


def _robust(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    factors = None if step.scale_ is None else 1 / step.scale_
    return _each(
        columns, factors, None if step.center_ is None else -step.center_ * (1 if factors is None else factors)
    )


def _imputer(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    if not (step.missing_values is None or step.missing_values != step.missing_values):
        raise ValueError(
            f"SimpleImputer(missing_values={step.missing_values!r}) has no counterpart; gaps are NaN or None"
        )
    made = [
        filled(column, fill)
        for column, fill in zip(columns, step.statistics_, strict=True)
        if step.keep_empty_features or not _is_nan(fill)
    ]
    there = [] if step.indicator_ is None else [gap(columns[i]) for i in step.indicator_.features_]
    return [*made, *there]


def _is_nan(value: object) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _encoder(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    made: list[Column] = []
    for i, column in enumerate(columns):
        if not isinstance(column, Raw):
            raise ValueError("a OneHotEncoder behind a step that makes numbers has no counterpart here")
        made += _one_hot(step, i, column)
    return made


def _one_hot(step: BaseEstimator, i: int, column: Raw) -> list[Made]:
    categories = list(step.categories_[i])
    rare = step.infrequent_categories_ if hasattr(step, "infrequent_categories_") else None
    rare = [] if rare is None or rare[i] is None else list(rare[i])
    groups = [[category] for category in categories if not any(_same(category, one) for one in rare)]
    if rare:
        groups.append(rare)
    in_other = bool(rare) and step.handle_unknown == "infrequent_if_exist"
    made = one_hot(column, groups, len(groups) - 1 if in_other else None)
    dropped = None if step.drop_idx_ is None else step.drop_idx_[i]
    if dropped is None:
        return made
    gone = categories[dropped]
    at = next(k for k, group in enumerate(groups) if any(_same(gone, one) for one in group))
    return made[:at] + made[at + 1 :]


def _same(first: object, second: object) -> bool:
    return first == second or (_is_nan(first) and _is_nan(second))


def _transformer(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    made: list[Column] = []
    names = list(getattr(step, "feature_names_in_", range(len(columns))))
    for _, inner, chosen in step.transformers_:
        if isinstance(inner, str) and inner == "drop":
            continue
        picked = [columns[place] for place in _places(chosen, names)]
        made += after(inner, picked) if picked else []
    return made


def _places(chosen: DataLike, names: Sequence[object]) -> list[int]:
    """Places of the columns that a transformer is given: by place, name, mask or slice."""
    if callable(chosen):
        raise ValueError("columns that a function chooses are known after fit; fit the pipeline")
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            first = 0 if chosen.start is None else names.index(chosen.start)
            last = len(names) if chosen.stop is None else names.index(chosen.stop) + 1
            return list(range(first, last))
        return list(range(len(names)))[chosen]
    found = [chosen] if np.ndim(chosen) == 0 else list(chosen)
    if found and all(isinstance(one, bool | np.bool_) for one in found):
        return [i for i, is_there in enumerate(found) if is_there]
    return [names.index(one) if isinstance(one, str) else int(one) % len(names) for one in found]


def _function(step: BaseEstimator, columns: list[Column]) -> list[Column]:
    if step.func is not None:
        raise ValueError(f"FunctionTransformer runs {step.func!r}, which has no counterpart here")
    return columns


STEPS: dict[str, Callable[[object, list[Column]], list[Column]]] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _transformer,
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "SimpleImputer": _imputer,
    "OneHotEncoder": _encoder,
    "FunctionTransformer": _function,  # what a ColumnTransformer makes of "passthrough"
}
