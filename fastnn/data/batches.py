"""Batches that an iterable gives, as the groups of a stream: read from the first on, and counted where need be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn.data.sources import Arrays, check_numbers


class Batches:
    """An iterable of ``x``, ``(x, y)`` or ``(x, y, sample_weight)``, arrays of whatever number of rows.

    Parameters
    ----------
    given : the iterable; or a function without arguments that gives a new one.
    dtype : of inputs, weights and targets with fractions.

    What has an index (``__getitem__`` and ``__len__``) is asked for the batches that are wanted; all else is gone
    through from its first batch on. An iterator can be read once.
    """

    def __init__(self, given: Any, dtype: np.dtype):
        self.given, self.dtype = given, dtype
        self.name = f"the {type(given).__name__}"
        makes = callable(given) and not hasattr(given, "__iter__") and not hasattr(given, "__getitem__")
        self.make: Callable[[], Any] = given if makes else lambda: given
        self.has_index = hasattr(given, "__getitem__") and hasattr(given, "__len__")
        self.is_once = hasattr(given, "__next__")
        if not (makes or self.has_index or hasattr(given, "__iter__")):
            raise TypeError(
                f"a stream reads files, folders, patterns, a pyarrow dataset, or an iterable of batches; got "
                f"{shown(given)}, a {type(given).__name__}"
            )
        self.begun = False

    def one_pass(self) -> Iterator[Arrays]:
        """All batches, from the first on."""
        if self.begun and self.is_once:
            raise ValueError(self.once)
        self.begun = True
        batches = (self.given[i] for i in range(len(self.given))) if self.has_index else iter(self.make())
        for number, batch in enumerate(batches):
            yield self.arrays(batch, number)

    def one(self, number: int) -> Arrays:
        """A batch of what has an index."""
        return self.arrays(self.given[number], number)

    @property
    def once(self) -> str:
        """The error of reading an iterator twice."""
        return (
            f"{self.name} can be read once, and more than one pass is wanted; give what begins anew: a list, an object "
            f"with __iter__, or the function that makes the generator"
        )

    def where(self, number: int) -> str:
        """What errors call a batch."""
        return f"batch {number + 1} of {self.name}"

    def arrays(self, batch: object, number: int) -> Arrays:
        """A batch as arrays; ``ValueError`` or ``TypeError`` that says which one it is."""
        where = self.where(number)
        parts = batch if isinstance(batch, tuple) else (batch,)
        if not 1 <= len(parts) <= 3:
            raise TypeError(f"{where}: a batch is x, (x, y) or (x, y, sample_weight), got a tuple of {len(parts)}")
        xs = parts[0] if isinstance(parts[0], list) and np.ndim(parts[0][0] if parts[0] else 0) else [parts[0]]
        x = tuple(self._array(where, "x", one, is_target=False) for one in xs)
        y, weight = (self._array(where, "y", one, True) for one in (*parts[1:], None, None)[:2])
        made = Arrays(x, y, weight)
        lengths = {len(array) for array in made.all}
        if len(lengths) > 1:
            raise ValueError(f"{where} has arrays of different numbers of rows: {sorted(lengths)}")
        return made

    def _array(self, where: str, what: str, came: object, is_target: bool) -> Any:
        if came is None:
            return None
        try:
            array = np.asarray(came)
        except Exception as error:
            raise TypeError(f"{where}: {what} makes no array: {error}") from None
        if array.dtype.kind not in "fiub" or not array.ndim:
            raise TypeError(
                f"{where}: {what} has dtype {array.dtype} and shape {array.shape}; rows of numbers are wanted"
            )
        array = array.astype(np.int64 if is_target and array.dtype.kind in "iub" else self.dtype)
        check_numbers(where, what, array)
        return array
