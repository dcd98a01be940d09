"""Arrays from whatever a user hands in: real numbers, finite, in one dtype and layout.

What is wanted already passes through untouched, also a memory map of any size: no check makes an array as large as its
argument.

Design: NumPy converts in one pass and the values are looked at in a second, block by block. Both in one loop over
blocks (rejected) takes 12.1 ns in place of 14 for a row of 20 float64 numbers, once a fit.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.foreign import REAL, as_array
from fastnn._base.sparse import SparseRows
from fastnn._base.types import Policy, Stored
from fastnn._base.windows import WindowRows

FEW = 8192  # numbers for which one call into BLAS is quicker than two of NumPy, and stays on one thread
MANY = 2**22  # numbers converted together
BLOCK = 2**18  # numbers looked at together; smaller blocks cost more calls, larger ones leave the cache


HALF = ": nothing is computed in half precision here, and float32 in its place loses nothing; give that, or no dtype"
HALF_OF_MODELS = (
    ": weights and sums are never of half precision here; float32 in its place loses nothing, and 'mixed_bfloat16' has "
    "products of bf16 numbers"
)
MIXED: Policy = "mixed_bfloat16"  # float32 in all but products


def of_policy(came: Any) -> Any:
    """A dtype, or the word of a policy of Keras' or of its configuration, such as ``"mixed_float16"``."""
    if isinstance(came, Mapping):
        came = (came.get("config") or came).get("name", came)
    return came.name if hasattr(came, "compute_dtype") else came


def policy_of(came: object) -> Policy:
    """A model's policy: the name of its dtype, or ``"mixed_bfloat16"``."""
    came = of_policy(came)
    found = MIXED if isinstance(came, str) and came == MIXED else _real_dtype(came)
    if found is None:
        half = HALF_OF_MODELS if _is_half(came) else ""
        raise ValueError(f'dtype must be "float32", "float64" or "{MIXED}", got {came!r}{half}')
    return cast("Policy", str(found))


def model_dtype(came: object) -> np.dtype:
    """A dtype in which models compute, float32 or float64."""
    came = of_policy(came)
    found = _real_dtype(came)
    if found is None:
        raise ValueError(f'dtype must be "float32" or "float64", got {came!r}{HALF if _is_half(came) else ""}')
    return found


def _real_dtype(came: Any) -> np.dtype | None:
    with contextlib.suppress(TypeError, ValueError):
        found: np.dtype = np.dtype(came)
        if came is not None and found in (np.float32, np.float64):
            return found
    return None


def _is_half(came: object) -> bool:
    return "float16" in str(came) or came == "half"


def rows_dtype(came: Any) -> np.dtype:
    """The dtype in which the rows of an input come; they become the model's."""
    came = of_policy(came)
    with contextlib.suppress(TypeError, ValueError):
        if came is not None and np.dtype(came).kind in "fiub":
            found: np.dtype = np.dtype(came)
            return found
    raise ValueError(
        f"dtype of an input must be that of real numbers in NumPy, such as 'float32' or 'int32', got {came!r}"
    )


def listed(name: str, came: object, wanted: str) -> list[Stored]:
    """A user's list, or ``TypeError`` when there is nothing to walk over."""
    if isinstance(came, str | bytes | dict) or not hasattr(came, "__iter__") or getattr(came, "shape", None) == ():
        raise TypeError(f"{name} must be a list of {wanted}, got {shown(came)}")
    return list(came)


def real_array(name: str, came: object, dtype: np.dtype) -> np.ndarray:
    """``came`` as an aligned C-contiguous native array of ``dtype``; no copy where it is one already.

    Takes whatever NumPy turns into numbers: lists, frames, memory maps, integers, booleans, float16,
    big-endian, strided, read-only. Refuses object, text, complex and ragged data.
    """
    if type(came) is np.ndarray and came.dtype == dtype and came.ndim and came.flags.carray:
        return came  # nothing to do; the rest takes longer than a small network
    array = numbers(name, came)
    with np.errstate(over="ignore"):  # what overflows in the model's dtype is infinite, and refused below
        if array.size <= MANY or (array.dtype == dtype and array.flags.carray):
            return np.require(array, dtype, ("C", "A"))
        made = np.empty(array.shape, dtype)
        rows = max(1, MANY * len(array) // array.size)
        for first in range(0, len(array), rows):  # Ctrl-C is heard in between
            made[first : first + rows] = array[first : first + rows]
        return made


def numbers(name: str, came: object) -> np.ndarray:
    """``came`` as an array of real numbers of its own dtype, layout and at least one axis; no copy of an array."""
    return np.atleast_1d(of_reals(name, came))


def of_reals(name: str, came: object) -> np.ndarray:
    """``came`` as an array of real numbers of its own dtype, layout and axes; no copy of an array."""
    array = dense_array(name, came)
    if array.dtype.kind not in REAL:
        of = f" (a {type(came).__name__})" if array.dtype.kind == "O" and not array.ndim else ""
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}{of}; {_mend(name, array)}")
    return array


def floats(name: str, came: object) -> np.ndarray:
    """:func:`of_reals` in their own floating dtype, else float64."""
    array = of_reals(name, came)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def dense_array(name: str, came: object) -> np.ndarray:
    """``came`` as an array of any dtype; sparse rows and windows are refused."""
    if isinstance(came, WindowRows):
        raise TypeError(f"{name} must be a dense array, got {came!r}; np.asarray makes one of them")
    if is_sparse(came):
        raise TypeError(f"{name} must be a dense array, got {type(came).__name__}; make it one with .toarray()")
    return as_array(name, came)


def _mend(name: str, array: np.ndarray) -> str:
    if array.dtype.kind in "OUST" and name == "y" and array.size and isinstance(array.flat[0], str):
        return "classes, y = np.unique(y, return_inverse=True) numbers names of classes"
    if array.dtype.kind in "OUST":
        return "turn text and mixed columns into numbers first (the command line does it for tables)"
    return "take its real part" if array.dtype.kind == "c" else "convert it with .astype(float)"


def is_surely_finite(array: np.ndarray) -> bool:
    """Whether a quick look at few numbers, C-contiguous ones, finds all of them finite; False says nothing."""
    return array.size <= FEW and math.isfinite(np.vdot(array, array))  # an overflow only costs the next look


def check_finite(name: str, array: np.ndarray, came: object = None) -> None:
    """Raise when a C-contiguous array, made of ``came``, has a NaN or an infinity, and say where the first one is."""
    if is_surely_finite(array):
        return
    flat = array.reshape(-1)
    blocks = range(0, flat.size, BLOCK)
    if all(np.isfinite(flat[i : i + BLOCK]).all() for i in blocks):
        return
    n_bad = flat.size - sum(int(np.count_nonzero(np.isfinite(flat[i : i + BLOCK]))) for i in blocks)
    first = next(i + int(finite.argmin()) for i in blocks if not (finite := np.isfinite(flat[i : i + BLOCK])).all())
    where = tuple(int(i) for i in np.unravel_index(first, array.shape))
    raise ValueError(
        f"{name} must be finite, got {flat[first]}{_before(came, where, array)} at index {where} and {n_bad} such "
        f"value{'s' if n_bad > 1 else ''} in all; replace or drop them"
    )


def _before(came: object, where: tuple[int, ...], array: np.ndarray) -> str:
    """What an infinity in ``array`` was before the model's dtype could not hold it; nothing where it was one."""
    if came is None:
        return ""
    value = numbers("x", came).reshape(array.shape)[where]
    return f" ({value:g} in {array.dtype})" if np.isfinite(value) else ""


def is_sparse(came: object) -> bool:
    """Whether these are sparse rows, or a matrix that can become such; SciPy is not loaded to ask."""
    return isinstance(came, SparseRows) or (not isinstance(came, np.ndarray) and hasattr(came, "tocsr"))


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_weights(names: Sequence[str], views: Sequence[np.ndarray], came: object) -> list[np.ndarray]:
    """A user's weights as arrays that fit the ``views`` of parameters, or one error and nothing has changed."""
    given = listed("weights", came, "arrays")
    if len(given) != len(views):
        raise ValueError(f"weights must hold {len(views)} arrays ({', '.join(names)}), got {len(given)}")
    arrays = []
    for name, view, one in zip(names, views, given, strict=True):
        array = real_array(f"weights of {name}", one, view.dtype)
        if not view.shape and array.shape == (1,):  # of a number
            array = array.reshape(())
        if array.shape != view.shape:
            raise ValueError(f"weights of {name} must have shape {view.shape}, got {array.shape}")
        check_finite(f"weights of {name}", array)
        arrays.append(array)
    return arrays
