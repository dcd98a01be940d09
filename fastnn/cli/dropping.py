"""Lists of columns on the command line, and ``--drop``: columns of a table that a model is not to learn from."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Collection, Sequence

from fastnn._base.arguments import nearest


def names_of(given: Sequence[str]) -> list[str]:
    """Names with commas between; one with a comma in it stands in double quotes."""
    return list(dict.fromkeys(name.strip() for line in csv.reader(given, skipinitialspace=True) for name in line))


def dropped(arguments: argparse.Namespace, source: str, columns: Collection[str]) -> list[str]:
    """The columns that ``--drop`` names.

    Raises
    ------
    ValueError
        there is no such column, it is the target, or no other one is left.
    """
    wanted = names_of(arguments.drop or [])
    for name in wanted:
        if name == arguments.target:
            raise ValueError(f"--drop {name} is the target, and is not learned from in any case; leave that out")
        if name not in columns:
            known = ", ".join(map(repr, columns))
            raise ValueError(f"{source} has no column {name!r} to drop{nearest(name, columns)}; it has {known}")
    if wanted and not set(columns) - set(wanted):
        raise ValueError("--drop leaves no column to learn from")
    return wanted
