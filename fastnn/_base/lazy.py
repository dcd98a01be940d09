"""Names of a package, and entries of a table, that are loaded when somebody first asks for them (PEP 562).

A program then pays for what it uses. A package says which of its modules has which names; for type checkers it imports
them all, and ``tests/doors/test_lazy.py`` finds what differs between the two.

Design: there is no lock here. Modules are made once by Python's own locks, whoever asks; a second one around them
(rejected) could be waited for by a thread that holds one of Python's. What a table makes twice it keeps once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from types import FrameType, ModuleType


Key = TypeVar("Key")
Value = TypeVar("Value", covariant=True)


def names(
    package: str, *places: Mapping[str, str], listed: Callable[[], list[str]] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : its full name.
    *places : tables of the names that a module has, with spaces between them, by the module's name in the package; one
        that begins with a dot is beside the package, as in an import.
    listed : gives the names that are shown, without it all.

    A module of the package is an attribute of it, too, whether or not it has been loaded.
    """
    home = {name: module for part in places for module, listed in part.items() for name in listed.split()}

    def of_package(name: str) -> object:
        if name in home:
            found = getattr(import_module(f".{home[name]}", package), name)
            setattr(sys.modules[package], name, found)
            return found
        is_one = name.isidentifier() and name[:2] != "__"  # "a.b" would be looked for in a package a
        if is_one and (module := _module(f"{package}.{name}")) is not None:
            return module
        raise not_here(package, name, shown())

    def all_names() -> list[str]:
        there = vars(sys.modules[package])
        own = (name for name in there if name[:2] == "__")  # and no modules that somebody has loaded
        return sorted({*own, *there.get("__all__", ()), *home})

    shown = listed or all_names
    return of_package, shown


def not_here(package: str, name: str, known: Iterable[str]) -> Exception:
    """The error for who asks ``__getattr__`` of a package for a name that is not there.

    Of ``from package import name`` Python drops what an ``AttributeError`` says, and an ``ImportError`` stays.
    """
    from fastnn._base import elsewhere

    hint = elsewhere.instead(package, name, known)
    if _imports(sys._getframe(2)):
        return ImportError(f"cannot import name {name!r} from {package!r}{hint}", name=name)
    return AttributeError(f"module {package!r} has no attribute {name!r}{hint}")


def _imports(frame: FrameType) -> bool:
    """Whether a frame stands at a ``from ... import ...``."""
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return 0 <= at < len(code) and code[at] == opmap.get("IMPORT_FROM")


def _module(name: str) -> ModuleType | None:
    """The module of a full name; None where there is none."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def table(package: str, keys: Mapping[Key, str]) -> Table[Key, Any]:
    """A table of what stands in a package under the names that are given for each key."""
    return Table({key: partial(getattr, sys.modules[package], name) for key, name in keys.items()})


class Table(Mapping[Key, Value]):
    """What stands under names, or numbers, where each entry is made when it is first asked for.

    Parameters
    ----------
    makers : a function for each key that makes the entry.
    """

    def __init__(self, makers: Mapping[Key, Callable[[], Value]]) -> None:
        self._makers = dict(makers)
        self._made: dict[Key, Value] = {}

    def __getitem__(self, key: Key) -> Value:
        if key not in self._made:
            self._made.setdefault(key, self._makers[key]())
        return self._made[key]

    def __contains__(self, key: object) -> bool:
        return key in self._makers

    def __iter__(self) -> Iterator[Key]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __or__(self, other: Mapping[object, object]) -> dict[Any, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[object, object]) -> dict[Any, Any]:
        return {**other, **self}

    def __reduce__(self) -> tuple[object, ...]:
        """A copy, or a pickle, has all entries."""
        return dict, ({**self},)

    def __repr__(self) -> str:
        return f"<table of {', '.join(map(str, self))}>"
