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
from fastnn._kernels import available as available_backends
from fastnn._kernels import get_backend, set_backend, use_backend
from fastnn._version import __version__
from fastnn.config import show_config
from fastnn.errors import BackendError, DivergenceError
from fastnn.many import fit_many
from fastnn.model import Sequential
from fastnn.serialization import load
from fastnn.threads import get_num_threads, set_num_threads

__all__ = [
    "BackendError",
    "DivergenceError",
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
