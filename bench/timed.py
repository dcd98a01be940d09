"""The networks that are timed: widths, hidden activation, loss, rows of data, rows of a batch."""

import numpy as np

from fastnn import Sequential
from fastnn.layers import Dense

NETWORKS = {
    "tutorial": ((20, 64, 32, 1), "relu", "binary_crossentropy", 8192, 32),
    "policy": ((8, 64, 64, 4), "relu", "sparse_categorical_crossentropy", 8192, 64),
    "mnist128": ((784, 128, 10), "relu", "sparse_categorical_crossentropy", 12800, 128),
}
OUTPUT = {"binary_crossentropy": "sigmoid", "sparse_categorical_crossentropy": "softmax"}


def make(name, backend):
    """A compiled model with its data: ``(model, x, y, batch_size)``."""
    widths, hidden, loss, rows, batch_size = NETWORKS[name]
    layers = [Dense(n, activation=hidden) for n in widths[1:-1]] + [Dense(widths[-1], activation=OUTPUT[loss])]
    model = Sequential(layers, seed=0, backend=backend)
    model.build((widths[0],))
    model.compile(optimizer="adam", loss=loss)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, widths[0]), dtype=np.float32)
    return model, x, rng.integers(0, max(2, widths[-1]), rows), batch_size
