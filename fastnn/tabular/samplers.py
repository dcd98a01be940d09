"""Where the settings of a search come from: drawn at random, or proposed by optuna after what others were worth."""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol

from fastnn._base.arguments import unknown_name
from fastnn.tabular import draws
from fastnn.tabular.settings import Settings

SamplerName = Literal["random", "optuna"]
SAMPLERS: tuple[SamplerName, ...] = ("random", "optuna")
BATCH = 8  # settings that optuna proposes before it is told what they were worth, whatever the number of threads


class Sampler(Protocol):
    """Gives settings in batches; the recipe itself is the first of all."""

    batch: int | None

    def ask(self, n: int) -> list[Settings]:
        """The next ``n`` settings."""

    def tell(self, losses: list[float]) -> None:
        """What the settings of the last batch were worth, infinite where one diverged."""


def sampler(name: str, recipe: Settings, seed: int, n: int) -> Sampler:
    """The sampler of a name.

    Raises
    ------
    ValueError
        there is none of this name.
    ImportError
        it needs a package that is not installed.
    """
    if name not in SAMPLERS:
        raise unknown_name("sampler", name, SAMPLERS)
    return _Random(recipe, seed, n) if name == "random" else _Optuna(recipe, seed)


class _Random:
    batch: int | None = None

    def __init__(self, recipe: Settings, seed: int, n: int):
        self.left = list(draws.drawn(recipe, n, seed))

    def ask(self, n: int) -> list[Settings]:
        given, self.left = self.left[:n], self.left[n:]
        return given

    def tell(self, losses: list[float]) -> None:
        pass


class _Optuna:
    """optuna's tree-structured Parzen estimator over the ranges of :mod:`fastnn.tabular.draws`."""

    batch: int | None = BATCH

    def __init__(self, recipe: Settings, seed: int):
        try:
            import optuna
        except ImportError:
            raise ImportError(
                "the sampler optuna needs optuna; install the extra fastnn-native[tune], or take the sampler random"
            ) from None
        self.recipe, self.first = recipe, True
        self.open: list[Any] = []  # optuna's trials of the last batch, None for the recipe
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self.study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed % 2**32))
        finally:
            optuna.logging.set_verbosity(level)

    def ask(self, n: int) -> list[Settings]:
        self.open, given = [], []
        if self.first:
            self.first, given = False, [self.recipe]
            self.open.append(None)
        for _ in range(n - len(given)):
            trial = self.study.ask()
            self.open.append(trial)
            given.append(
                draws.around(
                    self.recipe,
                    trial.suggest_categorical("width", draws.WIDTHS),
                    trial.suggest_int("depth", min(draws.DEPTHS), max(draws.DEPTHS)),
                    trial.suggest_float("dropout", *draws.DROPOUTS),
                    trial.suggest_float("rate", *draws.RATES, log=True),
                    trial.suggest_float("decay", *draws.DECAYS, log=True),
                    trial.suggest_categorical("activation", draws.ACTIVATIONS),
                    trial.suggest_categorical("batch", draws.BATCHES),
                )
            )
        return given

    def tell(self, losses: list[float]) -> None:
        from optuna.trial import TrialState

        for trial, loss in zip(self.open, losses, strict=True):
            if trial is None:
                continue
            if math.isfinite(loss):
                self.study.tell(trial, loss)
            else:
                self.study.tell(trial, state=TrialState.FAIL)
