"""Estimators for raw tables: text, gaps and dates as they are; the recipe of :mod:`fastnn.tabular` behind ``fit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from fastnn._base.types import ClassWeights, DataLike
from fastnn.sklearn.raw_rows import raw_table
from fastnn.sklearn.raw_target import class_codes, quantities
from fastnn.sklearn.tabular_files import InFiles
from fastnn.tables.features import TableFeatures
from fastnn.tables.rows import RowEncoder
from fastnn.tables.table import Column, Numbers, Text
from fastnn.tables.target import Classes, Quantity, Target, fit_quantity
from fastnn.tabular import Options, fit_table
from fastnn.tabular.choices import Preset
from fastnn.tabular.report import report_of
from fastnn.tabular.report.balance import imbalance

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from fastnn.sklearn.typed import Random
    from fastnn.tabular.choices import Choice
    from fastnn.tabular.team import ExecutorLike

MOST_SEED = 2**31


class _Tabular(InFiles):
    """Training and prediction; see the public classes."""

    def __init__(
        self,
        preset: Preset = "default",
        *,
        time_limit: float | None = None,
        random_state: Random = None,
        n_threads: int | None = None,
        backend: str | None = None,
        choice: Choice | None = None,
    ) -> None:
        self.preset = preset
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_threads = n_threads
        self.backend = backend
        self.choice = choice

    def _fit(
        self,
        X: object,
        column: Column,
        target: Target,
        sample_weight: object,
        groups: object,
        executor: ExecutorLike | None,
        class_weights: np.ndarray | None = None,
    ) -> Self:
        table = raw_table(self, X, None)
        if len(table) != len(column):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: X has {len(table)} and y {len(column)}"
            )
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, column.gaps, dtype=np.float64, ensure_non_negative=True)
        options = Options(
            target=target,
            preset=self.preset,
            seed=int(check_random_state(self.random_state).randint(MOST_SEED)),
            groups=None if groups is None else column_or_1d(groups),
            weights=weights,
            time_limit=self.time_limit,
            n_threads=self.n_threads,
            backend=self.backend,
            choice=self.choice,
            executor=executor,
        )
        fitted = fit_table(table, column, target.name, options)
        self.model_, self.encoding_, self.target_ = fitted.model, fitted.encoding, target
        self.n_members_, self.notes_ = len(fitted.members), fitted.notes
        self.report_ = report_of(fitted, table, seed=options.seed, class_weights=class_weights)
        if isinstance(target, Classes):
            self.notes_ += [note] if (note := imbalance(target, fitted.y, class_weights)["note"]) else []
        self.out_of_fold_rows_ = fitted.out_of_fold[0]
        self._out_of_fold = fitted.out_of_fold[1]
        return self

    def _features(self) -> TableFeatures:
        """The encoding of the columns."""
        features = self.encoding_.features
        assert isinstance(features, TableFeatures)
        return features

    def _outputs(self, X: DataLike) -> np.ndarray:
        """What the model says of rows, ``(n, n_out)``."""
        check_is_fitted(self)
        found: np.ndarray = self.model_.predict(
            self.encoding_.features.encode(raw_table(self, X, self._features().reading()))
        )
        return found

    def predictor(self) -> Callable[[Mapping[str, object]], object]:
        """A function of one raw row, a dict by column, that gives what :meth:`predict` does, in microseconds."""
        check_is_fitted(self)
        encode, predict = RowEncoder(self._features()), self.model_.predictor()
        decode = self._decode
        return lambda row: decode(np.asarray(predict(encode(row))).reshape(1, -1))[0]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        tags.non_deterministic = False
        return tags


class TabularClassifier(ClassifierMixin, _Tabular):
    """Classes from a raw table: encodings, and the mean of several networks, each trained on other rows.

    Parameters
    ----------
    preset : ``"quick"`` (one network), ``"default"`` (four) or ``"best"`` (more, of several kinds).
    time_limit : seconds that training may take; None for as long as the preset says.
    random_state : of folds, starts and orders.
    n_threads : networks trained at a time; None for ``fastnn.get_num_threads()``.
    backend : as in :func:`fastnn.fit_many`.
    choice : a :class:`fastnn.tabular.Choice` in place of the preset's.
    class_weight : None, ``"balanced"``, or weights by class.

    Attributes
    ----------
    classes_, n_features_in_, feature_names_in_ : as in scikit-learn.
    model_ : the trained :class:`fastnn.Model`, which takes encoded rows.
    encoding_, target_ : the :class:`fastnn.tables.Encoding` that makes them, and its target.
    notes_ : what should be known of the columns, sentences: what is constant, names rows, is the target in disguise.
    out_of_fold_rows_, out_of_fold_proba_ : rows that some networks did not learn from, and their probabilities.
    report_ : what an analyst needs next, a :class:`fastnn.tabular.report.TableReport` of these rows, whose parts are
        computed when they are asked for; ``report_.save("report.html")`` writes a page. ``report_.compute()`` before
        an estimator is pickled keeps them.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True, as_frame=True)
    >>> from fastnn.sklearn import TabularClassifier
    >>> TabularClassifier("quick", random_state=1).fit(x, y).score(x, y) > 0.9
    True
    """

    _predicts = Classes

    def __init__(
        self,
        preset: Preset = "default",
        *,
        time_limit: float | None = None,
        random_state: Random = None,
        n_threads: int | None = None,
        backend: str | None = None,
        choice: Choice | None = None,
        class_weight: ClassWeights | Literal["balanced"] = None,
    ) -> None:
        super().__init__(
            preset,
            time_limit=time_limit,
            random_state=random_state,
            n_threads=n_threads,
            backend=backend,
            choice=choice,
        )
        self.class_weight = class_weight

    def fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        *,
        groups: DataLike = None,
        executor: ExecutorLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : frame of pandas, polars or Arrow, or array ``(n, n_features)``: numbers, text, dates, gaps.
        y : classes ``(n,)``.
        sample_weight : ``(n,)``, how much each row counts.
        groups : ``(n,)``, what belongs together: which epoch is kept is not decided by rows of a group learned from.
        executor : trains the networks in place of threads, as in :func:`fastnn.fit_many`.

        Returns
        -------
        self
        """
        self.classes_, codes = class_codes(y)
        labels = [str(label) for label in self.classes_]
        order = np.argsort(np.array(labels), kind="stable")
        place = np.empty(len(labels), np.int64)
        place[order] = np.arange(len(labels))
        column = Text(place[codes].astype(np.int32), tuple(labels[i] for i in order))
        weight, by_class = sample_weight, None
        if self.class_weight is not None:
            by_class = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[codes])
            weight = by_class[codes] * _check_sample_weight(
                sample_weight, codes, dtype=np.float64, ensure_non_negative=True
            )
        return self._fit(X, column, Classes("target", labels), weight, groups, executor, by_class)

    def predict(self, X: DataLike) -> np.ndarray:
        """The most probable class of each row, ``(n,)``.

        Parameters
        ----------
        X : a frame or array with the columns of :meth:`fit`.
        """
        return self._decode(self._outputs(X))

    def predict_proba(self, X: DataLike) -> np.ndarray:
        """Probability of each class, ``(n, n_classes)``, in the order of ``classes_``.

        Parameters
        ----------
        X : as of :meth:`predict`.
        """
        return self._probabilities(self._outputs(X))

    def _probabilities(self, outputs: np.ndarray) -> np.ndarray:
        assert isinstance(self.target_, Classes)
        return self.target_.probabilities(outputs.astype(np.float64))

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.classes_[self._probabilities(outputs).argmax(axis=1)]
        return found

    @property
    def out_of_fold_proba_(self) -> np.ndarray:
        """Probabilities ``(m, n_classes)`` of ``out_of_fold_rows_`` by networks that did not learn from them."""
        check_is_fitted(self)
        return self._probabilities(self._out_of_fold)


class TabularRegressor(RegressorMixin, _Tabular):
    """Numbers from a raw table; parameters, attributes and methods as of :class:`TabularClassifier`.

    >>> from sklearn.datasets import load_diabetes
    >>> x, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> from fastnn.sklearn import TabularRegressor
    >>> TabularRegressor("quick", random_state=1).fit(x, y).score(x, y) > 0.3
    True
    """

    _predicts = Quantity

    def fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        *,
        groups: DataLike = None,
        executor: ExecutorLike | None = None,
    ) -> Self:
        """Train; ``y`` are numbers ``(n,)``, all else is as in :meth:`TabularClassifier.fit`.

        Parameters
        ----------
        X, y, sample_weight, groups, executor : as of :meth:`TabularClassifier.fit`, with numbers as ``y``.
        """
        column = Numbers(quantities(y))
        return self._fit(X, column, fit_quantity("target", column, limited=True), sample_weight, groups, executor)

    def predict(self, X: DataLike) -> np.ndarray:
        """The predicted number of each row, ``(n,)``.

        Parameters
        ----------
        X : a frame or array with the columns of :meth:`fit`.
        """
        return self._decode(self._outputs(X))

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        assert isinstance(self.target_, Quantity)
        return self.target_.decode(outputs)

    @property
    def out_of_fold_prediction_(self) -> np.ndarray:
        """Numbers ``(m,)`` for ``out_of_fold_rows_`` by networks that did not learn from them."""
        check_is_fitted(self)
        return self._decode(self._out_of_fold)
