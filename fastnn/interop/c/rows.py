"""Raw rows for the test program of a model with an encoding, and what they are as inputs."""

from __future__ import annotations

import numpy as np

from fastnn.interop.c.encoding import KINDS, Encoded
from fastnn.interop.c.text import double, listed, real, string
from fastnn.tables.columns import CategoryFeature, CodeFeature
from fastnn.tables.dates import DateFeature, read_dates
from fastnn.tables.features import Pixels
from fastnn.tables.iso import DAY
from fastnn.tables.phases import fill_phases
from fastnn.tables.pieces import PieceFeature
from fastnn.tables.series import SeriesFeatures
from fastnn.tables.table import Column, Numbers, Table, Text
from fastnn.tables.values import text_values

COUNT = 6
UNSEEN = "a text that no row of the training had"
STEP = 40 * 3_600_000_000  # microseconds between rows of a series: times come to lie all over months
FIRST = -(10**15)  # in 1938: before 1970 too


def checks(made: Encoded, size: str, tolerance: float) -> tuple[str, list[str]]:
    """Tables and statements for the test program; ``size`` is the constant of the input's."""
    if isinstance(made.features, Pixels):
        pixels = np.random.default_rng(0).integers(0, 256, (1, *made.features.shape)).astype(np.uint8)
        expected = made.features.encode(pixels)
        raw = f"static const unsigned char raw[{pixels.size}] = {{\n{listed(map(str, pixels.ravel()))}}};"
        return _both(raw, expected), _calls(made, size, ["raw"], tolerance)
    if isinstance(made.features, SeriesFeatures):
        return _of_series(made, size, tolerance)
    table = _drawn(made.kinds, COUNT)
    raw = _rows(made, table, None)
    calls = [f"raw + {i}" for i in range(COUNT)]
    expected = made.features.encode(table)
    if made.has_both:
        return _both(raw, np.hstack(expected)), _calls_of_both(made, tolerance) + _found(made)
    return _both(raw, expected), _calls(made, size, calls, tolerance) + _found(made)


def _of_series(made: Encoded, size: str, tolerance: float) -> tuple[str, list[str]]:
    features = made.features
    count, window = features.window + 2, features.window
    table, times = _drawn(made.kinds, count), FIRST + STEP * np.arange(count)
    raw = _rows(made, table, times if features.cycles else None)
    starts = range(1, 3)
    windows = [_window(made, table, times, start, window) for start in starts]
    calls = []
    for start in starts:
        before = ""
        if features.changes:
            known = _numbers(table, made.target.name)[:start]
            known = known[~np.isnan(known)]
            before = f", {double(known[-1]) if len(known) else 'NAN'}"
        calls.append(f"raw + {start}{before}")
    return _both(raw, np.stack(windows)), _calls(made, size, calls, tolerance) + _found(made)


def _window(made: Encoded, table: Table, times: np.ndarray, start: int, window: int) -> np.ndarray:
    """The numbers of a window, of a series that begins with the table."""
    features, rows = made.features, np.arange(start, start + window)
    columns = dict(table.columns)
    if features.changes:
        values = _numbers(table, made.target.name)
        changes, last = np.full(len(values), np.nan), np.nan
        for i, value in enumerate(values):
            if not np.isnan(value):
                changes[i], last = 0.0 if np.isnan(last) else value - last, value
        columns[made.target.name] = Numbers(changes)
    encoded = features.columns.encode(Table(columns))[rows]
    out = np.empty((window, features.n_step), np.float32)
    out[:, : encoded.shape[1]] = encoded
    fill_phases(features.cycles, times[rows], out[:, encoded.shape[1] :])
    return out.ravel()


def _numbers(table: Table, name: str) -> np.ndarray:
    column = table.columns[name]
    assert isinstance(column, Numbers)
    return column.values


def _drawn(features: list[KINDS], count: int) -> Table:
    """Rows with gaps, and categories that training had not."""
    draw = np.random.default_rng(0)
    columns: dict[str, Column] = {}
    for feature in features:
        if isinstance(feature, DateFeature):
            columns[feature.name] = _days(feature, draw, count)
        elif isinstance(feature, CategoryFeature | CodeFeature):
            texts = (*feature.values, UNSEEN)
            columns[feature.name] = Text(draw.integers(-1, len(texts), count), texts)
        elif feature.as_text:
            columns[feature.name] = Numbers(draw.choice([0.0, 1.0, np.nan], count))
        else:
            spread = 1 / feature.scale if feature.scale else 1.0
            center = feature.center if isinstance(feature, PieceFeature) else feature.mean
            values = center + spread * draw.standard_normal(count)
            columns[feature.name] = Numbers(np.where(draw.random(count) < 0.2, np.nan, values))
    return Table(columns)


def _days(feature: DateFeature, draw: np.random.Generator, count: int) -> Text:
    """Moments around those of the training, to the second, with gaps."""
    days = np.clip(feature.center + draw.standard_normal(count) / feature.scale, -300_000, 300_000)
    texts = np.datetime_as_string((days * 86400).astype(np.int64).astype("M8[s]")).tolist()
    return Text(np.where(draw.random(count) < 0.2, -1, np.arange(count)), tuple(texts))


def _day(feature: DateFeature, column: Column, row: int) -> float:
    """Days since 1970 of a row, NaN for a gap."""
    found = read_dates(feature.name, text_values(feature.name, column.take(np.array([row]))))[1]
    return float(found[0] / DAY) if len(found) else float("nan")


def _rows(made: Encoded, table: Table, times: np.ndarray | None) -> str:
    lines = []
    for row in range(len(table)):
        members = [] if times is None else [f".time = {times[row]}"]
        for feature in made.kinds:
            column = table.columns[feature.name]
            if isinstance(feature, DateFeature):
                value = double(_day(feature, column, row))
            elif isinstance(column, Text):
                code = int(column.codes[row])
                value = str(code if code < column.values.index(UNSEEN) else -2)
            else:
                value = double(column.values[row])
            members.append(f".{made.members[feature.name]} = {value}")
        lines.append(f"{{{', '.join(members)}}}")
    return f"static const {made.name}_row raw[{len(lines)}] = {{\n{listed(lines)}}};"


def _both(raw: str, expected: np.ndarray) -> str:
    return f"{raw}\n\nstatic const float encoded[{expected.size}] = {{\n{listed(map(real, expected.ravel()))}}};"


def _calls(made: Encoded, size: str, arguments: list[str], tolerance: float) -> list[str]:
    lines = ["{", f"    float x[{size}];"]
    for i, argument in enumerate(arguments):
        lines.append(f"    {made.name}_encode({argument}, x);")
        lines.append(f'    wrong += differs("encode", x, encoded + {i} * {size}, {size}, {real(tolerance)});')
    return [f"    {line}" for line in [*lines, "}"]]


def _calls_of_both(made: Encoded, tolerance: float) -> list[str]:
    """Statements for rows that become numbers and codes, which lie behind them in the table."""
    n, k = made.features.widths
    lines = ["{", f"    float x[{n}], codes[{k}];"]
    for i in range(COUNT):
        lines.append(f"    {made.name}_encode(raw + {i}, x, codes);")
        for array, size, first in (("x", n, 0), ("codes", k, n)):
            wanted = f"encoded + {i * (n + k) + first}"
            lines.append(f'    wrong += differs("encode", {array}, {wanted}, {size}, {real(tolerance)});')
    return [f"    {line}" for line in [*lines, "}"]]


def _found(made: Encoded) -> list[str]:
    """Texts are found by what they are."""
    lines = []
    for feature in made.kinds:
        if isinstance(feature, CategoryFeature | CodeFeature):
            ids = f"{made.name}_{made.members[feature.name]}_id"
            known = [(string(value), i) for i, value in enumerate(feature.values)][-3:]
            lines += [f"wrong += {ids}({text}) != {i};" for text, i in [*known, ('"\\001"', -2), ("0", -1)]]
    return [f"    {line}" for line in lines]
