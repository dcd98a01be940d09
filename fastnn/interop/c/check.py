"""``NAME_main.c``: a program that computes the test vectors, compares, and ends with 0 where all is well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.interop.c.pieces import template
from fastnn.interop.c.source import Entry, size_name
from fastnn.interop.c.text import listed, real
from fastnn.interop.c.vectors import Vectors


def program_text(
    name: str, entries: Sequence[tuple[Entry, Vectors, float]], more: str = "", statements: Sequence[str] = ()
) -> str:
    """The text of the program; with each function its vectors and the largest difference that is borne.

    ``more`` are further tables, and ``statements`` what is done with them.
    """
    tables: list[str] = []
    calls: list[str] = []
    for entry, vectors, tolerance in entries:
        tables += _tables(entry, vectors)
        calls += _calls(name, entry, len(vectors.inputs[0]), tolerance)
    filled = {
        "NAME": name,
        "TABLES": "\n\n".join([*tables, *([more] if more else [])]),
        "CALLS": "\n".join([*calls, *statements]),
    }
    text = template("main.c.in")
    for word, value in filled.items():
        text = text.replace(f"@{word}@", value)
    return text


def _tables(entry: Entry, vectors: Vectors) -> list[str]:
    ends = [*zip(entry.inputs, vectors.inputs, strict=True), *zip(entry.outputs, vectors.outputs, strict=True)]
    return [_table(f"{entry.verb}_{own}", array) for (own, *_), array in ends]


def _table(name: str, array: np.ndarray) -> str:
    return f"static const float {name}[{array.size}] = {{\n{listed(map(real, array.ravel()))}}};"


def _calls(name: str, entry: Entry, count: int, tolerance: float) -> list[str]:
    """Of one function, all samples in order."""
    lines = ["{"]
    lines += [f"    float {own}[{size_name(name, entry, own)}];" for own, *_ in entry.outputs]
    lines += [f"    static float work[{size_name(name, entry, 'work')}];"]
    state = ["&state"] if entry.state else []
    if state:
        lines += [f"    static {name}_{entry.state} state;", f"    {name}_{entry.verb}_reset(&state);"]
    read = [f"{entry.verb}_{own} + i * {size}" for own, _, size in entry.inputs]
    arguments = ", ".join([*state, *read, *(own for own, *_ in entry.outputs), "work"])
    lines += [f"    for (int i = 0; i < {count}; ++i) {{", f"        {name}_{entry.verb}({arguments});"]
    for own, _, size in entry.outputs:
        expected = f"{entry.verb}_{own} + i * {size}"
        lines.append(f'        wrong += differs("{entry.verb} {own}", {own}, {expected}, {size}, {real(tolerance)});')
    return [f"    {line}" for line in [*lines, "    }", "}"]]
