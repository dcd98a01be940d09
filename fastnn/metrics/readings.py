"""What a metric is for one model: the statistic that is summed for it, and the value read from the sums."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.types import Numbers
from fastnn.metrics.statistics import TAKES_LABELS, StatisticCode

if TYPE_CHECKING:
    from fastnn.metrics.base import Metric

MARGINS = ("hinge", "squared_hinge")
DISTRIBUTIONS = ("kl_divergence",)
SIGMOIDS = ("sigmoid", "hard_sigmoid", "sparse_sigmoid")
SOFTMAXES = ("softmax", "log_softmax", "sparsemax")


@dataclass(frozen=True)
class Task:
    """What the outputs of a model mean, as far as its loss and its last activation tell.

    Attributes
    ----------
    loss : name of the loss, empty when there is none (metrics called on arrays).
    sparse : the target is a class index.
    from_logits : the loss takes logits.
    activation : name of the last activation; None when it is not known.
    n_out : width of a row of the output.
    """

    loss: str = ""
    sparse: bool = False
    from_logits: bool = False
    activation: str | None = None
    n_out: int = 1

    @property
    def classes(self) -> bool:
        """Whether the outputs are classes of which a row has one."""
        if self.n_out == 1:
            return False
        by_loss = "categorical" in self.loss or self.loss in DISTRIBUTIONS
        return self.sparse or by_loss or self.activation in SOFTMAXES

    @property
    def margins(self) -> bool:
        """Whether the outputs are margins, above 0 for yes."""
        return self.loss in MARGINS

    @property
    def answers(self) -> bool:
        """Whether each output says yes or no by itself."""
        return self.loss.startswith("binary") or self.activation in SIGMOIDS or self.margins

    @property
    def cut(self) -> float:
        """The prediction above which an output says yes."""
        shares = self.activation in (*SIGMOIDS, *SOFTMAXES)
        return 0.0 if (self.margins or self.from_logits) and not shares else 0.5


@dataclass(frozen=True)
class Reading:
    """A metric as one model computes it.

    Attributes
    ----------
    name : key in ``History.history``.
    statistic, parameter : what is summed, with its threshold or k.
    read : sums -> value; for PREDICTIONS ``(target, prediction, weight)`` -> value.
    rises : whether more is better; None when nobody says.
    count : how many values there are: ``name_0``, ``name_1`` ... in ``History`` when more than one.
    """

    name: str
    statistic: StatisticCode
    read: Callable[..., Numbers]
    parameter: float = 0.0
    rises: bool | None = None
    count: int = 1

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in ``History``."""
        return (self.name,) if self.count == 1 else tuple(f"{self.name}_{i}" for i in range(self.count))

    @property
    def keeps(self) -> bool:
        """Whether it needs all predictions."""
        return self.statistic == StatisticCode.PREDICTIONS


def task_of(loss: Any, activation: str | None, n_out: int) -> Task:
    """The task of a model with a loss record and the name of its last activation.

    Parameters
    ----------
    loss : a record of :mod:`fastnn.losses`.
    activation : name of the last activation, or None.
    n_out : numbers of the output.
    """
    name = loss.definition or ""
    return Task(name, bool(loss.sparse), bool(loss.from_logits), activation, n_out)


def one_class(loss: str) -> str:
    """What is told of a loss of classes with one output, whose softmax is 1 whatever came."""
    binary = loss.removeprefix("sparse_").replace("categorical", "binary")
    return f"{loss} needs an output for each class, at least 2; one output goes with {binary}"


def resolve(metric: Metric, task: Task) -> Reading:
    """The metric for a task; ``ValueError`` when the target cannot serve it.

    Parameters
    ----------
    metric : the metric.
    task : what the model predicts, as of :func:`task_of`.
    """
    reading = metric.reading(task)
    if task.sparse and task.n_out < 2:
        raise ValueError(one_class(task.loss))
    if task.sparse and reading.statistic not in TAKES_LABELS:
        raise ValueError(
            f"metric {metric.name!r} needs a target as wide as the output; the loss {task.loss!r} has class indices"
        )
    return reading


def resolve_all(
    metrics: Iterable[Metric], weighted_metrics: Iterable[Metric], task: Task
) -> list[tuple[Reading, bool]]:
    """All metrics resolved, each with whether row weights count, under names that differ as in Keras.

    Parameters
    ----------
    metrics, weighted_metrics : metrics that rows count alike in, and by their weights.
    task : what the model predicts, as of :func:`task_of`.
    """
    resolved: list[tuple[Reading, bool]] = []
    taken: set[str] = set()  # names, and keys in History
    for chosen, weighted in ((metrics, False), (weighted_metrics, True)):
        plain = frozenset(reading.name for reading, _ in resolved)
        for metric in chosen:
            first = f"weighted_{metric.name}" if metric.name in plain else metric.name
            reading, again = replace(resolve(metric, task), name=first), itertools.count(1)
            while taken & {reading.name, *reading.keys}:
                reading = replace(reading, name=f"{first}_{next(again)}")
            taken |= {reading.name, *reading.keys}
            resolved.append((reading, weighted))
    return resolved


def named(name: str, value: object) -> dict[str, float]:
    """A metric's value by the keys of ``History``: its name, or ``name_0``, ``name_1`` ... of several numbers."""
    if isinstance(value, dict):
        return {key: float(one) for key, one in value.items()}
    numbers = np.asarray(value, np.float64)
    if numbers.size == 1:
        return {name: float(numbers.reshape(()))}
    return {f"{name}_{i}": one for i, one in enumerate(numbers.reshape(-1).tolist())}
