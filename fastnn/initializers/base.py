"""What all initialisers are, and those that draw nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fastnn._base.arguments import fixed, integer, number, refuse_subclass
from fastnn._base.listing import Listed
from fastnn._base.reprs import call_of

if TYPE_CHECKING:
    from fastnn._base.types import Config


class Initializer(Listed):
    """Base of all initialisers; an object is called with a shape, and with the seed and the stream of its parameter.

    Random ones take ``seed``, a whole number that replaces the model's; None leaves the draw to the model.
    """

    _INNER = "stored_name"

    stored_name: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        refuse_subclass(cls, "an initializer", "draw the weights yourself and hand them to model.set_weights")

    def __call__(self, shape: tuple[int, ...], seed: int = 0, stream: int = 0) -> np.ndarray:
        """Float64 array of ``shape``; ``stream`` is the number of the parameter in its model."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return call_of(self)

    def config(self) -> Config:
        """What the model file stores."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]  # dataclasses
        if given.get("seed", 0) is None:
            del given["seed"]
        return {"name": self.stored_name, **given}


@fixed
@dataclass(frozen=True, repr=False)
class Constant(Initializer):
    """The same value everywhere: ``w = value``.

    Parameters
    ----------
    value : the number, finite.
    """

    stored_name = "constant"

    value: float = 0.0

    def __post_init__(self) -> None:
        number("value", self.value)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        return np.full(shape, float(self.value))


@fixed
@dataclass(frozen=True, repr=False)
class Zeros(Initializer):
    """All numbers are 0: ``w = 0``."""

    stored_name = "zeros"

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        return np.zeros(shape)


@fixed
@dataclass(frozen=True, repr=False)
class Ones(Initializer):
    """All numbers are 1: ``w = 1``."""

    stored_name = "ones"

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        return np.ones(shape)


@fixed
@dataclass(frozen=True, repr=False)
class Identity(Initializer):
    """``gain`` times the identity, for parameters of rank 2.

    Parameters
    ----------
    gain : what stands on the diagonal.
    """

    stored_name = "identity"

    gain: float = 1.0

    def __post_init__(self) -> None:
        number("gain", self.gain)

    def __call__(self, shape: Sequence[int], seed: int = 0, stream: int = 0) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(f"identity needs a parameter of rank 2, got shape {shape}")
        rows, columns = shape
        return self.gain * np.eye(rows, columns)


def check_seed(seed: int | None) -> None:
    """Refuse what is no seed."""
    if seed is not None:
        integer("seed", seed, low=0)
