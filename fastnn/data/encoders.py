"""From a table of Arrow to arrays: numbers side by side as they are, or by the encoding of a trained model."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.data.rooms import Columns
from fastnn.data.sources import Arrays, Parts, check_numbers
from fastnn.tables.arrow_csv import floats
from fastnn.tables.columns import CodeFeature
from fastnn.tables.encoding import Encoding
from fastnn.tables.features import Pixels, TableFeatures
from fastnn.tables.parquet import table_of_arrow
from fastnn.tables.reading import Reading
from fastnn.tables.table import Table, Text, with_gaps
from fastnn.tables.target import Classes, as_numbers
from fastnn.tables.texts import TextFeatures

if TYPE_CHECKING:
    import pyarrow as pa

FLOAT = np.dtype(np.float32)
PLAIN = {f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
PLAIN |= {"float": FLOAT, "double": np.dtype(np.float64)}  # Arrow's words for columns of numbers


class MatrixEncoder:
    """Columns of numbers side by side.

    Parameters
    ----------
    inputs : names of columns of numbers, or of lists of as many numbers in each row.
    target : name of the column to predict, or names of several; None without.
    weight : name of the column of sample weights, or None.
    dtype : of inputs, weights and targets with fractions; whole numbers stay such.
    """

    def __init__(self, inputs: Sequence[str], target: str | Sequence[str] | None, weight: str | None, dtype: np.dtype):
        self.inputs, self.target, self.weight, self.dtype = list(inputs), target, weight, dtype
        self.targets = [] if target is None else [target] if isinstance(target, str) else list(target)

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys([*self.inputs, *self.targets, *([self.weight] if self.weight else [])]))

    @property
    def marks(self) -> list[object]:
        """What tells it from another one."""
        return [self.inputs, self.target, self.weight, self.dtype.str]

    def __call__(self, table: pa.Table, where: str) -> Arrays:
        """The arrays of a group of rows; ``ValueError`` that says where for a gap or a number that is not finite."""
        parts = self.parts(table, where)
        return Arrays(parts.x, parts.y, parts.weight).like([part.array() for part in parts.all])

    def parts(self, table: pa.Table, where: str) -> Parts[Any]:
        """The columns of a group of rows, which nobody has looked at for numbers that are not finite."""
        n, plain = len(table), plain_values(table)
        x = Columns(n, self._values(table, self.inputs, where, plain), self.dtype, where, "the columns of inputs")
        y = weight = None
        if self.target is not None:
            values = self._values(table, self.targets, where, plain)
            dtype = np.dtype(np.int64) if all(each.dtype.kind in "iub" for each in values) else self.dtype
            y = Columns(n, values, dtype, where, f"the target {self.target!r}", isinstance(self.target, str))
        if self.weight is not None:
            values = self._values(table, [self.weight], where, plain)
            weight = Columns(n, values, self.dtype, where, f"the column {self.weight!r} of weights", True)
        return Parts((x,), y, weight)

    def _values(
        self, table: pa.Table, names: Sequence[str], where: str, plain: dict[str, np.ndarray]
    ) -> list[np.ndarray]:
        return [plain[name] if name in plain else column_values(table, name, where) for name in names]


class TableEncoder:
    """Raw columns by an encoding, as a model that ``fastnn train`` made has one.

    Parameters
    ----------
    encoding : of a table's rows.
    target : whether its target is read, too.
    weight : name of the column of sample weights, or None.
    class_weights : what each class counts, beside that; None for alike.
    knows_all : whether a label that the encoding does not know is an error; it is class -1 else.
    """

    def __init__(
        self,
        encoding: Any,
        target: bool = True,
        weight: str | None = None,
        dtype: np.dtype = FLOAT,
        class_weights: np.ndarray | None = None,
        knows_all: bool = True,
    ):
        self.knows_all = knows_all
        self.encoding, self.weight, self.class_weights = encoding, weight, class_weights
        self.dtype = dtype
        if not isinstance(encoding, Encoding) or not isinstance(encoding.features, TableFeatures | TextFeatures):
            what = "images" if isinstance(getattr(encoding, "features", None), Pixels) else repr(encoding)
            raise TypeError(f"a stream takes the Encoding of a table's rows, got {what}")
        self.target = encoding.row_target.name if target else None
        self.how: Reading = encoding.reading()

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        features: Any = self.encoding.features
        others = [name for name in (self.target, self.weight) if name]
        return list(dict.fromkeys([*(feature.name for feature in features.features), *others]))

    @property
    def marks(self) -> list[object]:
        """What tells it from another one."""
        stored = next(iter(Encoding(self.encoding.features, self.encoding.target).metadata().values()))
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return [zlib.crc32(stored.encode()), self.target, self.weight, self.dtype.str, weights]

    def table(self, table: pa.Table, where: str) -> Table:
        """The columns as raw values."""
        return table_of_arrow(where, where, table, self.how)

    def __call__(self, table: pa.Table, where: str) -> Arrays:
        """The arrays of a group of rows; ``ValueError`` that says where for what cannot be encoded."""
        try:
            rows = self.table(table, where)
            encoded = self.encoding.features.encode(rows)
            y = None if self.target is None else self.target_of(rows)
        except ValueError as error:
            raise ValueError(str(error) if where in str(error) else f"{where}: {error}") from None
        x = encoded if isinstance(encoded, list) else [encoded]
        x = [array if array.dtype == self.dtype else array.astype(self.dtype) for array in x]
        weight = weights_of(table, self.weight, self.dtype, where)
        if self.class_weights is not None and y is not None:
            each = self.class_weights[y].astype(self.dtype)
            weight = each if weight is None else weight * each
        return Arrays(tuple(x), y, weight)

    def target_of(self, rows: Table) -> np.ndarray:
        """The encoded target of raw rows, ``(n,)``; ``ValueError`` for gaps and classes that nobody knows."""
        target = self.encoding.row_target
        column = rows.columns[target.name]
        if isinstance(target, Classes):
            column = with_gaps(column, target.labels) if isinstance(column, Text) else column
        else:
            column = as_numbers(column) or column
        if column.gaps.any():
            raise ValueError(f"the target {target.name!r} has {int(column.gaps.sum()):,} gaps; filter them out")
        y = target.encode(column)
        if isinstance(target, Classes) and self.knows_all and (y < 0).any():
            raise ValueError("; ".join(target.notes(column)))
        made: np.ndarray = y if isinstance(target, Classes) else y.astype(self.dtype)
        return made


def has_codes(features: TableFeatures) -> bool:
    """Whether columns are numbers for an ``Embedding``."""
    return any(isinstance(feature, CodeFeature) for feature in features.features)


def weights_of(table: pa.Table, name: str | None, dtype: np.dtype, where: str) -> np.ndarray | None:
    """Sample weights ``(n,)``; None where no column is named."""
    if name is None:
        return None
    values = column_values(table, name, where).astype(dtype)
    check_numbers(where, f"the column {name!r} of weights", values)
    return values


def plain_values(table: pa.Table) -> dict[str, np.ndarray]:
    """Columns of plain numbers without gaps, of a table in one piece; one by one takes longer."""
    batches = table.to_batches()
    if len(batches) != 1:
        return {}
    columns = zip(table.column_names, batches[0].columns, strict=True)
    return {name: values_of(each) for name, each in columns if not each.null_count and str(each.type) in PLAIN}


def column_values(table: pa.Table, name: str, where: str) -> np.ndarray:
    """A column's numbers, ``(n,)`` of the file's type, or ``(n, width)`` for lists of as many numbers."""
    import pyarrow
    import pyarrow.types as kinds

    column = table.column(name)
    kind = column.type
    if column.null_count:
        raise ValueError(
            f"{where}: column {name!r} has {column.null_count:,} gaps; filter them out, or give an encoding, which "
            f"knows of gaps (fastnn.data.fit_encoding)"
        )
    if kinds.is_fixed_size_list(kind):
        flat = column.combine_chunks().flatten()
        inner = pyarrow.table({name: flat})
        return column_values(inner, name, where).reshape(len(column), kind.list_size)
    chunks = column.chunks
    if kinds.is_boolean(kind) or kinds.is_decimal(kind) or (kinds.is_dictionary(kind)):
        chunks = [_plain(chunk, name, where) for chunk in chunks]
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise ValueError(
            f"{where}: column {name!r} holds {kind}, which is no number; leave it out of columns=, or give an "
            f"encoding (fastnn.data.fit_encoding)"
        )
    made = [values_of(chunk) for chunk in chunks]
    return made[0] if len(made) == 1 else np.concatenate(made) if made else np.empty(0)


def _plain(chunk: pa.Array, name: str, where: str) -> pa.Array:
    import pyarrow

    try:
        kind = "int8" if pyarrow.types.is_boolean(chunk.type) else "float64"
        return chunk.cast(kind)
    except pyarrow.ArrowException:
        raise ValueError(f"{where}: column {name!r} holds {chunk.type}, which is no number") from None


def values_of(chunk: pa.Array) -> np.ndarray:
    """The numbers of an Arrow array without gaps, without a copy; half precision becomes float64."""
    kind = str(chunk.type)
    if kind == "halffloat":
        return floats(chunk)
    dtype = PLAIN[kind]
    return np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
