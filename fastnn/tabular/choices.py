"""What is trained for a table: the presets, by the number of rows and the task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from fastnn._base.arguments import unknown_name
from fastnn.tabular.draws import drawn
from fastnn.tabular.settings import Settings, batch_size

Preset = Literal["quick", "default", "best"]
PRESETS: tuple[Preset, ...] = ("quick", "default", "best")
FOLDS = 5
EPOCHS = 120  # for tables of FEW_ROWS to MANY_ROWS; more on fewer rows, of which an epoch is few updates, fewer on more
FEW_ROWS, MANY_ROWS = 3_000, 100_000
RATES = 0.013, 0.07  # of classes and of numbers: a third of RealMLP's, for half of its epochs
MOST_EPOCHS, LEAST_EPOCHS = 256, 8
CANDIDATES, FINALISTS = 12, 5  # of the preset best


@dataclass(frozen=True)
class Choice:
    """How many networks, of how many folds, and of which settings; and the encoding of numbers by ``pieces``.

    Categories of more than ``most_one_hot`` values are embedded, and columns count alike where ``balanced``
    (:mod:`fastnn.tabular.balancing`), or by what they tell of the target where ``by_relevance``
    (:mod:`fastnn.tabular.relevance`).
    ``candidates`` are settings to choose from, in place of ``n_members`` networks of ``settings``: all of them are
    trained on one fold, the ``n_finalists`` best on the others, too, and these are weighted on the rows held out.

    Parameters
    ----------
    settings : of all networks where there are no candidates.
    n_members : networks, from 1 on.
    n_folds : folds that they are held out of in turn, from 2 on.
    pieces : of each number, at most.
    most_one_hot : values of a category that is not embedded, at most; None for all.
    candidates, n_finalists : settings to choose from, and how many of them go on to all folds.
    balanced : whether columns count alike, however many numbers they become.
    by_relevance : whether columns then count by what each tells of the target.
    """

    settings: Settings
    n_members: int
    n_folds: int
    pieces: int = 32
    most_one_hot: int | None = 64
    candidates: tuple[Settings, ...] = ()
    n_finalists: int = 1
    balanced: bool = True
    by_relevance: bool = True


def choose(preset: Preset, n_rows: int, classes: bool, seed: int = 0) -> Choice:
    """The choice of a preset for a table; ``seed`` is of the settings that ``best`` draws.

    Parameters
    ----------
    preset : ``"quick"``, ``"default"`` or ``"best"``.
    n_rows : rows to learn from.
    classes : whether the target is a class, else a number.
    seed : whole number from which the candidates of ``"best"`` are drawn.

    Raises
    ------
    ValueError
        there is no such preset.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    settings = Settings(
        learning_rate=RATES[0] if classes else RATES[1], batch_size=batch_size(n_rows), epochs=epochs(n_rows)
    )
    if preset == "quick":
        return Choice(replace(settings, epochs=max(LEAST_EPOCHS, settings.epochs // 3)), 1, FOLDS)
    if preset == "best":
        return Choice(settings, 4, FOLDS, candidates=drawn(settings, CANDIDATES, seed), n_finalists=FINALISTS)
    return Choice(settings, 4, FOLDS)


def epochs(n_rows: int) -> int:
    """Passes over so many rows: as many updates again, for few rows, as for four times the rows.

    >>> [epochs(n) for n in (150, 1_000, 10_000, 1_000_000)]
    [256, 208, 120, 12]
    """
    share = (FEW_ROWS / n_rows) ** 0.5 if n_rows < FEW_ROWS else min(1.0, MANY_ROWS / n_rows)
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, round(EPOCHS * share)))
