"""``MLPRegressor``: targets that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin

from fastnn import losses
from fastnn._base.arrays import check_finite
from fastnn._base.types import DataLike, DtypeLike
from fastnn.activations.names import ActivationName
from fastnn.losses import LossRecord
from fastnn.optimizers.names import SolverName
from fastnn.sklearn import parameters
from fastnn.sklearn.base import BaseMLP
from fastnn.sklearn.networks import Output
from fastnn.sklearn.typed import Random, fit_context, if_stochastic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from fastnn.activations import Activation
    from fastnn.callbacks import Callback
    from fastnn.layers import Layer
    from fastnn.optimizers import Optimizer


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: ``sklearn.neural_network.MLPRegressor``, trained by fastnn.

    Parameters that are not listed here, and all that is said about them, are those of :class:`MLPClassifier`.

    Parameters
    ----------
    loss : "squared_error" (half of it), "poisson" (half its deviance, with an exponential output), "absolute_error",
        "huber" (quadratic up to ``delta``), "pinball" (quantile regression), or a loss of :mod:`fastnn.losses`.
    max_fun : of ``lbfgs``, calls of the loss at most.
    delta : of "huber".
    quantile : of "pinball": one in (0, 1), or a rising list of them that one network learns together;
        :meth:`predict` then gives the one nearest to the median and :meth:`predict_quantiles` all.

    Attributes
    ----------
    loss_, loss_curve_ : mean over the outputs, as in scikit-learn; gradients are summed over them.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.sklearn import MLPRegressor
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> regressor = MLPRegressor(solver="lbfgs", activation="tanh", random_state=1, max_iter=1000)
    >>> round(regressor.fit(x, np.sin(3 * x[:, 0])).score(x, np.sin(3 * x[:, 0])), 2)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = parameters.REGRESSOR

    def __init__(
        self,
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "pinball"] | LossRecord = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: ActivationName | Activation | Sequence[ActivationName | Activation] = "relu",
        *,
        solver: SolverName | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Random = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        delta: float = 1.0,
        quantile: float | Sequence[float] = 0.5,
        layers: Sequence[Layer] | None = None,
        dtype: DtypeLike | None = None,
        callbacks: Sequence[Callback] | None = None,
        time_limit: float | None = None,
        n_threads: int | None = None,
        backend: str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: str | int = "1 epoch",
        resume: bool | Literal["auto"] = "auto",
    ) -> None:
        parameters.keep(self, locals())

    # -- training -------------------------------------------------------------------------------

    @fit_context(nested=False)
    def fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        *,
        X_val: DataLike = None,
        y_val: DataLike = None,
        sample_weight_val: DataLike = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array, frame or sparse matrix ``(n, n_features)``; sparse rows are made dense block by block.
        y : numbers ``(n,)`` or ``(n, n_outputs)``.
        sample_weight : ``(n,)``; a weight of zero is the row's absence.
        X_val, y_val, sample_weight_val : rows to watch (``validation_loss_curve_``), and with ``early_stopping`` to
            decide by, in place of a share of X.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    @if_stochastic
    @fit_context(nested=False)
    def partial_fit(self, X: DataLike, y: DataLike, sample_weight: DataLike = None) -> Self:
        """Train for one epoch on the rows given, going on from where training stands; arguments as in :meth:`fit`.

        Parameters
        ----------
        X, y, sample_weight : as of :meth:`fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _validate_y(self, y: np.ndarray, learn: bool, exact: bool) -> np.ndarray:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if learn or not hasattr(self, "model_"):
            self.n_outputs_ = n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(f"y has {n_outputs} outputs, but the model was trained for {self.n_outputs_}")
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs a target without negative numbers, got {y.min()}")
        return y

    def _output(self) -> Output:
        n = self.n_outputs_
        if isinstance(self.loss, LossRecord):
            return Output(n, self.loss.activation or "linear", self.loss, scale=n)
        if self.loss == "squared_error":
            return Output(n, "linear", losses.MeanSquaredError(), scale=0.5 * n, reported=0.5)
        if self.loss == "poisson":
            return Output(n, "exponential", losses.PoissonDeviance(), scale=n, reported=n)
        if self.loss == "pinball":
            several = self._quantiles()
            loss = losses.Pinball(several if len(several) > 1 else several[0])
            return Output(n * len(several), "linear", loss, scale=n * len(several))
        loss = losses.MeanAbsoluteError() if self.loss == "absolute_error" else losses.Huber(float(self.delta))
        return Output(n, "linear", loss, scale=n)

    def _quantiles(self) -> tuple[float, ...]:
        return tuple(float(q) for q in np.atleast_1d(self.quantile)) if self.loss == "pinball" else (0.5,)

    def _target(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            target = np.ascontiguousarray(y, dtype).reshape(len(y), -1)
        check_finite("y", target, y)
        several = len(self._quantiles())
        return target if several == 1 else np.repeat(target, several, axis=1)

    def _score_outputs(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        """R2, its mean over the outputs, as ``sklearn.metrics.r2_score`` defines it."""
        if not np.isfinite(outputs).all():
            return np.nan
        y, weight = y.reshape(len(y), -1), np.ones(len(y)) if weight is None else weight
        error = weight @ np.square(y - self._central(outputs), dtype=np.float64)
        spread = weight @ np.square(y - np.average(y, axis=0, weights=weight), dtype=np.float64)
        with np.errstate(all="ignore"):
            r2 = np.where(spread > 0, 1 - error / spread, np.where(error > 0, 0.0, 1.0))
        return float(r2.mean())

    # -- prediction -----------------------------------------------------------------------------

    def _central(self, outputs: np.ndarray) -> np.ndarray:
        """The outputs ``(n, n_outputs)`` that are predictions: of several quantiles the one nearest to the median."""
        several = self._quantiles()
        nearest = int(np.argmin(np.abs(np.array(several) - 0.5)))
        return outputs if len(several) == 1 else outputs[:, nearest :: len(several)]

    def predict(self, X: DataLike) -> np.ndarray:
        """Predictions ``(n,)``, or ``(n, n_outputs)``, for rows ``(n, n_features)``.

        Parameters
        ----------
        X : rows ``(n, n_features)``, dense or sparse.
        """
        outputs = self._central(self._outputs(X))
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict_quantiles(self, X: DataLike) -> np.ndarray:
        """All quantiles of ``loss="pinball"``: ``(n, n_quantiles)``, or ``(n, n_outputs, n_quantiles)``.

        They are put in rising order for each row where the network lets them cross (Chernozhukov et al. 2010).

        Parameters
        ----------
        X : as of :meth:`predict`.
        """
        if self.loss != "pinball":
            raise AttributeError(f"predict_quantiles needs loss='pinball' with quantile=[...], got {self.loss!r}")
        outputs = self._outputs(X)
        outputs = np.sort(outputs.reshape(len(outputs), self.n_outputs_, -1), axis=2)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs
