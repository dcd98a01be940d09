"""Rates that fall by a formula or a table."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

import numpy as np

from fastnn._base.arguments import number
from fastnn._base.portable_math import power
from fastnn.schedules.base import Schedule


@dataclass(repr=False)
class ExponentialDecay(Schedule):
    """``initial * decay_rate ** (step / decay_steps)``, in whole powers when ``staircase``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    decay_rate : what it falls by in ``decay_steps`` updates, from 0 on.
    staircase : whether it falls in steps of ``decay_steps``, else at every update.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import ExponentialDecay
    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5).rates(np.array([0, 10, 20])).round(4).tolist()
    [0.1, 0.05, 0.025]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)
        number("decay_rate", self.decay_rate, low=0.0, open_low=True)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        exponent = steps / self.decay_steps
        return self.initial_learning_rate * power(self.decay_rate, np.floor(exponent) if self.staircase else exponent)


class StepDecay(ExponentialDecay):
    """Times ``decay_rate`` after every ``decay_steps`` steps: ``initial * decay_rate ** (step // decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    decay_rate : what it falls by in ``decay_steps`` updates, from 0 on.

    >>> import numpy as np
    >>> from fastnn.schedules import StepDecay
    >>> StepDecay(0.1, decay_steps=10).rates(np.array([0, 9, 10, 25])).round(4).tolist()
    [0.1, 0.1, 0.01, 0.001]
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float = 0.1):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase=True)

    def _arguments(self) -> dict[str, object]:
        return {k: v for k, v in super()._arguments().items() if k != "staircase"}


@dataclass(repr=False)
class PiecewiseConstantDecay(Schedule):
    """``values[i]`` where ``boundaries[i - 1] < step <= boundaries[i]``, the last value after all boundaries.

    Parameters
    ----------
    boundaries : rising numbers of updates (batches), behind which the rate changes.
    values : the rates, one more than boundaries.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import PiecewiseConstantDecay
    >>> PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]).rates(np.array([10, 11, 21])).tolist()
    [1.0, 0.5, 0.1]
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]
    name: InitVar[str | None] = None

    def check(self) -> None:
        self.boundaries, self.values = tuple(self.boundaries), tuple(self.values)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than boundaries, got {len(self.values)} and {len(self.boundaries)}"
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must rise, got {self.boundaries}")
        for boundary in self.boundaries:
            number("boundaries", boundary)
        for value in self.values:
            number("values", value, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        return np.asarray(self.values, np.float64)[np.searchsorted(self.boundaries, steps, side="left")]


@dataclass(repr=False)
class PolynomialDecay(Schedule):
    """From the first rate to ``end_learning_rate`` as ``(1 - step / decay_steps) ** power``.

    With ``cycle`` the decay is stretched to the next multiple of ``decay_steps`` once its end is reached.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    end_learning_rate : the rate at the end.
    power : of the polynomial; 1 is a straight line.
    cycle : whether it begins anew beyond ``decay_steps``.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import PolynomialDecay
    >>> PolynomialDecay(0.1, 10, 0.0, power=2.0).rates(np.array([0, 5, 10, 20])).round(4).tolist()
    [0.1, 0.025, 0.0, 0.0]
    >>> PolynomialDecay(0.1, 10, 0.0, cycle=True).rates(np.array([10, 15, 20])).round(4).tolist()
    [0.0, 0.025, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)
        number("end_learning_rate", self.end_learning_rate, low=0.0)
        number("power", self.power, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        span = self.decay_steps * (np.maximum(np.ceil(steps / self.decay_steps), 1) if self.cycle else 1)
        left = power(1 - np.minimum(steps, span) / span, self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


@dataclass(repr=False)
class InverseTimeDecay(Schedule):
    """``initial / (1 + decay_rate * step / decay_steps)``, the quotient whole when ``staircase``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    decay_rate : what it falls by in ``decay_steps`` updates, from 0 on.
    staircase : whether it falls in steps of ``decay_steps``, else at every update.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import InverseTimeDecay
    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0).rates(np.array([0, 10, 30])).round(4).tolist()
    [0.1, 0.05, 0.025]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)
        number("decay_rate", self.decay_rate, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        passed = steps / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (np.floor(passed) if self.staircase else passed))
