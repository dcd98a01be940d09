"""Predictions for a stream, written while they are made: Parquet or CSV, by the ending of the name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from fastnn._base.ahead import Ahead
from fastnn._base.growing import growing_file
from fastnn.data.arrow import Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.files import listed
from fastnn.data.stream import Stream
from fastnn.tables.target import Classes
from fastnn.tables.write import csv_blocks, free_name, typed

if TYPE_CHECKING:
    import pyarrow as pa

    from fastnn._base.types import DataLike, Outputs, StrPath
    from fastnn.tables.features import Encoded
    from fastnn.tables.target import Target
    from fastnn.tables.write import Values

ENDINGS = (".parquet", ".csv", ".tsv")

Item = TypeVar("Item")


class PredictionWriter:
    """Writes columns part by part into a file, which takes its name when the block ends; an error leaves the old one.

    Parameters
    ----------
    path : ends in ``.parquet`` (needs pyarrow), ``.csv`` or ``.tsv``.

    Raises
    ------
    ValueError
        the ending is another one; a part has not the columns of the first.
    OSError, ImportError
        it cannot be written; pyarrow is missing.

    >>> from fastnn.data import PredictionWriter
    >>> with PredictionWriter("out.csv") as writer:
    ...     writer.write({"row": [0, 1], "y": np.array([0.5, 0.25])})
    ...     writer.write({"row": [2], "y": np.array([0.125])})
    >>> with open("out.csv") as file:
    ...     print(file.read(), end="")
    row,y
    0,0.5
    1,0.25
    2,0.125
    """

    def __init__(self, path: StrPath):
        self.path = os.fsdecode(path)
        self.ending = os.path.splitext(self.path)[1].lower()
        if self.ending not in ENDINGS:
            raise ValueError(f"{self.path}: name a file that ends in {', '.join(ENDINGS)}")
        if self.ending == ".parquet":
            _parquet()
        self.n_rows = 0
        self._names: list[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> PredictionWriter:
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(growing_file(self.path))
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            self._writer.close()
        self._stack.__exit__(*error)

    def write(self, columns: Mapping[str, DataLike]) -> None:
        """Write rows: ``columns`` of equal length, lists, arrays ``(n,)`` or columns of Arrow, by name."""
        names = list(columns)
        if self._names is not None and names != self._names:
            raise ValueError(f"{self.path} has the columns {listed(self._names)}, and a part has {listed(names)}")
        if self.ending == ".parquet":
            self._write_parquet(columns)
        else:
            blocks = csv_blocks(_plain(columns), "\t" if self.ending == ".tsv" else ",")
            header = next(blocks)
            self._file.write((header if self._names is None else "").encode())
            for block in blocks:
                self._file.write(block.encode())
        self._names = names
        self.n_rows += len(next(iter(columns.values())))

    def _write_parquet(self, columns: Mapping[str, DataLike]) -> None:
        import pyarrow

        pool = pyarrow.system_memory_pool()
        if self._writer is None:
            table = pyarrow.table(dict(columns))
            self._writer = _parquet().ParquetWriter(self._file, table.schema, memory_pool=pool)
        else:
            table = pyarrow.table(dict(columns), schema=self._writer.schema)
        self._writer.write_table(table)


def _plain(columns: Mapping[str, DataLike]) -> dict[str, Values]:
    """Columns of Arrow as lists."""
    return {name: values.to_pylist() if hasattr(values, "to_pylist") else values for name, values in columns.items()}


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError:
        raise ImportError("writing Parquet needs pyarrow; install the extra fastnn-native[table]") from None
    return parquet


class Predicts(Protocol):
    """A model, of which this is what is asked here."""

    def predict(self, x: DataLike, /) -> Outputs: ...


def write_predictions(
    model: Predicts, data: Stream, path: StrPath, *, keep: Sequence[str] = (), probabilities: bool = False
) -> int:
    """Write what a model predicts for a stream, row group by row group; the number of rows.

    Rows come in the order of the data. With an encoding of classes or numbers, the column has the target's name and
    holds labels or values; else it is ``prediction``, or ``prediction_0`` and so on for several outputs.

    Parameters
    ----------
    model : with one output.
    data : rows, in whose targets nobody looks.
    path : as :class:`PredictionWriter` takes it.
    keep : columns of the files to write before the predictions.
    probabilities : of each class of an encoding, in columns ``P(label)`` behind its label.

    Raises
    ------
    ValueError
        a column to keep is not there; the stream has no encoding of classes, whose probabilities are wanted; and what
        reading and :class:`PredictionWriter` raise.
    """
    if not isinstance(data, Stream):
        raise TypeError(
            f"data must be a stream of fastnn.data, got a {type(data).__name__}; write a table of predict(x)"
        )
    tables = data.source if isinstance(data.source, Tables) else None
    encoder = tables.encoder if tables is not None else None
    if keep and tables is None:
        raise ValueError(f"{data.source.name} has no columns with names to keep")
    if tables is not None:
        tables.check_columns(keep)
    target = encoder.encoding.row_target if isinstance(encoder, TableEncoder) else None
    if probabilities and not isinstance(target, Classes):
        raise ValueError("probabilities are of classes, and the stream has no encoding of classes")
    with PredictionWriter(path) as writer:
        for kept, x in _ahead(parts(data, keep)):
            writer.write(kept | predicted(target, np.asarray(model.predict(x)), probabilities, kept))
        return writer.n_rows


def parts(data: Stream, keep: Sequence[str] = ()) -> Iterator[tuple[dict[str, pa.ChunkedArray], Encoded]]:
    """Columns to keep, and inputs, of one row group after the other."""
    if not isinstance(data.source, Tables):
        for portion in data.in_order().portions():
            xs = portion.x if isinstance(portion.x, list) else [portion.x]
            cut = [x[: len(portion.order)] for x in xs]  # the rows behind them come with the next portion
            yield {}, cut if len(cut) > 1 else cut[0]
        return
    for group in range(len(data.source.rows)):
        found = data.raw(group, keep)
        if found is not None:
            yield {name: found[0].column(name) for name in keep}, found[1].batch_of_inputs()
        del found


def _ahead(given: Iterator[Item]) -> Iterator[Item]:
    """The same, of which a thread makes the next one meanwhile."""
    ahead = Ahead(lambda: next(given, None))
    try:
        while (found := ahead.get()) is not None:
            ahead.ask()
            yield found
            del found
    finally:
        ahead.close()


def predicted(target: Any, output: np.ndarray, probabilities: bool, kept: Mapping[str, object]) -> dict[str, Values]:
    """Columns of predictions, under names that no kept column has."""
    if target is None:
        flat = output.reshape(len(output), -1)
        if flat.shape[1] == 1:
            return {free_name("prediction", kept): flat[:, 0]}
        return {free_name(f"prediction_{place}", kept): column for place, column in enumerate(flat.T)}
    columns: dict[str, Values] = {free_name(target.name, kept): decoded(target, output)}
    if probabilities:
        shares = target.probabilities(output)
        for place, label in enumerate(target.labels):
            columns[free_name(f"P({label})", {**kept, **columns})] = shares[:, place]
    return columns


def decoded(target: Target, output: np.ndarray) -> Values:
    """Labels, as numbers where all of them are written as such, or values."""
    if not isinstance(target, Classes):
        return target.decode(output)
    labels = typed(list(target.labels))
    return [labels[place] for place in target.probabilities(output).argmax(axis=1)]
