"""What training loops of one's own are made of: forward passes, gradients and updates one by one."""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _kernels
from fastnn._base.arguments import flag, number, shown
from fastnn._base.timeseries import parted
from fastnn._base.types import ClassWeights, DataLike, Outputs
from fastnn._engine import convert, exclusive, inference
from fastnn._engine.data import Given, split_rows
from fastnn._engine.listeners import SILENT
from fastnn._plan.memory import Moved
from fastnn._plan.plan import Plan
from fastnn.models import changing
from fastnn.models.trainable import Trainable
from fastnn.models.values import named_values

FIRST_CALL = 2**40  # where the dropout masks of calls begin, beyond those of any update
WRT = ("weights", "inputs")

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows
    from fastnn._engine.gradients import Gradients, GradientsLike
    from fastnn.models.prepared import Prepared


class OwnLoops(Trainable):
    """Calls for loops of one's own; :class:`fastnn.Model` has them."""

    backend: str | None
    backend_: str | None
    _loops: Prepared | None = None

    def _drop_plans(self) -> None:
        super()._drop_plans()
        self._loops = None

    def rows_of(self, x: object, argument: str = "x", empty: bool = True) -> list[AnyRows]:
        """Rows for prediction, checked, for each input; ``empty``: there may be none."""
        raise NotImplementedError

    def given(self, x: object, y: object, sample_weight: object = None, class_weight: object = None) -> Given:
        """A user's data, taken apart."""
        raise NotImplementedError

    def built_for(self, x: object) -> contextlib.AbstractContextManager[None]:
        """A block in which the model is built, by the rows of ``x`` if need be."""
        raise NotImplementedError

    def activations(self, x: DataLike) -> dict[str, Outputs]:
        """The output of every layer for rows ``x``, as in prediction, by the layer's name.

        Each is ``(n, *shape of the layer's output)``, after the layer's activation. A layer that is called several
        times has the further outputs as ``name_1``, ``name_2`` ... (the next that is free). Layers of a model inside
        this one stand as ``"model/layer"``, and what that model gives under its own name. Layers that only state the
        shape of an input are there where :attr:`layers` lists them. Stateful layers begin with zeros.

        >>> import numpy as np
        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> layers = [Dense(2, "relu", kernel_initializer="ones", input_shape=(1,)), Dense(1, name="sum")]
        >>> values = Sequential(layers).activations([[3.0], [-1.0]])
        >>> list(values), values["dense"].tolist()
        (['dense', 'sum'], [[3.0, 3.0], [0.0, 0.0]])
        """
        if self._layout is None:
            with self.built_for(x):
                return self.activations(x)
        if self._layout.is_open:
            return self.sized(self.rows_of(x)).activations(x)
        loops = self._prepared()
        if loops.values is None:
            loops.values = named_values(self.graph, {id(layer) for layer in self.layers})
        places, outputs = loops.values
        entry = self._plans.values(self.layout.afresh, outputs, self.seed)
        module = self._module(entry[0])
        found = inference.predict(self._state, self._rows(loops, x), 0, entry, module, SILENT)
        return {name: place(found) for name, place in places.items()}

    def gradients(
        self,
        x: DataLike,
        y: DataLike = None,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        *,
        dy: DataLike = None,
        wrt: str = "weights",
        training: bool = True,
    ) -> Any:
        """Gradients of the compiled loss, or of one whose slope by the outputs you bring.

        Parameters
        ----------
        x : rows, as of :meth:`fit`.
        y, sample_weight, class_weight : as of :meth:`fit`. The gradients are those that the optimiser gets in an
            update on these rows as one batch, before clipping: of the mean loss with the penalties on parameters and
            outputs, with the dropout of the next update.
        dy : in place of ``y``, the slope of a loss by the outputs, shaped like them (a list or dict for several). The
            gradients are those of ``sum(dy * outputs)`` over rows and outputs, divided by nothing and without
            penalties; the model need not be compiled. Dropout is that of the last ``model(x, training=True)``.
            Moving statistics follow the rows of that call or, where there was none since, those of the gradients.
        wrt : ``"weights"``, or ``"inputs"`` for gradients by the inputs, shaped like ``x``.
        training : False leaves dropout out, as in prediction.

        Returns
        -------
        ``(loss, grads)``, or with ``dy`` the ``grads`` alone: :class:`fastnn.models.Gradients` in the order of
        :attr:`trainable_variables`, or one array or several for the inputs. Where the loss, or the sum, is not finite,
        all of them are NaN.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))])
        >>> model.compile("sgd", "mse")
        >>> loss, grads = model.gradients([[1.0, 2.0]], [[1.0]])
        >>> loss, grads[0].tolist()
        (4.0, [[4.0], [8.0]])
        >>> model.gradients([[1.0, 2.0]], dy=[[2.0]], wrt="inputs").tolist()
        [[2.0, 2.0]]
        """
        if dy is None:
            x, y = parted(x, y)
        if (dy is None) == (y is None):
            raise TypeError(f"gradients takes targets y or slopes dy, got {'none of them' if y is None else 'both'}")
        if wrt not in WRT:
            raise ValueError(f"wrt must be 'weights' or 'inputs', got {shown(wrt)}")
        if self._layout is None:
            with self.built_for(x):
                return self.gradients(x, y, sample_weight, class_weight, dy=dy, wrt=wrt, training=training)
        if self._layout.is_open:
            own = self.sized(self.rows_of(x))
            return own.gradients(x, y, sample_weight, class_weight, dy=dy, wrt=wrt, training=training)
        loops, by_inputs = self._prepared(), wrt == "inputs"
        training = training is True or flag("training", training)
        if dy is None:
            given = self.given(x, y, sample_weight, class_weight)
            return self._of_loss(loops, given, by_inputs, training)
        if sample_weight is not None or class_weight is not None:
            raise TypeError("weights of rows belong into dy: multiply its rows by them")
        if loops.is_plain and training and not by_inputs and (quick := self._quick_slopes(loops, x, dy)) is not None:
            return quick
        inputs = self._rows(loops, x)
        if not len(inputs[0]):
            raise ValueError("x is empty; at least one row is needed")
        n = len(inputs[0])
        slopes, entry = loops.slopes_of(dy, n), loops.for_slopes(by_inputs, training, n)
        module = self._module(entry[0])
        step = self._drawn_step
        if by_inputs:
            return loops.like_inputs(loops.inputs_of_slopes(module, entry, inputs, slopes, step, loops.has_settled))
        settles, loops.has_settled = not loops.has_settled, False
        return loops.of_slopes(module, entry, inputs, slopes, step, settles)

    def apply_gradients(self, grads: GradientsLike) -> None:
        """One update of the weights by the compiled optimiser.

        Its schedule, clipping, weight decay and constraints act as in :meth:`fit`, and ``model.step`` counts it.
        Penalties are not added: :meth:`gradients` of a loss has them.

        Parameters
        ----------
        grads : what :meth:`gradients` gave; or arrays in the order and shapes of :attr:`trainable_variables`, or
            all of them as one vector.

        Raises
        ------
        ValueError, TypeError
            numbers that are not finite, or other shapes; nothing has changed.
        RuntimeError
            the model is in a fit.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(1,))])
        >>> model.compile("sgd")
        >>> model.apply_gradients([[[50.0]], [-100.0]])
        >>> model.step, [weights.tolist() for weights in model.get_weights()]
        (1, [[[0.5]], [1.0]])
        """
        optimizer, store = self.compiled_optimizer, self._store
        exclusive.enter(store)
        try:
            loops = self._prepared()
            flat = loops.form.flat(grads, self.dtype)  # before the optimizer's memory is there
            updater = loops.prepared(optimizer)
            loops.form.spread(flat, updater.memory.grads)
            loops.update(self._module(updater.plan), updater)
        finally:
            exclusive.leave(store)

    def soft_update(self, target: object, tau: float) -> None:
        """Move the weights of the model ``target`` towards this one's: ``target = tau * self + (1 - tau) * target``.

        ``tau`` is from 0 to 1, which copies. Both must have the same shapes and dtype. The target's optimiser stays.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> layers = [Dense(1, kernel_initializer=start, input_shape=(1,)) for start in ("ones", "zeros")]
        >>> online, slow = (Sequential([layer]) for layer in layers)
        >>> online.soft_update(slow, 0.25)
        >>> slow.weights[0].tolist()
        [[0.25]]
        """
        tau = number("tau", tau, low=0.0, high=1.0)
        if not isinstance(target, OwnLoops):
            raise TypeError(f"soft_update changes another model, got {target!r}")
        blends = self._prepared().blends
        blend = blends.get(target)
        if blend is None or not blend.fits(self.params, target.params):
            from fastnn._engine.blend import blend_of

            blend = blends[target] = blend_of(self, target)
        exclusive.check_not_elsewhere(target.store)
        blend(tau)

    def _predicted(self, x: object, backend: str | None = None) -> Outputs:
        """Outputs as in prediction, with what is kept between calls."""
        if self._layout is None:
            with self.built_for(x):
                return self._predicted(x)
        if self._layout.is_open:
            return self.sized(self.rows_of(x))._predicted(x, backend)
        try:
            return self._predicted_once(x, backend)
        except Moved:
            return changing.after(self._drop_plans, self._predicted_once, x, backend)

    def _predicted_once(self, x: object, backend: str | None) -> Outputs:
        loops = self._loops
        if loops is None:
            from fastnn.models.prepared import Prepared

            loops = self._loops = Prepared(self, backend)
        inputs = self._rows(loops, x)
        entry = loops.reading or self.prediction_entry(len(inputs[0]))
        out = loops.predict(self._module(entry[0], backend), entry, inputs)
        return out[0] if loops.ends[1].form == "one" else loops.ends[1].join(out)

    def _of_loss(self, loops: Prepared, given: Given, by_inputs: bool, training: bool) -> tuple[float, Outputs]:
        compiled = self.compiled
        rows = split_rows(compiled, given, 0.0, None)[0]
        module = self._module(loops.for_loss(compiled, by_inputs, training, len(rows))[0])
        loss, made = loops.of_loss(module, compiled, rows, by_inputs, training)
        return loss, loops.like_inputs(made) if isinstance(made, list) else made

    def _in_training(self, x: object) -> Outputs:
        """Outputs as in training; each call has dropout of its own."""
        if self._layout is None:
            with self.built_for(x):
                return self._in_training(x)
        if self._layout.is_open:
            return self.sized(self.rows_of(x))._in_training(x)
        loops = self._prepared()
        inputs = self._rows(loops, x)
        module = self._module(loops.for_slopes(False, True, len(inputs[0]))[0])
        self._state.calls, loops.has_settled = self._state.calls + 1, True
        return self.ends[1].join(loops.forward(module, inputs, FIRST_CALL + self._state.calls))

    def _prepared(self) -> Prepared:
        """What is kept between calls, made anew when layers were frozen or let go meanwhile."""
        exclusive.check_not_elsewhere(self._store)
        found = self._loops
        if found is None or found.changed(self._trainable):
            from fastnn.models.prepared import Prepared

            found = self._loops = Prepared(self)
        return found

    def _module(self, plan: Plan, backend: str | None = None) -> ModuleType:
        """The backend that runs a plan, of a call that may name one."""
        name, module = _kernels.select(plan, backend or self.backend)
        if name != self.backend_:
            self.backend_ = name
        return module

    @property
    def _drawn_step(self) -> int:
        """The step whose masks of dropout gradients by slopes have."""
        return FIRST_CALL + self._state.calls if self._state.calls else self._state.step

    def _quick_slopes(self, loops: Prepared, x: object, dy: object) -> Gradients | None:
        """Gradients by slopes, where a backend makes them of such arrays as they are."""
        entry = loops.for_slopes(False, True, 0)
        module = self._module(entry[0])
        return loops.quick_slopes(module, entry, x, dy, self._drawn_step) if hasattr(module, "Slopes") else None

    def _rows(self, loops: Prepared, x: object) -> list[AnyRows]:
        """Rows for each input, checked."""
        if loops.one_shape is None or type(x) is not np.ndarray:
            return self.rows_of(x)
        if loops.is_row and loops.form.looks.plain_rows(x, loops.one_shape, self.dtype) >= 0:
            return [x]
        return [convert.inputs("x", x, loops.one_shape, self.dtype, empty=True)]
