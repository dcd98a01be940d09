"""Optimisers that divide by a running size of the gradients: RMSprop, Adagrad, Adadelta, Ftrl."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn._base.arguments import number
from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.updates import OptimizerCode


@dataclass(repr=False)
class RMSprop(Optimizer):
    """``v = rho v + (1-rho) g**2; w -= lr g / sqrt(v + eps)``, eps inside the root (Keras)."""

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    @property
    def code(self) -> OptimizerCode:
        plain = not self.momentum and not self.centered
        return OptimizerCode.RMSPROP if plain else OptimizerCode.RMSPROP_MOMENTUM

    def hyper(self) -> tuple[float, ...]:
        return (self.rho, self.epsilon, float(self.centered), self.momentum)


@dataclass(repr=False)
class Adagrad(Optimizer):
    """``a += g**2; w -= lr g / sqrt(a + eps)``, a from ``initial_accumulator_value`` (Duchi et al. 2011)."""

    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    def check(self) -> None:
        super().check()
        number("initial_accumulator_value", self.initial_accumulator_value, low=0.0)

    @property
    def slot_starts(self) -> tuple[float, ...]:
        return (float(self.initial_accumulator_value),)

    def hyper(self) -> tuple[float, ...]:
        return (self.epsilon,)


@dataclass(repr=False)
class Adadelta(Optimizer):
    """Zeiler 2012, algorithm 1, times a learning rate."""

    rho: float = 0.95
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.rho, self.epsilon)


@dataclass(repr=False)
class Ftrl(Optimizer):
    """Follow the regularised leader, for sparse linear models (McMahan et al. 2013, algorithm 1, in Keras' form).

    Parameters
    ----------
    learning_rate_power : -0.5, the root of the published form; other powers are not there.
    initial_accumulator_value : where the sum of squared gradients begins.
    l1_regularization_strength, l2_regularization_strength : penalties inside the update.
    l2_shrinkage_regularization_strength : adds ``2 * strength * w`` to each gradient.
    beta : adds ``beta / (2 lr)`` to the second penalty.
    """

    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0

    def check(self) -> None:
        super().check()
        if number("learning_rate_power", self.learning_rate_power) != -0.5:
            raise ValueError(f"learning_rate_power must be -0.5, got {self.learning_rate_power!r}")
        for name in ("initial_accumulator_value", *_STRENGTHS, "beta"):
            number(name, getattr(self, name), low=0.0)

    @property
    def slot_starts(self) -> tuple[float, ...]:
        return (float(self.initial_accumulator_value), 0.0)

    def hyper(self) -> tuple[float, ...]:
        return (*(getattr(self, name) for name in _STRENGTHS), self.beta)


_STRENGTHS = (
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
)
