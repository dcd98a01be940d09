"""What all optimisers share: their common arguments, the checks, and how they are stored.

``scalars(step, learning_rate)`` gives the ``c`` of the formulas in :mod:`fastnn.optimizers.updates` in float64,
once a step; steps count from 1. Names, order and defaults of arguments are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fastnn._base.arguments import check_name, number, refuse_subclass, shown, unknown_attribute
from fastnn._base.keywords import refuse
from fastnn._base.listing import Listed
from fastnn._base.reprs import call_of
from fastnn.optimizers.factors import ByName
from fastnn.optimizers.rate import Rate, RateLike
from fastnn.optimizers.scalars import SCALARS
from fastnn.optimizers.updates import N_SCALARS, N_SLOTS, ClipCode, OptimizerCode
from fastnn.schedules import Schedule, schedule_from_config

if TYPE_CHECKING:
    from fastnn._base.types import Config


_REPLACED = {
    "lr": "it is called learning_rate, as in Keras 3",
    "decay": "give a schedule of fastnn.optimizers.schedules as learning_rate",
    "iterations": "the model counts its updates: model.step",
    "variables": "the state is model.slots",
    "param_groups": "set optimizer.learning_rate; learning_rate_factors= gives layers rates of their own",
    "state_dict": "model.save(path) writes the state, too",
    **dict.fromkeys(("step", "apply", "apply_gradients", "minimize"), "model.apply_gradients(grads) makes an update"),
    "zero_grad": "nothing to say: model.gradients(x, y) gives new gradients in each call",
    "exclude_from_weight_decay": "give weight_decay_factors={'dense/bias': 0.0}, a factor for each layer or variable "
    "by name, where the optimizer is made",
}
SCHEDULED = "learning_rate", "weight_decay"
FACTORS = "learning_rate_factors", "weight_decay_factors"
_ONLY_DEFAULT = {
    "use_ema": (False, "averages of the weights are not kept"),
    "ema_momentum": (0.99, "averages of the weights are not kept"),
    "ema_overwrite_frequency": (None, "averages of the weights are not kept"),
    "loss_scale_factor": (None, "float32 and float64 need no scaling of the loss"),
    "gradient_accumulation_steps": (None, "give fit a larger batch_size, which takes no more memory"),
}


@cache
def _settable(kind: Any) -> frozenset[str]:
    """What can be set on optimisers of a class."""
    return frozenset({"name", *(f.name for f in fields(kind))})


@dataclass(repr=False)
class Optimizer(Listed):
    """What all optimisers take; names and defaults are those of Keras 3.

    Parameters
    ----------
    *arguments : those of the subclass, in its order.
    **given : the same by name.
    learning_rate : float or a schedule of :mod:`fastnn.optimizers.schedules`.
    weight_decay : decoupled decay of all parameters, ``w -= learning_rate * weight_decay * w``, before the update; a
        number, or a schedule that gives one for each step.
    clipvalue, clipnorm, global_clipnorm : at most one; clip each gradient, the norm of each
        variable's gradient, or the norm of all gradients together.
    learning_rate_factors, weight_decay_factors : what the learning rate and the weight decay are multiplied by for
        single layers or variables, by name: ``{"scale": 6.0, "dense_1/bias": 0.1}``. The longest name counts that is a
        variable's or begins it, the factor is 1 where there is none. A variable is updated as by an optimiser with the
        multiplied numbers; the decay, being part of the step, has both factors.
    name : a word of yours for it.
    use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps : for Keras' sake;
        fastnn does none of this and takes the defaults alone.

    Attributes
    ----------
    learning_rate : a :class:`fastnn.optimizers.LearningRate`, or the schedule. It and the other arguments can be set
        to other values, which act from the next fit on at the latest.

    Raises
    ------
    ValueError, TypeError
        an argument is wrong; the message names it.
    AttributeError
        what is set is no argument.

    >>> from fastnn import optimizers
    >>> optimizers.Adam(0.01, clipnorm=1.0)
    Adam(learning_rate=0.01, clipnorm=1.0)
    >>> optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 1000), momentum=0.9)
    SGD(learning_rate=CosineDecay(0.1, 1000), momentum=0.9)
    >>> optimizers.AdamW(0.01, learning_rate_factors={"scale": 6.0}, weight_decay_factors={"dense/bias": 0.0})
    AdamW(learning_rate=0.01, learning_rate_factors={'scale': 6.0}, weight_decay_factors={'dense/bias': 0.0})
    """

    _INNER = "all_scalars code decay_at decays full_batch n_slots scalars"

    full_batch: ClassVar[bool] = False  # whether each update is on all rows, by a search of its own

    learning_rate: RateLike = Rate(0.001)  # noqa: RUF009 (a descriptor)
    _: KW_ONLY
    weight_decay: float | Schedule | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    learning_rate_factors: Mapping[str, float] | None = ByName()  # type: ignore[assignment]  # a descriptor
    weight_decay_factors: Mapping[str, float] | None = ByName()  # type: ignore[assignment]  # a descriptor
    use_ema: InitVar[bool] = False
    ema_momentum: InitVar[float] = 0.99
    ema_overwrite_frequency: InitVar[int | None] = None
    loss_scale_factor: InitVar[float | None] = None
    gradient_accumulation_steps: InitVar[int | None] = None
    name: InitVar[str | None] = None

    def __post_init__(self, *options: object) -> None:
        *others, name = options
        for (option, (default, why)), came in zip(_ONLY_DEFAULT.items(), others, strict=True):
            if came != default:
                raise ValueError(f"{option}={came!r} cannot be had: {why}; leave it at {default!r}")
        check_name(name)
        self.name = name or self.kind
        self.check()

    def __new__(cls, *arguments: object, **given: object) -> Self:
        """Refuse arguments by names that there are not, with a word on what took their place."""
        known = [name for name in cls.__init__.__code__.co_varnames if name != "self"]
        unknown = {name: value for name, value in given.items() if name not in known}
        refuse(cls.__name__, unknown, known, words=_REPLACED, neutral={})
        return super().__new__(cls)

    def __init_subclass__(cls) -> None:
        refuse_subclass(cls, "an optimizer", "the compiled kernels could not run it; choose one of fastnn.optimizers")

    def __setattr__(self, name: str, value: object) -> None:
        kind: object = type(self)
        if name not in _settable(kind):
            raise self._unknown(name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what pickle and copy look for
            raise AttributeError(name)
        raise self._unknown(name)

    def _unknown(self, name: str) -> AttributeError:
        return unknown_attribute(self, name, [f.name for f in fields(self)], _REPLACED)

    def __repr__(self) -> str:
        return call_of(self)

    @property
    def kind(self) -> str:
        """The name under which :func:`fastnn.optimizers.get` knows its class."""
        return type(self).__name__.lower()

    @property
    def code(self) -> OptimizerCode:
        return OptimizerCode[self.kind.upper()]

    @property
    def n_slots(self) -> int:
        return N_SLOTS[self.code]

    @property
    def slot_starts(self) -> tuple[float, ...]:
        """What each slot holds before the first update."""
        return (0.0,) * self.n_slots

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
        for name in ("weight_decay", "clipvalue", "clipnorm", "global_clipnorm"):
            if name == "weight_decay" and isinstance(self.weight_decay, Schedule):
                self._check_decay(self.weight_decay)
            elif getattr(self, name) is not None:
                number(name, getattr(self, name), low=0.0, open_low=name != "weight_decay")
        clips = [n for n in ("clipvalue", "clipnorm", "global_clipnorm") if getattr(self, n) is not None]
        if len(clips) > 1:
            raise ValueError(f"give one of clipvalue, clipnorm and global_clipnorm, not {' and '.join(clips)}")
        for name in ("beta_1", "beta_2", "rho", "momentum"):
            if name in vars(self):
                number(name, getattr(self, name), low=0.0, high=1.0, open_high=name != "momentum" or self.kind != "sgd")
        for name in ("amsgrad", "nesterov", "centered"):
            if name in vars(self) and not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if "epsilon" in vars(self):
            number("epsilon", vars(self)["epsilon"], low=0.0, open_low=True)

    def _check_decay(self, schedule: Schedule) -> None:
        if schedule.listens or "custom" in schedule.config():
            raise ValueError(
                f"weight_decay follows the step alone, by a schedule of fastnn.schedules, got {shown(schedule)}"
            )

    @property
    def constant_decay(self) -> float:
        """What the factors of :meth:`decays` multiply: the weight decay, or 1 where it follows a schedule."""
        return 1.0 if isinstance(self.weight_decay, Schedule) else float(self.weight_decay or 0.0)

    def decays(self, first_step: int, n_steps: int) -> np.ndarray | float:
        """Factors of the weight decay of each step from ``first_step`` (from 0); 1 where it is a number."""
        if isinstance(self.weight_decay, Schedule):
            return self.weight_decay.rates(np.arange(first_step, first_step + n_steps))
        return 1.0

    def decay_at(self, step: int) -> float:
        """The factor of the weight decay in one step (from 0), as of :meth:`decays`."""
        return float(np.max(self.decays(step, 1))) if isinstance(self.weight_decay, Schedule) else 1.0

    def hyper(self) -> tuple[float, ...]:
        """The numbers that the plan hands to the backends, as :mod:`fastnn.optimizers.scalars` reads them."""
        return ()

    def scalars(self, step: int, learning_rate: float) -> tuple[float, ...]:
        """``c[1:]`` of the update formula at ``step`` (from 1); see :mod:`fastnn.optimizers.scalars`."""
        return SCALARS[self.code](self.hyper(), int(step), float(learning_rate))

    def all_scalars(self, step: int, learning_rate: float, factor: float = 1.0, of_decay: float = 1.0) -> np.ndarray:
        """``c`` of the update formula, float64, zero-padded to :data:`N_SCALARS`.

        ``factor`` and ``of_decay`` are those of the learning rate and the weight decay of the variables it is for.
        """
        c, rate = np.zeros(N_SCALARS), learning_rate * factor
        c[0] = rate * (self.constant_decay * of_decay)
        rest = self.scalars(step, rate)
        c[1 : 1 + len(rest)] = rest
        return c

    def learning_rates(self, first_step: int, n_steps: int) -> np.ndarray:
        """Learning rate of each step from ``first_step`` (from 0), float64, ``(n_steps,)``.

        Parameters
        ----------
        first_step : updates before, from 0 on.
        n_steps : how many steps.
        """
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate.rates(np.arange(first_step, first_step + n_steps))
        return np.full(n_steps, float(self.learning_rate))

    def config(self) -> Config:
        """What the model file stores: the name of the class and all arguments."""
        stored: dict[str, object] = {"name": self.kind}
        for entry in fields(self):
            value = vars(self)[entry.name]
            if entry.name not in FACTORS:
                stored[entry.name] = value.config() if isinstance(value, Schedule) else value
        return stored | self._factors()

    def get_config(self) -> Config:
        """All arguments by name, as Keras gives them; :meth:`from_config` takes them back."""
        given = {f.name: vars(self)[f.name] for f in fields(self) if f.name not in FACTORS} | self._factors()
        for name in SCHEDULED:
            rate = given[name]
            if isinstance(rate, Schedule):
                given[name] = {"class_name": type(rate).__name__, "config": rate.get_config()}
        return {"name": self.name, **given}

    def _factors(self) -> dict[str, dict[str, float]]:
        """The factors by name that there are; nothing of them where there are none, as in files of before."""
        return {name: dict(vars(self)[name]) for name in FACTORS if vars(self)[name]}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The optimiser with these arguments, also those that Keras' ``get_config`` gave.

        Parameters
        ----------
        config : what :meth:`get_config` gave.
        """
        arguments = dict(config)
        for name in SCHEDULED:
            if isinstance(arguments.get(name), dict):
                arguments[name] = schedule_from_config(arguments[name])
        return cls(**arguments)
