"""When a fit writes checkpoints: every so many epochs, updates, or seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fastnn._base.arguments import integer, shown

WORDS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*")
SECONDS = {"second": 1, "minute": 60, "hour": 3600}
WANTED = 'a number of updates, or a text such as "1 epoch", "100 updates", "30 seconds", "5 minutes" or "2 hours"'


@dataclass(frozen=True)
class Every:
    """How often: so many epochs or updates, or so many seconds; the others are 0."""

    epochs: int = 0
    updates: int = 0
    seconds: float = 0.0


def check_every(argument: str, came: object) -> Every:
    """What a user gave; ``ValueError`` or ``TypeError`` that names the argument.

    >>> check_every("checkpoint_every", "5 minutes")
    Every(epochs=0, updates=0, seconds=300.0)
    """
    if not isinstance(came, str):
        return Every(updates=integer(argument, came, low=1))
    every = _in_words(came)
    if every is None:
        raise ValueError(f"{argument} must be {WANTED}, got {shown(came)}")
    return every


@lru_cache(maxsize=16)
def _in_words(came: str) -> Every | None:
    """What a text means; kept, for every fit asks, those of a single batch too."""
    found = WORDS.fullmatch(came.lower())
    amount, unit = (float(found[1]), found[2]) if found else (0.0, "")
    if amount > 0 and unit in SECONDS:
        return Every(seconds=amount * SECONDS[unit])
    if amount > 0 and amount == int(amount) and unit in ("epoch", "update"):
        return Every(**{f"{unit}s": int(amount)})
    return None


class Saving:
    """Writes the checkpoints of one fit.

    Parameters
    ----------
    every : how often.
    write : told where the fit stands (:func:`fastnn._engine.bookmark.mark`), writes it down.
    """

    def __init__(self, every: Every, write: Callable[[dict[str, object]], None]):
        self.every, self.write = every, write
        self.epoch = self.step = 0
        self.clock: Callable[[], float] = time.monotonic
        self.time = 0.0

    @property
    def at_epochs(self) -> bool:
        """Whether a call of the backend must end with the epoch."""
        return bool(self.every.epochs)

    def begin(self, run: np.ndarray) -> None:
        """A fit stands here, where nothing is to be written."""
        self.epoch, self.step, self.time = int(run["epoch"]), int(run["step"]), self.clock()

    def bound(self, run: np.ndarray) -> None:
        """Have the next call of the backend end where a checkpoint is due."""
        if self.every.updates:
            left = self.step + self.every.updates - int(run["step"])
            run["max_steps"] = min(int(run["max_steps"]), max(1, left))

    def is_due(self, run: np.ndarray) -> bool:
        """Whether a checkpoint is to be written now, between two updates."""
        if self.every.epochs:
            return int(run["batch"]) == 0 and int(run["epoch"]) - self.epoch >= self.every.epochs
        if self.every.updates:
            return int(run["step"]) - self.step >= self.every.updates
        return self.clock() - self.time >= self.every.seconds

    def save(self, marked: dict[str, object], run: np.ndarray) -> None:
        """Write where the fit stands."""
        self.write(marked)
        self.begin(run)
