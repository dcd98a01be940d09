"""``Sequential``: layers, plans and memory of one model; the only object of fastnn that has a state.

Names and defaults are those of Keras 3. The arrays are flat (``params``, ``slots``); plans for the batch
sizes in use are compiled once and kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._base.keywords import refuse, refuse_for
from fastnn._engine import convert, exclusive, inference
from fastnn._engine.data import Data, check_given, make_data, split_data
from fastnn._engine.listeners import SILENT, Listeners
from fastnn._engine.prepare import BATCH_SIZE, check_arguments, checked_batch_size, prepare
from fastnn.callbacks import History, Logs
from fastnn.callbacks import check as check_callbacks
from fastnn.layers.base import Layer
from fastnn.models import files
from fastnn.models.compiled import Compiled
from fastnn.models.network import Stack

STOPS = {"stop_evaluating", "stop_predicting", "stop_training"}  # what callbacks set


class Sequential(Compiled):
    """A stack of layers.

    Parameters
    ----------
    layers : layers of :mod:`fastnn.layers`, also those of other models, whose weights are copied when the model is
        built; or models, which stay what they are and train together with this one. More can be added with :meth:`add`.
    dtype : ``"float32"`` or ``"float64"``, of parameters and all computation.
    seed : whole number from which everything random follows (initial parameters, the order of rows, dropout);
        None draws one, found as ``model.seed``.
    backend : ``"auto"``, ``"cython"``, ``"numba"``, ``"numpy"`` or another package's; None leaves the choice
        to ``use_backend``, ``set_backend`` and ``FASTNN_BACKEND``.
    name : shown in summaries.

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

    SETTABLE = Compiled.SETTABLE | {"backend", "backend_", "history", "metadata"} | STOPS

    def __init__(
        self,
        layers: Iterable[Layer | Stack] | None = None,
        *,
        dtype: str = "float32",
        seed: int | None = None,
        backend: str | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        if unknown:
            refuse("Sequential", unknown, ("layers", "dtype", "seed", "backend", "name"))
        if backend is not None:
            _kernels.check_name(backend)
        super().__init__(layers, dtype, seed, name)
        self.backend = backend
        self.backend_: str | None = None
        self.metadata: dict[str, str] = {}
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: History | None = None

    def fit(
        self,
        x: Any,
        y: Any = None,
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
        **unknown: Any,
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
            the loss was not finite; the model goes back to weights from before that epoch.
        RuntimeError
            the model is in a fit already.

        Whatever ends the fit, callbacks hear ``on_train_end``, and ``model.history`` has an entry for every epoch that
        began an update (see :class:`fastnn.callbacks.History`).
        """
        if unknown:
            refuse_for(Sequential.fit, unknown)
        check_given(x, y)
        arguments = check_arguments(batch_size, epochs, verbose, callbacks, shuffle, initial_epoch, time_limit, backend)
        with exclusive.training(self.whole):
            self.compiled_optimizer.check()  # users change its numbers between fits
            with self.built_for(x):
                given = x, y, sample_weight, class_weight
                fit = prepare(self, *split_data(self, given, validation_split, validation_data), arguments)
            return fit()

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
        backend: str | None = None,
        callbacks: Any = None,
        **unknown: Any,
    ) -> Any:
        """Loss and metrics on data: the loss, ``[loss, *metrics]``, or a dict with ``return_dict``.

        ``callbacks`` hear ``on_test_begin``, ``on_test_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_test_batch_begin`` and ``on_test_batch_end``. ``verbose`` is taken for Keras' sake.
        """
        if unknown:
            refuse_for(Sequential.evaluate, unknown)
        check_given(x, y)
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
            batch_size=convert.MAX_SAMPLES,
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
        **unknown: Any,
    ) -> np.ndarray:
        """Predictions ``(n, *output_shape)`` for ``x`` ``(n, *input_shape)``, dense or sparse, of the model's dtype.

        ``callbacks`` hear ``on_predict_begin``, ``on_predict_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_predict_batch_begin`` and ``on_predict_batch_end``; without those rows go through in blocks of the plan's
        choice. ``verbose`` is taken for Keras' sake.
        """
        if unknown:
            refuse_for(Sequential.predict, unknown)
        batch_size = checked_batch_size(batch_size)
        listeners = Listeners(check_callbacks(callbacks)) if callbacks else SILENT
        with self.built_for(x):
            x = convert.inputs("x", x, self.layout.input_shape, self.dtype, empty=True)
            entry = self._plans.prediction(self)
            self.backend_, module = _kernels.select(entry[0], backend or self.backend)  # an error forgets the build
        listeners.introduce(self, {"epochs": 1, "steps": -(-len(x) // batch_size)})
        return inference.predict(self, x, batch_size, entry, module, listeners)

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """:meth:`predict`; a pass as in training, with dropout, is not there yet and refused."""
        if training:
            raise ValueError("training=True is not there yet: a model that is called predicts; fit trains it")
        return self.predict(x)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """:meth:`predict` under the name Keras gives it for one batch."""
        return self.predict(x)

    def predictor(self) -> Any:
        """A callable for hot loops, ``f(x)`` or ``f(x, out=)``; see :class:`fastnn._engine.predictor.Predictor`."""
        from fastnn._engine.predictor import make_predictor

        return make_predictor(self)

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: Any, metadata: dict[str, str] | None = None) -> None:
        """Write the model to one safetensors file; ``metadata`` is added to ``model.metadata`` there."""
        files.save(self, path, metadata)
