"""Pickles for workers: by value what they could not import, where cloudpickle is installed; errors name what fails.

A *pack* is a list: a pickle, and behind it the bytes of each large array in it, as arrays. Messages of arrays are made
without copies by those who can (Dask), and once less by all others.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import in_a_line

PROTOCOL = 5
APART = 2**16  # bytes of an array from which on a copy costs more than one more part of a message
Pack = list[object]
Message = dict[str, Any]  # an order to a worker, or its answer: see worker.work


def _pickler() -> ModuleType:
    """``cloudpickle``, which Dask and joblib bring along, or without it ``pickle``."""
    try:
        import cloudpickle
    except ImportError:
        if "joblib" not in sys.modules:
            return pickle
        from joblib.externals import cloudpickle
    found: ModuleType = cloudpickle
    return found


def dumps(what: object, buffers: Callable[[pickle.PickleBuffer], object] | None = None) -> bytes:
    """A pickle; ``buffers`` is called with the content of each array, which is inside where that gives True."""
    made: bytes = _pickler().dumps(what, protocol=PROTOCOL, buffer_callback=buffers)
    return made


def packed(what: object, lent: bool) -> Pack:
    """A pack, whose arrays are those of ``what``; ``lent``, whoever unpacks it has copies, for they stay somebody's."""
    arrays: list[np.ndarray] = []

    def apart(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if view.nbytes < APART:
            return True  # it stays inside
        arrays.append(np.frombuffer(view.toreadonly() if lent else view, np.uint8))
        return False

    return [dumps(what, apart), *arrays]


def unpacked(pack: Sequence[Any]) -> Any:
    """What a pack holds; its arrays can be written to."""
    content, *arrays = pack
    return pickle.loads(content, buffers=[array if array.flags.writeable else array.copy() for array in arrays])


def size_of(pack: Sequence[Any]) -> int:
    """Bytes of a pack."""
    return sum(len(part) for part in pack)


def sendable(what: str, it: object, parts: Iterable[tuple[str, object]]) -> Pack:
    """A pack of ``it``, which errors call ``what``; its arrays are lent.

    Raises
    ------
    TypeError
        something cannot be pickled; the message names it, or the first of ``parts`` (what it is called, itself) that
        cannot be pickled alone.
    """
    try:
        return packed(it, lent=True)
    except Exception as error:  # whatever a class of the user's raises
        name, cause = what, error
        for label, part in parts:
            try:
                dumps(part)
            except Exception as found:
                name, cause = f"{label} {shown(part)} of {what}", found
                break
        raise TypeError(
            f"{name} cannot be sent to a worker: {in_a_line(cause)}; functions and classes travel from the top level "
            f"of a module that workers can import{_by_value()}"
        ) from error


def _by_value() -> str:
    return ", or with cloudpickle installed from anywhere" if _pickler() is pickle else ""


def check_plain(what: str, it: object) -> None:
    """``TypeError`` where something cannot be pickled without a copy of its functions.

    A function that is pickled by value changes variables of its own in the worker, and not those that it was written
    beside; so functions of callbacks do not travel that way. Classes do.
    """
    try:
        _Plain(_Nowhere(), PROTOCOL).dump(it)
    except Exception as error:
        raise TypeError(
            f"{what} cannot be sent to a worker: {in_a_line(error)}. It would act on copies there; write a Callback "
            f"class whose attributes can be pickled, or train without executor"
        ) from error


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class _Plain(pickle.Pickler):
    """A pickler that takes classes for what every worker knows."""

    def reducer_override(self, it: object) -> Any:
        return (len, ((),)) if isinstance(it, type) else NotImplemented
