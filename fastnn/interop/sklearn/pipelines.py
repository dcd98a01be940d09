"""A pipeline of scikit-learn as one model with its encoding.

The encoding has each column once: a number around what fills its gaps, over its spread, or the categories of a text.
What the pipeline makes of columns is linear in that, so its linear map goes into the first layer's weights, in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import AnyLayer
from fastnn.interop.sklearn import perceptrons
from fastnn.interop.sklearn.columns import GAP, OTHER, VALUE, Column, Made, Raw, as_text, numeric
from fastnn.interop.sklearn.steps import after
from fastnn.models import Sequential
from fastnn.tables.columns import CategoryFeature, NumberFeature
from fastnn.tables.encoding import Encoding
from fastnn.tables.features import FIRST_KINDS, Feature, TableFeatures
from fastnn.tables.target import Classes, Quantity, Target

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from fastnn.models import Sequential


def model_of(pipeline: Pipeline, target: str) -> Sequential:
    """The model of a fitted pipeline; its metadata carry the encoding."""
    last = pipeline.steps[-1][1]
    if not perceptrons.is_perceptron(last):
        raise TypeError(f"the pipeline ends with {type(last).__name__}; it must be an MLPClassifier or MLPRegressor")
    estimator = perceptrons.as_ours(last)
    columns: list[Column] = [Raw(name) for name in _names_in(pipeline)]
    for _, step in pipeline.steps[:-1]:
        columns = after(step, columns)
    made = [numeric(column) for column in columns]
    if len(made) != len(last.coefs_[0]):
        raise ValueError(f"the steps give {len(made)} columns, and the perceptron takes {len(last.coefs_[0])}")
    features = TableFeatures(_features(made))
    model = _with_map(estimator.model_, *_map(made, features))
    encoding = Encoding(features, _target(last, target), {})
    text = encoding.metadata()
    Encoding.fitting(next(iter(text.values())), model.layout)
    model.metadata = {**model.metadata, **text}
    return model


def _names_in(pipeline: Pipeline) -> list[str]:
    first = pipeline.steps[0][1]
    for known in (pipeline, first):
        names = getattr(known, "feature_names_in_", None)
        if names is not None:
            return [str(name) for name in names]
    return [f"x{i}" for i in range(pipeline.n_features_in_)]


def _features(made: list[Made]) -> list[Feature]:
    """A feature for each column that the perceptron reads, in the order in which they are read."""
    parts: dict[str, dict[str, float]] = {}
    fills: dict[str, set[float]] = {}
    for column in made:
        for (name, part), weight in column.parts.items():
            parts.setdefault(name, {}).setdefault(part, weight)
        for name, fill in column.fills.items():
            fills.setdefault(name, set()).add(fill)
    return [_feature(name, own, sorted(fills.get(name, ())), made) for name, own in parts.items()]


def _feature(name: str, parts: dict[str, float], fills: list[float], made: list[Made]) -> Feature:
    has_number, categories = VALUE in parts, [part[1:] for part in parts if part[:1] == "="]
    if has_number and (categories or OTHER in parts):
        raise ValueError(f"column {name!r} is read as a number and as categories, which an encoding does once")
    if len(fills) > 1:
        raise ValueError(f"gaps of column {name!r} are filled by {' and by '.join(map(str, fills))}")
    if not has_number and (categories or OTHER in parts):
        return CategoryFeature(name, tuple(categories), GAP in parts, OTHER in parts)
    scale = abs(parts.get(VALUE, 1.0)) or 1.0
    first = next((column for column in made if (name, VALUE) in column.parts), Made())
    weight = first.parts.get((name, VALUE), 1.0) or 1.0
    mean = fills[0] if fills else -first.constant / weight if len(first.parts) == 1 else 0.0
    return NumberFeature(name, float(mean), float(scale), GAP in parts)


def _map(made: list[Made], features: TableFeatures) -> tuple[np.ndarray, np.ndarray]:
    """What an encoded row is multiplied by to become the pipeline's, ``(encoded, made)``, and what is added."""
    places: dict[tuple[str, str], int] = {}
    numbers: dict[str, NumberFeature] = {}
    at = 0
    for feature in features.of_kinds(FIRST_KINDS, "scikit-learn"):
        if isinstance(feature, NumberFeature):
            numbers[feature.name] = feature
            words = [VALUE, *([GAP] if feature.gaps else [])]
        else:
            words = [f"={value}" for value in feature.values]
            words += [GAP] * feature.gaps + [OTHER] * feature.bucket
        for word in words:
            places[feature.name, word] = at
            at += 1
    matrix, constant = np.zeros((at, len(made))), np.zeros(len(made))
    for j, column in enumerate(made):
        constant[j] = column.constant
        for part, weight in column.parts.items():
            if part[1] == VALUE:  # value = encoded / scale + mean
                matrix[places[part], j] += weight / numbers[part[0]].scale
                constant[j] += weight * numbers[part[0]].mean
            else:
                matrix[places[part], j] += weight
    return matrix, constant


def _with_map(model: AnyLayer, matrix: np.ndarray, constant: np.ndarray) -> Sequential:
    """The model that reads encoded rows: its first layer has the map in its weights."""
    kernel, bias, *rest = (w.astype(np.float64) for w in model.get_weights())
    layers = [type(layer).from_config(layer.get_config() | {"name": None}) for layer in model.layers]
    object.__setattr__(layers[0], "input_shape", (len(matrix),))
    made = Sequential(layers, dtype=model.dtype.name, seed=0)
    made.set_weights([matrix @ kernel, bias + constant @ kernel, *rest])
    made.compile(model.optimizer, model.loss)
    return made


def _target(estimator: BaseEstimator, name: str) -> Target:
    if not hasattr(estimator, "classes_"):
        if estimator.n_outputs_ > 1:
            raise ValueError(f"a model with an encoding predicts one number, and this regressor {estimator.n_outputs_}")
        return Quantity(name, 0.0, 1.0)
    if estimator._label_binarizer.y_type_.startswith("multilabel"):
        raise ValueError("a model with an encoding tells one class of each row, and this classifier several labels")
    return Classes(name, tuple(as_text(label) for label in estimator.classes_))
