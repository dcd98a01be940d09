"""Adam, and with decoupled decay AdamW."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.updates import OptimizerCode
from fastnn.schedules import Schedule


@dataclass(repr=False)
class Adam(Optimizer):
    """Steps by running means of gradients and of their squares (Kingma and Ba 2015), in Keras' form.

    Each update of a parameter ``w`` with the gradient ``g``, at step ``t`` from 1 on: ``m = beta_1 m + (1 - beta_1) g;
    v = beta_2 v + (1 - beta_2) g**2; w -= lr sqrt(1 - beta_2**t) / (1 - beta_1**t) m / (sqrt(v) + epsilon)``; ``m`` and
    ``v`` begin at 0.

    Parameters
    ----------
    beta_1, beta_2 : shares of ``m`` and ``v`` that stay, from 0 to less than 1.
    epsilon : added to the root of ``v``, above 0.
    amsgrad : divide by the largest ``v`` so far (Reddi et al. 2018).
    form : ``"keras"``, eps beside the uncorrected root: ``w -= lr sqrt(1 - beta_2**t) / (1 - beta_1**t) m / (sqrt(v) +
        eps)``, the variant that closes section 2 of the paper; or ``"paper"``, its algorithm 1, ``w -= lr m^ /
        (sqrt(v^) + eps)`` with both moments corrected, as PyTorch has it. They differ where eps is not small beside
        the gradients.
    learning_rate, weight_decay ... name : as of :class:`Optimizer`.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
    _: KW_ONLY
    form: Literal["keras", "paper"] = "keras"

    def check(self) -> None:
        super().check()
        if self.form not in ("paper", "keras"):
            raise ValueError(f'form must be "paper" or "keras", got {self.form!r}')

    @property
    def code(self) -> OptimizerCode:
        return OptimizerCode.AMSGRAD if self.amsgrad else OptimizerCode.ADAM

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2, self.epsilon, float(self.form == "keras"))


@dataclass(repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): ``w -= lr weight_decay w``, then as :class:`Adam`.

    Parameters
    ----------
    weight_decay : the share, a number from 0 on or a schedule that gives one for each step; 0.004 as in Keras.
    beta_1 ... amsgrad, form : as of :class:`Adam`.
    learning_rate, clipnorm ... name : as of :class:`Optimizer`.
    """

    weight_decay: float | Schedule | None = field(default=0.004, kw_only=False)  # the second argument, as in Keras
