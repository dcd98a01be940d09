"""What is said of forecasts: scores beside those of naive ones on the same targets, the last value and the season's.

Design: the baselines are those that forecasters take, since the mean of a series with a trend says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.cli.report import Line, Report
from fastnn.models.summary import table
from fastnn.tables import Encoding
from fastnn.tables.scores import score_numbers
from fastnn.tables.series import Forecast, SeriesFeatures, horizon_of
from fastnn.tables.series_rows import SeriesRows
from fastnn.tables.target import Classes

if TYPE_CHECKING:
    from fastnn.models.model import Model

MOST_STEPS = 8  # steps ahead with a line each


@dataclass(frozen=True)
class Naive:
    """A forecast that needs no model: ``values`` ``(n, horizon)``, NaN where there is none."""

    name: str
    values: np.ndarray


class Forecasts(Report):
    """Predictions of the windows that begin at ``starts``, scored."""

    def __init__(self, encoding: Encoding, rows: SeriesRows, starts: np.ndarray, model: Model):
        features, target = encoding.features, encoding.target
        assert isinstance(features, SeriesFeatures)
        window = features.window
        output = model.predict(rows.x(starts, window))
        horizon = horizon_of(target)
        actual = rows.targets(starts, window, horizon)
        last = rows.last(starts, window)
        if isinstance(target, Forecast):
            predicted = target.decode(output, last)
            self.target: Any = target
            self.scores: Any = score_numbers(actual.reshape(-1), predicted.reshape(-1))
        else:
            assert isinstance(target, Classes)
            super().__init__(target, actual[:, 0], output)
            predicted = target.probabilities(output).argmax(axis=1)[:, None]
        what = "value" if isinstance(target, Forecast) else "class"
        self.naive = [Naive(f"last {what}", np.repeat(last[:, None], horizon, axis=1).astype(np.float64))]
        season = features.step.season()
        if season is not None:
            before = rows.season_before(starts, window, horizon, season[0])
            self.naive += [Naive(f"{what} of {season[1]} before", before)] if np.isfinite(before).any() else []
        self.actual, self.predicted = actual, predicted

    def lines(self) -> list[Line]:
        """Name, value, and a remark: what naive forecasts reach."""
        naive = [self._remark(each) for each in self.naive]
        told: dict[str, Callable[[str], str]] = {
            "loss": lambda remark: remark.replace("training rows", "training changes"),
            self._main(): lambda remark: "; ".join([*naive, remark]),
        }
        return [(name, value, told.get(name, str)(remark)) for name, value, remark in super().lines()]

    def in_line(self) -> str:
        """The scores in one line, the one that the baselines are of at its end."""
        lines = sorted(self.lines(), key=lambda line: line[0] == self._main())
        return ", ".join(f"{name} {value:.5g}" for name, value, _ in lines)

    def baseline(self) -> str:
        """What naive forecasts reach, in a few words."""
        return next(remark for name, _, remark in self.lines() if name == self._main())

    def details(self) -> list[str]:
        """Whether a naive forecast is as good, the errors by step where there are several, and what classes have."""
        return [*self._beaten(), *self._by_step(), *super().details()]

    def _main(self) -> str:
        return "rmse" if isinstance(self.target, Forecast) else "accuracy"

    def _score(self, predicted: np.ndarray, there: np.ndarray) -> float:
        """Root mean squared error, or the share of right ones, of the targets that are ``there``."""
        if isinstance(self.target, Forecast):
            return float(np.sqrt(np.mean((predicted - self.actual)[there] ** 2)))
        return float(np.mean((predicted == self.actual)[there]))

    def _remark(self, naive: Naive) -> str:
        there = np.isfinite(naive.values)
        part = "" if there.all() else f" on the {there.sum():,} of {there.size:,} targets that have one"
        return f"{naive.name}: {self._score(naive.values, there):.5g}{part}"

    def _beaten(self) -> list[str]:
        """A line for the naive forecasts that are as good as the model on the targets they have."""
        sign = 1 if isinstance(self.target, Forecast) else -1
        better = []
        for naive in self.naive:
            there = np.isfinite(naive.values)
            if sign * self._score(self.predicted, there) >= sign * self._score(naive.values, there):
                better.append(naive.name)
        s = self.scores
        always = ("mean", s.baseline_rmse) if sign > 0 else ("most frequent class", s.baseline_accuracy)
        if sign * self._score(self.predicted, np.isfinite(self.predicted)) >= sign * always[1]:
            better.append(f"{always[0]} of these windows")
        names = " and the ".join(better)
        return [f"the model is no better than the {names}: use that instead, or give it more to see"] if better else []

    def _by_step(self) -> list[str]:
        """The error of each step ahead; of very many, of some."""
        horizon = self.actual.shape[1]
        if horizon == 1:
            return []
        steps = np.unique(np.linspace(0, horizon - 1, min(horizon, MOST_STEPS)).round().astype(int))
        rows: list[tuple[str, ...]] = [("steps ahead", "rmse", *(naive.name for naive in self.naive))]
        for step in steps:
            errors = [self.predicted[:, step], *(naive.values[:, step] for naive in self.naive)]
            rows.append((f"{step + 1}", *(_rmse(each, self.actual[:, step]) for each in errors)))
        return ["", *table(rows, right=range(len(rows[0])))]


def _rmse(predicted: np.ndarray, actual: np.ndarray) -> str:
    there = np.isfinite(predicted)
    return f"{np.sqrt(np.mean((predicted - actual)[there] ** 2)):.5g}" if there.any() else "-"
