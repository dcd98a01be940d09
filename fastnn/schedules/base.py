"""What all schedules are: a learning rate for every step, computed for a whole stretch at once.

Design: backends get an array of rates and know no schedule, so a new one is a class here and
nothing else. Names and arguments are those of Keras where Keras has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastnn._base.arguments import check_name, number, unknown_attribute
from fastnn._base.reprs import call_of

if TYPE_CHECKING:
    from fastnn._base.types import Config


class Schedule:
    """A learning rate that depends on the step (counted from 0, over all epochs); Keras' LearningRateSchedule.

    One of your own is a subclass that defines ``__call__(step)`` for one step, as in Keras, or ``rates(steps)`` for
    many at once.

    >>> import numpy as np
    >>> from fastnn import schedules
    >>> schedules.Constant(0.01).rates(np.arange(3)).tolist()
    [0.01, 0.01, 0.01]
    >>> class Noam(schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return min((step + 1) ** -0.5, (step + 1) * 1000**-1.5)
    >>> Noam().rates(np.arange(998, 1001)).round(6).tolist()
    [0.031591, 0.031623, 0.031607]
    """

    def __post_init__(self, name: str | None = None) -> None:
        check_name(name)
        self.name = name or type(self).__name__
        self.check()

    def __setattr__(self, name: str, value: object) -> None:
        own: object = self  # of which some are dataclasses
        if is_dataclass(own) and name[0] != "_" and name != "name" and not hasattr(self, name):
            known = [f.name for f in fields(own)]
            if name not in known:
                raise unknown_attribute(self, name, known)
        super().__setattr__(name, value)

    def check(self) -> None:
        """Raise ``ValueError``/``TypeError`` that names the argument which is wrong."""

    def __call__(self, step: Any) -> float | Any:
        """The rate at a step, or an array of rates at an array of steps."""
        rates = self.rates(np.atleast_1d(np.asarray(step)))
        return rates if np.ndim(step) else float(rates[0])

    def rates(self, steps: np.ndarray) -> np.ndarray:
        """Learning rates, float64, one for each of ``steps`` (int64)."""
        if type(self).__call__ is Schedule.__call__:
            raise NotImplementedError(f"{type(self).__name__} must define __call__(step) or rates(steps)")
        what = f"the rate of {type(self).__name__}"
        return np.array([number(what, self(int(step)), low=0.0) for step in steps], np.float64)

    def get_state(self) -> object:
        """What a checkpoint keeps beside the arguments; of a schedule of your own that remembers something, that."""
        return None

    def set_state(self, state: Any) -> None:
        """Go on with what :meth:`get_state` gave.

        Parameters
        ----------
        state : what :meth:`get_state` gave.
        """

    def on_epoch_end(self, loss: float) -> None:
        """Told the validation loss (or the training loss without one) after every epoch.

        Parameters
        ----------
        loss : the number.
        """

    @property
    def listens(self) -> bool:
        """Whether :meth:`on_epoch_end` must be called, which ends a stretch at every epoch."""
        return type(self).on_epoch_end is not Schedule.on_epoch_end

    def assign(self, value: object) -> None:
        """Refuse ``value``, as Keras does: a schedule is replaced, not assigned."""
        raise TypeError(f"the rate follows {self!r}; replace it: optimizer.learning_rate = {value!r}")

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> Config:
        """What the model file stores: the name of the class and its arguments; of one of your own the name alone."""
        if type(self).__module__.partition(".")[0] != "fastnn":
            return {"custom": type(self).__name__}
        return {"name": type(self).__name__, **self._arguments()}

    def get_config(self) -> Config:
        """All arguments by name, as Keras gives them."""
        return {**self._arguments(), "name": self.name}

    def _arguments(self) -> dict[str, object]:
        given = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # dataclasses
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The schedule with these arguments.

        Parameters
        ----------
        config : what :meth:`get_config` gave.
        """
        return cls(**config)


@dataclass(repr=False)
class Constant(Schedule):
    """The same rate at every step: ``rate = learning_rate``.

    Parameters
    ----------
    learning_rate : the rate, from 0 on.
    """

    learning_rate: float = 0.001

    def check(self) -> None:
        number("learning_rate", self.learning_rate, low=0.0)

    def rates(self, steps: np.ndarray) -> np.ndarray:
        return np.full(len(steps), float(self.learning_rate))


LearningRateSchedule = Schedule  # Keras' name
