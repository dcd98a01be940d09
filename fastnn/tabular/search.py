"""Several settings compared on rows held out, and a model of the best few, each weighted by what it adds.

Every setting is trained on all folds but one; the best ones on the other folds, too. Of these each row has then
been held from one network of each setting, so that settings can be weighted on all rows (:mod:`fastnn.tabular.greedy`).
Weights are of settings, not of networks: what networks of different folds say of different rows is not comparable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from fastnn.tables.target import Classes
from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.choices import Choice
from fastnn.tabular.greedy import shares
from fastnn.tabular.settings import Settings

TO_TRAIN = 0.97  # of a time limit; the rest is for weighing and joining
Tell = Callable[[Member], None]


class Folds(Protocol):
    """How rows are split into folds."""

    def rows(self, fold: int) -> tuple[Any, Any]:
        """Rows that a network of a fold learns from, and those held from it."""

    def known(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Targets of the rows that networks of these folds say something of, fold by fold, and the rows' weights."""


@dataclass(frozen=True)
class TableFolds:
    """Folds of rows in memory: ``place`` is the fold of each, ``(n,)``."""

    table: Rows
    place: np.ndarray

    def rows(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of rows."""
        held = self.place == fold
        return np.flatnonzero(~held), np.flatnonzero(held)

    def known(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """As :class:`Folds` says."""
        chosen = np.concatenate([np.flatnonzero(self.place == fold) for fold in folds])
        weights = self.table.weights
        return self.table.y[chosen], None if weights is None else weights[chosen]


@dataclass(frozen=True)
class Search:
    """Networks of several settings, each held from a fold."""

    bag: Bag
    choice: Choice
    folds: Folds
    seed: int

    def member(self, settings: Settings, trial: int, fold: int) -> Member:
        """The network of a setting that is held from a fold."""
        seed = self.seed + trial * self.choice.n_folds + fold
        return Member(settings, seed, *self.folds.rows(fold), trial=trial, fold=fold)

    def run(
        self, plain: list[Member], time_limit: float | None = None, tell: Tell | None = None
    ) -> tuple[list[Member], bool]:
        """All of the choice's candidates; ``plain`` is trained instead where the time is enough for no comparison.

        Returns
        -------
        members, interrupted : those that count, with their shares, and whether Ctrl-C ended the search.
        """
        began, n_folds = time.monotonic(), self.choice.n_folds
        n, n_best = len(self.choice.candidates), min(self.choice.n_finalists, len(self.choice.candidates))
        if time_limit is not None:
            time_limit *= TO_TRAIN
            count = self.bag.affordable(plain[0], time_limit)
            n, n_best = _within(count, n, n_best, n_folds)
            time_limit = max(1e-3, time_limit - (time.monotonic() - began))
        if n < 2:
            return replace(self.bag, searching=False).train(plain, time_limit, tell)
        first = [self.member(settings, i, 0) for i, settings in enumerate(self.choice.candidates[:n])]
        limit = None if time_limit is None else time_limit * n / (n + n_best * (n_folds - 1))
        began = time.monotonic()
        trained, interrupted = self.bag.train(first, limit, tell)
        best = sorted(trained, key=lambda member: (member.loss, member.trial))[:n_best]
        if interrupted:
            return self.weighted(best), True
        rest = None if time_limit is None else max(1e-3, time_limit - (time.monotonic() - began))
        return self.finish(best, self.choice.candidates, rest, tell)

    def finish(
        self,
        best: Sequence[Member],
        candidates: Sequence[Settings],
        time_limit: float | None = None,
        tell: Tell | None = None,
        untrained: Sequence[Member] = (),
    ) -> tuple[list[Member], bool]:
        """Train the settings of ``best``, which have their first fold, on the others, and weigh them.

        ``untrained`` are settings' networks of the first fold that are still to be trained.
        """
        trials = [member.trial for member in (*best, *untrained)]
        more = [
            self.member(candidates[trial], trial, fold) for fold in range(1, self.choice.n_folds) for trial in trials
        ]
        try:
            trained, interrupted = self.bag.train([*untrained, *more], time_limit, tell)
        except KeyboardInterrupt:  # of these has none an epoch
            if not best:
                raise
            trained, interrupted = [], True
        return self.weighted([*best, *trained]), interrupted

    def weighted(self, members: Sequence[Member]) -> list[Member]:
        """Members whose settings count, with their shares, which sum to 1."""
        of_trial: dict[int, dict[int, Member]] = {}
        for member in sorted(members, key=lambda each: (each.trial, each.fold)):
            if member.output is not None and np.isfinite(member.output).all():
                of_trial.setdefault(member.trial, {})[member.fold] = member
        if not of_trial:
            raise ValueError("every network diverged: there is no model; look at the target for extreme values")
        most = max(map(len, of_trial.values()))
        common = set.intersection(*(set(found) for found in of_trial.values()))
        if not common:  # those that have most folds are compared
            of_trial = {trial: found for trial, found in of_trial.items() if len(found) == most}
            common = set.intersection(*(set(found) for found in of_trial.values()))
        if not common:
            trial = min(of_trial)
            of_trial, common = {trial: of_trial[trial]}, set(of_trial[trial])
        found = self._shares(of_trial, sorted(common))
        kept = []
        for share, by_fold in zip(found, of_trial.values(), strict=True):
            for member in by_fold.values():
                member.share = float(share) / len(by_fold)
                kept += [member] if share > 0 else []
        return kept

    def _shares(self, of_trial: dict[int, dict[int, Member]], common: list[int]) -> np.ndarray:
        y, weights = self.folds.known(common)
        outputs = np.stack([np.concatenate([by_fold[fold].output for fold in common]) for by_fold in of_trial.values()])
        return shares(outputs, y, isinstance(self.bag.target, Classes), weights, self.seed)


def _within(count: float, n: int, n_best: int, n_folds: int) -> tuple[int, int]:
    """How many settings to try and how many of them on all folds, for so many networks; 0 and 0 for none."""
    while n_best > 1 and count < 2 * n_best + n_best * (n_folds - 1):
        n_best -= 1
    n = min(n, int(count) - n_best * (n_folds - 1))
    return (n, n_best) if n >= 2 * n_best else (0, 0)
