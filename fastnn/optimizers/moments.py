"""Optimisers with running moments of the gradients: Adam and its relatives, Lion."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from fastnn.optimizers.base import Optimizer, power
from fastnn.optimizers.updates import OptimizerCode


@dataclass(repr=False)
class Adam(Optimizer):
    """Kingma and Ba 2015, in the form that Keras and scikit-learn compute.

    Parameters
    ----------
    beta_1, beta_2 : decay of the moments ``m = beta_1 m + (1 - beta_1) g`` and ``v = beta_2 v + (1 - beta_2) g**2``.
    epsilon : added to the root of ``v``.
    amsgrad : divide by the largest ``v`` so far (Reddi et al. 2018).
    form : ``"keras"``, eps beside the uncorrected root: ``w -= lr sqrt(1 - beta_2**t) / (1 - beta_1**t) m / (sqrt(v) +
        eps)``, the variant that closes section 2 of the paper; or ``"paper"``, its algorithm 1, ``w -= lr m^ /
        (sqrt(v^) + eps)`` with both moments corrected, as PyTorch has it. They differ where eps is not small beside
        the gradients.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
    _: KW_ONLY
    form: str = "keras"

    def check(self):
        super().check()
        if self.form not in ("paper", "keras"):
            raise ValueError(f'form must be "paper" or "keras", got {self.form!r}')

    @property
    def code(self) -> OptimizerCode:
        return OptimizerCode.AMSGRAD if self.amsgrad else OptimizerCode.ADAM

    def hyper(self):
        return (self.beta_1, self.beta_2, self.epsilon, float(self.form == "keras"))

    def scalars(self, step, learning_rate):
        first, second = 1 - power(self.beta_1, step), float(np.sqrt(1 - power(self.beta_2, step)))
        size, root = (
            (learning_rate * second / first, 1.0) if self.form == "keras" else (learning_rate / first, 1 / second)
        )
        return (self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2, size, root, self.epsilon)


@dataclass(repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.004 as in Keras."""

    weight_decay: float | None = field(default=0.004, kw_only=False)  # the second argument, as in Keras


@dataclass(repr=False)
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016), in Keras' form."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self):
        return (self.beta_1, self.beta_2, self.epsilon)

    def scalars(self, step, learning_rate):
        product = 1.0
        for i in range(1, step + 1):
            product *= self._momentum(i)
            if product < 1e-20:  # 1 - product is 1 from here on
                break
        now, after = self._momentum(step), self._momentum(step + 1)
        root = 1 / float(np.sqrt(1 - power(self.beta_2, step)))
        return (
            self.beta_1,
            1 - self.beta_1,
            self.beta_2,
            1 - self.beta_2,
            learning_rate * after / (1 - product * after),
            learning_rate * (1 - now) / (1 - product),
            root,
            self.epsilon,
        )

    def _momentum(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * power(0.96, step))


@dataclass(repr=False)
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2015, algorithm 2)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self):
        return (self.beta_1, self.beta_2, self.epsilon)

    def scalars(self, step, learning_rate):
        return (self.beta_1, 1 - self.beta_1, self.beta_2, learning_rate / (1 - power(self.beta_1, step)), self.epsilon)


@dataclass(repr=False)
class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023)."""

    beta_1: float = 0.9
    beta_2: float = 0.99

    def hyper(self):
        return (self.beta_1, self.beta_2)

    def scalars(self, step, learning_rate):
        return (learning_rate, self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2)
