"""The encoding of raw columns that are larger than memory, from one pass over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fastnn._base.arguments import shown
from fastnn.data.arrow import Tables
from fastnn.data.csv_blocks import CsvOptions, LateText
from fastnn.data.files import check_dataset, find_files, listed
from fastnn.data.passes import Part
from fastnn.data.survey import Moments, Survey, survey
from fastnn.data.tables import expression
from fastnn.tables import (
    Encoding,
    FeatureOptions,
    TextOptions,
    choose_task,
    fit_classes,
    fit_quantity,
    fit_texts,
)
from fastnn.tables.columns import NumberFeature
from fastnn.tables.features import Feature, TableFeatures
from fastnn.tables.fit import EMPTY, constant_note, fit_column, fit_columns, fit_text
from fastnn.tables.notes import odd_note
from fastnn.tables.numerals import GAPS
from fastnn.tables.parquet import index_columns
from fastnn.tables.pieces import TINY, PieceFeature
from fastnn.tables.table import Column, Numbers, Table, Text, settle
from fastnn.tables.table import listed as listed_columns
from fastnn.tables.target import Classes, Target, as_numbers
from fastnn.tables.texts import TextFeatures

if TYPE_CHECKING:
    import pyarrow.compute as pc

    from fastnn._base.types import StrPath

TASKS = ("classify", "regress")
T = TypeVar("T")


@dataclass(frozen=True)
class Learned:
    """What a pass over raw rows has found.

    Attributes
    ----------
    encoding : of features and target.   task, reason : what is predicted, and why that.
    notes : what a user should know of columns.   survey : the counts and the sample behind it.
    """

    encoding: Encoding
    task: str
    reason: str
    notes: list[str]
    survey: Survey


def fit_encoding(
    source: StrPath | Sequence[StrPath],
    target: str,
    *,
    columns: Sequence[str] | None = None,
    filters: pc.Expression | Sequence[tuple[str, str, object]] | None = None,
    task: str | None = None,
    options: FeatureOptions | None = None,
    separator: str | None = None,
    decimal: str = ".",
    charset: str = "utf-8",
    text: Sequence[str] = (),
) -> Encoding:
    """The encoding of the raw columns of files, from one pass over them in bounded memory.

    Means, spreads, gaps, categories and classes are those of all rows; quantiles (of ``FeatureOptions(pieces=...)``)
    and dates are those of a sample of 100,000 rows, which each row is in by a draw keyed by its number. Of a text
    column the 100,000 most frequent values at least are counted. Every run gives the same.

    Parameters
    ----------
    source, columns, filters, separator, decimal, charset, text : as :func:`stream` takes them, of files with columns.
    target : the column to predict. Rows in which it is a gap have to be left out by ``filters``.
    task : ``"classify"`` or ``"regress"``; None decides by the target.
    options : how columns become numbers.

    Raises
    ------
    ValueError, FileNotFoundError, ImportError
        as :func:`stream`; or the target has gaps, or one value.

    >>> import pyarrow, pyarrow.parquet
    >>> from fastnn.data import fit_encoding, stream
    >>> rows = pyarrow.table({"age": [20, 40, None, 60], "city": ["Bern", "Oslo", "Bern", "Rome"], "y": [1.0, 2, 3, 5]})
    >>> pyarrow.parquet.write_table(rows, "people.parquet")
    >>> encoding = fit_encoding("people.parquet", "y")
    >>> encoding.features, encoding.target
    (<TableFeatures of 2 columns, 5 numbers a row>, Quantity('y', 2.75, 1.479019945774904))
    >>> next(iter(stream("people.parquet", encoding=encoding, shuffle=False)))[0][0].tolist()
    [-1.2247449159622192, 0.0, 1.0, 0.0, 0.0]
    """
    if task not in (None, *TASKS):
        raise ValueError(f"task must be classify, regress or None, got {shown(task)}")
    if hasattr(source, "files"):
        check_dataset(source)
    files = find_files(list(source.files) if hasattr(source, "files") else source)
    csv = CsvOptions(separator, decimal, charset, tuple(text), codes=True)

    def learned(csv: CsvOptions) -> Encoding:
        tables = Tables(files, csv, expression(filters))
        wanted = inputs_of(tables, target, columns)
        return learn(tables, wanted, target, task, options or FeatureOptions()).encoding

    return with_late_texts(learned, csv, target)


def with_late_texts(made: Callable[[CsvOptions], T], csv: CsvOptions, target: str) -> T:
    """What is made of all rows of files, begun anew where a block has a word in a column that had numbers so far."""
    while True:
        try:
            return made(csv)
        except LateText as found:
            if found.column == target or found.column in csv.text:
                raise
            csv = replace(csv, text=(*csv.text, found.column), numeric=(*csv.numeric, found.column))


def inputs_of(tables: Tables, target: str, columns: Sequence[str] | None = None) -> list[str]:
    """The columns to learn from: those named, else all but the target and pandas' index.

    ``ValueError`` where a file lacks one.
    """
    tables.check_columns([target])
    others = (target, *index_columns(tables.schema.metadata))
    wanted = [name for name in tables.schema.names if name not in others] if columns is None else list(columns)
    if not wanted:
        raise ValueError(f"{tables.name} has no column besides {target!r} to learn from; it has {listed([target])}")
    tables.check_columns(wanted)
    return wanted


def with_targets(tables: Tables, target: str) -> tuple[Tables, int]:
    """The rows whose target is known, and how many others there are."""
    import pyarrow.dataset
    import pyarrow.types as kinds

    tables.check_columns([target])
    kind, column = tables.schema.field(target).type, pyarrow.dataset.field(target)
    known = column.is_valid()
    if kinds.is_floating(kind):
        known = known & ~column.is_nan()
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        known = known & ~column.isin(list(GAPS))
    kept = tables.where_also(known)
    left_out = int(tables.rows.sum() - kept.rows.sum())
    return (kept if left_out else tables), left_out


def learn(
    tables: Tables,
    columns: Sequence[str],
    target: str,
    task: str | None,
    options: FeatureOptions | Callable[[Table], FeatureOptions],
    part: Part | None = None,
    n_rows: int = 0,
    texts: Sequence[str] = (),
    how: TextOptions | None = None,
) -> Learned:
    """Look at all rows, or at a part of them, and fit encodings.

    ``options`` may be a function of the sample of the columns to learn from. The words of ``texts`` are those of the
    sample, read ``how`` it says.
    """
    found = survey(tables, columns, target, part, n_rows=n_rows, texts=texts)
    task, reason, made = _target(found, target, task)
    if not isinstance(options, FeatureOptions):
        options = options(found.sample.without(target))
    features: list[Feature] = []
    notes: dict[str, list[str]] = {}
    odd: list[str] = []
    for name in (name for name in columns if name not in texts):
        came = found.sample.columns[name]
        column = settle(came) if isinstance(came, Text) else came
        feature, note = _feature(found, name, column, options)
        odd += odd_note(name, column)
        if note:
            notes.setdefault(note, []).append(name)
        if feature.width:
            features.append(feature)
    told = odd + [f"{listed_columns(names)}: {note}" for note, names in notes.items()]
    if not features and not texts:
        raise ValueError(
            f"{tables.name} has no column to learn from besides the target" + "".join(f"; {n}" for n in told)
        )
    inputs = TableFeatures(features) if features else None
    if inputs is not None and not texts:
        return Learned(Encoding(inputs, made), task, reason, told, found)
    raw = Table({name: found.sample.columns[name] for name in texts}, tables.name)
    words, said = fit_texts(raw, texts, how or TextOptions())
    return Learned(Encoding(TextFeatures(words.texts, inputs), made), task, reason, [*said, *told], found)


def sample_of(learned: Learned) -> Table:
    """The rows of the sample as the encoding takes them, with the target."""
    numbers = [*learned.encoding.features.number_columns()]
    columns = learned.survey.sample.columns
    return Table({n: (as_numbers(c) or c) if n in numbers else c for n, c in columns.items()}, "the sample")


def _target(found: Survey, name: str, task: str | None) -> tuple[str, str, Target]:
    """The task, why it is that, and the target's encoding."""
    column, counts = found.sample.columns[name], found.counts[name]
    gaps = found.moments[name].gaps if name in found.moments else counts.gaps
    if gaps:
        raise ValueError(f"the target {name!r} has {gaps:,} gaps; leave those rows out by filters")
    chosen, reason = (task, "as the task says") if task else choose_task(column)
    if chosen == "classify":
        return chosen, reason, _classes(found, name)
    quantity = fit_quantity(name, column)
    exact = found.moments.get(name, Moments())
    return chosen, reason, replace(quantity, mean=exact.mean, spread=exact.spread) if exact.count else quantity


def _classes(found: Survey, name: str) -> Classes:
    """All classes that rows have; each stands twice, for a label in every row would be no class."""
    if name in found.moments:
        values, _ = found.numbers_of(name)
        return fit_classes(name, Numbers(np.repeat(values, 2)))
    column, _ = found.counts[name].column()
    return fit_classes(name, Text(np.repeat(column.codes, 2), column.values))


def _feature(found: Survey, name: str, column: Column, options: FeatureOptions) -> tuple[Feature, str]:
    """The encoding of a column, of which these are the rows of the sample, and a note on it or an empty one."""
    if name in found.moments and isinstance(column, Numbers):
        return _exact(name, column, found.moments[name], options)
    counts = found.counts[name]
    gaps = counts.gaps if counts.rows else 0  # of a column of gaps alone nothing is said, as in memory
    if isinstance(column, Numbers):  # texts that write numbers
        feature, note = fit_column(name, column, options)
        return _with_gaps(feature, gaps), note
    values, rows = counts.column()
    feature, note = fit_text(name, values, rows, column, options)
    return (_with_gaps(feature, gaps) if isinstance(feature, NumberFeature) else feature), note


def _exact(name: str, column: Numbers, moments: Moments, options: FeatureOptions) -> tuple[Feature, str]:
    """The encoding of numbers, with the mean, spread and gaps of all rows."""
    constant = moments.spread <= max(1e-12 * abs(moments.mean), TINY)
    if not constant:
        made, _ = fit_columns({name: column}, options)
        if made and isinstance(made[0], PieceFeature):
            return _with_gaps(made[0], moments.gaps), ""
    scale = 0.0 if constant else 1 / moments.spread
    gaps = moments.count > 0 and moments.gaps > 0
    note = constant_note(moments.low, moments.high) if constant and moments.count else EMPTY * constant
    return NumberFeature(name, moments.mean, scale, gaps), note


def _with_gaps(feature: Any, gaps: int) -> Any:
    return replace(feature, gaps=True) if gaps and not getattr(feature, "gaps", True) else feature
