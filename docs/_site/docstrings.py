"""Docstrings of the house as numpydoc reads them, and what they say of parameters.

In the house an entry is one line, ``name : what it is``, which numpydoc would take for a type, and paragraphs and
examples may follow a list of parameters. Here each entry gets a line of its own, paragraphs go before the lists, and
examples get their heading. Arguments that a docstring does not describe because another one does ("arguments as of
:class:`X`", a base class, or ``parameters.py`` for those that many share) are filled in from there.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from dataclasses import dataclass, field

import parameters

HEADINGS = ("Parameters", "Attributes", "Returns", "Raises", "Yields", "Notes", "References", "See Also", "Warns")
LISTS = ("Parameters", "Attributes")
ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : ?(?P<text>.*)")
REFERENCE = re.compile(r"\w+ \.\.\. \w+ : as of .*")  # a range of names that another docstring describes
AS_OF = re.compile(r"\b(?:[Aa]s|are) (?:(?:those )?(?:of|for) )?:(?:class|func|meth|obj):`~?([\w.]+)`")


@dataclass
class Docstring:
    """A docstring in parts: its text, the entries of each list, the lines of other sections, its examples."""

    text: list[str] = field(default_factory=list)
    lists: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
    sections: dict[str, list[str]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def described(self, attributes: bool = False) -> dict[str, list[str]]:
        """Names of parameters with the lines that describe them; a dataclass describes its own as attributes."""
        found = {}
        for names, lines in (
            *(self.lists.get("Attributes", ()) if attributes else ()),
            *self.lists.get("Parameters", ()),
        ):
            found |= {name.strip().lstrip("*"): lines for name in names.split(",")}
        return found

    def lines(self) -> list[str]:
        """All of it in the form of numpydoc."""
        made = [*self.text, ""]
        for heading, entries in self.lists.items():
            made += [heading, "-" * len(heading)]
            for names, lines in entries:
                made += [names, *(f"    {line}" for line in lines)]
            made.append("")
        for heading, lines in self.sections.items():
            made += [heading, "-" * len(heading), *lines, ""]
        if self.examples:
            made += ["Examples", "--------", *self.examples, ""]
        return made


def read(text: str) -> Docstring:
    """The parts of a docstring."""
    made, heading = Docstring(), ""
    lines = inspect.cleandoc(text).splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if line in (*HEADINGS, "Examples") and number + 1 < len(lines) and set(lines[number + 1]) == {"-"}:
            heading, number = line, number + 2
            continue
        if not line.strip():
            number += 1
            continue
        end = _paragraph(lines, number)
        part = lines[number:end]
        number = end
        if part[0].startswith(">>>") or heading == "Examples":
            made.examples += [*part, ""]
        elif heading in LISTS and ENTRY.match(part[0]):
            made.lists.setdefault(heading, []).extend(_entries(part))
        elif heading and heading not in LISTS:
            made.sections.setdefault(heading, []).extend([*part, ""])
        elif heading in LISTS and part[0].startswith(" "):
            made.lists[heading][-1][1].extend(["", *(line.strip() for line in part)])
        else:
            heading = ""
            made.text += [*part, ""]
    return made


def _paragraph(lines: list[str], start: int) -> int:
    """The end of the paragraph that starts here."""
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    return end


def _entries(lines: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        entry = ENTRY.match(line)
        if REFERENCE.match(line):
            continue
        if entry:
            found.append((entry["names"], [entry["text"]] if entry["text"] else []))
        else:
            found[-1][1].append(line.strip())
    return found


def of(thing: object) -> Docstring:
    """The parts of what stands at an object itself; a class's constructor is described at the class."""
    return read(inspect.getdoc(thing) or "")


def arguments(thing: object) -> list[str]:
    """Names of the parameters that a caller can give."""
    try:
        found = inspect.signature(thing).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []
    return [name for name in found if name not in ("self", "cls")]


def complete(thing: object, name: str, fill: bool = True) -> Docstring:
    """The docstring with its parameters in the signature's order, with ``fill`` those that others describe, too."""
    made = of(thing)
    wanted = arguments(thing)
    record = dataclasses.is_dataclass(thing)
    own = made.described(record)
    missing = [argument for argument in wanted if argument not in own and fill]
    others = [_resolved(found, thing) for found in AS_OF.findall(thing.__doc__ or "")]
    places = [*(of(other).described() for other in others if other is not None)]
    places += [of(base).described() for base in getattr(thing, "__mro__", ())[1:-1]]
    for other in (other for other in others if isinstance(other, type)):
        places += [of(base).described() for base in other.__mro__[1:-1]]
    places.append(parameters.shared(name))
    entries = made.lists.get("Parameters", [])
    for argument in missing:
        lines = next((place[argument] for place in places if argument in place), None)
        if lines is not None:
            entries.append((argument, lines))
    if entries:
        made.lists = {"Parameters": _in_order(entries, wanted), **made.lists}
    return made


def _in_order(entries: list[tuple[str, list[str]]], wanted: list[str]) -> list[tuple[str, list[str]]]:
    """Entries as the signature has their first names; equal texts side by side become one entry."""
    places = {name: number for number, name in enumerate(wanted)}
    ordered = sorted(entries, key=lambda entry: places.get(entry[0].split(",")[0].strip().lstrip("*"), len(places)))
    joined: list[tuple[str, list[str]]] = []
    for names, lines in ordered:
        if joined and joined[-1][1] == lines:
            joined[-1] = (f"{joined[-1][0]}, {names}", lines)
        else:
            joined.append((names, lines))
    return joined


def _resolved(target: str, thing: object) -> object | None:
    """What a name in a docstring of an object stands for."""
    home = getattr(thing, "__module__", "")
    if "." not in target:
        places = (home, home.rpartition(".")[0])  # where it is written, and where it is imported from
        return next(
            (getattr(sys.modules[place], target) for place in places if hasattr(sys.modules.get(place), target)), None
        )
    place, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(place), name, None)
    except ImportError:
        return None
