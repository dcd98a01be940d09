"""Predictions: for arrays and batches at once, one by one, in hot loops, and as an edge of a graph around the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn._base.arguments import flag
from fastnn._base.keywords import refuse_for
from fastnn._base.types import DataLike, Outputs, Precision, Verbose
from fastnn._engine import convert, inference
from fastnn._engine.carrying import check_batches, usual_rows
from fastnn._engine.data import check_lengths, cut
from fastnn._engine.listeners import SILENT, Listeners
from fastnn._engine.pace import check_verbose, checked_steps
from fastnn._plan.compile import MAX_BLOCK, compile_plan
from fastnn.callbacks import check as check_callbacks
from fastnn.callbacks.base import CallbacksLike
from fastnn.layers.composition import check_training
from fastnn.layers.edges import Edge, is_edges
from fastnn.models import batches
from fastnn.models.loops import OwnLoops
from fastnn.models.store import Moves, Store

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows
    from fastnn._engine.predictor import AnyPredictor
    from fastnn._engine.stepping import Stepper
    from fastnn.models.several import SeveralPredictor


class Predicting(OwnLoops):
    """A network that is asked for predictions; :class:`fastnn.Model` is."""

    def predict(
        self,
        x: DataLike,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: object,
    ) -> Outputs:
        """Predictions ``(n, *output_shape)`` for ``x`` ``(n, *input_shape)``, dense or sparse, of the model's dtype.

        For several outputs a list of arrays, or a dict where the model was made with one. ``callbacks`` hear
        ``on_predict_begin``, ``on_predict_end`` and, of ``batch_size`` rows each (None for 32),
        ``on_predict_batch_begin`` and ``on_predict_batch_end``; without those rows go through in blocks of the plan's
        choice. ``verbose`` is taken for Keras' sake. ``x`` may be batches as in :meth:`fit`, also without targets
        (``x`` or ``(x,)``). Only the first ``steps`` batches count, where they are given.

        Parameters
        ----------
        x : rows ``(n, *input_shape)``; of several inputs a list, or a dict by their names.
        batch_size : rows that ``callbacks`` hear of at once; None for 32. No value depends on it.
        verbose : ``"auto"``, 0, 1 or 2, for Keras' sake: nothing is printed.
        backend : name of a backend for this call; None for the model's.
        callbacks : a callback or a list of them, or None.
        steps : batches that count at most; None for all.
        **unknown : none; each is a ``TypeError`` that says what stands in its place.
        """
        if unknown:
            refuse_for(Predicting.predict, unknown)
        if verbose != 0:
            check_verbose(verbose)
        simple = type(x) is np.ndarray and callbacks is None and batch_size is None and steps is None
        if simple and self._layout is not None and not self._layout.carried:
            return self._predicted(x, backend)  # as most calls are; the rest takes as long as a row of a small network
        batch_size, steps = checked_steps("batch_size", batch_size), checked_steps("steps", steps)
        listeners = Listeners(check_callbacks(callbacks)) if callbacks else SILENT
        if type(x) is not np.ndarray and batches.come("predict", x, {"batch_size": batch_size}):
            return self._predict_batches(x, steps, backend, listeners)
        with self.built_for(x):
            inputs = self.rows_of(x)
            n, size = self._cut(len(inputs[0]), batch_size, steps)
            entry = self.sized(inputs).prediction_entry(size)
            self.backend_, module = _kernels.select(entry[0], backend or self.backend)  # an error forgets the build
        if n < len(inputs[0]):
            inputs = [given[:n] for given in inputs]
        listeners.introduce(self, {"epochs": 1, "steps": -(-n // size)})
        return self.ends[1].join(inference.predict(self._state, inputs, size, entry, module, listeners))

    def shapes_in(self, x: Any) -> Any:
        """The shape of a sample in data, as a model that has none yet takes it."""
        raise NotImplementedError

    def _predict_batches(self, x: object, steps: int | None, backend: str | None, listeners: Listeners) -> Outputs:
        with batches.for_predict(self, x, steps) as stream:
            stream.begin()
            with self.built_for(batches.first_inputs(self, stream, targets=False)):
                first = stream.first()
                entry = self.sized(first).prediction_entry(len(first[0]))  # an error forgets the build
                self.backend_, module = _kernels.select(entry[0], backend or self.backend)
            listeners.introduce(self, {"epochs": 1, "steps": steps or stream.source.expected()})
            entries = lambda inputs: self.sized(inputs).prediction_entry(len(inputs[0]))  # noqa: E731
            return self.ends[1].join(inference.predict_stream(self._state, stream, entries, module, listeners))

    def _cut(self, n_rows: int, batch_size: int | None, steps: int | None) -> tuple[int, int]:
        """How many of the first rows count, and the rows of a batch."""
        n, size = cut("steps", n_rows, batch_size, steps, usual_rows(self.layout, self.batch_rows))
        check_batches(self.layout, n, size)
        return n, size

    def rows_of(self, x: object, argument: str = "x", empty: bool = True) -> list[AnyRows]:
        """Rows for prediction, checked, for each input; ``empty``: there may be none."""
        shapes = self.layout.stated(self.layout.inputs)
        if len(shapes) == 1 and not isinstance(x, Mapping):
            n_ids = self.layout.n_ids[0]
            return [convert.inputs(argument, x, shapes[0], self.dtype, empty=empty, n_ids=n_ids)]
        ins = self.ends[0]
        labels = [ins.label(argument, i) for i in range(len(shapes))]
        given = zip(labels, ins.split(argument, x), shapes, self.layout.n_ids, strict=True)
        inputs = [convert.inputs(name, came, s, self.dtype, empty=empty, n_ids=n) for name, came, s, n in given]
        check_lengths(labels, inputs)
        return inputs

    def __call__(self, x: DataLike, training: bool = False) -> Outputs:
        """On data, :meth:`predict`; on edges, the edges of the outputs in a graph around this model.

        With ``training`` dropout acts as in training, with other masks in each call; they follow from the seed and the
        number of such calls, and moving statistics (of BatchNormalization) follow the rows. Weights that are trained do
        not change.
        """
        if type(x) is not np.ndarray and is_edges(x):
            if training is not False:
                self._check_one(training)
                check_training(self, training)
            return self.called(x)
        if training is False:
            return self._predicted(x)
        self._check_one(training)
        if not flag("training", training):
            return self._predicted(x)
        return self._in_training(x)

    def _check_one(self, second: Any) -> None:
        if is_edges(second) or np.ndim(second):
            raise TypeError(f"{self!r} takes its inputs as one argument, a list or dict of them; got several")

    def _inputs_of(self, inputs: object) -> tuple[Edge, ...]:
        return super()._inputs_of(self.ends[0].split("the call", inputs) if isinstance(inputs, Mapping) else inputs)

    def _structure_of(self, edges: Sequence[Edge]) -> Edge | list[Edge] | dict[str, Edge]:
        return self.ends[1].join(edges)

    def reset_states(self) -> None:
        """Have stateful layers begin the next batch with zeros; it may have another number of rows."""
        for layer in self.layout.layers if self._layout is not None else ():
            if layer.carries:
                layer.reset_states()

    def predict_on_batch(self, x: DataLike) -> Outputs:
        """:meth:`predict` under the name Keras gives it for one batch.

        Parameters
        ----------
        x : as of :meth:`predict`.
        """
        return self.predict(x)

    def predictor(
        self, fold: bool = False, precision: Precision = "float32", calibrate: DataLike = None
    ) -> AnyPredictor:
        """A callable for hot loops, ``f(x)`` or ``f(x, out=)``; see :class:`fastnn._engine.predictor.Predictor`.

        A model of several inputs or outputs takes and gives lists or dicts of arrays, as it does elsewhere; see
        :class:`fastnn.models.several.SeveralPredictor`.

        That of a recurrent or causal network also goes step by step, ``f.step(x)``; see
        :class:`fastnn._engine.stepping.RecurrentPredictor`.

        ``f.cfunc`` is the address of a C function that does the same without Python; see
        :class:`fastnn._engine.cfunction.CFunction`.

        With ``fold`` it is that of :func:`fastnn.utils.fold` of the model as it is now, whose layers have taken in
        their BatchNormalization: faster, with the same outputs up to rounding. It does not follow the model as that
        trains on, or as its weights are set; make another one then.

        With ``precision="int8"`` Dense layers and convolutions multiply whole numbers of 8 bits: faster, with a quarter
        of the memory for their weights, and less exact. Their inputs and outputs, biases, activations and all other
        layers keep the model's dtype; ``print(f)`` says what became of each layer.
        The model is folded as by ``fold``, and is not followed either. The rows ``calibrate`` show how large the inputs
        of each layer become; beyond that range numbers are cut off at its ends, and NaN counts as 0. The sums are
        exact, so that all instruction sets give the same bits; :mod:`fastnn._ops.int8` has the formula and its source.

        With ``precision="bfloat16"`` Dense layers and convolutions multiply numbers of bf16, as a model of
        ``dtype="mixed_bfloat16"`` does, with the same bits, and sums are of float32. Dense layers hold their kernels in
        half the memory, so that few rows of large layers take about half the time. It does not follow the model either.

        Parameters
        ----------
        fold : whether normalisations go into the weights beside them; in int8 they always do.
        precision : ``"float32"``, which leaves the model its own dtype, ``"bfloat16"`` or ``"int8"``.
        calibrate : for int8, rows as :meth:`predict` takes them, ``(n, *input_shape)``; 100 to 1,000 are plenty.

        Raises
        ------
        ValueError
            of several inputs, sizes of some are open; of int8, there are no rows to calibrate with, or these are of
            another shape, or hold NaN or infinities; of bfloat16, the model is of float64.

        >>> import numpy as np
        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(2, kernel_initializer="ones", input_shape=(3,))], backend="numpy")
        >>> predict = model.predictor(precision="int8", calibrate=[[0.0, 1.0, 2.0]])
        >>> print(predict)
        <Predictor (3,) -> (2,), int8, on numpy>
        dense  Dense  int8, inputs from 0 to 2
        >>> predict(np.float32([[0.5, 1.0, 3.0]])).round(1).tolist() == np.float32([[3.5, 3.5]]).tolist()
        True
        """
        from fastnn._engine.stepping import RecurrentPredictor

        fold = flag("fold", fold)
        if precision != "float32" or calibrate is not None:
            return self._predictor_of(fold, precision, calibrate)
        if fold:
            from fastnn.models import folding

            return folding.fold(self).predictor()
        layout = self.layout
        if max(len(end.names) for end in self.ends) > 1:
            made: Any = self._predictor_of_several()
        else:
            remembers = layout.is_open or any(layer.steps is not None for layer in layout.layers)
            made = RecurrentPredictor(self) if remembers else self.predictor_of_rows()
        self._predictors.add(made)
        found: AnyPredictor = made
        return found

    def _predictor_of(self: Any, fold: bool, precision: object, calibrate: DataLike) -> AnyPredictor:
        """One of another precision."""
        from fastnn._engine.predictor import describe
        from fastnn.models import bfloat16, folding, quantizing

        checked = quantizing.checked_precision(precision)
        if checked != "int8" and calibrate is not None:
            raise ValueError(f'calibrate= is for precision="int8"; {checked} needs no rows')
        if checked == "int8":
            made, fates = quantizing.quantized(self, calibrate)
        else:
            made, fates = bfloat16.in_bfloat16(folding.fold(self) if fold else self)
        return describe(made.predictor(), checked, fates)

    def _predictor_of_several(self) -> SeveralPredictor:
        """One for several inputs or outputs."""
        from fastnn.models.several import SeveralPredictor

        if self.layout.is_open:
            stated = ", ".join(map(str, self.layout.stated(self.layout.inputs)))
            raise ValueError(
                f"a predictor of several inputs or outputs wants sizes that are known, and the inputs are {stated}; "
                "give their lengths to Input, or call model(x), which takes any"
            )
        plan = self.prediction_plan()
        return SeveralPredictor(plan, *_kernels.select(plan, self.backend), self._state, self.ends)

    def predictor_of_rows(self) -> Any:
        """A callable for rows of one shape."""
        from fastnn._engine.predictor import make_predictor

        plan = self.prediction_plan()
        return make_predictor(plan, *_kernels.select(plan, self.backend), self._state)

    def stepper(self) -> Stepper:
        """A callable for steps of sequences; ``ValueError`` where a layer needs more than the steps before."""
        from fastnn._engine.stepping import Stepper
        from fastnn._plan.stepwise import stepwise

        made = stepwise(self.layout)
        plan = compile_plan(made.layout, batch_size=MAX_BLOCK, seed=self.seed)
        return Stepper(plan, _kernels.select(plan, self.backend)[1], self._state, made.states)

    def moved(self, store: Store, moves: Moves) -> None:
        """Take over that parameters stand elsewhere; predictors follow."""
        super().moved(store, moves)
        for made in list(self._predictors):
            made.renew(self.prediction_plan())
