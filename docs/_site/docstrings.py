"""Docstrings of the house as numpydoc reads them, and what they say of parameters.

In the house an entry is one line, ``name : what it is``, which numpydoc would take for a type, and paragraphs and
examples may follow a list of parameters. Here each entry gets a line of its own, paragraphs go before the lists, and
examples get their heading. What a docstring leaves to another one that it names ("arguments as of :class:`X`", or an
entry ``clipnorm ... name : as of :class:`X`.``) is filled in from there.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from dataclasses import dataclass, field
from operator import attrgetter

import fastnn

HEADINGS = ("Parameters", "Attributes", "Returns", "Raises", "Yields", "Notes", "References", "See Also", "Warns")
LISTS = ("Parameters", "Attributes")
ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : ?(?P<text>.*)")
NAMES = re.compile(
    r"\*{0,2}\w+(?: \.\.\. \w+)?(?:, \*{0,2}\w+(?: \.\.\. \w+)?)*"
)  # also ranges in the signature's order
REFERENCE = re.compile(
    rf"{NAMES.pattern} : as of :(?:class|func|meth):`~?[\w.]+`\."
)  # names that another one describes
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
        elif heading in LISTS and (ENTRY.match(part[0]) or " as of :" in part[0]):
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
    """Names and lines of each entry; those that only name another docstring are left to that one."""
    whole: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            whole[-1].append(line.strip())
        else:
            whole.append([line])
    found = []
    for first, *rest in whole:
        entry = ENTRY.match(first)
        if entry and not REFERENCE.fullmatch(" ".join([first, *rest])):
            found.append((entry["names"], [*([entry["text"]] if entry["text"] else []), *rest]))
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


def told(thing: object, seen: tuple[int, ...] = ()) -> dict[str, list[str]]:
    """What a docstring says of parameters, and those say that it names, and those that they name."""
    found = of(thing).described(dataclasses.is_dataclass(thing))
    for name in AS_OF.findall(" ".join((inspect.getdoc(thing) or "").split())):
        other = _resolved(name, thing)
        if other is not None and id(other) not in seen:
            found = told(other, (*seen, id(thing))) | found
    return found


def complete(thing: object, fill: bool = True) -> Docstring:
    """The docstring with its parameters in the signature's order, with ``fill`` those that others describe, too."""
    made = of(thing)
    wanted = arguments(thing)
    entries = made.lists.get("Parameters", [])
    if fill:
        own, others = made.described(dataclasses.is_dataclass(thing)), told(thing)
        entries += [(name, others[name]) for name in wanted if name not in own and name in others]
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
    written, package = sys.modules.get(home), sys.modules.get(home.rpartition(".")[0])  # and where it is imported from
    owner = getattr(written, getattr(thing, "__qualname__", "").partition(".")[0], None)
    for place in (written, package, owner, fastnn.Model if home.startswith("fastnn.models") else None):
        try:
            return attrgetter(target)(place)
        except AttributeError:
            continue
    place, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(place), name, None) if place else None
    except ImportError:
        return None
