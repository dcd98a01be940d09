"""Optimisers with running moments of the gradients: Adam and its relatives, Lion."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.updates import OptimizerCode
from fastnn.schedules import Schedule


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
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.004 as in Keras."""

    weight_decay: float | Schedule | None = field(default=0.004, kw_only=False)  # the second argument, as in Keras


@dataclass(repr=False)
class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016), in Keras' form."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2, self.epsilon)


@dataclass(repr=False)
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2015, algorithm 2)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2, self.epsilon)


@dataclass(repr=False)
class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023)."""

    beta_1: float = 0.9
    beta_2: float = 0.99

    def hyper(self) -> tuple[float, ...]:
        return (self.beta_1, self.beta_2)
