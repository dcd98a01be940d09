"""What the estimators share: parameters, the way from raw rows to a trained model, and pickles.

``coefs_`` and ``intercepts_`` are views of the flat parameters that train. An array that a user puts in the place of
one is copied into the model before it is used next, and a view takes its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import joblib
import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, is_regressor
from sklearn.callback import CallbackSupportMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from fastnn._base import arrays, threads
from fastnn._base.foreign import plain
from fastnn._base.sparse import AnyRows
from fastnn._base.types import DataLike, DtypeLike
from fastnn._engine import exclusive
from fastnn._kernels import contract
from fastnn.losses import Reduction
from fastnn.models.batches import refuse as refuse_batches
from fastnn.models.sequential import Sequential
from fastnn.sklearn import networks
from fastnn.sklearn.lbfgs import Solver
from fastnn.sklearn.networks import Output
from fastnn.sklearn.tasks import Epochs
from fastnn.sklearn.training import HeldOut, Stochastic
from fastnn.sklearn.typed import Random
from fastnn.sklearn.weights import Rows, Validation, checked_weights, weighing, weighted


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """Multi-layer perceptrons; what a target is, is said by :class:`MLPClassifier` and :class:`MLPRegressor`."""

    model_: Sequential
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_loss_: float | None
    best_validation_score_: float | None

    # -- what the kinds of estimators say --------------------------------------------------------

    def _validate_y(self, y: DataLike, learn: bool, exact: bool) -> np.ndarray:
        """Check a target, and learn from it what has to be known, or else compare it with that.

        ``exact`` wants all that is known to be in it, as warm starts do.
        """
        raise NotImplementedError

    def _output(self) -> Output:
        """The last layer, after :meth:`_validate_y`."""
        raise NotImplementedError

    def _target(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """A checked target as the model's loss takes it."""
        raise NotImplementedError

    def _score_outputs(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        """The score of a model's outputs for a checked target."""
        raise NotImplementedError

    def _stratify(self, y: np.ndarray) -> np.ndarray | None:
        """Groups whose shares a validation split keeps."""
        return None

    def _class_weights(self, y: np.ndarray, incremental: bool) -> np.ndarray | None:
        """Weights of the rows by their class."""
        return None

    # -- fit ------------------------------------------------------------------------------------

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool = False, validation: Validation | None = None
    ) -> Self:
        refuse_batches(f"{type(self).__name__}.fit", X)
        with exclusive.training(self, "estimator"):
            training = self._prepare(X, y, sample_weight, incremental, validation)
            context = self._callback_fit_ctx  # a second fit, though refused, takes it away
            with self._threads(), exclusive.training(self.model_.store):
                training()
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def _prepare(
        self, X: DataLike, y: DataLike, sample_weight: DataLike, incremental: bool, validation: Validation | None
    ) -> Stochastic | Solver:
        """All of a fit that comes before training, and most of what can be wrong."""
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        given = X, y, sample_weight
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._validate(X, y, reset=first_pass)
        y = self._validate_y(y, not (self.warm_start or incremental), exact=self.warm_start)
        sample_weight = checked_weights("sample_weight", sample_weight, X)
        rows = X, y, sample_weight, self._class_weights(y, incremental)
        random_state = self._random_state = check_random_state(self.random_state)
        self._ready(X, first_pass, incremental, random_state)
        rows, held_out = self._hold_out(weighing(rows, sample_weight), validation, random_state)
        X, y, weight = weighted(*rows)
        target = self._target(y, self.model_.dtype)
        data = contract.Rows((self._rows(X),), (target,), (weight,))
        if first_pass:
            self.model_.seed = int(random_state.randint(2**31))
        context = self._init_callback_context(max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, X=given[0], y=given[1])
        task = Epochs(self, context, *given) if getattr(self, "_skl_callbacks", None) else None
        self.n_iter_ = 0
        if self.solver == "lbfgs":
            return Solver(self, data, task)
        return Stochastic(self, data, held_out, incremental, task)

    def _validate(self, X: DataLike, y: DataLike, reset: bool) -> tuple[object, object]:
        rules = {"accept_sparse": "csr", "multi_output": True, "y_numeric": is_regressor(self), **self._axes()}
        X, y = validate_data(
            self, plain("X", X), plain("y", y, dates=not is_regressor(self)), dtype=self._dtypes(), reset=reset, **rules
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _axes(self) -> dict[str, bool]:
        """Rows of layers that a user lists may have any number of axes."""
        return {"allow_nd": self.layers is not None}

    def _dtypes(self) -> np.dtype | tuple[type[np.floating], ...]:
        dtype = np.float32 if self.dtype == arrays.MIXED else self.dtype
        return (np.float64, np.float32) if dtype is None else np.dtype(dtype)

    def _ready(self, X: DataLike, first_pass: bool, incremental: bool, random_state: np.random.RandomState) -> None:
        """Have a compiled model of the shape that parameters and data ask for."""
        output = self._output()
        layers = networks.make_layers(self, X.shape[1:], output)
        there = getattr(self, "model_", None)
        if first_pass or there is None or list(layers) != list(there.items):
            dtype: DtypeLike = self.dtype if self.dtype == arrays.MIXED else X.dtype.name
            model = Sequential(layers, dtype=dtype, seed=0, backend=self.backend)
            if first_pass:
                networks.draw(model, self, random_state)
                self._start_records()
            else:
                networks.take_weights(model, self.coefs_, self.intercepts_, there)
            self._adopt(model)
        self._synchronize()
        self.model_.backend = self.backend
        if not incremental or self.model_.loss != output.loss:
            self.model_.compile(networks.make_optimizer(self), output.loss)
            self.model_.reduction = Reduction(output.scale, by_weight=True, reported=output.reported)
        self._optimizer = self.model_.optimizer
        self.out_activation_ = {"sigmoid": "logistic", "linear": "identity", "exponential": "exp"}.get(
            output.activation, output.activation
        )
        if self.early_stopping and (first_pass or self.best_validation_score_ is None):
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
            self.best_loss_, self._best_params = None, self.model_.params.copy()

    def _start_records(self) -> None:
        self.t_ = 0
        self._no_improvement_count = 0
        if self.solver == "lbfgs":
            return
        self.loss_curve_, self.validation_loss_curve_ = [], []
        self.best_loss_, self.validation_scores_, self.best_validation_score_ = np.inf, None, None

    def _adopt(self, model: Sequential) -> None:
        """Take a model as this estimator's own."""
        for name, value in self._of_model(model).items():
            setattr(self, name, value)

    def _of_model(self, model: Sequential) -> dict[str, object]:
        """The attributes that belong to a model."""
        views = networks.dense_views(model)
        coefs, intercepts = [view[0] for view in views], [view[1] for view in views if len(view) > 1]
        return {
            "model_": model,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "n_layers_": len(coefs) + 1,
            "_views": (*coefs, *intercepts),
        }

    def _hold_out(self, rows: Rows, validation: Validation | None, random_state: Random) -> tuple[Rows, HeldOut | None]:
        """Training rows and the validation rows that are given, or split off for early stopping.

        Validation rows have the weights of samples, as in scikit-learn, and never those of classes.
        """
        if validation is not None and validation[0] is not None:
            return rows, self._held_out(*self._validate_held_out(*validation))
        if not self.early_stopping or self.solver == "lbfgs":
            return rows, None
        given = [array for array in rows if array is not None]
        parts = train_test_split(
            *given, random_state=random_state, test_size=self.validation_fraction, stratify=self._stratify(rows[1])
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        left, right = iter(parts[::2]), iter(parts[1::2])
        rows, (X, y, weight, _) = (
            tuple(None if array is None else next(part) for array in rows) for part in (left, right)
        )
        return rows, self._held_out(X, y, weight)

    def _validate_held_out(self, X: DataLike, y: DataLike, weight: DataLike) -> Validation:
        X, y = self._validate(X, y, reset=False)
        y = self._validate_y(y, learn=False, exact=False)
        return X, y, checked_weights("sample_weight_val", weight, X)

    def _held_out(self, X: DataLike, y: DataLike, weight: DataLike) -> HeldOut:
        output = self._output()
        target = self._target(y, self.model_.dtype)
        target = target.reshape(-1) if output.loss.sparse else target

        def loss(outputs: np.ndarray) -> float:
            return float(np.average(output.loss.value(target, outputs), weights=weight) * output.reported)

        return HeldOut(self._rows(X), lambda outputs: self._score_outputs(y, outputs, weight), loss)

    def _rows(self, X: DataLike) -> AnyRows:
        return networks.rows_of(self.model_, X)

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        """Threads of a fit: ``n_threads``, else one inside a joblib worker thread, else fastnn's bound."""
        active = joblib.parallel.get_active_backend()[0]
        crowded = active.nesting_level and active.supports_sharedmem
        n = self.n_threads or (1 if crowded else None)
        with contextlib.nullcontext() if n is None else threads.limited(int(n)):
            yield

    # -- prediction -----------------------------------------------------------------------------

    def _outputs(self, X: DataLike) -> np.ndarray:
        """What the last layer gives for raw rows, ``(n, units)``."""
        if "model_" not in self.__dict__:
            check_is_fitted(self)
        model = self.model_
        self._synchronize()
        if not self._as_fitted(X):
            X = validate_data(
                self, plain("X", X), accept_sparse="csr", reset=False, dtype=self._dtypes(), **self._axes()
            )
        if self.n_threads is None:
            return model.predict(X)
        with threads.limited(int(self.n_threads)):
            return model.predict(X)

    def _as_fitted(self, X: DataLike) -> bool:
        """Whether rows need no look, by the user's word and their type; scikit-learn's own look takes 20 us."""
        return (
            type(X) is np.ndarray
            and X.dtype == self.model_.dtype
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and get_config()["assume_finite"]
        )

    def _synchronize(self) -> None:
        """Copy into the model what a user has put in the place of a view."""
        given = (*self.coefs_, *self.intercepts_)
        if len(given) == len(self._views) and all(a is b for a, b in zip(given, self._views, strict=True)):
            return
        networks.take_weights(self.model_, self.coefs_, self.intercepts_, None)
        self._adopt(self.model_)

    # -- copies and tags ------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, object]:
        state = dict(super().__getstate__())
        if "model_" in state:
            self._synchronize()
            for name in ("coefs_", "intercepts_", "_views"):
                state.pop(name)
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self._adopt(self.model_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_solver(self) -> bool:
        if self.solver == "lbfgs":
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not.")
        return True
