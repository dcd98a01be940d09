"""A predictor as a C function: two addresses, and what keeps alive what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from fastnn._plan.memory import allocate
from fastnn.errors import BackendError

if TYPE_CHECKING:
    import numpy as np

    from fastnn._engine.predictor import Predictor

SIGNATURE = "int (*)(const void *context, const {real} *x, {real} *y, int64_t rows)"


class CFunction:
    """What C, Cython, Numba or ctypes need to call a predictor, without the GIL and without Python.

    ``x`` is ``rows`` rows of ``n_in`` numbers one behind the other, ``y`` has room for ``rows`` rows of ``n_out``; they
    are of the model's dtype, at addresses that suit it, and do not lie over each other. The answer is 0, and another
    number where there was no memory to work in. Outputs are those of the predictor, bit for bit, by one thread.

    The addresses are good as long as this object lives: keep it, or the predictor that keeps it. It has memory of its
    own to work in: one call at a time, another thread wants the ``cfunc`` of another predictor. It follows the
    model's parameters as they train; not where they move, as they do when its layers become part of another model:
    ``predictor.cfunc`` then is another one.

    Attributes
    ----------
    address : of the function.
    context : its first argument, an address too.
    signature : its type in C.
    dtype, n_in, n_out : of ``x`` and ``y``, and the numbers of a row.
    ctypes : the function for ctypes and for Numba's compiled code, which takes ``(context, x, y, rows)`` as integers,
        or ``x.ctypes``.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> predict = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))], backend="cython").predictor()
    >>> f, x, y = predict.cfunc, np.float32([[1, 2], [3, 4]]), np.empty((2, 1), np.float32)
    >>> f
    <CFunction int (*)(const void *context, const float *x, float *y, int64_t rows), (2,) -> (1,)>
    >>> f.ctypes(f.context, x.ctypes.data, y.ctypes.data, 2), y.ravel().tolist()
    (0, [3.0, 7.0])
    """

    def __init__(self, addresses: tuple[int, int, object], dtype: np.dtype, n_in: int, n_out: int):
        self.address, self.context, self._alive = addresses
        self.dtype, self.n_in, self.n_out = dtype, n_in, n_out
        self.signature = SIGNATURE.format(real="float" if dtype.itemsize == 4 else "double")

    @property
    def ctypes(self) -> Any:
        import ctypes

        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        return kind(self.address)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a C function is an address in this process; send the model, and take predictor().cfunc there")

    def __repr__(self) -> str:
        return f"<CFunction {self.signature}, ({self.n_in},) -> ({self.n_out},)>"


def c_function_of(predictor: Predictor) -> CFunction:
    """The C function of a :class:`fastnn._engine.predictor.Predictor`; :class:`BackendError` where there is none."""
    make = getattr(predictor.backend, "c_function", None)
    if make is None:
        raise BackendError(
            f"the backend {predictor.name!r} has no C function, which runs without Python; make the model with "
            "backend='cython' (fastnn info says whether that is there)"
        )
    if predictor.plan.has_own:
        raise BackendError("a layer of the model is Python code, and a C function runs without Python")
    memory = allocate(predictor.plan, predictor.params)
    return CFunction(make(predictor.plan, memory), predictor.dtype, predictor.n_input, predictor.n_output)
