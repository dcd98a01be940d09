"""Data larger than memory: streams of batches from files of Parquet, Arrow, CSV and NumPy, or from any iterable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastnn._base.arguments import integer, shown
from fastnn.data.batches import Batches
from fastnn.data.files import File, check_dataset, find_files, names_files
from fastnn.data.passes import How, window_of
from fastnn.data.sources import Source
from fastnn.data.stream import Stream

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow.compute as pc

    from fastnn._base.types import StrPath
    from fastnn.data.csv_blocks import CsvOptions
    from fastnn.tables import Encoding

__all__ = ["PredictionWriter", "Stream", "fit_encoding", "stream", "write_predictions"]


def stream(
    source: object,
    *,
    target: str | Sequence[str] | StrPath | Literal[False] | None = None,
    columns: Sequence[str] | None = None,
    weight: str | Sequence[str] | StrPath | None = None,
    filters: pc.Expression | Sequence[tuple[str, str, object]] | None = None,
    encoding: Encoding | None = None,
    batch_size: int = 32,
    window: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    dtype: npt.DTypeLike = "float32",
    separator: str | None = None,
    decimal: str = ".",
    charset: str = "utf-8",
    text: Sequence[str] = (),
) -> Stream:
    """A stream of batches for ``fit``, ``evaluate`` and ``predict``, of which a few row groups are in memory.

    Parameters
    ----------
    source : a file, a folder, a pattern such as ``"data/*.parquet"``, or a list of them: Parquet, Arrow IPC (Feather),
        CSV, NPZ or NPY, by the endings of names, all of one kind, with the columns that stand in them, not those of
        folders' names; a ``pyarrow.dataset`` of such files; or an iterable of batches ``x``, ``(x, y)``, ``(x, y,
        weight)``, or a function without arguments that gives one.
    target : the column to predict, or several; None for rows to predict. Of NPZ the array's name (``"y"`` where one is
        there), of NPY the files of targets, as many as those of inputs. With an ``encoding``, False leaves it out.
    columns : of inputs, in this order; None for all others. Of NPZ the names of the arrays of inputs, None for ``x``.
    weight : the column (NPZ: array; NPY: files) of sample weights.
    filters : of files with columns, the rows that count: a ``pyarrow.dataset`` expression, or ``[("age", ">", 30)]``.
        One look at the columns that it names counts them.
    encoding : a :class:`fastnn.tables.Encoding`, which makes numbers of raw columns: that of a trained model
        (``Encoding.of(model)``), or one of :func:`fit_encoding`. Without one columns must be numbers without gaps.
    batch_size : rows of a batch; the last one of a pass may have fewer.
    window : row groups whose rows are shuffled together, of which two sets are in memory; None for as many as have
        64 MB. Of an iterable: batches as it gives them.
    shuffle : whether passes have orders of their own, keyed by ``seed`` and the number of the pass.
    seed : whole number from 0 on, from which all orders follow.
    dtype : of inputs, weights and targets with fractions; a target of whole numbers is int64.
    separator, decimal, charset, text : of CSV: what stands between columns (found out where it is None), before
        fractions, how letters are stored, as ``"latin-1"``, and which columns are never numbers.

    Returns
    -------
    :class:`Stream`

    Raises
    ------
    FileNotFoundError
        there is no file.
    ImportError
        pyarrow is missing.
    ValueError, TypeError
        a file has no rows, lacks a column, or has another type in it than others; an argument is wrong. Files are
        looked at when the stream is made; that they have changed since is found when they are read.

    >>> import numpy as np
    >>> from fastnn.data import stream
    >>> np.savez("part-0.npz", x=np.eye(4), y=np.arange(4))
    >>> np.savez("part-1.npz", x=np.eye(4) + 4, y=np.arange(4, 8))
    >>> batches = stream("part-*.npz", batch_size=3, seed=1)
    >>> batches
    <Stream of 2 NPZ files, 8 rows, 2 row groups, 2 a window; batches of 3, shuffled by seed 1>
    >>> [y.tolist() for x, y in batches], [y.tolist() for x, y in batches.batches(1)]
    ([[4, 3, 5], [2, 6, 7], [0, 1]], [[4, 6, 2], [5, 1, 0], [3, 7]])
    """
    kind = _kind(dtype)
    how = How(
        integer("batch_size", batch_size, low=1),
        integer("window", 0 if window is None else window, low=0 if window is None else 1),
        bool(shuffle),
        integer("seed", seed, low=0),
    )
    names = _names_of(source)
    options = (target, columns, weight, filters, encoding)
    if names is None:
        if any(option is not None for option in options):
            raise TypeError("target, columns, weight, filters and encoding are of files; batches have theirs in them")
        return Stream(Batches(source, kind), how)
    from fastnn.data.csv_blocks import CsvOptions

    made = _source(find_files(names), options, kind, CsvOptions(separator, decimal, charset, tuple(text)))
    return Stream(made, How(how.batch_size, window_of(made, window), how.shuffle, how.seed))


def __getattr__(name: str) -> object:
    """What needs the tables, when it is wanted."""
    if name == "fit_encoding":
        from fastnn.data.encoding import fit_encoding

        return fit_encoding
    if name in ("PredictionWriter", "write_predictions"):
        from fastnn.data import writing

        return getattr(writing, name)
    raise AttributeError(f"module 'fastnn.data' has no attribute {name!r}")


def _kind(dtype: npt.DTypeLike) -> np.dtype:
    try:
        kind: np.dtype = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {shown(dtype)}")
    return kind


def _names_of(source: object) -> Any:
    """The names of files that a source gives; None for an iterable of batches."""
    if names_files(source):
        return source
    if type(source).__module__.startswith("pyarrow.") and hasattr(source, "files"):
        check_dataset(source)
        return list(source.files)
    return None


def _source(files: list[File], options: tuple[Any, ...], dtype: np.dtype, csv: CsvOptions) -> Source:
    target, columns, weight, filters, encoding = options
    if files[0].kind in ("NPZ", "NPY"):
        from fastnn.data.shards import npy_shards, npz_shards

        if filters is not None or encoding is not None:
            raise TypeError(f"filters and encoding are of files with columns, and {files[0].path} has arrays")
        if files[0].kind == "NPZ":
            return npz_shards(files, columns, target, weight, dtype)
        if columns is not None:
            raise TypeError(f"columns are of files with names for them, and {files[0].path} has one array")
        y, w = (None if given is None else find_files(given, name) for name, given in _besides(target, weight))
        return npy_shards(files, y, w, dtype)
    from fastnn.data.tables import tables_source

    return tables_source(files, options, dtype, csv)


def _besides(target: object, weight: object) -> list[tuple[str, Any]]:
    return [("target", target), ("weight", weight)]
