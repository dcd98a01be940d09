"""``MLPRegressor``: targets that are numbers."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils.metaestimators import available_if

from fastnn import losses
from fastnn._base.arrays import check_finite
from fastnn.losses import LossRecord
from fastnn.sklearn import parameters
from fastnn.sklearn.base import BaseMLP
from fastnn.sklearn.networks import Output


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: ``sklearn.neural_network.MLPRegressor``, trained by fastnn.

    Parameters that are not listed here, and all that is said about them, are those of :class:`MLPClassifier`.

    Parameters
    ----------
    loss : "squared_error" (half of it), "poisson" (half its deviance, with an exponential output), "absolute_error",
        "huber" (quadratic up to ``delta``), "pinball" (quantile regression), or a loss of :mod:`fastnn.losses`.
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

    _parameter_constraints: dict = parameters.REGRESSOR

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dropout=0.0,
        delta=1.0,
        quantile=0.5,
        layers=None,
        dtype=None,
        callbacks=None,
        time_limit=None,
        n_threads=None,
        backend=None,
        checkpoint=None,
        checkpoint_every="1 epoch",
        resume="auto",
    ):
        parameters.keep(self, locals())

    # -- training -------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
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

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the rows given, going on from where training stands; arguments as in :meth:`fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _validate_y(self, y, learn, exact):
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if learn or not hasattr(self, "model_"):
            self.n_outputs_ = n_outputs
        elif n_outputs != self.n_outputs_:
            raise ValueError(f"y has {n_outputs} outputs, but the model was trained for {self.n_outputs_}")
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs a target without negative numbers, got {y.min()}")
        return y

    def _output(self):
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

    def _target(self, y, dtype):
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            target = np.ascontiguousarray(y, dtype).reshape(len(y), -1)
        check_finite("y", target, y)
        several = len(self._quantiles())
        return target if several == 1 else np.repeat(target, several, axis=1)

    def _score_outputs(self, y, outputs, weight):
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

    def predict(self, X):
        """Predictions ``(n,)``, or ``(n, n_outputs)``, for rows ``(n, n_features)``."""
        outputs = self._central(self._outputs(X))
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict_quantiles(self, X):
        """All quantiles of ``loss="pinball"``: ``(n, n_quantiles)``, or ``(n, n_outputs, n_quantiles)``.

        They are put in rising order for each row where the network lets them cross (Chernozhukov et al. 2010).
        """
        if self.loss != "pinball":
            raise AttributeError(f"predict_quantiles needs loss='pinball' with quantile=[...], got {self.loss!r}")
        outputs = self._outputs(X)
        outputs = np.sort(outputs.reshape(len(outputs), self.n_outputs_, -1), axis=2)
        return outputs[:, 0] if self.n_outputs_ == 1 else outputs
