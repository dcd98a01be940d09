"""``fastnn info``: what a model file holds, as tables, or what this installation is."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import fastnn
from fastnn._base.reprs import counted, cut
from fastnn.cli.texts import described
from fastnn.config import config_lines
from fastnn.models.summary import in_bytes, summary, table
from fastnn.tables import Encoding
from fastnn.tables.columns import CategoryFeature, CodeFeature
from fastnn.tables.dates import DateFeature
from fastnn.tables.features import Feature, Pixels
from fastnn.tables.pieces import PieceFeature
from fastnn.tables.series import Forecast, SeriesFeatures
from fastnn.tables.target import Classes, Quantity
from fastnn.tables.texts import TextFeature

if TYPE_CHECKING:
    from fastnn.models.model import Model

MOST_COLUMNS = 24  # of the data, listed one by one
MOST_LABELS = 20


def info(arguments: argparse.Namespace) -> int:
    """Print the tables; returns the exit code."""
    if not arguments.model:
        print("\n".join(config_lines()))
        return 0
    model = fastnn.load(arguments.model)
    try:
        encoding = Encoding.of(model)
    except ValueError as error:
        print("\n".join([*_facts(arguments.model, model, None), "", summary(model), "", str(error)]))
        return 0
    use = [f"use: fastnn predict {arguments.model} DATA", f"     fastnn evaluate {arguments.model} DATA"]
    inputs = inputs_table(encoding)
    print("\n".join([*_facts(arguments.model, model, encoding), "", summary(model), "", *inputs, "", *use]))
    return 0


def _facts(path: str, model: Model, encoding: Encoding | None) -> list[str]:
    """A line a fact, their names in a column."""
    facts = {"file": f"{os.path.basename(path)}, {in_bytes(os.path.getsize(path))}"}
    if encoding:
        facts |= {"predicts": target_line(encoding.target), **encoding.trained}
        if model.step:  # a model that was joined of several has none of its own
            facts["updates"] = f"{model.step:,}"
    else:
        facts["trained"] = f"{counted(model.epoch, 'epoch')}, {counted(model.step, 'update')}, seed {model.seed}"
    width = max(map(len, facts))
    return [f"{name:{width}}  {value}" for name, value in facts.items()]


def target_line(target: Classes | Quantity | Forecast) -> str:
    """What the model predicts."""
    if isinstance(target, Forecast):
        changes = f"mean {target.mean:.5g}, standard deviation {target.spread:.5g} in training"
        return f"{target.name}, a number, {target.ahead} ({changes})"
    if isinstance(target, Quantity):
        return f"{target.name}, a number (mean {target.mean:.5g}, standard deviation {target.spread:.5g} in training)"
    labels = ", ".join(map(str, target.labels[:MOST_LABELS]))
    more = ", ..." if len(target.labels) > MOST_LABELS else ""
    return f"{target.name}, one of {len(target.labels)} classes: {labels}{more}"


def inputs_table(encoding: Encoding) -> list[str]:
    """How each column of the data becomes inputs of the network."""
    features = encoding.features
    if isinstance(features, Pixels):
        return [f"inputs: images of {' x '.join(map(str, features.shape))} pixels, 0 to 255, divided by 255"]
    if isinstance(features, SeriesFeatures):
        return [
            *series_lines(features, encoding.target.name),
            *inputs_table(replace(encoding, features=features.columns)),
        ]
    described = [(cut(f.name, 40), str(f.width), encoded(f)) for f in features.features]
    lines = table([("column", "inputs", "encoding"), *described[:MOST_COLUMNS]], right=(1,))
    if len(described) > MOST_COLUMNS:
        lines.append(f"and {counted(len(described) - MOST_COLUMNS, 'more column')}, {features.width} inputs in all")
    return lines


def series_lines(features: SeriesFeatures, target: str) -> list[str]:
    """How a model of series takes rows, before the columns of a step."""
    columns = [f"times in {features.time!r}"] if features.time else []
    columns += [f"groups in {features.group!r}"] if features.group else []
    cycles = f"; {', '.join(features.cycles)} as sine and cosine" if features.cycles else ""
    cycles += f"; {target} as its change" * features.changes
    where = ", ".join([features.step.in_words(), *columns])
    return [f"inputs: windows of {counted(features.window, 'step')} ({where}), each the columns below{cycles}"]


def encoded(feature: Feature | TextFeature) -> str:
    """The encoding of a column in words."""
    if isinstance(feature, TextFeature):
        return f"text, {described(feature)}: {first_of(feature.tokens)}"
    if isinstance(feature, CategoryFeature):
        extra = "; gaps" * feature.gaps + "; all others" * feature.bucket
        return f"{counted(len(feature.values), 'category', 'categories')}: {first_of(feature.values)}{extra}"
    gaps = ", gaps marked" * getattr(feature, "gaps", False)
    if isinstance(feature, CodeFeature):
        return f"{counted(len(feature.values), 'category', 'categories')} by number: {first_of(feature.values)}"
    if isinstance(feature, PieceFeature):
        return f"number, median {feature.center:.5g}, {counted(feature.n_pieces, 'piece')}{gaps}"
    if isinstance(feature, DateFeature):
        return ", ".join(["time", counted(feature.n_pieces, "piece"), *feature.cycles]) + gaps
    if not feature.scale:
        return "constant in training, counts as zero"
    kind = "true or false" if feature.truth else "number"
    return f"{kind}, mean {feature.mean:.5g}, standard deviation {1 / feature.scale:.5g}{gaps}"


def first_of(values: Sequence[str], width: int = 50) -> str:
    """As many of the values as ``width`` characters hold, at least one, and how many more there are."""
    count = 1
    while count < len(values) and len(", ".join(values[: count + 1])) <= width:
        count += 1
    shown = ", ".join(cut(value, width) for value in values[:count])
    return shown + (f" and {len(values) - count} more" if count < len(values) else "")
