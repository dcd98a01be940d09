"""Optimisers that divide by a running size of the gradients: RMSprop, Adagrad, Adadelta, Ftrl."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn._base.arguments import number
from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.updates import OptimizerCode


@dataclass(repr=False)
class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton 2012), in Keras' form.

    Each update of a parameter ``w`` with the gradient ``g``: ``v = rho v + (1 - rho) g**2; w -= lr g / sqrt(v +
    epsilon)``. With ``centered``, ``m = rho m + (1 - rho) g`` and ``v - m**2`` stands for ``v`` in the root; with
    ``momentum``, ``u = momentum u + lr g / sqrt(v + epsilon); w -= u``. What is kept begins at 0.

    Parameters
    ----------
    rho : share of the running mean of squared gradients that stays, from 0 to less than 1.
    momentum : share of the last step that is gone again, from 0 (none is kept) to less than 1.
    epsilon : added inside the root, above 0.
    centered : whether the root is of the variance of the gradients, in place of their mean square.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

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
    """Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011).

    Each update of a parameter ``w`` with the gradient ``g``: ``a += g**2; w -= lr g / sqrt(a + epsilon)``.

    Parameters
    ----------
    initial_accumulator_value : what ``a`` begins with, from 0 on.
    epsilon : added inside the root, above 0.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

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
    """Steps as long as those before have been, by running means of squares (Zeiler 2012, algorithm 1).

    Each update of a parameter ``w`` with the gradient ``g``: ``v = rho v + (1 - rho) g**2; d = g sqrt(u + epsilon) /
    sqrt(v + epsilon); u = rho u + (1 - rho) d**2; w -= lr d``. ``u`` and ``v`` begin at 0; 1 is the paper's rate.

    Parameters
    ----------
    rho : share of the running mean of squared gradients that stays, from 0 to less than 1.
    epsilon : added inside the root, above 0.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    rho: float = 0.95
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.rho, self.epsilon)


@dataclass(repr=False)
class Ftrl(Optimizer):
    """Follow the regularised leader, for sparse linear models (McMahan et al. 2013, algorithm 1, in Keras' form).

    Each update of a parameter ``w`` with the gradient ``g``: ``a' = a + g**2; z += g - (sqrt(a') - sqrt(a)) / lr * w;
    w = (clip(z, -l1, l1) - z) / (sqrt(a') / lr + 2 l2)``, with ``l1`` and ``l2`` the strengths of the penalties;
    ``z`` begins at 0.

    Parameters
    ----------
    learning_rate_power : -0.5, the root of the published form; other powers are not there.
    initial_accumulator_value : what ``a``, the sum of squared gradients, begins with, from 0 on.
    l1_regularization_strength, l2_regularization_strength : penalties inside the update.
    l2_shrinkage_regularization_strength : adds ``2 * strength * w`` to each gradient.
    beta : adds ``beta / (2 lr)`` to the second penalty.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
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
