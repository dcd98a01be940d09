"""A stack that knows how it is trained: loss, optimiser and metrics, and the plans compiled from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastnn import losses, optimizers
from fastnn import metrics as metric_definitions
from fastnn._base.arguments import integer
from fastnn._base.keywords import refuse_for
from fastnn._base.stored import check_types
from fastnn._engine import convert, exclusive
from fastnn._engine.plans import Entry, Metrics, PlanCache
from fastnn._plan.layout import Layout
from fastnn._plan.passes import last_activation
from fastnn._plan.plan import Plan
from fastnn.errors import NotReadyError
from fastnn.layers.base import Layer
from fastnn.losses import CustomLoss, LossRecord, Reduction
from fastnn.metrics import Metric
from fastnn.models.network import Stack
from fastnn.optimizers import Optimizer

if TYPE_CHECKING:
    from fastnn.models.sequential import Sequential


class Compiled(Stack):
    """What :meth:`compile` chooses; :class:`fastnn.Sequential` trains with it."""

    SETTABLE = Stack.SETTABLE | {"epoch", "optimizer", "reduction", "slots", "step"}
    loss: LossRecord | CustomLoss | None
    metrics: list[Metric]
    weighted_metrics: list[Metric]
    loss_weights: float | None
    _plans: PlanCache

    def __init__(self, layers: Iterable[Layer | Stack] | None, dtype: Any, seed: int | None, name: str | None):
        super().__init__(layers, dtype, seed, name)
        self._optimizer: Optimizer | None = None
        self._set(loss=None, metrics=[], weighted_metrics=[], loss_weights=None)
        self.reduction = Reduction()

    def _forget(self, drawn: tuple[Layout, np.ndarray] | None = None) -> None:
        super()._forget(drawn)
        self.slots: np.ndarray | None = None
        self.epoch = self.step = 0

    def uncompile(self) -> None:
        """Forget how to train; the weights stay."""
        exclusive.check_idle(self.whole, "uncompile")
        self._optimizer, self.slots, self.step = None, None, 0
        self._set(loss=None, metrics=[], weighted_metrics=[], loss_weights=None)
        self._drop_plans()

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimiser of a compiled model; another one begins with a state of its own, also within a fit."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, came: Any) -> None:
        if self._optimizer is None:
            raise NotReadyError("the model is not compiled; call compile(optimizer=..., loss=...) first")
        if came is None:
            raise TypeError("optimizer must be a name or an object of fastnn.optimizers, got None")
        chosen = optimizers.get(came)
        if chosen is not self._optimizer:
            self._optimizer, self.slots, self.step = chosen, None, 0

    def _drop_plans(self) -> None:
        self._plans = PlanCache()

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        **unknown: Any,
    ) -> None:
        """Choose how to train; optimiser state starts afresh. Not within a fit.

        Parameters
        ----------
        optimizer, loss, metrics : names or objects of the modules of these names; ``loss`` may be a function
            ``f(target, prediction)`` (see :class:`fastnn.losses.custom.CustomLoss`), and so may each of the metrics
            (see :class:`fastnn.metrics.MeanMetricWrapper`).
        weighted_metrics : metrics in which rows count by their sample and class weights.
        loss_weights : factor of the loss, but not of the penalties; also as a list or dict of one, for the one output.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss : taken for Keras' sake; results do not depend
            on them there, and here the backend decides how updates are executed.
        """
        if unknown:
            refuse_for(Compiled.compile, unknown)
        integer("steps_per_execution", steps_per_execution, low=1)
        weight = losses.weight_of(loss_weights)
        if loss is None:
            raise ValueError("compile needs a loss, such as loss='mean_squared_error'")
        exclusive.check_idle(self.whole, "compile")
        made = optimizers.get(optimizer), losses.get(loss), _metrics(metrics), _metrics(weighted_metrics)
        for record in (*made[:2], *made[2], *made[3]):
            if is_dataclass(record):  # but for the user's own
                check_types(record)
        self.reduction = losses.reduction_of(made[1], weight)
        self._set(loss_weights=None if weight == 1 else weight)
        self._optimizer, chosen = made[0], zip(("loss", "metrics", "weighted_metrics"), made[1:], strict=True)
        self._set(**dict(chosen))
        self.slots, self.step = None, 0
        self._drop_plans()

    # -- plans ----------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan last used for training, or the one for prediction when the model is not compiled; printable."""
        if self.loss is None:
            return self.prediction_plan()
        return self.training_plan(self._plans.last_batch_size)[0]

    def training_plan(self, batch_size: int, n_samples: int = 0) -> Entry:
        """The plan that :meth:`fit` executes on so many rows, with the arenas that are free for it."""
        return self._plans.training(cast("Sequential", self), batch_size, n_samples)

    def prediction_plan(self) -> Plan:
        """The plan that :meth:`predict` executes."""
        return self._plans.prediction(cast("Sequential", self))[0]

    @property
    def compiled_optimizer(self) -> Optimizer:
        """The optimiser of a compiled model."""
        if self.optimizer is None:
            raise NotReadyError("the model is not compiled; call compile(optimizer=..., loss=...) first")
        return self.optimizer

    @property
    def metrics_names(self) -> list[str]:
        """Names of the numbers that ``evaluate`` gives, ``"loss"`` first."""
        return ["loss", *(key for reading, _ in self.resolved_metrics() for key in reading.keys)]

    def resolved_metrics(self) -> Metrics:
        """Metrics as loss and last activation decide what they mean, and whether weights count in them."""
        if self.loss is None:
            raise NotReadyError("the model is not compiled; call compile(optimizer=..., loss=...) first")
        if not (self.metrics or self.weighted_metrics):
            return []
        if self._plans.metrics is None:  # calls on small data take less time than this
            task = metric_definitions.task_of(self.loss, last_activation(self.layout), self.layout.output_shape[-1])
            self._plans.metrics = metric_definitions.resolve_all(self.metrics, self.weighted_metrics, task)
        return self._plans.metrics


def _metrics(came: Any) -> list[Metric]:
    single = isinstance(came, str) or callable(came)
    listed = convert.listed("metrics", [came] if single else () if came is None else came, "names or metrics")
    return [metric_definitions.get(metric) for metric in listed]
