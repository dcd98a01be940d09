"""The networks that are timed, and their data. NumPy is all this needs: every peer's interpreter reads it.

Sizes run from a network that is all overhead to those that the processor or the memory limits. Odd sizes are among
them, so that nothing comes to fit a few round shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from layers import (
    Act,
    Attention,
    Average,
    Conv,
    Dense,
    Embedding,
    Flatten,
    Layer,
    MaxPool,
    Norm,
    Recurrent,
    Residual,
    Shape,
    walk,
)

BINARY, CLASSES, SQUARES = "binary_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error"
OUTPUT = {BINARY: "sigmoid", CLASSES: "softmax", SQUARES: None}


@dataclass(frozen=True)
class Network:
    """Layers up to the last activation, with what it takes to train them; ``rows`` is a multiple of ``batch``."""

    text: str
    shape: Shape
    layers: tuple[Layer, ...]
    loss: str
    rows: int
    batch: int

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return self.rows // self.batch

    @property
    def n_out(self) -> int:
        return self.layers[-1].n

    @property
    def arrays(self) -> list[list[Shape]]:
        """Shapes of the arrays of each layer that has any."""
        return [shapes for layer, shape in walk(self.layers, self.shape) if (shapes := layer.arrays(shape))]

    @property
    def n_params(self) -> int:
        """Numbers that an optimiser moves."""
        trained = [layer.arrays(shape)[: layer.n_trained] for layer, shape in walk(self.layers, self.shape)]
        return sum(int(np.prod(shape)) for shapes in trained for shape in shapes)

    @property
    def flops(self) -> int:
        """Operations of a step's multiply-adds: forward, dw, and dx except of the network's input."""
        work = [layer.work(shape) for layer, shape in walk(self.layers, self.shape)]
        first = next(layer for layer, _ in walk(self.layers, self.shape))
        return 2 * self.batch * (3 * sum(work) - first.work_on_input(self.shape))

    def __str__(self) -> str:
        return self.text


def dense(widths: tuple[int, ...], hidden: str, loss: str, rows: int, batch: int) -> Network:
    """A chain of dense layers with an activation between them."""
    layers = [layer for n in widths[1:] for layer in (Dense(n), Act(hidden))][:-1]
    return Network("-".join(map(str, widths)), widths[:1], tuple(layers), loss, rows, batch)


def lenet() -> Network:
    """LeNet-5 as examples/lenet5.py has it."""
    relu, pool = Act("relu"), MaxPool(2)
    images = (Conv(6, 5), relu, pool, Conv(16, 5, "valid"), relu, pool, Flatten())
    layers = (*images, Dense(120), relu, Dense(84), relu, Dense(10))
    return Network("LeNet-5 28x28x1", (28, 28, 1), layers, CLASSES, 512, 128)


def residual(height: int, width: int, channels: int) -> Network:
    """Two residual blocks with batch normalisation, the mean of each channel, and a dense layer."""
    relu, conv = Act("relu"), Conv(channels, 3, bias=False)
    block = (Residual((conv, Norm(), relu, conv, Norm())), relu)
    text = f"2 residual blocks {height}x{width}x{channels}"
    return Network(text, (height, width, channels), (*block, *block, Average(), Dense(10)), CLASSES, 128, 64)


def recurrent(kind: str, features: int, n: int, steps: int, there: int | None = None, even: bool = True) -> Network:
    """A recurrent layer, and a dense one on its last state."""
    text = f"{features}-{n}-1, {steps} steps" + (f", {there} there" if there else "") + " on average" * (not even)
    return Network(text, (steps, features), (Recurrent(kind, n, there, even), Dense(1)), SQUARES, 512, 32)


def attention(positions: int, heads: int, width: int) -> Network:
    """Attention as wide as its input, the mean over the positions, and a dense layer."""
    text, layers = f"{heads} heads x {width}, {positions} positions", (Attention(heads, width), Average(), Dense(1))
    return Network(text, (positions, heads * width), layers, SQUARES, 512, 32)


def embedding(n: int, width: int, ids: int) -> Network:
    """The mean of the vectors of a row's ids, and a dense layer."""
    return Network(
        f"{n:,} x {width}, {ids} ids", (ids,), (Embedding(n, width), Average(), Dense(1)), SQUARES, 4096, 256
    )


NETWORKS = {
    "xor": dense((2, 4, 1), "tanh", BINARY, 4, 4),
    "tutorial": dense((20, 64, 32, 1), "relu", BINARY, 8192, 32),
    "policy": dense((8, 64, 64, 4), "relu", CLASSES, 8192, 64),
    "tanh64": dense((64, 64, 64, 8), "tanh", SQUARES, 8192, 64),
    "narrow": dense((301, 7, 1), "relu", BINARY, 6000, 24),
    "odd": dense((37, 50, 23, 3), "relu", CLASSES, 8000, 50),
    "deep": dense((19, 45, 45, 45, 45, 45, 5), "tanh", SQUARES, 7700, 77),
    "fullbatch": dense((4, 32, 16, 4), "tanh", SQUARES, 10000, 10000),
    "mnist128": dense((784, 128, 10), "relu", CLASSES, 12800, 128),
    "mnist512": dense((784, 512, 512, 10), "relu", CLASSES, 6400, 256),
    "wide": dense((1024, 1024, 1024, 1024, 10), "relu", CLASSES, 4096, 1024),
    "thin": dense((2048, 2048, 2048, 10), "relu", CLASSES, 512, 16),
    "lenet": lenet(),
    "residual16": residual(32, 32, 16),
    "residual32": residual(16, 16, 32),
    "lstm": recurrent("lstm", 16, 64, 50),
    "gru": recurrent("gru", 16, 64, 50),
    "rnn": recurrent("rnn", 16, 64, 50),
    "lstm128": recurrent("lstm", 64, 128, 50),
    "unpadded": recurrent("lstm", 16, 64, 100),
    "padded": recurrent("lstm", 16, 64, 100, there=50),
    "lengths": recurrent("lstm", 16, 64, 100, there=50, even=False),
    "attention": attention(64, 4, 16),
    "embedding": embedding(100_000, 64, 20),
}
ROWS = (1, 32, 1024)
PREDICTED = dict.fromkeys(("policy", "tutorial", "tanh64", "odd", "mnist128", "mnist512"), ROWS)  # rows of a prediction
PREDICTED |= {"lenet": (1, 128), "residual32": (1, 64)} | dict.fromkeys(("lstm", "gru", "rnn"), (1, 32))
STEP_FEATURES = 64
STEPPED = {kind: Recurrent(kind, 64) for kind in ("lstm", "gru", "rnn")}  # layers that are called step by step


def data(network: Network, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """``x (rows, *shape)`` and targets: whole numbers ``(rows,)``, or numbers ``(rows, n_out)``; every class occurs.

    Masked steps are zeros; ids are whole numbers of ``dtype``.
    """
    rng = np.random.default_rng(0)
    x, first = rng.standard_normal((network.rows, *network.shape)).astype(dtype), network.layers[0]
    if isinstance(first, Recurrent) and first.there:
        lengths = np.full(len(x), first.there) if first.even else rng.integers(1, 2 * first.there, len(x))
        x[np.arange(x.shape[1]) >= lengths[:, None]] = 0
    if isinstance(first, Embedding):
        x = rng.integers(0, first.n, x.shape).astype(dtype)
    if network.loss == SQUARES:
        return x, rng.standard_normal((network.rows, network.n_out)).astype(dtype)
    return x, rng.permutation(np.arange(network.rows) % max(2, network.n_out))


def weights(network: Network, dtype: str) -> list[list[np.ndarray]]:
    """The arrays of each layer that has any: kernels as large as keeps outputs near 1, all others near 1 or 0."""
    rng = np.random.default_rng(1)
    return [drawn(rng, shapes, dtype) for shapes in network.arrays]


def drawn(rng: np.random.Generator, shapes: list[Shape], dtype: str) -> list[np.ndarray]:
    """The arrays of one layer."""
    return [_drawn(rng, shape, len(shapes)).astype(dtype) for shape in shapes]


def _drawn(rng: np.random.Generator, shape: Shape, n_arrays: int) -> np.ndarray:
    if n_arrays == 4:  # of a normalisation, whose variance is not negative
        return rng.uniform(0.5, 1.5, shape)
    return rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
