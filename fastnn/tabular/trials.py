"""The table of a search: what each setting was worth in each round, in a file that the search can go on from."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn.tabular.settings import Settings

ENDINGS = (".csv", ".jsonl")


@dataclass(frozen=True)
class Trial:
    """One setting in one round.

    Attributes
    ----------
    run : of which search, a digest of its data and options.
    trial, round : the number of the setting and of the round, from 0.
    loss : validation loss of the best epoch; infinite where the network diverged.
    kept : the best epoch, from 1, 0 for none.   seconds : that training took.
    settings : with the epochs of this round.
    share : how much the setting counts in the model, 0 for not at all.
    """

    run: str
    trial: int
    round: int
    loss: float
    kept: int
    seconds: float
    settings: Settings
    share: float = 0.0

    def row(self) -> dict[str, object]:
        """As a flat dict, the settings' fields among the others."""
        flat = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "settings"}
        return {**flat, **asdict(self.settings), "hidden": "-".join(map(str, self.settings.hidden))}


def check_name(path: str) -> None:
    """Raise ``ValueError`` for a file of trials with an ending that says no format."""
    if not path.lower().endswith(ENDINGS):
        raise ValueError(f"a table of trials is written as {' or '.join(ENDINGS)}, by its ending, got {path}")


def write_trials(path: StrPath, trials: Sequence[Trial]) -> None:
    """Write the table, at once or not at all."""
    name = os.fsdecode(path)
    check_name(name)
    rows = [trial.row() for trial in trials]
    if name.lower().endswith(".jsonl"):
        data = "".join(json.dumps({k: None if v == math.inf else v for k, v in row.items()}) + "\n" for row in rows)
    else:
        import csv

        file = io.StringIO()
        writer = csv.DictWriter(file, names(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        data = file.getvalue()
    write_atomically(name, data.encode())


def names() -> list[str]:
    """Columns of the table."""
    return list(Trial("", 0, 0, 0.0, 0, 0.0, Settings()).row())


def read_trials(path: StrPath, run: str) -> list[Trial]:
    """Trials of a file that :func:`write_trials` wrote, which must be of this ``run``.

    Raises
    ------
    ValueError
        it is no such file, or of a search of other data or with other options.
    """
    name = os.fsdecode(path)
    check_name(name)
    try:
        with open(name, encoding="utf-8", newline="") as file:
            if name.lower().endswith(".jsonl"):
                rows = [json.loads(line) for line in file]
            else:
                import csv

                rows = list(csv.DictReader(file))
        found = [_trial(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is no table of trials: {type(error).__name__} {error}") from None
    if any(trial.run != run for trial in found):
        raise ValueError(
            f"{name} is of a search of other data or with other options (target, seed, trials, epochs, sampler); "
            "give those, or begin with a new file"
        )
    return found


def _trial(row: dict[str, object]) -> Trial:
    def read(kind: str, value: Any) -> Any:
        if kind == "int | None":
            return int(value) if value not in (None, "") else None
        if kind == "float":
            return math.inf if value is None else float(value)
        if kind == "bool":
            return str(value) == "True"
        return {"int": int, "str": str}[kind](value)

    given: dict[str, Any] = {"hidden": tuple(map(int, str(row["hidden"]).split("-")))}
    given |= {each.name: read(str(each.type), row[each.name]) for each in fields(Settings) if each.name != "hidden"}
    settings = Settings(**given)
    settings.check()
    own = {each.name: read(str(each.type), row[each.name]) for each in fields(Trial) if each.name != "settings"}
    return Trial(**own, settings=settings)
