"""What programs for Keras ask of ``keras.backend``: nothing here is global, so little of it has to act.

The backends that run a model are chosen elsewhere: :func:`fastnn.use_backend`, :func:`fastnn.set_backend`.
"""

from __future__ import annotations

import numpy as np

from fastnn._base.arrays import model_dtype
from fastnn._kernels import get_backend

__all__ = ["backend", "clear_session", "epsilon", "floatx", "set_floatx"]


def clear_session(free_memory: bool = True) -> None:
    """Nothing: models keep no global state, and what nobody refers to is freed at once.

    Parameters
    ----------
    free_memory : whether Python's collector of garbage runs, too.

    >>> import fastnn
    >>> fastnn.backend.clear_session()
    """


def backend() -> str:
    """Name of the backend that a model without one of its own would use now."""
    return get_backend()


def floatx() -> str:
    """The dtype of models that are given none, ``"float32"``."""
    return "float32"


def set_floatx(value: object) -> None:
    """Refuse other dtypes than ``"float32"``, which are each model's own.

    Parameters
    ----------
    value : ``"float32"`` or ``"float64"``.
    """
    if model_dtype(value) != np.float32:
        raise ValueError(f"a model has its own dtype: Sequential(..., dtype={value!r})")


def epsilon() -> float:
    """The small number of Keras' optimisers and losses, 1e-7."""
    return 1e-7
