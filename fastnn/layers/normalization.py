"""Layers that give numbers mean 0 and variance 1: over a batch, a row, or groups of a sample's channels."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from fastnn._base.arguments import flag, integer, number
from fastnn._ops import Operation, batch_norm
from fastnn.layers.arguments import ConstraintLike, InitializerLike, RegularizerLike, ShapeLike, default
from fastnn.layers.described import Described, described
from fastnn.layers.parameter import Parameter, Shape
from fastnn.layers.settling import parameter, settle

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

    class Places(TypedDict):
        """Where an operation finds its parameters."""

        w: int
        b: int


MOST_EPSILON = 1e30


class Normalizing(Described):
    """What normalisations have in common: ``epsilon``, and with ``scale`` and ``center`` gamma and beta."""

    hands_on_masks = True
    if TYPE_CHECKING:  # arguments of each
        epsilon: float
        center: bool
        scale: bool
        gamma_constraint: ConstraintLike
        beta_constraint: ConstraintLike

    def _settle(self, **more: object) -> None:
        told = {name: flag(name, getattr(self, name)) for name in ("center", "scale")}
        settle(self, epsilon=number("epsilon", self.epsilon, low=0.0, high=MOST_EPSILON), **told, **more)
        for constraint in (self.gamma_constraint, self.beta_constraint):
            if constraint is not None:
                constraint.matrix((1,))

    def _trained(self, shape: Shape) -> list[Parameter]:
        """The parameters that are trained, each of this shape."""
        return [parameter(self, name, shape) for name, there in self._there() if there]

    def _there(self) -> tuple[tuple[str, bool], ...]:
        return ("gamma", self.scale), ("beta", self.center)

    def _places(self) -> Places:
        """Where an operation finds gamma and beta among the parameters."""
        return {"w": 0 if self.scale else -1, "b": int(self.scale) if self.center else -1}

    @property
    def gamma(self) -> np.ndarray | None:
        """The factors as they are now, not to be written to; None without."""
        return self.parameter("gamma") if self.scale else None

    @property
    def beta(self) -> np.ndarray | None:
        """What is added, as it is now, not to be written to; None without."""
        return self.parameter("beta") if self.center else None


@described
class BatchNormalization(Normalizing):
    """``y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`` for each number of the last axis.

    In training, mean and variance are those of the batch, over its rows and all axes but the last, and moving ones
    follow them by ``moving = momentum * moving + (1 - momentum) * batch`` with every update. Predictions, and a layer
    that is not ``trainable``, use the moving ones. Of masked sequences ``(steps, features)`` only steps that count are
    measured, as in Keras. The variance is divided by the count of its numbers, also where it moves, as there; PyTorch
    moves the one divided by one number less. :func:`fastnn.utils.fold` makes the layer part of its neighbour's weights
    for predictions. Source: Ioffe and Szegedy 2015.

    Parameters
    ----------
    axis : the last one: -1, or its number with the batch axis as 0.
    momentum : of the moving statistics, from 0 to 1.
    epsilon : added to the variance.
    center, scale : whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : names or objects of
        :mod:`fastnn.initializers`.
    beta_regularizer, gamma_regularizer : names or objects of :mod:`fastnn.regularizers`.
    beta_constraint, gamma_constraint : names or objects of :mod:`fastnn.constraints`, applied after every update.
    synchronized : False; a batch is on one machine.
    input_shape : shape of one sample, for the first layer.
    name : shown in summaries and files.

    Shapes: ``(..., n)`` -> ``(..., n)``; weights gamma, beta, moving_mean, moving_variance, each ``(n,)``, of which the
    last two are not trained.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import BatchNormalization
    >>> model = Sequential([BatchNormalization(epsilon=0.0, momentum=0.5, input_shape=(1,))])
    >>> model(np.array([[1.0], [5.0]]), training=True).tolist()
    [[-1.0], [1.0]]
    >>> [w.tolist() for w in model.non_trainable_weights]
    [[1.5], [2.5]]
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerLike = default("zeros")
    gamma_initializer: InitializerLike = default("ones")
    moving_mean_initializer: InitializerLike = default("zeros")
    moving_variance_initializer: InitializerLike = default("ones")
    beta_regularizer: RegularizerLike = default(None)
    gamma_regularizer: RegularizerLike = default(None)
    beta_constraint: ConstraintLike = default(None)
    gamma_constraint: ConstraintLike = default(None)
    synchronized: bool = False
    input_shape: ShapeLike = default(None)
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if flag("synchronized", self.synchronized):
            raise ValueError("synchronized must be False: every batch is on one machine, whole")
        momentum = number("momentum", self.momentum, low=0.0, high=1.0)
        self._settle(axis=checked_axis(self.axis), momentum=momentum)

    @property
    def moving_mean(self) -> np.ndarray:
        """The moving mean as it is now, ``(n,)``, not to be written to."""
        return self.parameter("moving_mean")

    @property
    def moving_variance(self) -> np.ndarray:
        """The moving variance as it is now, ``(n,)``, not to be written to."""
        return self.parameter("moving_variance")

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        check_last(self, shape)
        kept = (
            Parameter(name, shape[-1:], getattr(self, f"{name}_initializer"), trainable=False)
            for name in ("moving_mean", "moving_variance")
        )
        return (*self._trained(shape[-1:]), *kept)

    takes_masks = by_step = True

    def operations(self, shape: Shape, masks: tuple[bool, ...] = ()) -> tuple[Operation, ...]:
        masked = any(masks)
        if masked and len(shape) != 2:
            raise ValueError(
                f"{self!r} takes masks of sequences (steps, features), got samples {tuple(shape)}; "
                f"LayerNormalization measures each step by itself"
            )
        repeat, n_trained = math.prod(shape[:-1]), int(self.scale) + int(self.center)
        geometry = (batch_norm.samples_of_part(repeat, masked), int(masked))
        found = Operation(
            batch_norm.OP,
            shape[-1],
            shape[-1],
            repeat,
            inputs=(0, 1)[: 1 + masked],
            rest=(n_trained, n_trained + 1),
            geometry=geometry,
            numbers=(self.epsilon, self.momentum),
            **self._places(),
        )
        return (found,)


def checked_axis(came: object) -> int:
    """An axis as a number, with 0 for the batch, which is none to normalise along."""
    axis = integer("axis", came)
    if axis == 0:
        raise ValueError("axis 0 is that of the batch; the last axis, -1, has the features or channels")
    return axis


def check_last(layer: Layer, shape: Shape) -> None:
    """Refuse an axis that is not the last one of samples of this shape."""
    if layer.axis not in (-1, len(shape)):
        raise ValueError(
            f"{layer!r} normalises along the last axis alone, -1 or {len(shape)} for samples {tuple(shape)}, got axis="
            f"{layer.axis}; images have their channels last"
        )
