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

from typing import TYPE_CHECKING

from fastnn._base import lazy
from fastnn._version import __version__

if TYPE_CHECKING:
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
    from fastnn import backend as backend
    from fastnn import data as data
    from fastnn import datasets as datasets
    from fastnn import distributed as distributed
    from fastnn import interop as interop
    from fastnn import models as models
    from fastnn import plot as plot
    from fastnn import sklearn as sklearn
    from fastnn import tables as tables
    from fastnn import utils as utils
    from fastnn import watch as watch
    from fastnn._base.threads import get_num_threads, set_num_threads
    from fastnn._kernels import available_backends, get_backend, set_backend, use_backend
    from fastnn.config import show_config
    from fastnn.errors import BackendError, BatchError, DivergenceError, NotReadyError
    from fastnn.layers import Input
    from fastnn.models.files import load
    from fastnn.models.fit_many import fit_many
    from fastnn.models.model import Model
    from fastnn.models.sequential import Sequential
    from fastnn.tabular.tuning import tune as tune

_MODULES = {
    "_base.threads": "get_num_threads set_num_threads",
    "_kernels": "available_backends get_backend set_backend use_backend",
    "config": "show_config",
    "errors": "BackendError BatchError DivergenceError NotReadyError",
    "layers": "Input",
    "models.files": "load",
    "models.fit_many": "fit_many",
    "models.model": "Model",
    "models.sequential": "Sequential",
    "tabular.tuning": "tune",
}

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


def __dir__() -> list[str]:
    wanted = ("backend", "data", "datasets", "distributed", "interop", "models", "plot", "sklearn", "tables", "utils")
    return sorted((*__all__, *wanted, "tune", "watch"))


if not TYPE_CHECKING:
    __getattr__ = lazy.names(__name__, _MODULES, listed=__dir__)[0]
