"""Learning-rate schedules: a rate for every step, computed for a whole stretch at once.

Design: backends get an array of rates and know no schedule, so a new one is a class here and
nothing else. Names and arguments are those of Keras where Keras has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fastnn.definitions import integer, lookup, number
from fastnn.elementary import cosine_of_pi, power
from fastnn.reprs import call_of


class Schedule:
    """A learning rate that depends on the step (counted from 0, over all epochs).

    >>> import numpy as np
    >>> from fastnn import schedules
    >>> schedules.Constant(0.01).rates(np.arange(3)).tolist()
    [0.01, 0.01, 0.01]
    """

    def rates(self, steps: np.ndarray) -> np.ndarray:
        """Learning rates, float64, one for each of ``steps`` (int64)."""
        raise NotImplementedError

    def on_epoch_end(self, loss: float) -> None:
        """Told the validation loss (or the training loss without one) after every epoch."""

    @property
    def listens(self) -> bool:
        """Whether :meth:`on_epoch_end` must be called, which ends a stretch at every epoch."""
        return type(self).on_epoch_end is not Schedule.on_epoch_end

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> dict[str, Any]:
        """What the model file stores."""
        stored: dict[str, Any] = {"name": type(self).__name__}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            stored[field.name] = list(value) if isinstance(value, tuple) else value
        return stored


@dataclass(repr=False)
class Constant(Schedule):
    """The same rate at every step."""

    learning_rate: float = 0.001

    def __post_init__(self):
        number("learning_rate", self.learning_rate, low=0.0)

    def rates(self, steps):
        return np.full(len(steps), float(self.learning_rate))


@dataclass(repr=False)
class ExponentialDecay(Schedule):
    """``initial * decay_rate ** (step / decay_steps)``, in whole powers when ``staircase``.

    >>> import numpy as np
    >>> from fastnn.schedules import ExponentialDecay
    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5).rates(np.array([0, 10, 20])).round(4).tolist()
    [0.1, 0.05, 0.025]
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self):
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        integer("decay_steps", self.decay_steps, low=1)
        number("decay_rate", self.decay_rate, low=0.0, open_low=True)

    def rates(self, steps):
        exponent = steps / self.decay_steps
        return self.initial_learning_rate * power(self.decay_rate, np.floor(exponent) if self.staircase else exponent)


class StepDecay(ExponentialDecay):
    """Times ``decay_rate`` after every ``decay_steps`` steps.

    >>> import numpy as np
    >>> from fastnn.schedules import StepDecay
    >>> StepDecay(0.1, decay_steps=10).rates(np.array([0, 9, 10, 25])).round(4).tolist()
    [0.1, 0.1, 0.01, 0.001]
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float = 0.1):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase=True)

    def config(self):
        return {k: v for k, v in super().config().items() if k != "staircase"}


@dataclass(repr=False)
class PiecewiseConstantDecay(Schedule):
    """``values[i]`` up to and with step ``boundaries[i]``, the last value after all boundaries.

    >>> import numpy as np
    >>> from fastnn.schedules import PiecewiseConstantDecay
    >>> PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]).rates(np.array([10, 11, 21])).tolist()
    [1.0, 0.5, 0.1]
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self):
        self.boundaries, self.values = tuple(self.boundaries), tuple(self.values)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must be one more than boundaries, got {len(self.values)} and {len(self.boundaries)}"
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must rise, got {self.boundaries}")
        for value in self.values:
            number("values", value, low=0.0)

    def rates(self, steps):
        return np.asarray(self.values, np.float64)[np.searchsorted(self.boundaries, steps, side="left")]


@dataclass(repr=False)
class CosineDecay(Schedule):
    """Half a cosine down to ``alpha`` times the peak (Loshchilov and Hutter 2017), after a warm-up.

    Without ``warmup_target`` the peak is ``initial_learning_rate``; with it, the rate first rises in
    a line from ``initial_learning_rate`` to ``warmup_target`` over ``warmup_steps``.

    >>> import numpy as np
    >>> from fastnn.schedules import CosineDecay
    >>> CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10).rates(np.array([0, 5, 10, 60, 110])).round(4).tolist()
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self):
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        integer("decay_steps", self.decay_steps, low=1)
        integer("warmup_steps", self.warmup_steps, low=0)
        number("alpha", self.alpha, low=0.0)
        if self.warmup_target is not None:
            number("warmup_target", self.warmup_target, low=0.0)

    def rates(self, steps):
        warm = 0 if self.warmup_target is None else self.warmup_steps
        peak = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        share = np.clip((steps - warm) / self.decay_steps, 0, 1)
        down = peak * ((1 - self.alpha) * 0.5 * (1 + cosine_of_pi(share)) + self.alpha)
        up = self.initial_learning_rate + (peak - self.initial_learning_rate) * steps / max(warm, 1)
        return np.where(steps < warm, up, down)


@dataclass(repr=False)
class Plateau(Schedule):
    """Times ``factor`` when the loss has not improved by ``min_delta`` for ``patience`` epochs.

    >>> import numpy as np
    >>> from fastnn import Sequential, optimizers, schedules
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile(optimizers.SGD(schedules.Plateau(0.01, factor=0.5, patience=2, min_delta=10.0)), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=5)
    >>> model.optimizer.learning_rate.learning_rate
    0.0025
    """

    learning_rate: float = 0.001
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    min_lr: float = 0.0

    def __post_init__(self):
        number("learning_rate", self.learning_rate, low=0.0)
        number("factor", self.factor, low=0.0, high=1.0, open_high=True)
        integer("patience", self.patience, low=1)
        self._best, self._waited = float("inf"), 0

    def rates(self, steps):
        return np.full(len(steps), float(self.learning_rate))

    def on_epoch_end(self, loss):
        if loss < self._best - self.min_delta:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.learning_rate, self._waited = max(self.learning_rate * self.factor, self.min_lr), 0


SCHEDULES = {
    c.__name__: c for c in (Constant, ExponentialDecay, StepDecay, PiecewiseConstantDecay, CosineDecay, Plateau)
}


def schedule_from_config(stored: dict[str, Any]) -> Schedule:
    """The schedule that :meth:`Schedule.config` described."""
    arguments = {k: v for k, v in stored.items() if k != "name"}
    return lookup("schedule", stored["name"], SCHEDULES)(**arguments)
