"""Several networks that differ in their seeds, trained side by side: better predictions, and how far they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeVar, overload

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn._base.foreign import plain
from fastnn._base.threads import get_num_threads
from fastnn._base.types import DataLike
from fastnn._workers import pools
from fastnn._workers.pickling import sendable
from fastnn._workers.threads import side_by_side
from fastnn._workers.workers import Workers
from fastnn.sklearn import parameters
from fastnn.sklearn.base import BaseMLP
from fastnn.sklearn.classifier import MLPClassifier
from fastnn.sklearn.regressor import MLPRegressor
from fastnn.sklearn.typed import Random, fit_context
from fastnn.sklearn.weights import Validation

if TYPE_CHECKING:
    from sklearn.utils import Tags

    from fastnn.tabular.team import ExecutorLike

Member = TypeVar("Member", bound=BaseMLP)


def fitted(rows: Validation, member: Member) -> Member:
    """In a worker: a member that has learned from rows."""
    made: Member = member.fit(*rows)
    return made


class _Ensemble(MetaEstimatorMixin, BaseEstimator):
    """Training and the members' answers; see the public classes."""

    _member: type[BaseMLP]

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        n_estimators: int = 5,
        *,
        random_state: Random = None,
        n_threads: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.random_state = random_state
        self.n_threads = n_threads

    @fit_context(nested=True)
    def fit(
        self, X: DataLike, y: DataLike, sample_weight: DataLike = None, *, executor: ExecutorLike | None = None
    ) -> Self:
        """Train all members on the same rows, one on each thread; arguments as of the members' ``fit``.

        Parameters
        ----------
        X : rows ``(n, n_features)``.
        y : classes ``(n,)`` or values ``(n,)`` or ``(n, k)``.
        sample_weight : None or a weight for each row.
        executor : trains them in place of threads, as in :func:`fastnn.fit_many`.
        """
        if executor is not None:
            pools.check(executor)
            if self.n_threads is not None:
                raise ValueError(pools.BESIDE)
        rules = {"accept_sparse": "csr", "multi_output": True, "y_numeric": self._numeric}
        X, y = validate_data(
            self, plain("X", X), plain("y", y, dates=not self._numeric), dtype=(np.float64, np.float32), **rules
        )
        random_state = check_random_state(self.random_state)
        pattern = self._member() if self.estimator is None else self.estimator
        members = [
            clone(pattern).set_params(random_state=int(random_state.randint(2**31))) for _ in range(self.n_estimators)
        ]

        self.estimators_ = self._trained(members, (X, y, sample_weight), executor)
        self.n_outputs_ = self.estimators_[0].n_outputs_
        return self

    def _trained(self, members: list[BaseMLP], rows: Validation, executor: ExecutorLike | None) -> list[BaseMLP]:
        """The members, fitted: themselves, or what workers made of copies."""
        if executor is None or pools.is_threads(executor):
            n = self.n_threads or (get_num_threads() if executor is None else pools.count_threads(executor))
            tasks = [lambda member=member: member.fit(*rows) for member in members]
            side_by_side(tasks, n, range(len(members)), executor=executor)
            return members
        made = dict(enumerate(members))
        sent = [sendable(f"member {i}", (fitted, (each,)), ()) for i, each in enumerate(members)]
        with Workers(executor) as workers:
            workers.run(
                [workers.share(rows)], sent, made.__setitem__, [getattr(members[0], "backend", None)], what="member"
            )
        return list(made.values())

    _numeric = False

    def _answers(self, X: DataLike, method: str) -> np.ndarray:
        """What each member says, ``(n_estimators, n, ...)``."""
        check_is_fitted(self)
        X = validate_data(self, plain("X", X), accept_sparse="csr", reset=False, dtype=(np.float64, np.float32))
        return np.stack([getattr(member, method)(X) for member in self.estimators_])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class MLPEnsembleRegressor(RegressorMixin, _Ensemble):
    """Mean of several :class:`MLPRegressor` that differ in their seeds (Lakshminarayanan et al. 2017).

    Parameters
    ----------
    estimator : the member, an ``MLPRegressor`` that is not fitted; None is one with its defaults.
    n_estimators : number of members.
    random_state : draws the members' seeds.
    n_threads : members trained at a time; None for ``fastnn.get_num_threads()``.

    Attributes
    ----------
    estimators_ : the fitted members.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPEnsembleRegressor, MLPRegressor
    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> member = MLPRegressor(solver="lbfgs", activation="tanh", max_iter=1000)
    >>> ensemble = MLPEnsembleRegressor(member, random_state=1).fit(x, np.sin(3 * x[:, 0]))
    >>> mean, std = ensemble.predict([[0.5], [5.0]], return_std=True)
    >>> bool(std[0] < std[1])  # far from the rows it has seen, the members disagree
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = parameters.ENSEMBLE
    _member = MLPRegressor
    _numeric = True

    @overload
    def predict(self, X: DataLike, return_std: Literal[False] = False) -> np.ndarray: ...
    @overload
    def predict(self, X: DataLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict(self, X: DataLike, return_std: bool) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...
    def predict(self, X: DataLike, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Mean of the members' predictions; with ``return_std`` also their standard deviation, of the same shape.

        Parameters
        ----------
        X : rows ``(n, n_features)``.
        return_std : whether the standard deviation over the members comes, too.
        """
        answers = self._answers(X, "predict")
        mean = answers.mean(axis=0)
        return (mean, answers.std(axis=0)) if return_std else mean

    def predict_quantiles(self, X: DataLike) -> np.ndarray:
        """Mean of the members' :meth:`MLPRegressor.predict_quantiles`.

        Parameters
        ----------
        X : as of :meth:`predict`.
        """
        found: np.ndarray = self._answers(X, "predict_quantiles").mean(axis=0)
        return found


class MLPEnsembleClassifier(ClassifierMixin, _Ensemble):
    """Mean of the probabilities of several :class:`MLPClassifier`; parameters as of :class:`MLPEnsembleRegressor`.

    Attributes
    ----------
    classes_, estimators_ : the classes; the fitted members.
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = parameters.ENSEMBLE
    _member = MLPClassifier

    @property
    def classes_(self) -> np.ndarray:
        """The classes, in the order of the probabilities."""
        found: np.ndarray = self.estimators_[0].classes_
        return found

    @overload
    def predict_proba(self, X: DataLike, return_std: Literal[False] = False) -> np.ndarray: ...
    @overload
    def predict_proba(self, X: DataLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict_proba(self, X: DataLike, return_std: bool) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...
    def predict_proba(self, X: DataLike, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Mean of the members' probabilities; with ``return_std`` also their standard deviation, of the same shape.

        Parameters
        ----------
        X : as of :meth:`predict`.
        return_std : whether the standard deviation over the members comes, too.
        """
        answers = self._answers(X, "predict_proba")
        mean = answers.mean(axis=0)
        return (mean, answers.std(axis=0)) if return_std else mean

    def predict(self, X: DataLike) -> np.ndarray:
        """The classes of the mean probabilities, or a label indicator.

        Parameters
        ----------
        X : rows ``(n, n_features)``.
        """
        proba = self.predict_proba(X)
        first = self.estimators_[0]
        found: np.ndarray = first._decode(proba[:, 1:] if first._kind == "binary" else proba)
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
