"""``Model``: a graph of layers that is trained, evaluated and asked for predictions; :class:`Sequential` is a chain.

Names and defaults are those of Keras 3. The arrays are flat (``params``, ``slots``); plans for the batch sizes in use
are compiled once and kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._base.arguments import flag
from fastnn._base.keywords import refuse, refuse_for
from fastnn._engine import convert, exclusive, inference
from fastnn._engine.data import Given, check_given, check_lengths, cut, make_rows
from fastnn._engine.listeners import SILENT, Listeners
from fastnn._engine.prepare import (
    BATCH_SIZE,
    check_arguments,
    check_pace,
    checked_steps,
    fitting_batch_size,
    make_trainer,
    prepare,
)
from fastnn._engine.state import attribute
from fastnn._kernels.contract import Rows
from fastnn.callbacks import History, Logs
from fastnn.callbacks import check as check_callbacks
from fastnn.layers.edges import Edge, is_edges
from fastnn.models import batches, files
from fastnn.models.graph import Graph, trace
from fastnn.models.loops import OwnLoops
from fastnn.models.store import Moves, Store
from fastnn.models.structure import Structure

STOPS = {"stop_evaluating", "stop_predicting", "stop_training"}  # what callbacks set


class Model(OwnLoops):
    """A graph of layers, from its inputs to its outputs.

    Parameters
    ----------
    inputs, outputs : edges (see :func:`fastnn.Input`): one, a list, or a dict by name. Data come and go in the same
        form; a dict by the names of the input layers, or of the layers that make the outputs, is always taken.
    dtype : ``"float32"`` or ``"float64"``, of parameters and all computation.
    seed : whole number from which everything random follows (initial parameters, the order of rows, dropout);
        None draws one, found as ``model.seed``.
    backend : ``"auto"``, ``"cython"``, ``"numba"``, ``"numpy"`` or another package's; None leaves the choice
        to ``use_backend``, ``set_backend`` and ``FASTNN_BACKEND``.
    name : shown in summaries, and its name in a model around it.

    Layers, and models, that are in several models have the same weights in all of them.

    Attributes
    ----------
    built, backend_ : whether parameters exist; the name of the backend that ran last.
    epoch, step : epochs and updates trained so far.

    Raises
    ------
    ValueError
        an output needs an input that is not given, or an input leads nowhere; two outputs or layers have one name;
        shapes do not fit.

    >>> import numpy as np
    >>> from fastnn import Input, Model
    >>> from fastnn.layers import Concatenate, Dense
    >>> size, colour = Input((2,), name="size"), Input((3,), name="colour")
    >>> joined = Concatenate()([Dense(4, "relu")(size), Dense(4, "relu")(colour)])
    >>> model = Model([size, colour], Dense(1, name="price")(joined), seed=1)
    >>> model.compile("adam", "mse")
    >>> x = {"size": np.ones((10, 2)), "colour": np.zeros((10, 3))}
    >>> history = model.fit(x, np.ones(10), epochs=2, verbose=0)
    >>> model.predict(x).shape
    (10, 1)
    """

    SETTABLE = OwnLoops.SETTABLE | {"backend", "backend_", "history", "metadata"} | STOPS
    stop_training, stop_evaluating = attribute("stop_training"), attribute("stop_evaluating")
    stop_predicting = attribute("stop_predicting")

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        dtype: str = "float32",
        seed: int | None = None,
        backend: str | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        if unknown:
            refuse("Model", unknown, ("inputs", "outputs", "dtype", "seed", "backend", "name"))
        self._begin(dtype, seed, backend, name)
        graph = trace(_edges("inputs", inputs), _edges("outputs", outputs))
        _check_outputs(outputs, graph.outputs)
        self._settle(graph)
        self._ends = _find_ends(graph, inputs, outputs)

    def _begin(self, dtype: Any, seed: int | None, backend: str | None, name: str | None) -> None:
        """Have all attributes, before there is a graph."""
        if backend is not None:
            _kernels.check_name(backend)
        super().__init__(dtype, seed, name)
        self.backend = backend
        self.backend_: str | None = None
        self.metadata: dict[str, str] = {}
        self.history: History | None = None

    @classmethod
    def waiting(cls, dtype: Any, seed: int | None = None, backend: str | None = None, name: str | None = None) -> Any:
        """A model that has no graph yet, see :meth:`draft`."""
        made = cls.__new__(cls)
        made._begin(dtype, seed, backend, name)
        return made

    def draft(self, graph: Graph, ends: tuple[Structure, Structure]) -> None:
        """Have a graph, and no parameters yet: :meth:`settle_in` gives them."""
        self._graph, self._ends = graph, ends

    @property
    def ends(self) -> tuple[Structure, Structure]:
        """How inputs and outputs are handed in and out."""
        return self._ends

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of the layers that make them, or the keys under which they were given."""
        return list(self.ends[1].names)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of their layers, or the keys under which they were given."""
        return list(self.ends[0].names)

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
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        time_limit: float | None = None,
        backend: str | None = None,
        **unknown: Any,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : ``(n, *input_shape)``, anything NumPy turns into finite numbers; or, for one axis of inputs, a sparse matrix
            or array of SciPy in any format. Only a block of its rows is dense at a time, with the same results. For
            several inputs a list of arrays, or a dict by their names. Or batches, see below.
        y : targets: ``(n, *output_shape)``, also ``(n,)`` for one output; class indices for a sparse loss. For several
            outputs a list, or a dict by their names.
        batch_size : rows of one update, None for 32; the last batch of an epoch may be smaller.
        epochs, initial_epoch : train from ``initial_epoch`` up to ``epochs``.
        verbose : ``"auto"`` (a bar on long fits in a terminal or notebook), 0, 1 (a bar) or 2 (a line an epoch).
        callbacks : objects of :mod:`fastnn.callbacks`.
        validation_split : share of the rows, taken from the end as Keras does, that is only evaluated.
        validation_data : ``(x, y)`` or ``(x, y, sample_weight)``, in place of a split; or batches.
        shuffle : draw a new order of rows each epoch, and of batches that have an index.
        class_weight : ``{class index: weight}``, for one output.
        sample_weight : ``(n,)``; for several outputs also a list, or a dict by their names.
        steps_per_epoch : batches of an epoch, where it shall not be one pass over the data. The next epoch goes on
            where one ended, and data that can begin anew do so whenever they end. Without ``batch_size`` so many
            batches hold all rows of arrays.
        validation_steps, validation_batch_size : only the first so many batches are evaluated; as in training without.
        validation_freq : evaluate after every so many epochs, or a list of epochs, from 1; the others have NaN for
            their ``val_`` values.
        time_limit : seconds after which training stops, between two updates.
        backend : for this call.

        Raises
        ------
        ValueError, TypeError
            an argument is wrong; nothing has changed.
        BatchError
            a batch could not be had or used; the model keeps what it has learned until then.
        DivergenceError
            the loss was not finite; the model goes back to weights from before that epoch.
        RuntimeError
            the model, or one that shares layers with it, is in a fit already.

        Whatever ends the fit, callbacks hear ``on_train_end``, and ``model.history`` has an entry for every epoch that
        began an update (see :class:`fastnn.callbacks.History`).

        **Batches.** ``x`` may be an iterable of ``(x, y)`` or ``(x, y, sample_weight)``: a generator, a
        :class:`fastnn.utils.PyDataset`, PyTorch's ``DataLoader``, a list. An update is made on each batch as it comes,
        of whatever number of rows; one pass is an epoch. What gives a new iterator begins anew each epoch. A generator
        goes on where it is, so that more than one epoch needs ``steps_per_epoch``; when it ends before they are over,
        that is an error. While one batch trains the next one is fetched, by a thread where that takes long, one batch
        at most and none that will not be trained on. L-BFGS does not take batches.
        """
        if unknown:
            refuse_for(Model.fit, unknown)
        besides = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
        in_batches = batches.come("fit", x, besides | {"validation_split": validation_split})
        if not in_batches:
            check_given(x, y)
        pace = check_pace(steps_per_epoch, validation_steps, validation_batch_size, validation_freq)
        arguments = check_arguments(
            batch_size, epochs, verbose, callbacks, shuffle, initial_epoch, time_limit, backend, pace
        )
        with contextlib.ExitStack() as in_fit:
            in_fit.enter_context(exclusive.training(store := self.store))
            self.compiled_optimizer.check()  # users change its numbers between fits
            data, first = (x, y, sample_weight, class_weight), x
            stream = batches.for_fit(self, x, class_weight, arguments) if in_batches else None
            if stream:
                in_fit.enter_context(stream).begin(arguments.initial_epoch + 1)
                first = batches.first_inputs(self, stream)
            with self.built_for(first):
                if self.store is not store:  # that of a model inside this one, which has had no shape
                    in_fit.enter_context(exclusive.training(self.store))
                given = batches.fit_data(self, stream or data, validation_split, validation_data, arguments)
                fit = self.prepared(given, arguments)
            return fit()

    def prepared(self, data: tuple[Any, Any], arguments: Any, stop: Any = None) -> Any:
        """The fit on rows that are checked, or a stream, and on what validates; ready to be called."""
        trainee, (training, validation) = self.trainee, data
        size = fitting_batch_size(trainee, training, arguments)
        plan = self.training_plan(size, len(training) if isinstance(training, Rows) else size)[0]
        name, module = _kernels.select(plan, arguments.backend or self.backend)
        fit = prepare(self, make_trainer(trainee, training, size, arguments, module), validation, arguments, stop)
        self.backend_, self.history = name, fit.history
        return fit

    def given(self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, prefix: str = "") -> Given:
        """A user's data, taken apart."""
        ins, outs = self.ends
        kept = [i for i, loss in enumerate(self._losses) if loss is not None] or range(len(outs.names))
        targets = outs.split(f"{prefix}y", y, optional=len(kept) < len(outs.names))
        weights = self._weights(f"{prefix}sample_weight", sample_weight)
        return Given(
            ins.split(f"{prefix}x", x),
            [targets[i] for i in kept],
            [weights[i] for i in kept],
            [ins.label("x", i) for i in range(len(ins.names))],
            [outs.label("y", i) for i in kept],
            class_weight,
        )

    def _weights(self, argument: str, came: Any) -> list[Any]:
        """Weights of rows for each output; one array is for all of them."""
        outs = self.ends[1]
        several = isinstance(came, Mapping) or (isinstance(came, list | tuple) and np.ndim(came[0]) > 0)
        return outs.split(argument, came, optional=True) if several or came is None else [came] * len(outs.names)

    def validation(self, came: Any) -> Given:
        """What a user gave as ``validation_data``, taken apart."""
        if not isinstance(came, tuple | list) or len(came) not in (2, 3):
            raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
        x, y, weight = (*came, None)[:3]
        return self.given(x, y, weight, prefix="validation ")

    @contextlib.contextmanager
    def built_for(self, x: Any) -> Iterator[None]:
        """A block in which the model is built, by the rows of ``x`` if need be; an error inside takes that back."""
        yield

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
        steps: int | None = None,
        **unknown: Any,
    ) -> Any:
        """Losses and metrics on data: the loss, a list as ``metrics_names``, or with ``return_dict`` a dict.

        ``x`` may be batches as in :meth:`fit`. Only the first ``steps`` batches count, where they are given.

        ``callbacks`` hear ``on_test_begin``, ``on_test_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_test_batch_begin`` and ``on_test_batch_end``. ``verbose`` is taken for Keras' sake.
        """
        if unknown:
            refuse_for(Model.evaluate, unknown)
        batch_size, listeners = checked_steps("batch_size", batch_size), Listeners(check_callbacks(callbacks))
        steps = checked_steps("steps", steps)
        if batches.come("evaluate", x, {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}):
            with batches.for_evaluate(self, x, steps) as stream:
                stream.begin()
                with self.built_for(batches.first_inputs(self, stream)):
                    listeners.introduce(self, {"epochs": 1, "steps": steps or stream.source.expected()})
                    logs = self.evaluate_rows(stream, backend, listeners)
        else:
            check_given(x, y)
            with self.built_for(x):
                rows = make_rows(self.compiled, self.given(x, y, sample_weight))
                n, size = cut("steps", len(rows), batch_size, steps)
                listeners.introduce(self, {"epochs": 1, "steps": -(-n // size)})
                logs = self.evaluate_rows(rows.part(slice(n)), backend, listeners, size)
        return logs if return_dict else self._in_order(logs)

    def evaluate_rows(
        self, rows: Any, backend: str | None = None, listeners: Listeners = SILENT, batch_size: int = BATCH_SIZE
    ) -> Logs:
        """:meth:`evaluate` on rows that are checked, or on a stream of them."""
        trainee = self.trainee
        plan = self._plans.evaluation(trainee)[0]
        self.backend_, module = _kernels.select(plan, backend or self.backend)
        return inference.evaluate(trainee, rows, batch_size, module, listeners)

    def _in_order(self, logs: Logs) -> Any:
        """Values as a list in the order of ``metrics_names``, or the only one."""
        if len(self.ends[1].names) > 1:
            logs = {name: logs[name] for name in self.metrics_names if name in logs}
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

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
        return logs if return_dict else self._in_order(logs)

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
        steps: int | None = None,
        **unknown: Any,
    ) -> Any:
        """Predictions ``(n, *output_shape)`` for ``x`` ``(n, *input_shape)``, dense or sparse, of the model's dtype.

        For several outputs a list of arrays, or a dict where the model was made with one. ``callbacks`` hear
        ``on_predict_begin``, ``on_predict_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_predict_batch_begin`` and ``on_predict_batch_end``; without those rows go through in blocks of the plan's
        choice. ``verbose`` is taken for Keras' sake. ``x`` may be batches as in :meth:`fit`, also without targets
        (``x`` or ``(x,)``). Only the first ``steps`` batches count, where they are given.
        """
        if unknown:
            refuse_for(Model.predict, unknown)
        batch_size, steps = checked_steps("batch_size", batch_size), checked_steps("steps", steps)
        listeners = Listeners(check_callbacks(callbacks)) if callbacks else SILENT
        if type(x) is not np.ndarray and batches.come("predict", x, {"batch_size": batch_size}):
            return self._predict_batches(x, steps, backend, listeners)
        with self.built_for(x):
            inputs = self.rows_of(x)
            entry = self.prediction_entry()
            self.backend_, module = _kernels.select(entry[0], backend or self.backend)  # an error forgets the build
        n, size = cut("steps", len(inputs[0]), batch_size, steps)
        if n < len(inputs[0]):
            inputs = [given[:n] for given in inputs]
        listeners.introduce(self, {"epochs": 1, "steps": -(-n // size)})
        return self.ends[1].join(inference.predict(self._state, inputs, size, entry, module, listeners))

    def _predict_batches(self, x: Any, steps: int | None, backend: str | None, listeners: Listeners) -> Any:
        with batches.for_predict(self, x, steps) as stream:
            stream.begin()
            with self.built_for(batches.first_inputs(self, stream, targets=False)):
                entry = self.prediction_entry()
                self.backend_, module = _kernels.select(entry[0], backend or self.backend)
                stream.first()  # an error forgets the build
            listeners.introduce(self, {"epochs": 1, "steps": steps or stream.source.expected()})
            return self.ends[1].join(inference.predict_stream(self._state, stream, entry, module, listeners))

    def rows_of(self, x: Any) -> list[Any]:
        """Rows for prediction, checked, for each input."""
        ins, shapes = self.ends[0], self.layout.input_shapes
        if len(shapes) == 1 and not isinstance(x, Mapping):
            return [convert.inputs("x", x, shapes[0], self.dtype, empty=True)]
        labels = [ins.label("x", i) for i in range(len(shapes))]
        given = zip(labels, ins.split("x", x), shapes, strict=True)
        inputs = [convert.inputs(label, came, shape, self.dtype, empty=True) for label, came, shape in given]
        check_lengths(labels, inputs)
        return inputs

    def __call__(self, x: Any, training: bool = False) -> Any:
        """On data, :meth:`predict`; on edges, the edges of the outputs in a graph around this model.

        With ``training`` dropout acts as in training, with other masks in each call; they follow from the seed and the
        number of such calls. Weights do not change.
        """
        if type(x) is not np.ndarray and is_edges(x):
            return self.called(x)
        if training is False or not flag("training", training):
            return self._predicted(x)
        return self._in_training(x)

    def _inputs_of(self, inputs: Any) -> tuple[Edge, ...]:
        return super()._inputs_of(self.ends[0].split("the call", inputs) if isinstance(inputs, Mapping) else inputs)

    def _structure_of(self, edges: Any) -> Any:
        return self.ends[1].join(edges)

    def predict_on_batch(self, x: Any) -> Any:
        """:meth:`predict` under the name Keras gives it for one batch."""
        return self.predict(x)

    def predictor(self) -> Any:
        """A callable for hot loops, ``f(x)`` or ``f(x, out=)``; see :class:`fastnn._engine.predictor.Predictor`."""
        from fastnn._engine.predictor import make_predictor

        if len(self.ends[0].names) > 1 or len(self.ends[1].names) > 1:
            raise ValueError("a predictor takes one input and gives one output; model(x) takes and gives several")
        plan = self.prediction_plan()
        made = make_predictor(plan, *_kernels.select(plan, self.backend), self._state)
        self._predictors.add(made)
        return made

    def moved(self, store: Store, moves: Moves) -> None:
        """Take over that parameters stand elsewhere; predictors follow."""
        super().moved(store, moves)
        for made in list(self._predictors):
            made.renew(self.prediction_plan())

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: Any, metadata: dict[str, str] | None = None) -> None:
        """Write the model to one safetensors file; ``metadata`` is added to ``model.metadata`` there."""
        files.save(self, path, metadata)


def _edges(argument: str, came: Any) -> list[Edge]:
    listed = list(came.values()) if isinstance(came, Mapping) else came if isinstance(came, list | tuple) else [came]
    for edge in listed:
        if not isinstance(edge, Edge):
            raise TypeError(f"{argument} of a Model are edges, as Input((4,)) and layers called on them, got {edge!r}")
    if not listed:
        raise ValueError(f"a Model has at least one of its {argument}")
    twice = next((edge for i, edge in enumerate(listed) if edge in listed[:i]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is among the {argument} twice; leave one out")
    return list(listed)


def _find_ends(graph: Graph, inputs: Any, outputs: Any) -> tuple[Structure, Structure]:
    sources = tuple(source.name for source in graph.sources)
    makers = tuple(edge.name for edge in graph.outputs)
    return _structure("inputs", inputs, sources), _structure("outputs", outputs, makers)


def _structure(kind: str, given: Any, names: tuple[str, ...]) -> Structure:
    form = "dict" if isinstance(given, Mapping) else "list" if isinstance(given, list | tuple) else "one"
    if form == "dict":
        names = tuple(map(str, given))
    return Structure(kind, names, form)


def _check_outputs(given: Any, outputs: Sequence[Edge]) -> None:
    """``ValueError`` when two outputs would have the name of the layer that makes both."""
    makers = [edge.call.item for edge in outputs]
    twice = next((item for i, item in enumerate(makers) if any(item is other for other in makers[:i])), None)
    if twice is not None and not isinstance(given, Mapping):
        raise ValueError(
            f"two outputs would have one name, that of {twice!r}, which makes both; give outputs as a dict "
            f"{{name: edge}}"
        )
