"""What is trained for a table: the presets, by the number of rows and the task."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastnn._base.arguments import unknown_name
from fastnn.tabular.draws import drawn
from fastnn.tabular.settings import Settings, batch_size

PRESETS = ("quick", "default", "best")
FOLDS = 5
FULL_WORK = 12_000  # rows up to which networks are trained for all epochs; beyond, epochs fall as rows grow
LEAST_EPOCHS = 24
CANDIDATES, FINALISTS = 12, 5  # of the preset best


@dataclass(frozen=True)
class Choice:
    """How many networks, of how many folds, and of which settings; and the encoding of numbers by ``pieces``.

    ``candidates`` are settings to choose from, in place of ``n_members`` networks of ``settings``: all of them are
    trained on one fold, the ``n_finalists`` best on the others, too, and these are weighted on the rows held out.
    """

    settings: Settings
    n_members: int
    n_folds: int
    pieces: int
    candidates: tuple[Settings, ...] = ()
    n_finalists: int = 1


def choose(preset: str, n_rows: int, classes: bool, seed: int = 0) -> Choice:
    """The choice of a preset for a table; ``seed`` is of the settings that ``best`` draws.

    Raises
    ------
    ValueError
        there is no such preset.
    """
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    settings = Settings(
        learning_rate=0.04 if classes else 0.2,
        activation="selu" if classes else "silu",
        batch_size=batch_size(n_rows),
        epochs=max(LEAST_EPOCHS, min(128, round(128 * FULL_WORK / n_rows))),
    )
    if preset == "quick":
        return Choice(replace(settings, epochs=max(8, settings.epochs // 4)), 1, FOLDS, 16)
    if preset == "best":
        return Choice(settings, 4, FOLDS, 32, drawn(settings, CANDIDATES, seed), FINALISTS)
    return Choice(settings, 4, FOLDS, 32)
