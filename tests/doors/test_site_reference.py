"""The reference has every public name once and no other, and says of each what its parameters are."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")
sys.path.append(str(Path(__file__).resolve().parents[2] / "docs" / "_site"))
import docstrings
import groups

ENTRIES = groups.entries()
PLACED = [name for named in ENTRIES.values() for full, others in named for name in (full, *others)]
NAMED = [(page, full) for page, named in ENTRIES.items() for full, _ in named]
CALLED = {full for _, full in NAMED if isinstance(thing := groups.thing_of(full), type) or inspect.isroutine(thing)}


def test_every_public_name_has_one_place_and_nothing_else_has():
    public = [f"{module}.{name}" for module in groups.MODULES for name in groups.public(module)]
    assert sorted(PLACED) == sorted(public)
    assert len(set(public)) == len(public)


def test_modules_that_are_public_have_pages():
    import fastnn

    loaded = {
        name for name in dir(fastnn) if inspect.ismodule(getattr(fastnn, name, None)) and not name.startswith("_")
    }
    assert {f"fastnn.{name}" for name in loaded} <= {*groups.MODULES}


def test_all_have_docstrings():
    short = [full for full in CALLED if len((inspect.getdoc(groups.thing_of(full)) or "").split()) < 2]
    assert not short


def test_parameters_are_those_of_the_signatures():
    faults = [fault for page, full in NAMED if full in CALLED and not page.inner for fault in parameter_faults(full)]
    assert not faults, "\n".join(faults)


def parameter_faults(full: str) -> list[str]:
    """What a public name's description of its parameters lacks, or has too much."""
    thing = groups.thing_of(full)
    record, wanted = dataclasses.is_dataclass(thing), docstrings.arguments(thing)
    told = docstrings.complete(thing).described(record)
    faults = [f"{full}: no word on {name}" for name in wanted if name not in told and not is_enum(thing)]
    takes_any = bool(wanted) and any(p.kind is p.VAR_KEYWORD for p in inspect.signature(thing).parameters.values())
    own = [] if takes_any else docstrings.of(thing).described()
    return faults + [f"{full} has no parameter {name}" for name in own if name not in wanted]


def is_enum(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, enum.Enum)


def test_a_docstring_is_taken_apart():
    text = """First line.

    Parameters
    ----------
    a, b : two numbers,
        on two lines.
    c ... d, e : as of :class:`Other`.

    Shapes: ``(n,)``.

    Raises
    ------
    ValueError
        always.

    >>> 1 + 1
    2
    """
    made = docstrings.read(text)
    assert made.text == ["First line.", "", "Shapes: ``(n,)``.", ""]
    assert made.described() == {"a": ["two numbers,", "on two lines."], "b": ["two numbers,", "on two lines."]}
    assert made.sections == {"Raises": ["ValueError", "    always.", ""]}
    assert made.examples == [">>> 1 + 1", "2", ""]
