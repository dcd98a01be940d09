"""The encoding that a model carries as steps of scikit-learn, and both as a fitted pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastnn.interop.sklearn import perceptrons
from fastnn.tables.columns import CategoryFeature, NumberFeature
from fastnn.tables.encoding import Encoding
from fastnn.tables.features import FIRST_KINDS, TableFeatures
from fastnn.tables.target import Classes

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from fastnn.models import Model
    from fastnn.tables.features import Feature

GAPS = (None, np.nan)  # as frames and arrays have them


def pipeline_of(model: Model) -> Pipeline:
    """A fitted Pipeline: a ColumnTransformer of the encoding's columns by their places, then the perceptron."""
    encoding = Encoding.of(model)
    features, target = encoding.features, encoding.target
    if not isinstance(features, TableFeatures):
        raise TypeError(f"the model carries {features!r}, which has no counterpart among scikit-learn's steps")
    features.of_kinds(FIRST_KINDS, "scikit-learn")
    is_classifier = isinstance(target, Classes)
    perceptron = perceptrons.of_model(model, np.array(target.labels) if isinstance(target, Classes) else None)
    if not is_classifier:
        _unscale(perceptron, target)
    perceptron.coefs_[0] = _both_gaps(perceptron.coefs_[0], features)
    perceptron.n_features_in_ = len(perceptron.coefs_[0])
    steps = [(feature.name, _step(feature), [i]) for i, feature in enumerate(features.features)]
    transformer = ColumnTransformer(steps, sparse_threshold=0.0)
    transformer.fit(_examples(features))
    for (_, step, _), feature in zip(transformer.transformers_, features.features, strict=False):
        _correct(step, feature)
    return Pipeline([("columns", transformer), ("perceptron", perceptron)])


def _both_gaps(kernel: np.ndarray, features: TableFeatures) -> np.ndarray:
    """The first kernel with the row for gaps among categories twice, for either word for them."""
    rows, at = list[int](), 0
    for feature in features.features:
        rows += range(at, at + feature.width)
        at += feature.width
        if isinstance(feature, CategoryFeature) and feature.gaps:
            rows.append(at - 1)
    return kernel[rows]


def _unscale(perceptron: BaseEstimator, target: Any) -> None:
    """Have the last layer give the values as they are."""
    if target.limits:
        raise ValueError(
            f"{target.name!r} is predicted within limits, which scikit-learn's perceptrons cannot; "
            "export a model of fastnn train --network mlp, or to C or ONNX"
        )
    perceptron.coefs_[-1] = perceptron.coefs_[-1] * target.spread
    perceptron.intercepts_[-1] = perceptron.intercepts_[-1] * target.spread + target.mean


def _step(feature: Feature) -> object:
    if isinstance(feature, NumberFeature):
        if feature.truth:
            raise ValueError(
                f"column {feature.name!r} holds words for true and false, which scikit-learn has no step for"
            )
        imputer = SimpleImputer(strategy="constant", fill_value=feature.mean, add_indicator=feature.gaps)
        return Pipeline([("gaps", imputer), ("scale", StandardScaler())])
    assert isinstance(feature, CategoryFeature)
    if feature.bucket:
        raise ValueError(
            f"column {feature.name!r} has a place for categories that training had not, which OneHotEncoder has not"
        )
    categories = np.array([*feature.values, *(GAPS if feature.gaps else ())], object)
    return OneHotEncoder(categories=[categories], handle_unknown="ignore", sparse_output=False)


def _examples(features: TableFeatures) -> np.ndarray:
    """Rows from which the steps learn their columns: two numbers and a gap, and categories."""
    made = np.empty((3, len(features.features)), object)
    for i, feature in enumerate(features.features):
        if isinstance(feature, NumberFeature):
            made[:, i] = [feature.mean - 1, feature.mean + 1, np.nan if feature.gaps else feature.mean]
        elif isinstance(feature, CategoryFeature):
            made[:, i] = feature.values[0] if feature.values else None
    return made


def _correct(step: BaseEstimator, feature: Feature) -> None:
    """Have the scaler the encoding's mean and scale; an indicator stays as it is."""
    if not isinstance(feature, NumberFeature):
        return
    scaler = step.named_steps["scale"]
    n = len(scaler.scale_)
    scale = 1 / feature.scale if feature.scale else 1.0
    scaler.mean_, scaler.scale_ = np.array([feature.mean, 0.0])[:n], np.array([scale, 1.0])[:n]
    scaler.var_ = scaler.scale_**2
