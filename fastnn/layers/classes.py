"""What is known of a user's class: which names are his, and what an object of it was made with."""

from __future__ import annotations

import inspect
from functools import lru_cache


def is_ours(cls: type) -> bool:
    """Whether a class came with fastnn, or with Python."""
    return cls.__module__.partition(".")[0] in ("fastnn", "builtins")


@lru_cache(maxsize=256)
def theirs(cls: type) -> list[str]:
    """Names that a user's classes define."""
    return [name for base in cls.__mro__ if not is_ours(base) for name in vars(base) if name[:2] != "__"]


@lru_cache(maxsize=256)
def ours(cls: type) -> set[str]:
    """Names that fastnn's classes among the bases define."""
    return {name for base in cls.__mro__ if is_ours(base) for name in vars(base)}


def captured(cls: type, arguments: tuple[object, ...], given: dict[str, object]) -> dict[str, object]:
    """By name, what a constructor is given; nothing where it does not take that, which it will say itself."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]  # that of this very class
    try:
        bound = signature.bind(None, *arguments, **given).arguments
    except TypeError:
        return {}
    rest = next((name for name, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD), None)
    named = {name: value for name, value in list(bound.items())[1:] if name != rest}
    return {**named, **(bound.get(rest, {}) if rest else {})}


def taken(cls: type, arguments: dict[str, object]) -> dict[str, object]:
    """Those among arguments that the constructor of a class takes by name."""
    known = inspect.signature(cls.__init__).parameters  # type: ignore[misc]  # that of this very class
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    return {name: value for name, value in arguments.items() if takes_all or name in known}
