"""Tables from frames of pandas, polars and pyarrow, from arrays and from dictionaries of arrays.

Columns have the kinds that their dtypes say: numbers, truth, text, dates, durations (as seconds). Text, and objects of
Python, go by the rule of files (:mod:`fastnn.tables.table`), so that the values of a CSV file and those of a frame are
encoded alike. Categories stay text even where they write numbers: somebody said that they are categories.

Design: each library's columns become one of NumPy's arrays first, and all that follows is written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.foreign import as_array, check_mask
from fastnn._base.types import DataLike
from fastnn.tables.iso import DAY, SECOND
from fastnn.tables.numerals import EXACT
from fastnn.tables.objects import array_of_objects, plain_texts, written
from fastnn.tables.reading import Reading
from fastnn.tables.table import Column, Numbers, Table, Text, coded, listed, settle, text_column

if TYPE_CHECKING:
    import pyarrow as pa


UNKNOWN = Reading()
UNITS = (("D", DAY), ("s", SECOND), ("ms", 1000), ("us", 1))


def table_of_frame(
    X: object, names: Sequence[str] | None = None, how: Reading = UNKNOWN, source: str = "the frame"
) -> Table:
    """The table of a frame.

    Parameters
    ----------
    X : a frame of pandas, polars or pyarrow, a dictionary of columns, or an array ``(n, columns)`` of numbers, texts or
        objects. None, NaN, NaT and NA are gaps, and words for them in text (``"NA"``) as in files.
    names : of the columns, in place of those that it has; an array without has ``x0``, ``x1``, ...
    how : what is known of the columns, such as :meth:`Encoding.reading` of a model.
    source : what errors call it.

    Raises
    ------
    TypeError
        it is none of these, or a column holds what is neither number nor text nor time (lists, bytes, complex numbers).
    ValueError
        two columns have one name, ``names`` are too many or too few, columns differ in length, there are none.

    >>> table_of_frame({"age": [31, None], "city": ["Bern", "Oslo"]})
    <Table the frame: 2 rows, 2 columns age, city>
    >>> table_of_frame(np.array([[1.0, np.nan]])).columns["x1"]
    <Numbers of 1 row, 1 gap>
    """
    if isinstance(X, Table):
        return X
    columns = _columns(X, source)
    own = [str(name) for name, _ in columns] if names is None else [str(name) for name in names]
    if len(own) != len(columns):
        raise ValueError(f"{source} has {len(columns)} columns, and there are names for {len(own)}")
    twice = [name for name in dict.fromkeys(own) if own.count(name) > 1] if len(set(own)) < len(own) else []
    if twice:
        raise ValueError(f"{source} has {listed(twice)} twice; rename one of them")
    made = {name: column_of(name, came, how) for name, (_, came) in zip(own, columns, strict=True)}
    sizes = {name: len(column) for name, column in made.items()}
    if not made:
        raise ValueError(f"{source} has no columns")
    if len(set(sizes.values())) > 1:
        first = own[0]
        other = next(name for name in own if sizes[name] != sizes[first])
        raise ValueError(f"column {first!r} has {sizes[first]:,} rows, and column {other!r} has {sizes[other]:,}")
    return Table(made, source)


def _columns(X: object, source: str) -> list[tuple[object, object]]:
    """Names and columns, each of its library's own type."""
    if hasattr(X, "tocsr"):
        raise TypeError(f"{source} is a sparse matrix, which has no columns of raw values; hand in .toarray()")
    if isinstance(X, Mapping):
        return list(X.items())
    if hasattr(X, "column_names") and hasattr(X, "column"):  # pyarrow
        return [(name, X.column(place)) for place, name in enumerate(X.column_names)]
    if hasattr(X, "iloc") and hasattr(X, "columns"):  # pandas, where two columns may have one name
        return [(name, X.iloc[:, place]) for place, name in enumerate(X.columns)]
    if hasattr(X, "get_columns"):  # polars
        return [(column.name, column) for column in X.get_columns()]
    if hasattr(X, "collect_schema"):
        raise TypeError(f"{source} is a query that has not run yet; hand in .collect() of it")
    if isinstance(X, str | bytes) or not hasattr(X, "__len__"):
        raise TypeError(f"{source} must be a frame, a dictionary of columns or an array of two axes, got {shown(X)}")
    if isinstance(X, list | tuple):
        X = _rows(X, source)
    array = as_array(source, X)
    if array.dtype.names:
        return [(name, array[name]) for name in array.dtype.names]
    if array.ndim != 2:
        raise ValueError(f"{source} must have two axes, rows and columns, got the shape {array.shape}")
    return [(f"x{place}", array[:, place]) for place in range(array.shape[1])]


def _rows(rows: Sequence[object], source: str) -> np.ndarray:
    """Lists of values, one a row, as an array of objects: their kinds may differ by column."""
    widths = {len(row) if isinstance(row, list | tuple | np.ndarray) else -1 for row in rows}
    if len(widths) != 1 or -1 in widths:
        raise ValueError(f"{source} must be rows of as many values each, got {shown(rows)}")
    made = np.empty((len(rows), widths.pop()), object)
    for place, row in enumerate(rows):
        made[place] = row
    return made


def column_of(name: str, came: object, how: Reading) -> Column:
    """The column of whatever type came; ``how`` says what is known of it."""
    check_mask(f"column {name!r}", came)
    category = _category(came)
    if category is not None:
        codes, values = category
        text = text_column(codes, [written(value) for value in values], gaps=how.gaps(name))
        return settle(text, name not in how.as_numbers, how.as_numbers.get(name))
    array, zone = _as_numpy(name, came)
    if array.ndim != 1:
        raise ValueError(f"column {name!r} must have one axis, got the shape {array.shape}")
    kind = array.dtype.kind
    texts = plain_texts(array) if kind == "O" else None
    if texts is not None:
        return _of_texts(name, *texts, how)
    if kind == "O":
        array, zone = array_of_objects(name, array)
        kind = array.dtype.kind
    if kind == "M":
        return _of_moments(array, zone)
    if kind == "m":
        seconds = array.astype("m8[us]").astype(np.int64) / SECOND
        return Numbers(np.where(np.isnat(array), np.nan, seconds))
    return _of_values(name, array, how)


def _category(came: DataLike) -> tuple[np.ndarray, Sequence[object]] | None:
    """Codes and values of a column that is said to hold categories; None of any other."""
    dtype: object = getattr(came, "dtype", None)
    if hasattr(dtype, "categories") and hasattr(came, "cat") and hasattr(came.cat, "codes"):  # pandas
        return np.asarray(came.cat.codes), list(dtype.categories)
    if type(dtype).__name__ in ("Categorical", "Enum"):  # polars
        values: list[object] = came.cast(str).to_list()
    elif str(getattr(came, "type", "")).startswith("dictionary"):  # pyarrow
        values = came.cast(came.type.value_type).to_pylist()
    else:
        return None
    return coded(["" if value is None else written(value) for value in values])


def _as_numpy(name: str, came: DataLike) -> tuple[np.ndarray, str]:
    """A column as NumPy has it, and the zone of its times as it is written behind them."""
    dtype: Any = getattr(came, "dtype", None)
    if hasattr(came, "type") and hasattr(came, "null_count"):
        return _of_arrow(came)
    if getattr(dtype, "tz", None) is not None:  # pandas
        return came.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), "+00:00"
    if hasattr(came, "to_numpy") and getattr(dtype, "kind", "O") in "iufb" and hasattr(dtype, "numpy_dtype"):
        if came.isna().any():  # pandas' dtypes that know of gaps
            kind = object if dtype.kind == "b" else np.float64
            return came.to_numpy(dtype=kind, na_value=None if dtype.kind == "b" else np.nan), ""
        return came.to_numpy(dtype=dtype.numpy_dtype), ""
    if isinstance(came, list | tuple | range):
        made = np.empty(len(came), object)
        made[:] = [*came]
        return made, ""
    array = as_array(f"column {name!r}", came) if not hasattr(came, "to_numpy") else np.asarray(came.to_numpy())
    return array, "+00:00" if getattr(dtype, "time_zone", None) else ""


def _of_arrow(chunks: pa.ChunkedArray | pa.Array) -> tuple[np.ndarray, str]:
    """A column of pyarrow, without pandas, which its own way would load."""
    import pyarrow.types as kinds

    from fastnn.tables.arrow_csv import filled

    array = chunks.combine_chunks() if hasattr(chunks, "combine_chunks") else chunks
    kind = array.type
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        whole = array.cast("timestamp[us]", safe=False).cast("int64")
        moments = filled(whole, np.iinfo(np.int64).min, np.dtype(np.int64)).astype("M8[us]")
        return moments, "+00:00" if getattr(kind, "tz", None) else ""
    if kinds.is_floating(kind) or (kinds.is_integer(kind) and array.null_count):
        return filled(array.cast("float64", safe=False), np.nan, np.dtype(np.float64)), ""
    if kinds.is_integer(kind) and kind.bit_width <= 64 and not kinds.is_uint64(kind):
        return filled(array.cast("int64"), 0, np.dtype(np.int64)), ""
    made = np.empty(len(array), object)
    made[:] = array.to_pylist()
    return made, ""


def _of_values(name: str, array: np.ndarray, how: Reading) -> Column:
    """Numbers, truth or text."""
    kind, as_text = array.dtype.kind, name in how.as_text
    if kind == "b":
        return Text(array.astype(np.int32), ("False", "True"))
    if kind in "iuf":
        large = kind in "iu" and len(array) and max(abs(int(array.min())), abs(int(array.max()))) >= EXACT
        if not as_text and not large:
            return Numbers(array.astype(np.float64))
        distinct, codes = np.unique(array, return_inverse=True)
        return settle(text_column(codes.reshape(-1), [written(value) for value in distinct]), as_text)
    if kind not in "UT":
        raise TypeError(f"column {name!r} must hold numbers, truth, text or times, got dtype {array.dtype}")
    return _of_texts(name, *coded(array.tolist()), how)


def _of_texts(name: str, codes: np.ndarray, values: Sequence[str], how: Reading) -> Column:
    """The column of texts by the rule of files."""
    text = text_column(codes, values, gaps=how.gaps(name))
    return settle(text, name in how.as_text, how.as_numbers.get(name))


def _of_moments(array: np.ndarray, zone: str) -> Text:
    """Times as text in ISO's form, as short as all of them allow."""
    gaps = np.isnat(array)
    moments, codes = np.unique(array[~gaps].astype("M8[us]"), return_inverse=True)
    micros = moments.astype(np.int64)
    unit: Any = next(unit for unit, length in UNITS if not (micros % length).any() and (unit != "D" or not zone))
    texts = [text.replace("T", " ") + zone for text in np.datetime_as_string(moments, unit=unit).tolist()]
    out = np.full(len(array), -1, np.int32)
    out[~gaps] = codes.reshape(-1)
    return Text(out, tuple(texts))
