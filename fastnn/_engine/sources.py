"""Where batches come from: an iterable that a user hands in, what is known of its length, and how it begins anew.

Three kinds. What has an index (``__getitem__`` with ``__len__`` or ``num_batches``, as Keras' ``PyDataset``) is asked
batch by batch, in an order of ours when it is shuffled. What gives a new iterator each time (a ``DataLoader``, a list
of batches) begins anew. An iterator, such as a generator, goes on where it is and ends once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np

from fastnn._base.portions import GivesPortions
from fastnn._base.random import fill_order
from fastnn._base.sparse import SparseRows
from fastnn._base.types import DataLike

DATA = ("__array__", "__array_interface__", "__dlpack__", "__arrow_c_stream__", "__dataframe__", "tocsr")


def gives_batches(x: object) -> bool:
    """Whether ``x`` can be nothing but an iterable of batches: it is no array, and NumPy could make none of it."""
    if _is_data(x):
        return False
    return hasattr(x, "__next__") or _has_epochs(x) or (hasattr(x, "__iter__") and not hasattr(x, "__getitem__"))


def may_give_batches(x: object) -> bool:
    """Whether ``x``, given without targets, is an iterable of batches that have them."""
    if isinstance(x, Sequence) and not isinstance(x, str | bytes):
        return len(x) > 0 and all(map(_is_batch, x))
    return gives_batches(x) or (not _is_data(x) and hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def _is_batch(x: object) -> bool:
    """Whether it is a tuple or list of inputs and targets, and not a row of numbers, or a list of such rows."""
    numbers = int | float | str | np.generic
    first = x[0] if isinstance(x, list | tuple) and 2 <= len(x) <= 3 else 0.0
    return not isinstance(first, numbers) and not (isinstance(x, list) and isinstance(first, list))


def _is_data(x: object) -> bool:
    known = isinstance(x, np.ndarray | Sequence | Mapping | Set | SparseRows)
    return (known and not _has_epochs(x)) or any(hasattr(x, name) for name in DATA)


def _has_epochs(x: object) -> bool:
    """Whether it is told of epochs, or counts its batches, as a ``PyDataset``."""
    return hasattr(x, "__getitem__") and (hasattr(x, "on_epoch_end") or hasattr(x, "num_batches"))


class Source:
    """Batches of an iterable, in passes over all of them.

    Parameters
    ----------
    batches : the iterable.
    seed : of the order of what has an index; None leaves it as it is.
    """

    def __init__(self, batches: DataLike, seed: int | None = None):
        self.batches, self.seed = batches, seed
        self.has_index = hasattr(batches, "__getitem__") and not hasattr(batches, "__next__")
        self.restarts = not hasattr(batches, "__next__")

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"the {type(self.batches).__name__}"

    @property
    def is_endless(self) -> bool:
        """Whether it says that it never ends."""
        return self.has_index and hasattr(self.batches, "num_batches") and self.batches.num_batches is None

    @property
    def is_shuffled(self) -> bool:
        """Whether passes have the batches in an order of ours."""
        if isinstance(self.batches, GivesPortions):
            return self.batches.is_shuffled
        return self.has_index and self.seed is not None and not self.is_endless

    def length(self) -> int | None:
        """Batches of a pass, now, as far as it can be relied on; None where only the end tells."""
        if not self.has_index or self.is_endless:
            return None
        return int(self.batches.num_batches if hasattr(self.batches, "num_batches") else len(self.batches))

    def expected(self) -> int | None:
        """Batches of a pass as it says itself."""
        try:
            return self.length() if self.has_index else len(self.batches)
        except (TypeError, AttributeError, NotImplementedError):
            return None

    def one_pass(self, number: int) -> Iterator[DataLike]:
        """The batches of a pass, of which the number decides the order."""
        if not self.has_index:
            return iter(self.batches)
        length = self.length()
        indices = itertools.count() if length is None else self._order(length, number)
        return (self.batches[i] for i in indices)

    def replay(self, done: int, epoch: int, batch: int) -> None:
        """Tell that training goes on in an epoch, from 0, behind so many of its batches; ``done`` epochs are over.

        With a hook ``on_resume(epoch, batch)`` the source is told that alone. What has an index hears the beginnings
        and ends of the epochs that are over once more, for it may draw new batches there.
        """
        if hasattr(self.batches, "on_resume"):
            self.batches.on_resume(epoch, batch)
            return
        for _ in range(done):
            self.tell("on_epoch_begin")
            self.tell("on_epoch_end")

    def go_on(self, number: int, at: int, total: int) -> Iterator[DataLike]:
        """The batches of a pass behind the first ``at``, ``total`` counted from the first pass on.

        What has an index is not asked for those before. What gives new iterators is asked for them, and they are
        dropped, and so are all ``total`` of an iterator; with a hook ``on_resume`` it is for the source to leave them
        out.
        """
        if self.has_index:
            length = self.length()
            indices = itertools.count(at) if length is None else self._order(length, number)[at:]
            return (self.batches[i] for i in indices)
        given = iter(self.batches)
        if not hasattr(self.batches, "on_resume"):
            for _ in itertools.islice(given, at if self.restarts else total):
                pass
        found: Iterator[object] = given
        return found

    def _order(self, length: int, number: int) -> Sequence[int]:
        if self.seed is None:
            return range(length)
        order = np.empty(length, np.int32)
        fill_order(order, self.seed, number)
        return order.tolist()

    def tell(self, hook: str) -> None:
        """Call ``on_epoch_begin`` or ``on_epoch_end`` where it has that."""
        if self.has_index and hasattr(self.batches, hook):
            getattr(self.batches, hook)()
