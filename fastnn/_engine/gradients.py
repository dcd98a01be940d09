"""Gradients as users see them: an array for each trained parameter, all of them views of one vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, overload

import numpy as np

from fastnn._base import arrays
from fastnn._base.arguments import shown
from fastnn._base.reprs import counted
from fastnn._base.types import DataLike
from fastnn._engine import looks
from fastnn._plan.layout import Layout

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


if TYPE_CHECKING:
    GradientsLike = ArrayLike  # those of Gradients, or arrays, or one vector


class Form:
    """Names and shapes of trained parameters, and how their compact vector lies in ``params``.

    Attributes
    ----------
    looks : functions of the backend, or those of ``looks.py``.
    size : numbers of all of them.
    cuts : ``(offset in params, start, end)`` of stretches that lie together in both vectors.
    """

    def __init__(self, layout: Layout, names: Sequence[str], backend: ModuleType):
        self.looks = looks.of(backend)
        trained = [variable for variable in layout.variables if variable.trained]
        self.names = tuple(name for name, v in zip(names, layout.variables, strict=True) if v.trained)
        self.shapes = tuple(variable.parameter.shape for variable in trained)
        self.ends = np.cumsum([0, *(variable.size for variable in trained)]).tolist()
        self.size = self.ends[-1]
        self.cuts: list[tuple[int, int, int]] = []
        for variable, start in zip(trained, self.ends, strict=False):
            offset, first = variable.offset, start
            if self.cuts and offset - start == self.cuts[-1][0] - self.cuts[-1][1]:
                offset, first, _ = self.cuts.pop()
            self.cuts.append((offset, first, start + variable.size))

    def __repr__(self) -> str:
        return f"<Form of {counted(len(self.names), 'array')}, {self.size} numbers>"

    def __getstate__(self) -> dict[str, object]:
        """Without functions of the backend: another process, where gradients are sent, may not have it."""
        return {name: value for name, value in vars(self).items() if name != "looks"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, looks=looks)

    def gathered(self, vector: np.ndarray) -> Gradients:
        """A compact copy of what a vector like ``params`` has of them."""
        return Gradients(self, self.looks.gathered(self.cuts, self.size, vector))

    def spread(self, flat: np.ndarray, vector: np.ndarray) -> None:
        """Write a compact vector to one like ``params``."""
        self.looks.spread(self.cuts, flat, vector)

    def flat(self, came: DataLike, dtype: np.dtype) -> np.ndarray:
        """Gradients that a user hands in, as one finite vector; ``ValueError`` or ``TypeError`` names what is wrong."""
        mine = type(came) is Gradients and came.form is self
        if mine and self.looks.plain_rows(came.flat, (), dtype) == self.size:
            return came.flat  # type: ignore[no-any-return]  # of gradients
        if type(came) is Gradients and came.form.shapes == self.shapes:
            flat = arrays.real_array("grads", came.flat, dtype)
        elif isinstance(came, np.ndarray) and came.shape == (self.size,) and self.shapes != ((),) * self.size:
            flat = arrays.real_array("grads", came, dtype)
        else:
            flat = self._joined(came, dtype)
        if flat.shape != (self.size,):
            raise ValueError(f"grads.flat must have shape {(self.size,)}, got {flat.shape}")
        if self.looks.plain_rows(flat, (), dtype) >= 0:
            return flat
        for i, array in enumerate(Gradients(self, flat)):
            arrays.check_finite(f"grads[{i}] ({self.names[i]})", np.ascontiguousarray(array))
        return flat

    def _joined(self, came: object, dtype: np.dtype) -> np.ndarray:
        listed = list(came) if type(came) is Gradients else arrays.listed("grads", came, "arrays")
        if len(listed) != len(self.shapes):
            raise ValueError(
                f"grads must hold an array for each of the {len(self.shapes)} trainable_variables "
                f"({', '.join(self.names)}), got {len(listed)}"
            )
        flat = np.empty(self.size, dtype)
        for i, (array, shape) in enumerate(zip(listed, self.shapes, strict=True)):
            label = f"grads[{i}] ({self.names[i]})"
            if array is None:
                raise TypeError(f"{label} is None; give zeros of shape {shape} where nothing shall change")
            if isinstance(array, tuple) and len(array) == 2 and np.shape(array[1]) == shape:
                raise TypeError(f"{label} is a pair; give gradients alone, their order says whose they are")
            given = arrays.of_reals(label, array)
            if given.shape != shape:
                raise ValueError(f"{label} must have shape {shape}, got {shown(given.shape)}")
            flat[self.ends[i] : self.ends[i + 1]] = arrays.real_array(label, given, dtype).reshape(-1)
        return flat


class Gradients(Sequence[np.ndarray]):
    """Gradients by trained parameters, in the order of ``model.trainable_variables``.

    Parameters
    ----------
    form : names and shapes of the parameters.
    flat : all gradients as one vector.

    Attributes
    ----------
    flat : all of them as one vector, which the arrays are views of: what is written to either is seen in both.
    names : of the parameters, as ``"dense/kernel"``.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, "linear", input_shape=(2,))])
    >>> grads = model.gradients([[1.0, 2.0]], dy=[[1.0]])
    >>> grads
    <Gradients of 2 arrays, 3 numbers, float32, norm 2.44949>
    >>> grads.names, grads[0].tolist(), grads.flat.tolist()
    (('dense/kernel', 'dense/bias'), [[1.0], [2.0]], [1.0, 2.0, 1.0])
    """

    __slots__ = ("flat", "form")

    def __init__(self, form: Form, flat: np.ndarray):
        self.form, self.flat = form, flat

    @property
    def names(self) -> tuple[str, ...]:
        return self.form.names

    def __len__(self) -> int:
        return len(self.form.shapes)

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...
    def __getitem__(self, number: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        form, i = self.form, range(len(self))[number]
        return self.flat[form.ends[i] : form.ends[i + 1]].reshape(form.shapes[i])

    def __setitem__(self, number: int, came: object) -> None:
        self[number][...] = came

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        norm = float(np.linalg.norm(self.flat.astype(np.float64)))
        numbers = f"{len(self.flat)} numbers, {self.flat.dtype}"
        return f"<Gradients of {counted(len(self), 'array')}, {numbers}, norm {norm:g}>"
