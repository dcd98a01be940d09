"""Types that stand in many signatures; they are for readers and type checkers, and nothing runs but :func:`default`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Literal, SupportsFloat, TypeVar

import numpy as np

Numbers = Any
"""What a formula works on: an array in NumPy, and a single number where Numba compiles the same text."""

DataLike = Any
"""Rows as a user has them: arrays, lists, data frames, sparse matrices, a list or dict of several, batches, None."""

Outputs = Any
"""What a network gives: an array, or of several outputs a list or a dict of arrays. Which, no type checker can know."""

Scores = Any
"""The loss, or a list of it and the metrics where there are some. Which, no type checker can know."""

ClassWeights = Mapping[Any, SupportsFloat] | None
"""Weights by the class's index, any kind of whole number."""

AnyLayer = Any
"""A layer or a model of a kind, and so with attributes, that the user knows and no type checker can."""

Stored = Any
"""What a file or a configuration says, before it is checked: who reads it hears of what is not as it should be."""

Config = dict[str, Any]
"""What an object is made of again, under the names of its arguments; own classes have what arguments they like."""

Policy = Literal["float32", "float64", "mixed_bfloat16"]
"""What the policy of a model may be."""

DtypeLike = Policy | type[np.float32] | type[np.float64] | np.dtype[Any]
"""What the dtype of a model may be."""

StrPath = str | PathLike[str]
"""A name of a file or folder."""

Verbose = int | Literal["auto"]
"""How much a call prints: 0, 1, 2 or ``"auto"``."""

Precision = Literal["float32", "bfloat16", "int8"]
"""As what a predictor multiplies."""

Given = TypeVar("Given")
Settled = TypeVar("Settled")


class Argument(Generic[Given, Settled]):
    """An argument of a record: what may be given, and what the attribute is then."""

    if TYPE_CHECKING:

        def __get__(self, record: object, kind: object = None) -> Settled: ...

        def __set__(self, record: object, given: Given) -> None: ...


def default(value: object) -> Any:  # which a descriptor takes, of any type
    """The value that an argument has where none is given."""
    return value
