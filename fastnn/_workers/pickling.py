"""Pickles for workers: by value what they could not import, where cloudpickle is installed; errors name what fails."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from fastnn._base.arguments import shown
from fastnn._base.reprs import in_a_line

PROTOCOL = 5


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


def dumps(what: Any, buffers: Callable[[pickle.PickleBuffer], Any] | None = None) -> bytes:
    """A pickle; with ``buffers``, that is called with the content of each array in place of having it inside."""
    made: bytes = _pickler().dumps(what, protocol=PROTOCOL, buffer_callback=buffers)
    return made


def sendable(what: str, it: Any, parts: Iterable[tuple[str, Any]]) -> bytes:
    """A pickle of ``it``, which errors call ``what``.

    Raises
    ------
    TypeError
        something cannot be pickled; the message names it, or the first of ``parts`` (what it is called, itself) that
        cannot be pickled alone.
    """
    try:
        return dumps(it)
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


def check_plain(what: str, it: Any) -> None:
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

    def reducer_override(self, it: Any) -> Any:
        return (len, ((),)) if isinstance(it, type) else NotImplemented
