"""What a model is compiled to: all that the engine has to know of it, and nothing that changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.reprs import call_of
from fastnn._plan.layout import Layout
from fastnn._plan.passes import operations_of
from fastnn.losses import CustomLoss, LossRecord, Reduction
from fastnn.metrics import Reading

if TYPE_CHECKING:
    from fastnn._base.sparse import AnyRows
    from fastnn._engine.distribution import Distribution
    from fastnn._engine.plans import PlanCache
    from fastnn._engine.state import State

Metrics = Sequence[tuple[Reading, bool, int]]  # each with whether row weights count, and the output it reads


@dataclass(frozen=True)
class Compiled:
    """A model's layout and what it is trained for.

    Attributes
    ----------
    layout : of the outputs that have a loss alone.
    losses, loss_weights : one for each of these outputs, with its factor in the total.
    metrics : as loss and last activation decide what they mean, under the names of the history.
    names : of these outputs.
    reduction : how the losses of a batch's rows become one number.
    seed, dtype : of the model.
    """

    layout: Layout
    losses: tuple[LossRecord | CustomLoss, ...]
    loss_weights: tuple[float, ...]
    metrics: Metrics
    names: tuple[str, ...]
    reduction: Reduction
    seed: int
    dtype: np.dtype

    def __repr__(self) -> str:
        return call_of(self)

    def sized(self, inputs: Sequence[AnyRows]) -> Compiled:
        """The same for the lengths of these rows, where lengths differ from batch to batch."""
        return replace(self, layout=self.layout.of_sizes(sizes_of(inputs))) if self.layout.is_open else self

    @cached_property
    def shares(self) -> tuple[int, ...]:
        """Of each loss, the positions of a row where sums are wanted, whose mean kernels take; 1 for means."""
        shapes = self.layout.output_shapes
        return tuple(math.prod(shape[:-1]) if self.reduction.summed else 1 for shape in shapes)

    @property
    def total_weights(self) -> list[float]:
        """Factors of the losses of single rows, of which each is a mean over positions, in the total."""
        return [weight * share for weight, share in zip(self.loss_weights, self.shares, strict=True)]

    @property
    def total_reduction(self) -> Reduction:
        """The reduction of the only loss, with such a factor."""
        scale, reported = (factor * self.shares[0] for factor in (self.reduction.scale, self.reduction.reported))
        return replace(self.reduction, scale=scale, reported=reported)

    @property
    def has_custom_loss(self) -> bool:
        """Whether a loss is a function of the user's, which the reference computes."""
        return any(loss.is_own for loss in self.losses)

    @property
    def loss_names(self) -> list[str]:
        """Names of the losses in the sums: the total, and where there are several losses each of them."""
        return ["loss", *(f"{name}_loss" for name in self.names if len(self.names) > 1)]

    @cached_property
    def has_masks(self) -> bool:
        """Whether a loss leaves out positions of its output."""
        return operations_of(self.layout, self.losses).has_masks()

    @property
    def keeps(self) -> bool:
        """Whether a metric needs all predictions."""
        return any(reading.keeps for reading, *_ in self.metrics)


def sizes_of(inputs: Sequence[AnyRows]) -> tuple[int, ...]:
    """Numbers a sample of rows for each input."""
    return tuple(x.shape[1] if isinstance(x, np.ndarray) else x.n_columns for x in inputs)


@dataclass(eq=False)
class Trainee:
    """A model as the engine sees it.

    Attributes
    ----------
    compiled, state, plans : what it is compiled to, what lasts, and the plans in use.
    frozen : gives the layers of the layout that are not trained now.
    of_sizes : gives what serves inputs of so many numbers a sample, of a model whose lengths differ; None for others.
    distribution : the ranks that train it together; None for this process alone.
    elsewhere : whether another process trains it, for which this one finds out whether it can; no memory is taken.
    """

    compiled: Compiled
    state: State
    plans: PlanCache
    frozen: Callable[[], frozenset[int]]
    of_sizes: Callable[[tuple[int, ...]], Trainee] | None = None
    distribution: Distribution | None = None
    elsewhere: bool = False

    def sized(self, inputs: Sequence[AnyRows]) -> Trainee:
        """What serves these rows."""
        return (
            replace(self.of_sizes(sizes_of(inputs)), distribution=self.distribution, elsewhere=self.elsewhere)
            if self.of_sizes
            else self
        )

    def __repr__(self) -> str:
        return f"<Trainee of {self.compiled.layout!r}>"
