"""The tables of a plan beside its ops and values: losses, optimiser, metrics, parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from fastnn._plan.layout import Variable, padded
from fastnn._plan.records import LOSS, METRIC, OPTIMIZER, SEGMENT, SPAN
from fastnn.layers.parameter import Shape
from fastnn.losses import LossRecord
from fastnn.metrics import Reading, StatisticCode, n_sums
from fastnn.optimizers import Optimizer
from fastnn.optimizers.base import FACTORS
from fastnn.optimizers.factors import MOST_GROUPS, factors_of

if TYPE_CHECKING:
    from fastnn.losses.custom import CustomLoss

Pair = tuple[float, float]  # factors of the learning rate and of the weight decay
EMPTY: Mapping[int, Pair] = MappingProxyType({})


def n_losses(losses: Sequence[object]) -> int:
    """Sums before those of the metrics: the total loss, and where there are several losses each of them."""
    return 1 + (len(losses) if len(losses) > 1 else 0)


def metric_table(
    metrics: Sequence[tuple[Reading, bool, int]],
    shapes: Sequence[Shape],
    masks: Sequence[int | None],
    n_samples: int,
    first: int,
) -> np.ndarray:
    """A row for each metric that is summed, then one for each output whose predictions some metric needs."""
    summed = [metric for metric in metrics if not metric[0].keeps]
    kept = sorted({output for reading, _, output in metrics if reading.keeps})
    table = np.zeros(len(summed) + len(kept), METRIC)
    for row, (reading, weighted, output) in zip(table, summed, strict=False):
        row["statistic"], row["weighted"], row["parameter"] = reading.statistic, weighted, reading.parameter
        row["loss"] = output
    for row, output in zip(table[len(summed) :], kept, strict=True):
        row["statistic"], row["loss"] = StatisticCode.PREDICTIONS, output
        row["parameter"] = masks[output] is not None
    for row in table:
        shape = shapes[row["loss"]]
        row["first"] = first
        row["n_sums"] = n_sums(row["statistic"], shape[-1], n_samples * math.prod(shape[:-1]), row["parameter"])
        first += int(row["n_sums"])
    return table


def segments(trained: Sequence[Variable]) -> np.ndarray:
    """Of trained parameters alone: penalties, clipping and constraints of others are no concern of the update."""
    table = np.zeros(len(trained), SEGMENT)
    for row, variable in zip(table, trained, strict=True):
        regularizer, constraint = variable.parameter.regularizer, variable.parameter.constraint
        row["offset"], row["size"], row["columns"] = variable.offset, variable.size, variable.size
        row["l1"], row["l2"] = regularizer.l1, regularizer.l2
        if constraint is not None:
            row["constraint"] = constraint.code
            row["columns"], row["by_row"] = constraint.matrix(variable.parameter.shape)
            row["least"], row["most"], row["rate"] = constraint.bounds()
    return table


def spans(trained: Sequence[Variable], factors: Mapping[int, Pair] = EMPTY) -> np.ndarray:
    """The stretches of ``params`` that are trained with the same factors: what the update walks.

    ``factors`` of the learning rate and the weight decay are those of the variables at these offsets.
    """
    found: list[tuple[int, int, Pair]] = []
    for variable in sorted(trained, key=lambda variable: variable.offset):
        first, last = variable.offset, variable.offset + padded(variable.size)
        pair = factors.get(variable.offset, (1.0, 1.0))
        if found and found[-1][1:] == (first, pair):
            first = found.pop()[0]
        found.append((first, last, pair))
    groups = {pair: number for number, pair in enumerate(dict.fromkeys(pair for *_, pair in found))}
    if len(groups) > MOST_GROUPS:
        raise ValueError(f"{MOST_GROUPS} different pairs of factors are kept apart, got {len(groups)}")
    return np.array([(first, last, groups[pair], *pair) for first, last, pair in found], SPAN)


def factors_at(optimizer: Optimizer | None, variables: Sequence[Variable]) -> dict[int, Pair]:
    """Factors of learning rate and weight decay by the offsets of variables, where an optimiser has any.

    Raises
    ------
    ValueError
        it names what there is not.
    """
    if optimizer is None or not (optimizer.learning_rate_factors or optimizer.weight_decay_factors):
        return {}
    paths = [variable.path for variable in variables]
    rates, decays = (factors_of(name, getattr(optimizer, name), paths) for name in FACTORS)
    return {v.offset: (rate, decay) for v, rate, decay in zip(variables, rates, decays, strict=True)}


def loss_table(
    losses: Sequence[tuple[LossRecord | CustomLoss | None, int]],
    weights: Sequence[float] | None,
    shapes: Sequence[Shape],
    read: Sequence[tuple[int, int]],
    balanced: bool,
) -> np.ndarray:
    """One row an output; ``losses`` come with the activation that each applies, ``read`` has its value and its mask."""
    table = np.zeros(len(losses), LOSS)
    factors = weights or [1.0] * len(losses)
    for number, (row, (loss, fused)) in enumerate(zip(table, losses, strict=True)):
        shape, (output, mask) = shapes[number], read[number]
        row["code"], row["fused"], row["output"] = -1, fused, output
        row["mask"], row["balanced"] = mask, balanced and mask >= 0
        row["n_out"], row["repeat"] = shape[-1], math.prod(shape[:-1])
        row["place"], row["factor"] = (number + 1 if len(losses) > 1 else 0), factors[number]
        if isinstance(loss, LossRecord):
            loss.check_width(shape[-1])
            row["code"], row["sparse"], row["n_parameters"] = loss.code, loss.sparse, len(loss.parameters)
            row["parameters"][: len(loss.parameters)] = loss.parameters
    return table


def optimizer_table(optimizer: Optimizer | None) -> np.ndarray:
    table = np.zeros((), OPTIMIZER)
    table["code"] = -1
    if optimizer is not None:
        table["code"], table["n_slots"] = optimizer.code, optimizer.n_slots
        table["clip"], table["clip_at"] = optimizer.clip
        table["weight_decay"] = optimizer.constant_decay
        hyper = optimizer.hyper()
        table["hyper"][: len(hyper)] = hyper
    return table
