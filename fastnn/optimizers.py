"""Optimisers: one class each, with its arguments and the step-dependent scalars of its update.

``scalars(step, learning_rate)`` gives the ``c`` of the formulas in :mod:`fastnn.updates` in float64,
once a step; steps count from 1. Names and defaults are those of Keras 3.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from fastnn.definitions import integer, lookup, number
from fastnn.reprs import call_of
from fastnn.schedules import Schedule, schedule_from_config
from fastnn.updates import N_SCALARS, N_SLOTS, ClipCode, OptimizerCode


def power(base: float, exponent: int) -> float:
    """``base ** exponent`` by squaring: only products, so the same bits on every machine."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@dataclass(kw_only=True, repr=False)
class Optimizer:
    """What all optimisers take; defaults and names are those of Keras 3.

    Parameters
    ----------
    learning_rate : float or a schedule of :mod:`fastnn.schedules`.
    weight_decay : decoupled decay of all parameters, ``w -= learning_rate * weight_decay * w``.
    clipvalue, clipnorm, global_clipnorm : at most one; clip each gradient, the norm of each
        variable's gradient, or the norm of all gradients together.

    >>> from fastnn import optimizers, schedules
    >>> optimizers.Adam(0.01, clipnorm=1.0)
    Adam(learning_rate=0.01, clipnorm=1.0)
    >>> optimizers.SGD(schedules.CosineDecay(0.1, 1000), momentum=0.9)
    SGD(learning_rate=CosineDecay(0.1, 1000), momentum=0.9)
    """

    learning_rate: float | Schedule = field(default=0.001, kw_only=False)
    weight_decay: float | None = None
    clipvalue: float | None = None
    clipnorm: float | None = None
    global_clipnorm: float | None = None

    slot_start: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        self.check()

    def __repr__(self) -> str:
        return call_of(self)

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @property
    def code(self) -> OptimizerCode:
        return OptimizerCode[self.name.upper()]

    @property
    def n_slots(self) -> int:
        return N_SLOTS[self.code]

    @property
    def clip(self) -> tuple[ClipCode, float]:
        """How to clip and at what."""
        for code, bound in (
            (ClipCode.VALUE, self.clipvalue),
            (ClipCode.NORM, self.clipnorm),
            (ClipCode.GLOBAL_NORM, self.global_clipnorm),
        ):
            if bound is not None:
                return code, float(bound)
        return ClipCode.NONE, 0.0

    def check(self) -> None:
        """Raise ``ValueError``/``TypeError`` that names the argument which is wrong."""
        if not isinstance(self.learning_rate, Schedule):
            self.learning_rate = number("learning_rate", self.learning_rate, low=0.0)
        for name in ("weight_decay", "clipvalue", "clipnorm", "global_clipnorm"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), low=0.0, open_low=name != "weight_decay")
        clips = [n for n in ("clipvalue", "clipnorm", "global_clipnorm") if getattr(self, n) is not None]
        if len(clips) > 1:
            raise ValueError(f"give one of clipvalue, clipnorm and global_clipnorm, not {' and '.join(clips)}")
        for name in ("beta_1", "beta_2", "rho", "momentum"):
            if hasattr(self, name):
                below = name != "momentum" or not isinstance(self, SGD)
                number(name, getattr(self, name), low=0.0, high=1.0, open_high=below)
        if hasattr(self, "epsilon"):
            number("epsilon", self.epsilon, low=0.0, open_low=True)

    def hyper(self) -> tuple[float, ...]:
        """The numbers that the plan hands to the backends, in the order of ``scalars``' formula."""
        return ()

    def scalars(self, step: int, learning_rate: float) -> tuple[float, ...]:
        """``c[1:]`` of the update formula at ``step`` (from 1)."""
        raise NotImplementedError

    def all_scalars(self, step: int, learning_rate: float) -> np.ndarray:
        """``c`` of the update formula, float64, zero-padded to :data:`N_SCALARS`."""
        c = np.zeros(N_SCALARS)
        c[0] = learning_rate * (self.weight_decay or 0.0)
        rest = self.scalars(step, learning_rate)
        c[1 : 1 + len(rest)] = rest
        return c

    def learning_rates(self, first_step: int, n_steps: int) -> np.ndarray:
        """Learning rate of each step from ``first_step`` (from 0), float64, ``(n_steps,)``."""
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate.rates(np.arange(first_step, first_step + n_steps))
        return np.full(n_steps, self.learning_rate)

    def config(self) -> dict[str, Any]:
        """What the model file stores: the name and all arguments."""
        stored: dict[str, Any] = {"name": self.name}
        for entry in fields(self):
            value = getattr(self, entry.name)
            stored[entry.name] = value.config() if isinstance(value, Schedule) else value
        return stored


@dataclass(kw_only=True, repr=False)
class SGD(Optimizer):
    """Gradient descent: ``v = momentum v - lr g; w += v`` (Nesterov: ``w += momentum v - lr g``)."""

    learning_rate: float | Schedule = field(default=0.01, kw_only=False)
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def code(self) -> OptimizerCode:
        if not self.momentum:
            return OptimizerCode.SGD
        return OptimizerCode.NESTEROV if self.nesterov else OptimizerCode.MOMENTUM

    def hyper(self):
        return (self.momentum,)

    def scalars(self, step, learning_rate):
        return (self.momentum, learning_rate) if self.momentum else (learning_rate,)


@dataclass(kw_only=True, repr=False)
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

    def hyper(self):
        return (self.rho, self.epsilon, float(self.centered), self.momentum)

    def scalars(self, step, learning_rate):
        return (self.rho, 1 - self.rho, learning_rate, self.epsilon, float(self.centered), self.momentum)


@dataclass(kw_only=True, repr=False)
class Adagrad(Optimizer):
    """``a += g**2; w -= lr g / sqrt(a + eps)``, a from 0.1 (Duchi et al. 2011)."""

    epsilon: float = 1e-7
    slot_start: ClassVar[float] = 0.1

    def hyper(self):
        return (self.epsilon,)

    def scalars(self, step, learning_rate):
        return (learning_rate, self.epsilon)


@dataclass(kw_only=True, repr=False)
class Adadelta(Optimizer):
    """Zeiler 2012, algorithm 1, times a learning rate."""

    rho: float = 0.95
    epsilon: float = 1e-7

    def hyper(self):
        return (self.rho, self.epsilon)

    def scalars(self, step, learning_rate):
        return (self.rho, 1 - self.rho, learning_rate, self.epsilon)


@dataclass(kw_only=True, repr=False)
class Adam(Optimizer):
    """Kingma and Ba 2015.

    Parameters
    ----------
    form : ``"paper"`` is their algorithm 1, ``w -= lr m^ / (sqrt(v^) + eps)`` (as PyTorch);
        ``"keras"`` is their closing variant, eps beside the uncorrected root (Keras, scikit-learn).
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    form: str = "paper"

    def check(self):
        super().check()
        if self.form not in ("paper", "keras"):
            raise ValueError(f'form must be "paper" or "keras", got {self.form!r}')

    @property
    def code(self) -> OptimizerCode:
        return OptimizerCode.ADAM

    def hyper(self):
        return (self.beta_1, self.beta_2, self.epsilon, float(self.form == "keras"))

    def scalars(self, step, learning_rate):
        first, second = 1 - power(self.beta_1, step), float(np.sqrt(1 - power(self.beta_2, step)))
        size, root = (
            (learning_rate * second / first, 1.0) if self.form == "keras" else (learning_rate / first, 1 / second)
        )
        return (self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2, size, root, self.epsilon)


@dataclass(kw_only=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.004 as in Keras."""

    weight_decay: float | None = 0.004


@dataclass(kw_only=True, repr=False)
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


@dataclass(kw_only=True, repr=False)
class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2015, algorithm 2)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def hyper(self):
        return (self.beta_1, self.beta_2, self.epsilon)

    def scalars(self, step, learning_rate):
        return (self.beta_1, 1 - self.beta_1, self.beta_2, learning_rate / (1 - power(self.beta_1, step)), self.epsilon)


@dataclass(kw_only=True, repr=False)
class Lion(Optimizer):
    """Sign of an interpolated momentum (Chen et al. 2023)."""

    beta_1: float = 0.9
    beta_2: float = 0.99

    def hyper(self):
        return (self.beta_1, self.beta_2)

    def scalars(self, step, learning_rate):
        return (learning_rate, self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2)


@dataclass(kw_only=True, repr=False)
class LBFGS(Optimizer):
    """Limited-memory BFGS on all rows at once, for small data (Liu and Nocedal 1989).

    One epoch is one iteration: a direction from the last ``history_size`` steps and a line search
    that meets the strong Wolfe conditions. It needs neither a batch size nor a learning rate
    schedule; ``learning_rate`` is the first step tried.

    >>> import numpy as np
    >>> from fastnn import Sequential, optimizers
    >>> from fastnn.layers import Dense
    >>> x = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = Sequential([Dense(8, "tanh", input_shape=(1,)), Dense(1)], dtype="float64", seed=1)
    >>> model.compile(optimizers.LBFGS(), "mse")
    >>> history = model.fit(x, np.sin(3 * x), epochs=100)
    >>> history.history["loss"][-1] < 1e-4
    True
    """

    learning_rate: float | Schedule = field(default=1.0, kw_only=False)
    history_size: int = 10
    tolerance: float = 1e-7

    def check(self):
        super().check()
        integer("history_size", self.history_size, low=1)
        number("tolerance", self.tolerance, low=0.0)
        if isinstance(self.learning_rate, Schedule) or self.clip[0] or self.weight_decay:
            raise ValueError("LBFGS takes neither a schedule nor clipping nor weight_decay")

    @property
    def code(self):
        raise NotImplementedError("LBFGS is no fused update; fastnn.lbfgs runs it")

    @property
    def n_slots(self) -> int:
        return 0


OPTIMIZERS: dict[str, type[Optimizer]] = {
    c.__name__.lower(): c for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Nadam, Adamax, Lion, LBFGS)
}


def get(optimizer: object) -> Optimizer:
    """Turn what a user wrote (name, object, stored config) into an optimiser of its own.

    An object is copied with its schedule, so that two models never share one learning rate.
    """
    if isinstance(optimizer, Optimizer):
        return type(optimizer)(**{f.name: copy.copy(getattr(optimizer, f.name)) for f in fields(optimizer)})
    if isinstance(optimizer, dict):
        arguments = {k: v for k, v in optimizer.items() if k != "name"}
        rate = arguments.get("learning_rate")
        if isinstance(rate, dict):
            arguments["learning_rate"] = schedule_from_config(rate)
        return lookup("optimizer", optimizer.get("name"), OPTIMIZERS)(**arguments)
    if isinstance(optimizer, str):
        return lookup("optimizer", optimizer, OPTIMIZERS)()
    raise TypeError(f"optimizer must be a name or an object of fastnn.optimizers, got {optimizer!r}")
