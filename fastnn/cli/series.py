"""``fastnn train --window``: the options of series, and windows as ``train`` takes them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fastnn.cli.fit import Rows
from fastnn.cli.forecasts import Forecasts
from fastnn.cli.networks import RECURRENT
from fastnn.cli.table_report import NOT_OF_SERIES
from fastnn.tables import Encoding, Reading
from fastnn.tables.series import Forecast, SeriesFeatures
from fastnn.tables.series_rows import SeriesRows

if TYPE_CHECKING:
    from fastnn._base.windows import WindowRows
    from fastnn.models.model import Model

NETWORKS = ("mlp", *RECURRENT)  # that take series


def check_series_options(arguments: argparse.Namespace) -> None:
    """Refuse options of series without --window, and with it those of images."""
    if arguments.window is None:
        for option in ("time_column", "group", "horizon"):
            if getattr(arguments, option) is not None:
                raise ValueError(f"--{option.replace('_', '-')} needs --window N, the steps that a prediction sees")
        return
    if arguments.network not in (None, *NETWORKS):
        raise ValueError(f"--network {arguments.network} is for images; with --window it is {', '.join(NETWORKS)}")
    for option in ("image_size", "augment", "skip_damaged"):
        if getattr(arguments, option):
            raise ValueError(f"--{option.replace('_', '-')} is for images; leave it out with --window")
    if arguments.target is None:
        raise ValueError("--window needs --target, the column whose next steps are predicted")
    names = [arguments.target, arguments.time_column, arguments.group]
    given = [name for name in names if name is not None]
    if len(set(given)) < len(given):
        raise ValueError("--target, --time-column and --group must name different columns")


def series_reading(arguments: argparse.Namespace, reading: Reading) -> Reading:
    """How to read the table of a series: groups as text, however they look."""
    groups = [] if arguments.group is None else [arguments.group]
    kept = [name for name in (arguments.time_column, arguments.group) if name is not None]
    return replace(reading, as_text=groups, verbatim=[*reading.verbatim, *groups], keep=kept)


@dataclass(frozen=True)
class PreparedSeries:
    """Windows to train on and windows held out (None without any), as ``train`` takes them."""

    encoding: Encoding
    rows_of: SeriesRows
    training: np.ndarray  # int64, the steps at which windows begin
    later: np.ndarray  # of the held-out ones
    class_weights: np.ndarray | None = None
    unit = "window"

    @property
    def n_steps(self) -> int:
        """Steps in all windows that are trained on."""
        return len(self.training) * self.features.window

    @property
    def features(self) -> SeriesFeatures:
        """How steps are encoded."""
        assert isinstance(self.encoding.features, SeriesFeatures)
        return self.encoding.features

    @cached_property
    def x(self) -> WindowRows:
        """The windows to train on."""
        return self.rows_of.x(self.training, self.features.window)

    @cached_property
    def y(self) -> np.ndarray:
        """Their targets."""
        return self._y(self.training)

    @cached_property
    def held_out(self) -> tuple[object, np.ndarray] | None:
        """Windows behind the cut and their targets."""
        if not len(self.later):
            return None
        return self.rows_of.x(self.later, self.features.window), self._y(self.later)

    @property
    def points(self) -> tuple[object, np.ndarray]:
        """Windows and targets that can be drawn."""
        return self.x, self.y

    def rows(self) -> Rows:
        """What ``fit`` takes; classes that only held-out windows have do not tell when to stop."""
        y, weights = self.y, self.class_weights
        later, starts = self._y(self.later), self.later
        validation: tuple[object, ...] | None = None
        if not isinstance(self.encoding.target, Forecast):
            starts, later = starts[later >= 0], later[later >= 0]
        if len(self.later) and not len(starts):
            raise ValueError(
                "no class of the held-out rows is there before them; take another share with --validation, or 0"
            )
        if len(starts):
            counts = [] if weights is None or not weights[later].any() else [weights[later]]
            validation = self.rows_of.x(starts, self.features.window), later, *counts
        return Rows(self.x, y, None if weights is None else weights[y], validation)

    def _y(self, starts: np.ndarray) -> np.ndarray:
        return encoded_targets(self.encoding, self.rows_of, starts)

    def report(self, model: Model) -> Forecasts:
        """Scores on the held-out windows, on those trained on without any."""
        starts = self.later if len(self.later) else self.training
        return Forecasts(self.encoding, self.rows_of, starts, model)

    def summary(self, model: Model) -> dict[str, str]:
        """What the model file keeps of the training rows: of a series nothing."""
        return {}

    def write_report(self, path: str, model: Model, seed: int) -> None:
        """Refused, as the option is before the work."""
        raise ValueError(NOT_OF_SERIES)


def encoded_targets(encoding: Encoding, rows: SeriesRows, starts: np.ndarray) -> np.ndarray:
    """Targets of the windows that begin at ``starts``, as the network has them."""
    features, target = encoding.features, encoding.target
    assert isinstance(features, SeriesFeatures)
    if isinstance(target, Forecast):
        values = rows.targets(starts, features.window, target.horizon)
        return target.encode(values, rows.last(starts, features.window))
    found: np.ndarray = rows.values[starts + features.window]
    return found
