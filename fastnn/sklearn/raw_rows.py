"""Raw rows that scikit-learn's estimators are given, as tables: text, dates and gaps as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sklearn.utils.validation import validate_data

from fastnn._base.foreign import plain
from fastnn._base.types import DataLike
from fastnn.tables import Reading, Table, table_of_frame
from fastnn.tables.frames import UNKNOWN

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


def raw_table(estimator: BaseEstimator, X: DataLike, known: Reading | None) -> Table:
    """The rows as a table whose columns have the names that they had in fit.

    ``known`` is how to read columns that an estimator was fitted to; None in fit, which keeps their names and number.
    """
    reset = known is None
    if hasattr(X, "tocsr"):
        raise TypeError("X is sparse, and sparse input is not supported: it has no raw values; hand in X.toarray()")
    if isinstance(X, Mapping):
        raise TypeError("X is a dictionary; hand in a frame, such as pandas.DataFrame(X)")
    X = plain("X", X, dates=True)
    if len(getattr(X, "shape", (0, 0))) != 2:
        raise ValueError(f"X must have two axes, rows and columns, got the shape {X.shape}; Reshape your data")
    if getattr(getattr(X, "dtype", None), "kind", "O") == "c":
        raise ValueError("X: Complex data not supported; hand in its real and imaginary parts as columns")
    X = validate_data(estimator, X, reset=reset, skip_check_array=True)
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = [f"x{place}" for place in range(getattr(estimator, "n_features_in_", 0))]
    if not len(X) or not len(names):
        what = "feature" if len(X) else "sample"
        least = "while a minimum of 1 is required"
        raise ValueError(f"X: Found array with 0 {what}(s) (shape=({len(X)}, {len(names)})) {least}.")
    return table_of_frame(X, list(names), UNKNOWN if known is None else known, "X")
