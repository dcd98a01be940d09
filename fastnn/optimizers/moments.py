"""Optimisers with running moments of the gradients: Adam and its relatives, Lion."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn.optimizers.adam import Adam as Adam  # where older pickles find it
from fastnn.optimizers.adam import AdamW as AdamW
from fastnn.optimizers.base import Optimizer


@dataclass(repr=False)
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016), in Keras' form.

    Each update of a parameter ``w`` with the gradient ``g``, at step ``t`` from 1 on: ``m = beta_1 m + (1 - beta_1) g;
    v = beta_2 v + (1 - beta_2) g**2; w -= lr (u' m / (1 - p u') + (1 - u) g / (1 - p)) / (sqrt(v / (1 - beta_2**t)) +
    epsilon)``, with ``u = beta_1 (1 - 0.96**t / 2)``, ``u'`` that of the next step and ``p`` the product of all ``u``
    so far. ``m`` and ``v`` begin at 0.

    Parameters
    ----------
    beta_1 : share of the running mean of gradients that stays, from 0 to less than 1.
    beta_2 : share of the running mean of squared gradients that stays, from 0 to less than 1.
    epsilon : added to the denominator, above 0.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2, self.epsilon)


@dataclass(repr=False)
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2015, algorithm 2).

    Each update of a parameter ``w`` with the gradient ``g``, at step ``t`` from 1 on: ``m = beta_1 m + (1 - beta_1) g;
    u = max(beta_2 u, |g|); w -= lr / (1 - beta_1**t) m / (u + epsilon)``; ``m`` and ``u`` begin at 0.

    Parameters
    ----------
    beta_1 : share of the running mean of gradients that stays, from 0 to less than 1.
    beta_2 : share of the largest gradient so far that stays, from 0 to less than 1.
    epsilon : added to the denominator, above 0.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2, self.epsilon)


@dataclass(repr=False)
class Lion(Optimizer):
    """Steps by the sign of an interpolated momentum (Chen et al. 2023).

    Each update of a parameter ``w`` with the gradient ``g``: ``w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m +
    (1 - beta_2) g``; ``m`` begins at 0.

    Parameters
    ----------
    beta_1 : share of the running mean in the sign, from 0 to less than 1.
    beta_2 : share of the running mean of gradients that stays, from 0 to less than 1.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    beta_1: float = 0.9
    beta_2: float = 0.99

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2)
