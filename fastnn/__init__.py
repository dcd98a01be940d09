"""Neural networks trained and run on the CPU at native speed.

>>> import numpy as np
>>> import fastnn
>>> from fastnn import Sequential
>>> from fastnn.layers import Dense
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
>>> model = Sequential([Dense(8, activation="tanh", input_shape=(2,)), Dense(1, activation="sigmoid")], seed=1)
>>> model.compile(optimizer=fastnn.optimizers.Adam(0.05), loss="binary_crossentropy")
>>> history = model.fit(x, [0, 1, 1, 0], epochs=300, verbose=0)
>>> (model.predict(x)[:, 0] > 0.5).astype(int).tolist()
[0, 1, 1, 0]
"""

from __future__ import annotations

from typing import Any

from fastnn import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from fastnn._base.threads import get_num_threads, set_num_threads
from fastnn._kernels import available as available_backends
from fastnn._kernels import get_backend, set_backend, use_backend
from fastnn._version import __version__
from fastnn.config import show_config
from fastnn.errors import BackendError, BatchError, DivergenceError, NotReadyError
from fastnn.layers import Input
from fastnn.models.files import load
from fastnn.models.fit_many import fit_many
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

__all__ = [
    "BackendError",
    "BatchError",
    "DivergenceError",
    "Input",
    "Model",
    "NotReadyError",
    "Sequential",
    "__version__",
    "activations",
    "available_backends",
    "callbacks",
    "constraints",
    "fit_many",
    "get_backend",
    "get_num_threads",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
    "schedules",
    "set_backend",
    "set_num_threads",
    "show_config",
    "use_backend",
]

_WHEN_WANTED = ("backend", "data", "datasets", "distributed", "plot", "sklearn", "tables", "utils", "watch")
_NOT_HERE = {
    "ops": "arrays are NumPy's",
    "preprocessing": "pad_sequences and to_categorical are in fastnn.utils",
}


def __getattr__(name: str) -> Any:
    """Import a module when it is wanted: with all that few programs need, importing fastnn would take longer."""
    if name in _WHEN_WANTED:
        from importlib import import_module

        return import_module(f"fastnn.{name}")
    if name == "tune":
        from fastnn.tabular.tuning import tune

        return tune
    from fastnn._base.arguments import nearest

    hint = f": {_NOT_HERE[name]}" if name in _NOT_HERE else nearest(name, __dir__())
    raise AttributeError(f"module 'fastnn' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted((*__all__, *_WHEN_WANTED, "tune"))
