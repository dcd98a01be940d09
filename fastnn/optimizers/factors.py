"""Factors of the learning rate and of the weight decay for single layers or variables, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from fastnn._base.arguments import nearest, number, shown
from fastnn._base.reprs import names_in_words

if TYPE_CHECKING:
    from fastnn.optimizers.base import Optimizer

MOST_GROUPS = 256  # pairs of factors that differ; each has scalars of its own in every update


class Factors(dict[str, float]):
    """Factors by name, which stay as they are: models may have optimisers that were copied from one."""

    def _fixed(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("factors are set as a whole: optimizer.learning_rate_factors = {...}")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _fixed

    def __reduce__(self) -> tuple[type, tuple[dict[str, float]]]:
        return type(self), (dict(self),)


class ByName:
    """A field of an optimiser that takes factors by name, or None; what was set is checked and copied."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Optimizer | None, kind: type) -> Factors | None:
        return None if optimizer is None else vars(optimizer)[self.name]

    def __set__(self, optimizer: Optimizer, came: object) -> None:
        vars(optimizer)[self.name] = None if came is None else self._checked(came)

    def _checked(self, came: object) -> Factors | None:
        if not isinstance(came, Mapping):
            raise TypeError(
                f'{self.name} must be a dict of numbers by names of layers or variables, as {{"dense": 0.1, '
                f'"dense_1/bias": 2.0}}, got {shown(came)}'
            )
        for name in came:
            if not (isinstance(name, str) and name):
                raise TypeError(f"{self.name} has names of layers or variables as keys, got {shown(name)}")
        told = {name: number(f"{self.name}[{name!r}]", factor, low=0.0) for name, factor in came.items()}
        return Factors(told) or None


def factors_of(argument: str, told: Mapping[str, float] | None, paths: Sequence[str]) -> list[float]:
    """The factor of each variable: that of the longest name which is its path, or begins it up to a ``/``; else 1.

    Raises
    ------
    ValueError
        a name is that of no variable, and of no layer or model that has some.
    """
    for name in told or ():
        if not any(_covers(name, path) for path in paths):
            raise _unknown(argument, name, paths)
    return [_factor(told or {}, path) for path in paths]


def _covers(name: str, path: str) -> bool:
    return path == name or path.startswith(f"{name}/")


def _factor(told: Mapping[str, float], path: str) -> float:
    found = max((name for name in told if _covers(name, path)), key=len, default=None)
    return 1.0 if found is None else float(told[found])


def _unknown(argument: str, name: str, paths: Iterable[str]) -> ValueError:
    layers = list(dict.fromkeys(path.rpartition("/")[0] for path in paths))
    known = [*layers, *paths]
    return ValueError(
        f"{argument} names {shown(name)}, which is no variable, and no layer that has some{nearest(name, known)}; "
        f"layers with variables are {names_in_words(layers)}"
    )
