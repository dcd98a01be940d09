"""Rates that follow a cosine."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer, number
from fastnn._base.portable_math import cosine_of_pi, logarithm, power
from fastnn.schedules.base import Schedule

if TYPE_CHECKING:
    from fastnn._base.types import Numbers


@dataclass(repr=False)
class CosineDecay(Schedule):
    """Half a cosine down to ``alpha`` times the peak (Loshchilov and Hutter 2017), after a warm-up.

    Without ``warmup_target`` the peak is ``initial_learning_rate``; with it, the rate first rises in
    a line from ``initial_learning_rate`` to ``warmup_target`` over ``warmup_steps``. Then the rate is ``peak * (alpha +
    (1 - alpha) * (1 + cos(pi * s)) / 2)`` with ``s = min((step - warmup_steps) / decay_steps, 1)``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    alpha : the share of the rate that is left at the end, from 0 on.
    name : a text or None, for Keras' sake; nothing depends on it.
    warmup_target : the rate that is reached before it falls; None for no such rise.
    warmup_steps : updates (batches) of that rise, from 0 on.

    >>> import numpy as np
    >>> from fastnn.schedules import CosineDecay
    >>> CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10).rates(np.array([0, 5, 10, 60, 110])).round(4).tolist()
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: InitVar[str | None] = None
    warmup_target: float | None = None
    warmup_steps: float = 0

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)
        number("warmup_steps", self.warmup_steps, low=0.0)
        number("alpha", self.alpha, low=0.0)
        if self.warmup_target is not None:
            number("warmup_target", self.warmup_target, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        warm = 0 if self.warmup_target is None else self.warmup_steps
        peak = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        share = np.clip((steps - warm) / self.decay_steps, 0, 1)
        down = peak * ((1 - self.alpha) * 0.5 * (1 + cosine_of_pi(share)) + self.alpha)
        up = self.initial_learning_rate + (peak - self.initial_learning_rate) * steps / max(warm, 1)
        return np.where(steps < warm, up, down)


@dataclass(repr=False)
class CosineDecayRestarts(Schedule):
    """Half a cosine again and again (Loshchilov and Hutter 2017): each ``t_mul`` times as long as the one before.

    Each begins at ``m_mul`` times the rate that the one before began at; ``alpha`` times the first rate is the least.
    In the cycle ``i`` from 0 on, at the share ``s`` of its steps, the rate is ``initial * (alpha + (1 - alpha) *
    m_mul**i * (1 + cos(pi * s)) / 2)``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    first_decay_steps : updates (batches) of the first cycle, a number above 0.
    t_mul : each cycle is so many times as long as the one before.
    m_mul : each cycle begins with so many times the rate of the one before.
    alpha : the share of the rate that is left at the end, from 0 on.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import CosineDecayRestarts
    >>> CosineDecayRestarts(0.1, 10, m_mul=0.5).rates(np.array([0, 5, 10, 20, 30])).round(4).tolist()
    [0.1, 0.05, 0.05, 0.025, 0.025]
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("first_decay_steps", self.first_decay_steps, low=0.0, open_low=True)
        number("t_mul", self.t_mul, low=1.0)
        number("m_mul", self.m_mul, low=0.0, open_low=True)
        number("alpha", self.alpha, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        restart, share = self._place(steps / self.first_decay_steps)
        cosine = 0.5 * power(self.m_mul, restart) * (1 + cosine_of_pi(share))
        found: np.ndarray = self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)
        return found

    def _place(self, passed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many restarts came before, and the share of the stretch at hand; ``passed`` counts first stretches."""
        if self.t_mul == 1:
            return np.floor(passed), passed - np.floor(passed)

        def begin(restart: np.ndarray) -> Numbers:
            return (power(self.t_mul, restart) - 1) / (self.t_mul - 1)

        restart = np.floor(logarithm(1 + passed * (self.t_mul - 1)) / logarithm(np.float64(self.t_mul)))
        restart = np.where(begin(restart + 1) <= passed, restart + 1, restart)  # a logarithm rounds
        restart = np.where(begin(restart) > passed, restart - 1, restart)
        return restart, (passed - begin(restart)) / power(self.t_mul, restart)


@dataclass(repr=False)
class CosineLog(Schedule):
    """``cycles`` whole cosines from 0 to the rate and back, each about twice as long as the one before.

    ``learning_rate * (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2``, where ``t`` is the share of ``decay_steps``
    that is done; 0 behind them. With four cycles it is what RealMLP trains tables with (Holzmueller, Grinsztajn and
    Steinwart 2024, "coslog4"). The first update has the rate 0.

    Parameters
    ----------
    learning_rate : the rate, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    cycles : how many cycles there are.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import CosineLog
    >>> CosineLog(0.1, 150).rates(np.array([0, 10, 30, 70, 102, 150])).round(3).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.1, 0.0]
    """

    learning_rate: float
    decay_steps: float
    cycles: int = 4
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("learning_rate", self.learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)
        integer("cycles", self.cycles, low=1, high=32)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        share = np.clip(steps / self.decay_steps, 0, 1)
        passed = logarithm(1 + (2.0**self.cycles - 1) * share) / logarithm(np.float64(2))
        place = passed - np.floor(passed)
        return self.learning_rate * 0.5 * (1 - cosine_of_pi(2 * np.minimum(place, 1 - place)))


@dataclass(repr=False)
class FlatCosine(Schedule):
    """The first rate for half of ``decay_steps``, then half a cosine down to 0 (Holzmueller et al. 2024, "flat_cos").

    At the share ``s = step / decay_steps`` it is ``initial * (1 + cos(pi * max(2 * s - 1, 0))) / 2``.

    Parameters
    ----------
    initial_learning_rate : the rate at step 0, from 0 on.
    decay_steps : updates (batches) in which it falls, a number above 0.
    name : a text or None, for Keras' sake; nothing depends on it.

    >>> import numpy as np
    >>> from fastnn.schedules import FlatCosine
    >>> FlatCosine(0.1, 100).rates(np.array([0, 50, 75, 100, 120])).round(4).tolist()
    [0.1, 0.1, 0.05, 0.0, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    name: InitVar[str | None] = None

    def check(self) -> None:
        number("initial_learning_rate", self.initial_learning_rate, low=0.0)
        number("decay_steps", self.decay_steps, low=0.0, open_low=True)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        share = np.clip(2 * (steps / self.decay_steps) - 1, 0, 1)
        return self.initial_learning_rate * 0.5 * (1 + cosine_of_pi(share))
