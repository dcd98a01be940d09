"""What users choose in ``compile``, taken apart by outputs: losses, their factors, metrics, and the reduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastnn import losses
from fastnn import metrics as metric_definitions
from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn.losses import CustomLoss, LossRecord, Reduction
from fastnn.metrics import Metric
from fastnn.models.structure import Structure

AnyLoss = LossRecord | CustomLoss


def losses_of(outputs: Structure, came: Any) -> list[AnyLoss | None]:
    """The loss of each output, None for one without."""
    several = isinstance(came, list | tuple) or (isinstance(came, Mapping) and not _is_config(outputs, came))
    given = outputs.split("loss", came) if several else [came] * len(outputs.names)
    if several and len(outputs.names) == 1 and isinstance(came, list | tuple):
        if len(came) != 1:
            raise ValueError(f"loss must be one loss for the one output, got {shown(came)}")
        given = list(came)
    return [None if loss is None else losses.get(loss) for loss in given]


def _is_config(outputs: Structure, came: Mapping) -> bool:
    """Whether a dict describes one loss, and is not by outputs."""
    return "class_name" in came or (isinstance(came.get("name"), str) and "name" not in outputs.names)


def factors_of(outputs: Structure, came: Any) -> list[float]:
    """The factor of each output's loss."""
    if len(outputs.names) == 1:
        return [losses.weight_of(came)]
    if came is not None and not isinstance(came, list | tuple | Mapping):
        raise TypeError(f"loss_weights must be {outputs.wanted.replace('arrays', 'numbers')}, got {shown(came)}")
    return [losses.weight_of(factor) for factor in outputs.split("loss_weights", came, optional=True)]


def metrics_of(outputs: Structure, argument: str, came: Any) -> list[list[Metric]]:
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


def _listed(argument: str, came: Any) -> list[Metric]:
    single = isinstance(came, str) or callable(came)
    given = [came] if single else () if came is None else came
    return [metric_definitions.get(metric) for metric in listed(argument, given, "names or metrics")]


def reduction_of(chosen: Sequence[AnyLoss | None], factors: Sequence[float]) -> Reduction:
    """How the losses of a batch's rows become one number, which the losses of all outputs must say alike."""
    if all(loss is None for loss in chosen):
        return Reduction()
    if len(chosen) == 1:
        return losses.reduction_of(chosen[0], factors[0])  # type: ignore[arg-type]
    found = {losses.reduction_of(loss) for loss in chosen if loss is not None}
    if len(found) > 1 or next(iter(found)).by_weight:
        raise ValueError("the losses of several outputs must all have reduction='sum_over_batch_size', or all 'sum'")
    return found.pop()
