"""A network that knows how it is trained: losses, optimiser and metrics, and the plans compiled from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from fastnn import metrics as metric_definitions
from fastnn._base.keywords import refuse_for
from fastnn._engine import exclusive
from fastnn._engine.compiled import Compiled, Metrics, Trainee, sizes_of
from fastnn._engine.pace import BATCH_SIZE
from fastnn._engine.plans import Entry, PlanCache
from fastnn._engine.state import attribute
from fastnn._plan.compile import MAX_BLOCK
from fastnn._plan.passes import last_activation
from fastnn._plan.plan import Plan
from fastnn.errors import NotReadyError
from fastnn.losses import Reduction
from fastnn.metrics import Metric
from fastnn.models import choices
from fastnn.models.choices import AnyLoss, LossesLike, MetricsLike, OptimizerLike
from fastnn.models.copying import Copying
from fastnn.models.structure import Structure
from fastnn.optimizers import Optimizer
from fastnn.schedules import Schedule

NO_LOSS = "the model was compiled without a loss; give one to compile(loss=...), or train by apply_gradients"
MOST_SIZES = 64  # lengths that a model has plans for
NOT_COMPILED = "the model is not compiled; call compile(optimizer=..., loss=...) first"


class Trainable(Copying):
    """What :meth:`compile` chooses; :class:`fastnn.Model` trains with it."""

    SETTABLE = Copying.SETTABLE | {"epoch", "optimizer", "reduction", "slots", "step"}
    metrics: list[Metric] | list[list[Metric]]
    weighted_metrics: list[Metric] | list[list[Metric]]
    loss_weights: float | Sequence[float] | Mapping[str, float] | None
    epoch, step, slots = attribute("epoch"), attribute("step"), attribute("slots")
    _plans: PlanCache
    _whole: Self | None = None  # of what serves one length, the model of all lengths

    def __init__(self, dtype: object, seed: int | None, name: str | None):
        super().__init__(dtype, seed, name)
        self._reduction = Reduction()
        self._decide((), None, [], [])

    def _decide(
        self, chosen: Sequence[AnyLoss | None], weights: object, metrics: object, weighted_metrics: object
    ) -> None:
        self._losses = tuple(chosen)
        self._drawn_up: Compiled | None = None
        self._set(loss_weights=weights, metrics=metrics, weighted_metrics=weighted_metrics)

    @property
    def ends(self) -> tuple[Structure, Structure]:
        """How inputs and outputs are handed in and out."""
        raise NotImplementedError

    @property
    def batch_rows(self) -> int:
        """Rows of a batch where nobody says: as many as an input states, else 32."""
        told = (getattr(item, "batch_rows", None) for item in self.items)
        return next((rows for rows in told if rows is not None), BATCH_SIZE)

    def uncompile(self) -> None:
        """Forget how to train; the weights stay."""
        exclusive.check_idle(self.store, "uncompile")
        self._state.begin_with(None)
        self._state.dropout_schedule = None
        self._decide((), None, [], [])
        self._drop_plans()

    @property
    def optimizer(self) -> Optimizer | Any:  # None before compile, which nobody should have to ask for
        """The optimiser of a compiled model; another one begins with a state of its own, also within a fit."""
        return self._state.optimizer

    @optimizer.setter
    def optimizer(self, came: object) -> None:
        if self._state.optimizer is None:
            raise NotReadyError(NOT_COMPILED)
        if came is None:
            raise TypeError("optimizer must be a name or an object of fastnn.optimizers, got None")
        chosen = choices.optimizer_of(self, came)
        if chosen is not self._state.optimizer:
            self._state.begin_with(chosen)

    @property
    def dropout_schedule(self) -> Schedule | None:
        """What the rates of dropout are multiplied by at each step; None for 1."""
        return self._state.dropout_schedule

    @property
    def loss(self) -> AnyLoss | list[AnyLoss | None] | None:
        """The loss of a compiled model, or a list of them for several outputs; None before."""
        return (self._losses[0] if len(self._losses) == 1 else list(self._losses)) if self._losses else None

    @property
    def losses(self) -> tuple[AnyLoss | None, ...]:
        """The loss of each output, none before the model is compiled."""
        return self._losses

    @property
    def has_loss(self) -> bool:
        """Whether the model was compiled with a loss."""
        return any(loss is not None for loss in self._losses)

    def metrics_of_all(self) -> list[str]:
        """Names of the metrics as they were given."""
        given = [*self.metrics, *self.weighted_metrics]
        listed = [metric for entry in given for metric in (entry if isinstance(entry, list) else [entry])]
        return [metric.name for metric in listed]

    @property
    def reduction(self) -> Reduction:
        """How the losses of a batch's rows become one number."""
        return self._reduction

    @reduction.setter
    def reduction(self, came: Reduction) -> None:
        self._reduction, self._drawn_up = came, None

    def _drop_plans(self) -> None:
        self._plans, self._drawn_up = PlanCache(), None
        self._of_sizes: dict[tuple[int, ...], Self] = {}

    def sized(self, inputs: Sequence[Any]) -> Self:
        """The model for rows of these lengths: itself, where lengths do not differ from batch to batch."""
        return self.of_sizes(sizes_of(inputs)) if self.layout.is_open else self

    def of_sizes(self, sizes: tuple[int, ...]) -> Self:
        """The model for inputs of so many numbers a sample, with the state of this one and plans of its own.

        The last ones are kept, so that data of some dozens of lengths are not compiled for again and again.
        """
        found = self._of_sizes.pop(sizes, None)
        if found is None:
            for old in list(self._of_sizes)[: 1 - MOST_SIZES]:
                self._of_sizes.pop(old, None)  # another thread may have been before
            found = object.__new__(type(self))
            vars(found).update(vars(self), _layout=self.layout.of_sizes(sizes), _whole=self)
            found._drop_plans()
        self._of_sizes[sizes] = found
        return found

    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossesLike = None,
        metrics: MetricsLike = None,
        weighted_metrics: MetricsLike = None,
        *,
        loss_weights: object = None,
        dropout_schedule: object = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        **unknown: object,
    ) -> None:
        """Choose how to train; optimiser state starts afresh. Not within a fit.

        Parameters
        ----------
        optimizer, loss, metrics : names or objects of the modules of these names. Without a loss the model can be
            trained by :meth:`apply_gradients` alone. ``loss`` may be a function
            ``f(target, prediction)`` (see :class:`fastnn.losses.custom.CustomLoss`), and so may each of the metrics
            (see :class:`fastnn.metrics.MeanMetricWrapper`). Of a model with several outputs, ``loss`` is one for all of
            them, a list, or a dict by output name; None among them is no loss. ``metrics`` is a list of an entry for
            each output, or a dict by output name; each entry a metric, a list of them, or None.
        weighted_metrics : metrics in which rows count by their sample and class weights.
        loss_weights : factor of the loss, but not of the penalties; a list or dict for several outputs.
        dropout_schedule : a schedule of factors, from 0 to 1, that the rates of all Dropout and SpatialDropout layers
            are multiplied by at each step: ``schedules.FlatCosine(1.0, steps)``.
        **unknown : none; each is a ``TypeError`` that says what stands in its place.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss : taken for Keras' sake; results do not depend
            on them there, and here the backend decides how updates are executed.
        """
        if unknown:
            refuse_for(Trainable.compile, unknown)
        choices.check_ways(run_eagerly, steps_per_execution, jit_compile, auto_scale_loss)
        exclusive.check_idle(self.store, "compile")
        optimizer = choices.optimizer_of(self, optimizer)
        dropping = choices.dropout_schedule_of(dropout_schedule, optimizer)
        choices.check_records(optimizer, dropping)
        self._choose(loss, metrics, weighted_metrics, loss_weights)
        self._state.begin_with(optimizer)
        self._state.dropout_schedule = dropping
        self._drop_plans()

    def _choose(self, loss: Any, metrics: Any, weighted_metrics: Any, loss_weights: Any) -> None:
        """Have losses and metrics; an error changes nothing."""
        outputs = self.ends[1]
        chosen, factors = choices.losses_of(outputs, loss), choices.factors_of(outputs, loss_weights)
        made = [
            choices.metrics_of(outputs, "metrics", metrics),
            choices.metrics_of(outputs, "weighted_metrics", weighted_metrics),
        ]
        choices.check_records(*chosen, *(metric for group in made for entry in group for metric in entry))
        self._reduction = choices.reduction_of(chosen, factors)
        weights = None if all(factor == 1 for factor in factors) else factors
        single = len(outputs.names) == 1
        told = [group[0] if single else group for group in made]
        self._decide(chosen, weights[0] if weights and single else weights, *told)

    # -- what the engine gets -------------------------------------------------------------------

    @property
    def compiled(self) -> Compiled:
        """What the model is compiled to; builds it when it can."""
        if not self.has_loss:
            raise NotReadyError(NO_LOSS if self._losses else NOT_COMPILED)
        if self._drawn_up is None:
            self._drawn_up = self._draw_up()
        return self._drawn_up

    def _draw_up(self) -> Compiled:
        layout, names = choices.named_layout(self, self._state.optimizer), self.ends[1].names
        with_loss = [i for i, loss in enumerate(self._losses) if loss is not None]
        layout = replace(layout, outputs=tuple(layout.outputs[i] for i in with_loss))
        factors = self.loss_weights if isinstance(self.loss_weights, list) else [1.0] * len(self._losses)
        return Compiled(
            layout,
            tuple(loss for loss in self._losses if loss is not None),
            tuple(factors[i] for i in with_loss),
            self._resolved(with_loss),
            tuple(names[i] for i in with_loss),
            self._reduction,
            self.seed,
            np.dtype(self.dtype),
        )

    def _resolved(self, with_loss: Sequence[int]) -> Metrics:
        """Metrics as loss and last activation decide what they mean."""
        layout, names, resolved = self.layout, self.ends[1].names, []
        for place, i in enumerate(with_loss):
            plain, weighted = self._metrics_of(self.metrics, i), self._metrics_of(self.weighted_metrics, i)
            if not (plain or weighted):
                continue
            task = metric_definitions.task_of(self._losses[i], last_activation(layout, i), layout.output_shapes[i][-1])
            for reading, counts in metric_definitions.resolve_all(plain, weighted, task):
                if len(names) > 1:
                    reading = replace(reading, name=f"{names[i]}_{reading.name}")
                resolved.append((reading, counts, place))
        return resolved

    def _metrics_of(self, told: list[Any], output: int) -> list[Metric]:
        return told if len(self._losses) == 1 else told[output] if told else []

    @property
    def trainee(self) -> Trainee:
        """The model as the engine sees it."""
        whole = self._whole or (self if self.layout.is_open else None)
        of_sizes = (lambda sizes: whole.of_sizes(sizes).trainee) if whole else None
        return Trainee(self.compiled, self._state, self._plans, self.frozen, of_sizes)

    @property
    def plan(self) -> Plan:
        """The plan last used for training, or the one for prediction when the model is not compiled; printable."""
        if not self.has_loss:
            return self.prediction_plan()
        return self.training_plan(self._plans.last_batch_size)[0]

    def training_plan(self, batch_size: int, n_samples: int = 0) -> Entry:
        """The plan that :meth:`fit` executes on so many rows, with the memory that is free for it."""
        return self._plans.training(self.trainee, self.compiled_optimizer, batch_size, n_samples)

    def prediction_entry(self, rows: int = MAX_BLOCK) -> Entry:
        """The plan that :meth:`predict` executes, of a stateful model for batches of so many rows, and free memory."""
        return self._plans.prediction(self.layout, self.seed, rows)

    def prediction_plan(self) -> Plan:
        """The plan that predictors execute, in which nothing is remembered."""
        return self._plans.prediction(self.layout.afresh, self.seed)[0]

    @property
    def compiled_optimizer(self) -> Optimizer:
        """The optimiser of a compiled model."""
        if self._state.optimizer is None:
            raise NotReadyError(NOT_COMPILED)
        return self._state.optimizer

    @property
    def metrics_names(self) -> list[str]:
        """Names of the numbers that ``evaluate`` gives, ``"loss"`` first."""
        keys = [key for reading, *_ in self.compiled.metrics for key in reading.keys]
        several = len(self.ends[1].names) > 1  # then Keras sorts them
        return [*self.compiled.loss_names, *(sorted(keys) if several else keys)]

    def resolved_metrics(self) -> Metrics:
        """Metrics as loss and last activation decide what they mean, and whether weights count in them."""
        return self.compiled.metrics
