"""The encoding of raw columns as a transformer of scikit-learn: text, dates, gaps and numbers become inputs."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from fastnn._base.types import DataLike
from fastnn.sklearn.raw_rows import raw_table
from fastnn.sklearn.typed import fit_context
from fastnn.tables import FeatureOptions, Table, fit_features
from fastnn.tables.features import TableFeatures
from fastnn.tables.naming import input_names
from fastnn.tables.pieces import MOST_PIECES
from fastnn.tables.sparse import encode_sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_matrix
    from sklearn.utils import Tags


class TableEncoder(TransformerMixin, BaseEstimator):
    """Columns of any kind as float32 numbers for a network or a linear model; docs/tables.md says how.

    Parameters
    ----------
    pieces : numbers of more than two values become a robust number and at most so many pieces between quantiles; 0
        standardises them.
    most_one_hot : columns of text with more categories become one whole number each, behind all other numbers, as an
        ``Embedding`` takes it; None has all one-hot, at most 1,000 categories and one for the rest.
    dates : whether columns of dates become elapsed time and cycles of the calendar.
    sparse_output : whether :meth:`transform` gives a ``scipy.sparse.csr_matrix``: for many categories.

    Attributes
    ----------
    features_ : the encoding, a :class:`fastnn.tables.features.TableFeatures`.
    notes_ : what was made of columns that are constant, name rows, or have very many categories; sentences.
    n_features_in_, feature_names_in_ : as of all transformers.

    Examples
    --------
    >>> from fastnn.sklearn import TableEncoder
    >>> rows = [[1.0, "red"], [2.0, "blue"], [4.0, None]]
    >>> encoder = TableEncoder().fit(rows)
    >>> encoder.transform([[2.0, "red"]]).tolist()
    [[0.0, 0.5, -0.5, 0.0, 1.0, 0.0]]
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x0_piece1', 'x0_piece2', 'x1_blue', 'x1_red', 'x1_gap']
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "pieces": [Interval(Integral, 0, MOST_PIECES, closed="both")],
        "most_one_hot": [Interval(Integral, 0, None, closed="left"), None],
        "dates": ["boolean"],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self, pieces: int = 32, *, most_one_hot: int | None = None, dates: bool = True, sparse_output: bool = False
    ) -> None:
        self.pieces = pieces
        self.most_one_hot = most_one_hot
        self.dates = dates
        self.sparse_output = sparse_output

    @fit_context(nested=False)
    def fit(self, X: DataLike, y: object = None) -> Self:
        """Learn the encoding of these rows; ``y`` is not looked at.

        Parameters
        ----------
        X : a frame of pandas, polars or pyarrow, or an array ``(n, columns)`` of numbers, texts or objects.

        Raises
        ------
        ValueError, TypeError
            a column holds infinite numbers, or what is neither number nor text nor time; the message names it.
        """
        table = self._table(X, reset=True)
        options = FeatureOptions(self.pieces, self.most_one_hot, bool(self.dates))
        features, self.notes_ = fit_features(table, options)
        assert isinstance(features, TableFeatures)
        self.features_ = features
        return self

    def transform(self, X: DataLike) -> np.ndarray | csr_matrix:
        """Encoded rows, float32 ``(n, n_out)``: an array, or a ``csr_matrix`` with ``sparse_output``.

        Parameters
        ----------
        X : a frame or array with the columns of :meth:`fit`.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        if not self.sparse_output:
            made = self.features_.encode(table)
            return np.hstack(made) if isinstance(made, list) else made
        from scipy.sparse import csr_matrix

        rows = encode_sparse(self.features_, table)
        return csr_matrix((rows.data, rows.indices, rows.indptr), rows.shape)

    def get_feature_names_out(self, input_features: Sequence[str] | np.ndarray | None = None) -> np.ndarray:
        """Names of the encoded numbers after their columns: ``age``, ``age_piece1``, ``age_gap``, ``city_Bern``.

        Parameters
        ----------
        input_features : for scikit-learn's sake; nothing depends on it.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return np.asarray(input_names(self.features_), dtype=object)

    def _table(self, X: DataLike, reset: bool) -> Table:
        """The rows as a table whose columns have the names that they had in fit."""
        return raw_table(self, X, None if reset else self.features_.reading())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
