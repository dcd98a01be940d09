"""The tables of a plan beside its ops, as records of ``_kernels/tables.py``: loss, optimiser, metrics, parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._plan.records import LOSS, METRIC, OPTIMIZER, SEGMENT
from fastnn.layers.base import Shape
from fastnn.losses import CustomLoss, LossRecord
from fastnn.metrics import Reading, StatisticCode, n_sums
from fastnn.optimizers import Optimizer

if TYPE_CHECKING:
    from fastnn._plan.plan import Layout


def metric_table(metrics: Sequence[tuple[Reading, bool]], shape: Shape, n_samples: int) -> np.ndarray:
    """A row for each metric that is summed, then one for the predictions, where some metric needs them."""
    summed = [(reading, weighted) for reading, weighted in metrics if not reading.keeps]
    table, first = np.zeros(len(summed) + any(reading.keeps for reading, _ in metrics), METRIC), 1
    if len(table) > len(summed):
        table[-1]["statistic"] = StatisticCode.PREDICTIONS
    for row, (reading, weighted) in zip(table, summed, strict=False):
        row["statistic"], row["weighted"], row["parameter"] = reading.statistic, weighted, reading.parameter
    for row in table:
        row["first"] = first
        row["n_sums"] = n_sums(row["statistic"], shape[-1], n_samples * math.prod(shape[:-1]))
        first += int(row["n_sums"])
    return table


def segments(layout: Layout) -> np.ndarray:
    table = np.zeros(len(layout.variables), SEGMENT)
    for row, variable in zip(table, layout.variables, strict=True):
        regularizer, constraint = variable.parameter.regularizer, variable.parameter.constraint
        row["offset"], row["size"], row["columns"] = variable.offset, variable.size, variable.size
        row["l1"], row["l2"] = regularizer.l1, regularizer.l2
        if constraint is not None:
            row["constraint"] = constraint.code
            row["columns"], row["by_row"] = constraint.matrix(variable.parameter.shape)
            row["least"], row["most"], row["rate"] = constraint.bounds()
    return table


def loss_table(loss: LossRecord | CustomLoss | None, fused: int, shape: Shape) -> np.ndarray:
    table = np.zeros((), LOSS)
    table["code"], table["fused"] = -1, fused
    table["n_out"], table["repeat"] = shape[-1], math.prod(shape[:-1])
    if isinstance(loss, LossRecord):
        loss.check_width(shape[-1])
        table["code"], table["sparse"], table["n_parameters"] = loss.code, loss.sparse, len(loss.parameters)
        table["parameters"][: len(loss.parameters)] = loss.parameters
    return table


def optimizer_table(optimizer: Optimizer | None) -> np.ndarray:
    table = np.zeros((), OPTIMIZER)
    table["code"] = -1
    if optimizer is not None:
        table["code"], table["n_slots"] = optimizer.code, optimizer.n_slots
        table["clip"], table["clip_at"] = optimizer.clip
        table["weight_decay"] = optimizer.weight_decay or 0.0
        hyper = optimizer.hyper()
        table["hyper"][: len(hyper)] = hyper
    return table
