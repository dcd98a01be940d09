"""What users choose in ``compile``, taken apart by outputs: losses, their factors, metrics, and the reduction."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import TYPE_CHECKING

from fastnn import losses, optimizers
from fastnn import metrics as metric_definitions
from fastnn._base.arguments import flag, integer, shown
from fastnn._base.arrays import listed
from fastnn._base.stored import check_types
from fastnn._plan.layout import Layout
from fastnn._plan.tables import factors_at
from fastnn.layers.base import Layer
from fastnn.losses import CustomLoss, Loss, LossRecord, Reduction
from fastnn.losses.names import LossName
from fastnn.metrics import Metric
from fastnn.metrics.names import MetricName
from fastnn.models.structure import Structure
from fastnn.models.values import parameter_names, watched
from fastnn.optimizers import Optimizer
from fastnn.optimizers.base import FACTORS
from fastnn.optimizers.names import OptimizerName
from fastnn.schedules import Schedule, schedule_from_config

if TYPE_CHECKING:
    from fastnn.models.trainable import Trainable

AnyLoss = LossRecord | CustomLoss
Config = Mapping[str, object]
OptimizerLike = OptimizerName | Optimizer | Config
LossLike = LossName | Loss | type[Loss] | Callable[..., object] | Config
LossesLike = LossLike | Sequence[LossLike | None] | Mapping[str, LossLike | None] | None
MetricLike = MetricName | Metric | Loss | Callable[..., object]
MetricsOfOne = MetricLike | Sequence[MetricLike] | None
MetricsLike = MetricsOfOne | Sequence[MetricsOfOne] | Mapping[str, MetricsOfOne]


def check_ways(run_eagerly: object, steps_per_execution: object, jit_compile: object, auto_scale_loss: object) -> None:
    """Refuse what the arguments on how updates are executed cannot be; none of them changes a result."""
    flag("run_eagerly", run_eagerly)
    flag("auto_scale_loss", auto_scale_loss)
    if steps_per_execution != "auto":
        integer("steps_per_execution", steps_per_execution, low=1)
    if jit_compile not in ("auto", None):
        flag("jit_compile", jit_compile)


def optimizer_of(model: Trainable, came: object) -> Optimizer:
    """The optimiser, whose factors must be those of layers of the model where these are known already."""
    made = optimizers.get(came)
    if model.built:
        factors_at(made, named_layout(model, made).variables)
    return made


def named_layout(model: Trainable, optimizer: Optimizer | None) -> Layout:
    """The layout with the names of its parameters; items that the optimiser knows by name keep theirs, in files too."""
    told = [getattr(optimizer, name, None) or () for name in FACTORS]
    words = {word for names in told for name in names for word in name.split("/")}
    for item in watched(model) if words else ():
        if item.name in words and item.given_name is None:
            if isinstance(item, Layer):
                item.keep_name()
            else:
                item.name = item.name  # which a model has from the user, then
    return model.layout.named(parameter_names(model.graph, model.layout))


def check_records(*records: object) -> None:
    """``TypeError`` for a number of the wrong type in what was chosen, but for the user's own."""
    for record in records:
        if is_dataclass(record):
            check_types(record)


def dropout_schedule_of(came: object, optimizer: Optimizer) -> Schedule | None:
    """A schedule of factors for the rates of dropout, of the model's own."""
    if isinstance(came, Mapping):
        came = schedule_from_config(dict(came))
    if came is not None and not isinstance(came, Schedule):
        raise TypeError(f"dropout_schedule must be a schedule of fastnn.schedules, or None, got {shown(came)}")
    if came is not None and (came.listens or "custom" in came.config()):
        raise ValueError(
            f"dropout_schedule follows the step alone, by a schedule that comes with fastnn, got {shown(came)}"
        )
    if came is not None and optimizer.full_batch:
        raise ValueError("L-BFGS tries an update several times, and takes no dropout_schedule; use another optimizer")
    return copy.copy(came)


def losses_of(outputs: Structure, came: object) -> list[AnyLoss | None]:
    """The loss of each output, None for one without."""
    several = isinstance(came, list | tuple) or (isinstance(came, Mapping) and not _is_config(outputs, came))
    given = outputs.split("loss", came) if several else [came] * len(outputs.names)
    if several and len(outputs.names) == 1 and isinstance(came, list | tuple):
        if len(came) != 1:
            raise ValueError(f"loss must be one loss for the one output, got {shown(came)}")
        given = list(came)
    return [None if loss is None else losses.get(loss) for loss in given]


def _is_config(outputs: Structure, came: Mapping[str, object]) -> bool:
    """Whether a dict describes one loss, and is not by outputs."""
    return "class_name" in came or (isinstance(came.get("name"), str) and "name" not in outputs.names)


def factors_of(outputs: Structure, came: object) -> list[float]:
    """The factor of each output's loss."""
    if len(outputs.names) == 1:
        return [losses.weight_of(came)]
    if came is not None and not isinstance(came, list | tuple | Mapping):
        raise TypeError(f"loss_weights must be {outputs.wanted.replace('arrays', 'numbers')}, got {shown(came)}")
    return [losses.weight_of(factor) for factor in outputs.split("loss_weights", came, optional=True)]


def metrics_of(outputs: Structure, argument: str, came: object) -> list[list[Metric]]:
    """Metrics of each output."""
    if len(outputs.names) == 1:
        return [_listed(argument, outputs.split(argument, came)[0] if isinstance(came, Mapping) else came)]
    if isinstance(came, list | tuple) and len(came) != len(outputs.names):
        raise ValueError(
            f"{argument} must have an entry for each of the {len(outputs.names)} outputs, or be a dict by their names "
            f"({', '.join(outputs.names)}), got {shown(came)}"
        )
    split = [came] * len(outputs.names) if isinstance(came, str) or callable(came) else None
    return [_listed(argument, entry) for entry in split or outputs.split(argument, came, optional=True)]


def _listed(argument: str, came: object) -> list[Metric]:
    single = isinstance(came, str) or callable(came)
    given = [came] if single else () if came is None else came
    return [metric_definitions.get(metric) for metric in listed(argument, given, "names or metrics")]


def reduction_of(chosen: Sequence[AnyLoss | None], factors: Sequence[float]) -> Reduction:
    """How the losses of a batch's rows become one number, which the losses of all outputs must say alike."""
    if all(loss is None for loss in chosen):
        return Reduction()
    if len(chosen) == 1:
        return losses.reduction_of(chosen[0], factors[0])  # type: ignore[arg-type]  # not None: it is the only one
    found = {losses.reduction_of(loss) for loss in chosen if loss is not None}
    if len(found) > 1 or next(iter(found)).by_weight:
        raise ValueError("the losses of several outputs must all have reduction='sum_over_batch_size', or all 'sum'")
    return found.pop()
