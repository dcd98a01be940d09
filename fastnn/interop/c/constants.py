"""The tables of a C source: weights and sizes, each once, whoever uses them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastnn.interop.c.text import identifier, listed, real, remark, shape_text

C_TYPES = {"float32": "float", "int8": "int8_t"}
MOST = 127  # an int8 weight's magnitude: -128 has no counterpart


class Constants:
    """Arrays and structs by the names that they have in C.

    Attributes
    ----------
    weights : how tables of weights are kept, ``"float32"`` or ``"int8"``.
    taken : names of the whole source. local : names inside its functions, which are none of those.
    """

    def __init__(self, weights: str, taken: set[str]):
        self.weights, self.taken, self.local = weights, taken, set[str]()
        self.arrays: dict[str, tuple[np.ndarray, str]] = {}
        self.structs: dict[str, str] = {}
        self._named: dict[object, str] = {}

    def array(self, name: str, values: np.ndarray, what: str) -> str:
        """The name of a table of these values: an earlier one's that holds the same."""
        values = np.ascontiguousarray(values if values.dtype == np.int8 else values.astype(np.float32))
        key = values.dtype.str, values.tobytes()
        if key not in self._named:
            self._named[key] = self._take(name)
            self.arrays[self._named[key]] = values, f"{what}, {shape_text(values.shape)}"
        return self._named[key]

    def struct(self, kind: str, name: str, fields: Mapping[str, object], what: str) -> str:
        """The address of a struct, likewise."""
        inside = listed(f".{field} = {value}" for field, value in fields.items())
        key = kind, inside
        if key not in self._named:
            self._named[key] = self._take(name)
            self.structs[self._named[key]] = (
                f"/* {remark(what)} */\nstatic const {kind} {self._named[key]} = {{\n{inside}}};"
            )
        return f"&{self._named[key]}"

    def _take(self, name: str) -> str:
        found = identifier(name, self.taken | self.local)
        self.taken.add(found)
        return found

    @property
    def n_bytes(self) -> int:
        """Of all arrays."""
        return sum(values.nbytes for values, _ in self.arrays.values())

    def text(self) -> str:
        """All definitions."""
        made = []
        for name, (values, what) in self.arrays.items():
            numbers = map(str, values.ravel().tolist()) if values.dtype == np.int8 else map(real, values.ravel())
            head = f"static const {C_TYPES[values.dtype.name]} {name}[{values.size}]"
            made.append(f"/* {remark(what)} */\n{head} = {{\n{listed(numbers)}}};")
        return "\n\n".join([*made, *self.structs.values()])


def quantized(w: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """``w`` as int8 and the scale of each of its channels along an axis: ``w = q * scale`` but for rounding.

    >>> import numpy as np
    >>> q, scale = quantized(np.float32([[1, 2], [-0.5, 1]]), axis=1)
    >>> q.tolist(), scale.round(4).tolist()
    ([[127, 127], [-64, 64]], [0.007899999618530273, 0.015699999406933784])
    """
    others = tuple(i for i in range(w.ndim) if i != axis % w.ndim)
    most = np.abs(w).max(axis=others, keepdims=True).astype(np.float64)
    scale = np.where(most > 0, most / MOST, 1.0).astype(np.float32)
    return np.clip(np.rint(w / scale), -MOST, MOST).astype(np.int8), scale.ravel()
