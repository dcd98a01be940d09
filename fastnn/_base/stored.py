"""What a file says, taken at its word: JSON without loopholes, and records whose fields have the types they name.

Files come from strangers. Python's JSON reader lets two keys of one name, NaN and infinity pass, and the records take
whatever duck looks like a number; here such things are errors, before anything is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.types import Stored

PLAIN = (bool, int, str, NoneType)


def parse(name: str, text: str | bytes) -> Stored:
    """The value of a JSON text; ``ValueError`` that names what it is the text of."""
    import json

    try:
        if isinstance(text, bytes):
            text = text.decode()
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_number)
        if "\\ud" in text or "\\uD" in text:  # half of a pair of surrogates cannot be printed or written
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(f"the {name} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the {name} is no valid JSON: {error}") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"it has {shown(name)} twice")
        made[name] = value
    return made


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is too large")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def kind_and_fields(record: Any) -> dict[str, object]:
    """What a file has of a record of several kinds; not ``asdict``, which copies each number of its lists by itself."""
    return {"kind": type(record).__name__, **{part.name: getattr(record, part.name) for part in fields(record)}}


def check_types(record: object) -> Any:
    """A dataclass object, whose fields (and theirs) must be what their annotations say; ``TypeError`` else.

    Models ask this of what users hand in, too: what is taken can be saved, and what is saved can be loaded.
    """
    kind: Any = type(record)
    for name, hint, is_right in _wanted(kind):
        value = getattr(record, name)
        if not is_right(value):
            wanted = hint.__name__ if isinstance(hint, type) else hint
            raise TypeError(f"{name} of {kind.__name__} must be {wanted}, got {shown(value)}")
        if type(value) in PLAIN:
            continue
        for inner in value if isinstance(value, list | tuple) else (value,):
            if hasattr(type(inner), "__dataclass_fields__"):
                check_types(inner)
    return record


@lru_cache(maxsize=256)
def _wanted(kind: object) -> list[tuple[str, object, Callable[[object], bool]]]:
    """Names and types of a record's fields, and what tells values of such a type."""
    if not is_dataclass(kind):
        return []
    try:
        hints = get_type_hints(kind)
    except NameError:  # a user's own class, of types that only a checker of types sees
        return []
    return [(field.name, hints[field.name], tester(hints[field.name])) for field in fields(kind)]


def conforms(value: object, hint: object) -> bool:
    """Whether a value is of the annotated type; a bool is no number, a whole number is a real one, as are NumPy's."""
    return tester(hint)(value)


@lru_cache(maxsize=1024)
def tester(hint: object) -> Callable[[object], bool]:
    """What tells values of an annotated type; annotations are taken apart once, for every new layer is asked for."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _any_of([tester(option) for option in inside])
    if origin in (list, tuple, Sequence):
        of_parts = tester(inside[0])
        return lambda value: isinstance(value, list | tuple) and all(map(of_parts, value))
    if origin in (dict, Mapping):
        of_keys, of_values = map(tester, inside)
        return lambda value: (
            isinstance(value, dict) and all(map(of_keys, value)) and all(map(of_values, value.values()))
        )
    if origin is Literal:  # which word it is, the class itself asks, in any spelling that it takes
        kinds = {type(word) for word in inside}
        return lambda value: type(_plain(value)) in kinds
    if hint is float:
        return lambda value: type(_plain(value)) is int or isinstance(_plain(value), float)
    if hint in PLAIN:
        return lambda value: type(_plain(value)) is hint
    if hint is Any or not isinstance(hint, type):
        return lambda value: True
    return lambda value: isinstance(_plain(value), hint)


def _any_of(tests: Sequence[Callable[[object], bool]]) -> Callable[[object], bool]:
    if len(tests) == 2:
        one, other = tests
        return lambda value: one(value) or other(value)
    return lambda value: any(test(value) for test in tests)


def _plain(value: object) -> object:
    """A number of NumPy's as Python has it."""
    return value.item() if isinstance(value, np.generic) else value


def difference(stored: object, made: object, where: str = "") -> str | None:
    """Where a stored value differs from what was made of it, in words, or None; what it leaves out has its default."""
    if isinstance(stored, dict) and isinstance(made, dict):
        parts = [(name, value, made[name]) for name, value in stored.items() if name in made]
        if len(parts) < len(stored):
            return f"{_place(where)} has {shown(next(n for n in stored if n not in made))}, which nothing reads"
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        parts = [(str(i), *pair) for i, pair in enumerate(zip(stored, made, strict=True))]
    elif stored == made and (type(stored) is bool) == (type(made) is bool):
        return None
    else:
        return f"{_place(where)} is {shown(stored)} and means {shown(made)}"
    told = (difference(was, now, f"{where}.{name}" if where else name) for name, was, now in parts)
    return next((words for words in told if words), None)


def _place(where: str) -> str:
    return where or "it"
