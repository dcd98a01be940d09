"""How many rows a batch has, how long epochs and their validations are, and what is shown of them.

Design: apart from :mod:`fastnn._engine.prepare`, which models import when they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastnn._base.arguments import integer, shown

BATCH_SIZE = 32  # where none is given, as in Keras


@dataclass(frozen=True)
class Pace:
    """How long epochs and their validations are; made by :func:`check_pace`.

    Attributes
    ----------
    steps_per_epoch, validation_steps : batches; None for all there are.
    validation_batch_size : None for that of training.
    validation_freq : every so many epochs, or a list of epochs from 1.
    """

    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: int | tuple[int, ...] = 1

    def validates(self, epoch: int) -> bool:
        """Whether an epoch, from 1, is followed by a validation."""
        freq = self.validation_freq
        return epoch % freq == 0 if isinstance(freq, int) else epoch in freq


ALL = Pace()  # as long as the data are


def check_pace(
    steps_per_epoch: object = None,
    validation_steps: object = None,
    validation_batch_size: object = None,
    validation_freq: object = 1,
) -> Pace:
    """As ``fit`` takes them; ``ValueError`` or ``TypeError`` for the first that is wrong."""
    if isinstance(validation_freq, list | tuple):
        freq: Any = tuple(integer("an epoch of validation_freq", one, low=1) for one in validation_freq)
    elif isinstance(validation_freq, bool) or not hasattr(validation_freq, "__index__"):
        raise TypeError(
            f"validation_freq must be a whole number, or a list of epochs from 1, got {shown(validation_freq)}"
        )
    else:
        freq = integer("validation_freq", validation_freq, low=1)
    return Pace(
        checked_steps("steps_per_epoch", steps_per_epoch),
        checked_steps("validation_steps", validation_steps),
        checked_steps("validation_batch_size", validation_batch_size),
        freq,
    )


def checked_steps(name: str, came: object) -> int | None:
    """A number of batches or rows, or None."""
    return None if came is None else integer(name, came, low=1)


def check_verbose(came: object) -> None:
    """``ValueError`` for what is no ``verbose``."""
    if came not in ("auto", 0, 1, 2):
        raise ValueError(f'verbose must be "auto", 0, 1 or 2, got {came!r}')
