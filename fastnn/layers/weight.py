"""What stands for a weight of a user's layer until there are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from fastnn.layers.parameter import Parameter, Shape


class Weight:
    """What :meth:`Layer.add_weight` gives: in ``call`` and ``backward`` the array stands in its place.

    Attributes
    ----------
    name, shape : of the weight.
    """

    def __init__(self, parameter: Parameter, in_build: bool):
        self.parameter, self.in_build = parameter, in_build

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def shape(self) -> Shape:
        return self.parameter.shape

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{self!r} has no numbers yet; it is an array in call and backward, and once a model is built")

    def __repr__(self) -> str:
        return f"<weight {self.name!r} {self.shape}>"


def replaced(value: object, arrays: Mapping[Weight, np.ndarray]) -> object:
    """A value with arrays in place of weights; the very value where there are none."""
    if isinstance(value, Weight):
        return arrays.get(value, value)
    if not isinstance(value, dict | list | tuple):
        return value
    parts = list(value.values()) if isinstance(value, dict) else value
    if not any(isinstance(part, Weight) for part in parts):
        return value
    found = [replaced(part, arrays) for part in parts]
    return dict(zip(value, found, strict=True)) if isinstance(value, dict) else type(value)(found)
