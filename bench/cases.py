"""The networks that are timed, and their data. NumPy is all this needs: every peer's interpreter reads it.

Sizes run from a network that is all overhead to those that the processor or the memory limits. Odd sizes are among
them, so that nothing comes to fit a few round shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Dense layers, with what it takes to train them; ``rows`` is a multiple of ``batch``."""

    widths: tuple[int, ...]
    hidden: str
    loss: str
    rows: int
    batch: int

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return self.rows // self.batch

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """``(n_in, n_out)`` of each layer."""
        return list(zip(self.widths, self.widths[1:], strict=False))

    @property
    def n_params(self) -> int:
        return sum((a + 1) * b for a, b in self.sizes)

    @property
    def flops(self) -> int:
        """Floating-point operations of a step's products: forward, dw, and dx except of the first layer."""
        first = self.widths[0] * self.widths[1]
        return self.batch * (6 * sum(a * b for a, b in self.sizes) - 2 * first)

    def __str__(self) -> str:
        return "-".join(map(str, self.widths))


BINARY, CLASSES, SQUARES = "binary_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error"
OUTPUT = {BINARY: "sigmoid", CLASSES: "softmax", SQUARES: None}
NETWORKS = {
    "xor": Network((2, 4, 1), "tanh", BINARY, 4, 4),
    "tutorial": Network((20, 64, 32, 1), "relu", BINARY, 8192, 32),
    "policy": Network((8, 64, 64, 4), "relu", CLASSES, 8192, 64),
    "tanh64": Network((64, 64, 64, 8), "tanh", SQUARES, 8192, 64),
    "narrow": Network((301, 7, 1), "relu", BINARY, 6000, 24),
    "odd": Network((37, 50, 23, 3), "relu", CLASSES, 8000, 50),
    "deep": Network((19, 45, 45, 45, 45, 45, 5), "tanh", SQUARES, 7700, 77),
    "fullbatch": Network((4, 32, 16, 4), "tanh", SQUARES, 10000, 10000),
    "mnist128": Network((784, 128, 10), "relu", CLASSES, 12800, 128),
    "mnist512": Network((784, 512, 512, 10), "relu", CLASSES, 6400, 256),
    "wide": Network((1024, 1024, 1024, 1024, 10), "relu", CLASSES, 4096, 1024),
    "thin": Network((2048, 2048, 2048, 10), "relu", CLASSES, 512, 16),
}
PREDICTED = ("policy", "tutorial", "tanh64", "odd", "mnist128", "mnist512")
ROWS = (1, 32, 1024)  # of a prediction


def data(network: Network, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """``x (rows, n_in)`` and targets: whole numbers ``(rows,)``, or numbers ``(rows, n_out)``; every class occurs."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((network.rows, network.widths[0])).astype(dtype)
    if network.loss == SQUARES:
        return x, rng.standard_normal((network.rows, network.widths[-1])).astype(dtype)
    return x, rng.permutation(np.arange(network.rows) % max(2, network.widths[-1]))


def weights(network: Network, dtype: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """``w (n_in, n_out)`` and ``b (n_out,)`` of each layer."""
    rng = np.random.default_rng(1)
    return [
        ((rng.standard_normal((a, b)) / np.sqrt(a)).astype(dtype), rng.standard_normal(b).astype(dtype))
        for a, b in network.sizes
    ]


def outputs(network: Network, layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray) -> np.ndarray:
    """``(rows, n_out)`` before the last activation."""
    *hidden, (w, b) = layers
    for w_hidden, b_hidden in hidden:
        x = x @ w_hidden + b_hidden
        x = np.maximum(x, 0) if network.hidden == "relu" else np.tanh(x)
    return x @ w + b
