"""``Sequential``: layers, plans and arenas of one model; the only object of fastnn that has a state.

Names and defaults are those of Keras 3. The arrays are flat (``params``, ``slots``); plans for the batch
sizes in use are compiled once and kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn import _kernels, checks, exclusive, inference, losses, optimizers, serialization
from fastnn import metrics as metric_definitions
from fastnn.callbacks import History, Logs
from fastnn.callbacks import check as check_callbacks
from fastnn.data import Data, make_data, split_data
from fastnn.fitting import BATCH_SIZE, check_arguments, checked_batch_size, prepare
from fastnn.layers.base import Layer
from fastnn.listeners import SILENT, Listeners
from fastnn.losses import CustomLoss, Loss, Reduction
from fastnn.metrics import Metric
from fastnn.optimizers import Optimizer
from fastnn.plan import Layout, Plan, aligned
from fastnn.plan_cache import Entry, PlanCache
from fastnn.stack import Stack
from fastnn.stored import check_types

Metrics = list[tuple[Metric, bool]]


class Sequential(Stack):
    """A stack of layers.

    Parameters
    ----------
    layers : layers of :mod:`fastnn.layers`; more can be added with :meth:`add`.
    dtype : ``"float32"`` or ``"float64"``, of parameters and all computation.
    seed : whole number from which everything random follows (initial parameters, the order of rows, dropout);
        None draws one, found as ``model.seed``.
    backend : ``"auto"``, ``"cython"``, ``"numba"``, ``"numpy"`` or another package's; None leaves the choice
        to ``use_backend``, ``set_backend`` and ``FASTNN_BACKEND``.

    Attributes
    ----------
    built, backend_ : whether parameters exist; the name of the backend that ran last.
    epoch, step : epochs and updates trained so far.
    reduction : how the losses of a batch's rows become one number, a :class:`fastnn.losses.Reduction`.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = Sequential([Dense(16, activation="tanh", input_shape=(1,)), Dense(1)], seed=1)
    >>> model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    >>> history = model.fit(x, x**2, epochs=200, batch_size=20, validation_data=(x, x**2))
    >>> loss, mae = model.evaluate(x, x**2)
    >>> mae < 0.1, model.predict([[0.5], [1.0]]).shape
    (True, (2, 1))
    """

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        *,
        dtype: str = "float32",
        seed: int | None = None,
        backend: str | None = None,
    ):
        if backend is not None:
            _kernels.check_name(backend)
        super().__init__(layers, dtype, seed)
        self.backend = backend
        self.backend_: str | None = None
        self.loss: Loss | CustomLoss | None = None
        self.optimizer: Optimizer | None = None
        self.metrics: list[Metric] = []
        self.weighted_metrics: list[Metric] = []
        self.reduction = Reduction()
        self.metadata: dict[str, str] = {}
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: History | None = None

    def _forget(self, drawn: tuple[Layout, np.ndarray] | None = None) -> None:
        super()._forget(drawn)
        self.slots: np.ndarray | None = None
        self.epoch = self.step = 0
        self._plans = PlanCache()

    # -- training -------------------------------------------------------------------------------

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None, weighted_metrics: Any = None
    ) -> None:
        """Choose how to train; optimiser state starts afresh. Not within a fit.

        Parameters
        ----------
        optimizer, loss, metrics : names or objects of the modules of these names; ``loss`` may be a function
            ``f(target, prediction)`` (see :class:`fastnn.losses.custom.CustomLoss`).
        weighted_metrics : metrics in which rows count by their sample and class weights.
        """
        if loss is None:
            raise ValueError("compile needs a loss, such as loss='mean_squared_error'")
        exclusive.check_idle(self, "compile")
        made = optimizers.get(optimizer), losses.get(loss), _metrics(metrics), _metrics(weighted_metrics)
        for record in (*made[:2], *made[2], *made[3]):
            check_types(record)
        self.optimizer, self.loss, self.metrics, self.weighted_metrics = made
        self.slots, self.step = None, 0
        self._plans = PlanCache()

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        time_limit: float | None = None,
        backend: str | None = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : ``(n, *input_shape)``, anything NumPy turns into finite numbers; or, for one axis of inputs, a sparse matrix
            or array of SciPy in any format. Only a block of its rows is dense at a time, with the same results.
        y : targets: ``(n, *output_shape)``, also ``(n,)`` for one output; class indices for a sparse loss.
        batch_size : rows of one update, None for 32; the last batch of an epoch may be smaller.
        epochs, initial_epoch : train from ``initial_epoch`` up to ``epochs``.
        verbose : ``"auto"`` (a bar on long fits in a terminal or notebook), 0, 1 (a bar) or 2 (a line an epoch).
        callbacks : objects of :mod:`fastnn.callbacks`.
        validation_split : share of the rows, taken from the end as Keras does, that is only evaluated.
        validation_data : ``(x, y)`` or ``(x, y, sample_weight)``, in place of a split.
        shuffle : draw a new order of rows each epoch.
        class_weight : ``{class index: weight}``.   sample_weight : ``(n,)``.
        time_limit : seconds after which training stops, between two updates.
        backend : for this call.

        Raises
        ------
        ValueError, TypeError
            an argument is wrong; nothing has changed.
        DivergenceError
            the loss was not finite; the model keeps its last finite weights.
        RuntimeError
            the model is in a fit already.

        Whatever ends the fit, callbacks hear ``on_train_end``, and ``model.history`` has an entry for every epoch that
        began an update (see :class:`fastnn.callbacks.History`).
        """
        arguments = check_arguments(batch_size, epochs, verbose, callbacks, shuffle, initial_epoch, time_limit, backend)
        with exclusive.training(self):
            self.compiled_optimizer.check()  # users change its numbers between fits
            with self.built_for(x):
                given = x, y, sample_weight, class_weight
                fit = prepare(self, *split_data(self, given, validation_split, validation_data), arguments)
            return fit()

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
        backend: str | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Loss and metrics on data: the loss, ``[loss, *metrics]``, or a dict with ``return_dict``.

        ``callbacks`` hear ``on_test_begin``, ``on_test_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_test_batch_begin`` and ``on_test_batch_end``. ``verbose`` is taken for Keras' sake.
        """
        batch_size, listeners = checked_batch_size(batch_size), Listeners(check_callbacks(callbacks))
        with self.built_for(x):
            data = make_data(self, x, y, sample_weight)
            listeners.introduce(self, {"epochs": 1, "steps": -(-len(data) // batch_size)})
            logs = self.evaluate_data(data, backend, listeners, batch_size)
        if return_dict:
            return logs
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    def evaluate_data(
        self, data: Data, backend: str | None, listeners: Listeners = SILENT, batch_size: int = BATCH_SIZE
    ) -> Logs:
        """:meth:`evaluate` on data that is checked."""
        return inference.evaluate(self, data, batch_size, backend, listeners)

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One update on all rows given; returns what :meth:`evaluate` returns, of the training pass."""
        history = self.fit(
            x,
            y,
            batch_size=checks.MAX_SAMPLES,
            sample_weight=sample_weight,
            class_weight=class_weight,
            shuffle=False,
            verbose=0,
        ).history
        logs = {name: values[-1] for name, values in history.items()}
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """:meth:`evaluate` under the name Keras gives it for one batch."""
        return self.evaluate(x, y, sample_weight=sample_weight, return_dict=return_dict)

    # -- prediction -----------------------------------------------------------------------------

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        backend: str | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Predictions ``(n, *output_shape)`` for ``x`` ``(n, *input_shape)``, dense or sparse, of the model's dtype.

        ``callbacks`` hear ``on_predict_begin``, ``on_predict_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_predict_batch_begin`` and ``on_predict_batch_end``; without those rows go through in blocks of the plan's
        choice. ``verbose`` is taken for Keras' sake.
        """
        batch_size = checked_batch_size(batch_size)
        listeners = Listeners(check_callbacks(callbacks)) if callbacks else SILENT
        with self.built_for(x):
            x = checks.inputs("x", x, self.input_shape, self.dtype, empty=True)
            _kernels.select(self._plans.prediction(self)[0], backend or self.backend)  # an error forgets the build
        listeners.introduce(self, {"epochs": 1, "steps": -(-len(x) // batch_size)})
        return inference.predict(self, x, batch_size, backend, listeners)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """:meth:`predict` under the name Keras gives it for one batch."""
        return self.predict(x)

    def predictor(self) -> Any:
        """A callable for hot loops, ``f(x)`` or ``f(x, out=)``; see :class:`fastnn.predictor.Predictor`."""
        from fastnn.predictor import make_predictor

        return make_predictor(self)

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: Any, metadata: dict[str, str] | None = None) -> None:
        """Write the model to one safetensors file; ``metadata`` is added to ``model.metadata`` there."""
        serialization.save(self, path, metadata)

    # -- plans ----------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan last used for training, or the one for prediction when the model is not compiled; printable."""
        if self.loss is None:
            return self.prediction_plan()
        return self.training_plan(self._plans.last_batch_size)[0]

    def training_plan(self, batch_size: int) -> Entry:
        """The plan that :meth:`fit` executes, with the arenas that are free for it."""
        return self._plans.training(self, batch_size)

    def prediction_plan(self) -> Plan:
        """The plan that :meth:`predict` executes."""
        return self._plans.prediction(self)[0]

    @property
    def compiled_optimizer(self) -> Optimizer:
        """The optimiser of a compiled model."""
        if self.optimizer is None:
            raise ValueError("the model is not compiled; call compile(optimizer=..., loss=...) first")
        return self.optimizer

    def resolved_metrics(self) -> Metrics:
        """Metrics with the statistic that the loss decides, and whether weights count in them."""
        return metric_definitions.resolve_all(self.metrics, self.weighted_metrics, self.loss, self.output_shape[-1])

    # -- copies ---------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.params = aligned(len(state["params"]), self.dtype)  # a copy of an array loses its alignment
        self.params[...] = state["params"]
        self._plans = PlanCache()


def _metrics(came: Any) -> list[Metric]:
    single = isinstance(came, str | Metric)
    listed = checks.listed("metrics", [came] if single else () if came is None else came, "names or metrics")
    return [metric_definitions.get(metric) for metric in listed]
