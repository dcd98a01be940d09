"""Forward passes, gradients and updates one by one, for training loops that users write.

Design: whatever does not change between two calls is kept: plans in :class:`Loops`, and on a :class:`Desk` memory with
the addresses of the rows. One plan serves any number of rows: its blocks are those of a batch of all of them, so that
gradients have the bits of an update of ``fit``. Where ops measure the batch, or a loss divides by the positions that
count in it, all rows are one block: there a plan serves any number up to a power of two. Moving statistics follow a
training gradient by the weights, or a forward pass in training, once; what is not finite they do not follow.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.sparse import dense
from fastnn._engine import inference
from fastnn._engine.carrying import take_states, usual_rows
from fastnn._engine.compiled import Compiled
from fastnn._engine.desk import Desk
from fastnn._engine.gradients import Form, Gradients
from fastnn._engine.listeners import SILENT
from fastnn._engine.plans import Entry, with_losses
from fastnn._engine.state import State
from fastnn._engine.updater import Updater
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Rows
from fastnn._plan import tables
from fastnn._plan.compile import MAX_BLOCK, compile_plan, measures
from fastnn._plan.layout import Layout
from fastnn._plan.memory import allocate
from fastnn._plan.passes import operations_of
from fastnn._plan.plan import Plan
from fastnn.losses import Reduction
from fastnn.losses.records import INNER_PRODUCT
from fastnn.optimizers import Optimizer
from fastnn.regularizers import penalty

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows

AS_IT_IS = contextlib.nullcontext()


class Loops:
    """What a user's loop on one model has in use.

    Parameters
    ----------
    layout : of the model, with what is not trained.
    state, seed : of the model.
    names : of all parameters.
    backend : that runs the model, as long as no call names another.
    """

    def __init__(self, layout: Layout, state: State, seed: int, names: Sequence[str], backend: ModuleType):
        self.layout, self.state, self.seed = layout, state, seed
        self.form = Form(layout, names, backend)
        self.shapes = layout.output_shapes
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.is_flat = all(len(shape) == 1 for shape in self.shapes)
        self.frozen = layout.frozen_layers
        self.desks: dict[object, tuple[Plan, list[Desk]]] = {}
        self.measures, self.goes_on = measures(operations_of(layout), layout), bool(layout.carried)
        self.before: np.ndarray | None = None  # what the last forward pass in training began with, of stateful layers
        self.updater: Updater | None = None

    def __repr__(self) -> str:
        return f"<Loops of {self.layout!r}>"

    # -- plans ----------------------------------------------------------------------------------

    def _together(self, n: int, is_whole: bool) -> int:
        """The batch size of a plan for ``n`` rows, which are one block or not."""
        if self.goes_on:
            return n or usual_rows(self.layout, 1)
        return 1 << (n - 1).bit_length() if is_whole and n else MAX_BLOCK

    def for_slopes(self, by_inputs: bool, training: bool, n: int) -> tuple[Plan, list[Desk]]:
        """The plan for slopes that users bring of the outputs of ``n`` rows, with the desks that are free."""
        size = self._together(n, self.measures and training)
        key = by_inputs, training, size
        if key not in self.desks:
            layout = self.layout.untrained() if by_inputs else self.layout
            factors = [math.prod(shape[:-1]) for shape in self.shapes]  # what a row's positions are divided by
            plan = compile_plan(
                layout,
                batch_size=size,
                losses=[INNER_PRODUCT] * len(factors),
                loss_weights=factors,
                seed=self.seed,
                reduction=Reduction(summed=True),
                input_gradients=by_inputs,
                drops=training,
            )
            self.desks[key] = plan, []
        return self.desks[key]

    def for_loss(self, compiled: Compiled, by_inputs: bool, training: bool, n: int) -> tuple[Plan, list[Desk]]:
        """The plan for what a model is compiled to, without its metrics, for ``n`` rows."""
        size = self._together(n, (self.measures and training) or compiled.has_masks)
        key = by_inputs, training, size, compiled.reduction
        if key not in self.desks:
            more = {"input_gradients": by_inputs, "drops": training, "trains": not by_inputs}
            self.desks[key] = with_losses(compiled, self.frozen, metrics=(), batch_size=size, **more), []
        return self.desks[key]

    def take(self, entry: tuple[Plan, list[Desk]]) -> Desk:
        """A desk that no other call works at; to be appended to the list after use."""
        states = take_states(self.state, entry[0]) if self.goes_on else None
        try:
            while (desk := entry[1].pop()) is not None:
                if states is None or desk.memory.states is states:
                    break
        except IndexError:
            desk = Desk(entry[0], self.state.params, states)
        desk.dropping = self.state.dropping(self.state.step)
        return desk

    # -- calls ----------------------------------------------------------------------------------

    def predict(self, module: ModuleType, entry: Entry, inputs: Sequence[AnyRows]) -> list[np.ndarray]:
        """Outputs as in prediction, by a plan for them and memory."""
        if self.goes_on:
            return inference.predict(self.state, inputs, 0, entry, module, SILENT)
        (plan, pool), n = entry, len(inputs[0])
        try:
            memory = pool.pop()
        except IndexError:
            memory = allocate(plan, self.state.params)
        flat = [np.empty((n, size), memory.params.dtype) for size in self.sizes]
        module.predict(plan, memory, inputs, flat)
        pool.append(memory)
        return flat if self.is_flat else [y.reshape(n, *shape) for y, shape in zip(flat, self.shapes, strict=True)]

    def forward(self, module: ModuleType, inputs: Sequence[AnyRows], step: int) -> list[np.ndarray]:
        """Outputs as in training, with the dropout of ``step``."""
        n = len(inputs[0])
        entry = self.for_slopes(False, True, n)
        desk, out = self.take(entry), [np.empty((n, *shape), self.state.params.dtype) for shape in self.shapes]
        rooms = [desk.memory.workspace[int(value["offset"]) :] for value in desk.plan.inputs]
        flat = [made.reshape(n, math.prod(made.shape[1:])) for made in out]
        with np.errstate(all="ignore"):
            for first in range(0, n, desk.block):
                part = slice(first, min(first + desk.block, n))
                block = [dense(x[part], room) for x, room in zip(inputs, rooms, strict=True)]
                found = module.forward(desk.plan, desk.memory, block, True, step, first, desk.dropping)
                for to, y in zip(flat, found, strict=True):
                    to[part] = y
        if self.goes_on:
            self.before = desk.memory.states.copy()
        if desk.plan.settles and n and all(np.isfinite(made).all() for made in out):
            steps.settle(desk.plan, desk.memory)
        entry[1].append(desk)
        return out

    def quick_slopes(
        self, module: ModuleType, entry: tuple[Plan, list[Desk]], x: object, dy: object, step: int
    ) -> Gradients | None:
        """What :meth:`of_slopes` makes in training, of arrays as kernels take them; None where a closer look is due."""
        desk = self.take(entry)
        if desk.quick is None:
            shapes = self.layout.input_shapes[0], self.shapes[0]
            desk.quick = module.Slopes(desk.plan, desk.memory, desk.sums, shapes, self.form.cuts, self.form.size)
        flat = desk.quick(x, dy, step, desk.dropping)
        entry[1].append(desk)
        return None if flat is None else Gradients(self.form, flat)

    def of_slopes(
        self,
        module: ModuleType,
        entry: tuple[Plan, list[Desk]],
        inputs: Sequence[AnyRows],
        slopes: Sequence[np.ndarray],
        step: int,
        settles: bool,
    ) -> Gradients:
        """Gradients by the weights of ``sum(slopes * outputs)``; with ``settles`` moving statistics follow the rows."""
        desk = self.take(entry)
        desk.sums[0] = 0.0
        with self._beginning(desk) if self.goes_on and not settles else AS_IT_IS:
            module.gradient(desk.plan, desk.memory, _rows(inputs, slopes), desk.sums, step, desk.dropping)
        made = self._gathered(desk, settles)
        entry[1].append(desk)
        return made

    def inputs_of_slopes(
        self,
        module: ModuleType,
        entry: tuple[Plan, list[Desk]],
        inputs: Sequence[AnyRows],
        slopes: Sequence[np.ndarray],
        step: int,
        again: bool,
    ) -> list[np.ndarray]:
        """The same by the inputs, ``(n, numbers a sample)``; ``again`` where a forward pass of the rows was before."""
        desk = self.take(entry)
        with self._beginning(desk) if self.goes_on and again else AS_IT_IS:
            made = desk.by_inputs(module, _rows(inputs, slopes), step)
        entry[1].append(desk)
        return made

    @contextlib.contextmanager
    def _beginning(self, desk: Desk) -> Iterator[None]:
        """A block that begins with the states that the last forward pass in training began with."""
        states, before = desk.memory.states, self.before
        if before is None or before.shape != states.shape:
            yield
            return
        now = states.copy()
        states[...] = before
        try:
            yield
        finally:
            states[...] = now

    def of_loss(
        self, module: ModuleType, compiled: Compiled, rows: Rows, by_inputs: bool, training: bool
    ) -> tuple[float, Gradients | list[np.ndarray]]:
        """The loss as ``fit`` would tell it of an update on these rows, and its gradients before clipping."""
        entry = self.for_loss(compiled, by_inputs, training, len(rows))
        desk, loss = self.take(entry), reference.loss if compiled.has_custom_loss else None
        step, total = self.state.step, steps.total_weight(entry[0], rows.weights[0], len(rows))
        scale = steps.over(1.0, total) if entry[0].header["divides_penalties"] else 1.0
        if by_inputs:
            made: Any = desk.by_inputs(module, rows, step, loss)
            cost = scale * penalty(tables.segments([v for v in self.layout.variables if v.trained]), desk.memory.params)
        else:
            desk.gradient(module, rows, step, loss)
            cost = desk.add_penalties(scale)
            made = self._gathered(desk, settles=True)
        value = (desk.sums[0] + len(rows) * cost) / len(rows)
        entry[1].append(desk)
        return float(value), made

    def _gathered(self, desk: Desk, settles: bool) -> Gradients:
        made = self.form.gathered(desk.memory.grads)
        if not math.isfinite(desk.sums[0]):
            made.flat.fill(math.nan)  # the way back was not taken
        elif settles:
            steps.settle(desk.plan, desk.memory)
        return made

    def update(self, module: ModuleType, updater: Updater) -> None:
        """One update with the gradients in its memory, which hold penalties already."""
        step = self.state.step
        rate, decay = updater.rate_at(step), updater.optimizer.decay_at(step)
        try:
            module.update(updater.plan, updater.memory, step + 1, rate, 0.0, decay)
        finally:  # also when Ctrl-C comes in between
            self.state.step = step + 1

    def prepared(self, optimizer: Optimizer) -> Updater:
        """What updates by an optimiser work with, as its numbers are now."""
        if self.updater is None or not self.updater.fits(optimizer):
            optimizer.check()
            self.updater = Updater(self.layout, self.state, self.seed, optimizer)
        return self.updater


def _rows(inputs: Sequence[AnyRows], slopes: Sequence[np.ndarray]) -> Rows:
    """Rows with slopes in place of targets."""
    return Rows(tuple(inputs), tuple(slopes), (None,) * len(slopes))
