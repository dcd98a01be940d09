"""Forms in which an array may come: layouts, dtypes, values, shapes, each with the plain copy that it should equal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

HUGE = 2**31  # more numbers than this, of which one is in memory


@dataclass(frozen=True)
class Form:
    """How an array is turned into what is handed in.

    Parameters
    ----------
    make : of a good array.
    copy : the plain array of the same numbers; None where the one that NumPy makes is meant.
    same : whether whoever takes arrays has to take it, and give what it gives of the copy.
    """

    make: Callable[[np.ndarray], Any]
    copy: Callable[[np.ndarray], Any] | None = None
    same: bool = False


def _misaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


def _mapped(array: np.ndarray) -> np.ndarray:
    with tempfile.NamedTemporaryFile() as file:
        np.ascontiguousarray(array).tofile(file.name)
        return np.memmap(file.name, array.dtype, "r", shape=array.shape)


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def with_value(value: Any, dtype: Any = np.float64) -> Callable[[np.ndarray], np.ndarray]:
    def make(array: np.ndarray) -> np.ndarray:
        array = np.array(array, dtype)
        if array.size:
            array.flat[array.size // 2] = value
        return array

    return make


def _masked(array: np.ndarray) -> Any:
    mask = np.zeros(array.shape, bool)
    mask.flat[-1:] = True
    return np.ma.masked_array(array, mask)


def huge(array: np.ndarray) -> np.ndarray:
    """As many equal rows as make more than ``HUGE`` numbers, of which one is in memory."""
    inner = array.shape[1:]
    rows = HUGE // max(1, int(np.prod(inner))) + 1
    return np.broadcast_to(np.zeros((), array.dtype), (rows, *inner))


def huge_wide(array: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.zeros((), array.dtype), (*array.shape[:1], HUGE))


def _frame(array: np.ndarray) -> Any:
    import pandas

    return pandas.DataFrame(array) if array.ndim == 2 else pandas.Series(array.reshape(len(array), -1)[:, 0])


def _nullable(array: np.ndarray) -> Any:
    frame = _frame(array)
    return frame.astype("Int64" if array.dtype.kind in "iu" else "Float64")


def _wide(array: np.ndarray) -> np.ndarray:
    return np.array(_frame(array), np.int64 if array.dtype.kind in "iu" else np.float64)


def _gap(array: np.ndarray) -> np.ndarray:
    array = array.astype(np.float64)
    array.flat[0] = np.nan
    return array


def _missing(array: np.ndarray) -> Any:
    frame = _nullable(array)
    if frame.ndim == 2:
        frame.iloc[0, 0] = None
    else:
        frame.iloc[0] = None
    return frame


def _polars(array: np.ndarray) -> Any:
    import polars

    return polars.DataFrame(np.ascontiguousarray(array).reshape(len(array), -1))


def _sparse(array: np.ndarray) -> Any:
    import scipy.sparse

    return scipy.sparse.csr_array(array.reshape(len(array), -1))


def _records(array: np.ndarray) -> np.ndarray:
    return np.zeros(array.shape, [("a", np.float32), ("b", np.int32)])


def _matrix(array: np.ndarray) -> Any:
    return array.view(type("Own", (np.ndarray,), {}))


def _plain(array: Any) -> np.ndarray:
    return np.array(array, order="C", subok=False)


def _same(make: Callable[[np.ndarray], Any]) -> Form:
    return Form(make, same=True)


LAYOUTS = {
    "column order": _same(np.asfortranarray),
    "negative strides": _same(lambda a: a[::-1].copy()[::-1]),
    "all axes backwards": _same(lambda a: np.flip(np.ascontiguousarray(np.flip(a)))),
    "every second": _same(lambda a: np.repeat(a, 2, axis=0)[::2]),
    "every second column": _same(lambda a: np.repeat(a, 2, axis=-1)[..., ::2]),
    "stride 0": _same(lambda a: np.broadcast_to(a[:1], a.shape)),
    "one number for all": _same(lambda a: np.broadcast_to(a.flat[0], a.shape)),
    "unaligned": _same(_misaligned),
    "unaligned, read-only": _same(lambda a: _read_only(_misaligned(a))),
    "big-endian": _same(lambda a: a.astype(a.dtype.newbyteorder(">"))),
    "read-only": _same(_read_only),
    "memory map": _same(_mapped),
    "masked, nothing hidden": _same(lambda a: np.ma.masked_array(a)),
    "subclass": _same(_matrix),
    "list": _same(lambda a: a.tolist()),
    "list of arrays": Form(lambda a: list(a)),
    "one row": Form(lambda a: a[:1]),
    "overlapping windows": _same(
        lambda a: np.lib.stride_tricks.as_strided(
            np.resize(a, a.size + len(a)), a.shape, tuple(a.itemsize for _ in a.shape)
        )
    ),
}
DTYPES = {
    "float64": _same(lambda a: a.astype(np.float64)),
    "float16": Form(lambda a: a.astype(np.float16)),
    "longdouble": Form(lambda a: a.astype(np.longdouble)),
    "int8": Form(lambda a: a.astype(np.int8)),
    "uint64": Form(lambda a: np.abs(a).astype(np.uint64)),
    "bool": Form(lambda a: a > 0),
    "object of numbers": Form(lambda a: a.astype(object)),
    "object with None": Form(with_value(None, object)),
    "complex": Form(lambda a: a.astype(complex)),
    "text": Form(lambda a: a.astype(str)),
    "bytes": Form(lambda a: a.astype("S8")),
    "words": Form(with_value("word", object)),
    "dates": Form(lambda a: np.abs(a).astype("datetime64[s]")),
    "spans of time": Form(lambda a: a.astype("timedelta64[s]")),
    "records": Form(_records),
    "raw bytes": Form(lambda a: np.zeros(a.shape, "V4")),
}
VALUES = {
    "NaN": Form(with_value(np.nan)),
    "NaN in float32": Form(with_value(np.nan, np.float32)),
    "infinity": Form(with_value(np.inf)),
    "minus infinity": Form(with_value(-np.inf, np.float32)),
    "beyond float32": Form(with_value(1e300)),
    "the largest whole number": Form(with_value(2**63 - 1, np.int64)),
    "masked": Form(_masked),
}
SHAPES = {
    "a rank less": Form(lambda a: a[0]),
    "a rank more": Form(lambda a: a[None]),
    "a trailing axis": Form(lambda a: a[..., None]),
    "a number": Form(lambda a: float(a.flat[0])),
    "an array of no axes": Form(lambda a: np.array(a.flat[0])),
    "wider": Form(lambda a: np.concatenate([a, a[..., :1]], axis=-1)),
    "narrower": Form(lambda a: a[..., :-1]),
    "fewer rows": Form(lambda a: a[:-1]),
    "more rows": Form(lambda a: np.concatenate([a, a[:1]])),
    "zero rows": Form(lambda a: a[:0]),
    "zero columns": Form(lambda a: a[..., :0]),
    "turned": Form(lambda a: a.T),
    "ragged": Form(lambda a: [[1.0, 2.0], [1.0]], lambda a: None),
    "huge": Form(huge, lambda a: None),
    "huge and wide": Form(huge_wide, lambda a: None),
}
OTHERS = {
    "None": Form(lambda a: None),
    "text itself": Form(lambda a: "text"),
    "set": Form(lambda a: {1.0, 2.0}),
    "dict": Form(lambda a: {"a": a}),
    "function": Form(lambda a: len),
    "frame": Form(_frame),
    "nullable frame": Form(_nullable, _wide),
    "nullable frame with a gap": Form(_missing, lambda a: _gap(_wide(a))),
    "polars": Form(_polars, lambda a: a.reshape(len(a), -1)),
    "sparse": Form(_sparse, lambda a: a.reshape(len(a), -1)),
}
FORMS = LAYOUTS | DTYPES | VALUES | SHAPES | OTHERS


def copy_of(form: Form, array: np.ndarray) -> Any:
    """The plain copy of what a form makes; None where there is none."""
    if form.copy is not None:
        made = form.copy(array)
        return None if made is None else _plain(made)
    made = form.make(array)
    if made is None or isinstance(made, str | set | dict) or callable(made):
        return None
    return _plain(np.ma.getdata(made) if isinstance(made, np.ma.MaskedArray) else made)
