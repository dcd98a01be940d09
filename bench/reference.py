"""Formulas of the layers in NumPy: what every peer's results are compared with.

Images are ``(rows, height, width, channels)``, kernels ``(height, width, channels, filters)``, sequences ``(rows,
steps, features)``.
"""

from __future__ import annotations

import numpy as np
from layers import EPSILON, Act, Average, Conv, Dense, Flatten, MaxPool, Norm, Recurrent, Residual, Shape


def outputs(network, weights: list[list[np.ndarray]], x: np.ndarray) -> np.ndarray:
    """``(rows, n_out)`` before the last activation, as in prediction."""
    return _through(network.layers, iter(weights), x)


def _through(layers, given, x: np.ndarray) -> np.ndarray:
    for layer in layers:
        match layer:
            case Dense():
                w, b = next(given)
                x = x @ w + b
            case Conv():
                x = convolved(layer, x, *next(given))
            case Norm():
                gamma, beta, mean, variance = next(given)
                x = (x - mean) * (gamma / np.sqrt(variance + EPSILON)) + beta
            case Act(name):
                x = np.maximum(x, 0) if name == "relu" else np.tanh(x)
            case MaxPool(size):
                rows, height, width, channels = x.shape
                x = x.reshape(rows, height // size, size, width // size, size, channels).max((2, 4))
            case Average():
                x = x.mean((1, 2))
            case Flatten():
                x = x.reshape(len(x), -1)
            case Residual(inner):
                x = x + _through(inner, given, x)
            case Recurrent():
                x = last_state(layer, next(given), x)
            case _:
                raise ValueError(f"there is no formula of {layer}")
    return x


def last_state(layer: Recurrent, arrays: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """What a recurrent layer without a mask gives after the steps of ``x``."""
    kernel, recurrent, bias = arrays
    h = c = np.zeros((len(x), layer.n), x.dtype)
    of_input, of_state = bias if layer.kind == "gru" else (bias, 0)
    for a in (x @ kernel + of_input).swapaxes(0, 1):
        b = h @ recurrent + of_state
        if layer.kind == "rnn":
            h = np.tanh(a + b)
        elif layer.kind == "gru":
            (z, r), g = np.split(_sigmoid((a + b)[:, : 2 * layer.n]), 2, 1), 2 * layer.n
            h = z * h + (1 - z) * np.tanh(a[:, g:] + r * b[:, g:])
        else:
            i, f, g, o = np.split(a + b, 4, 1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
    return h


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def convolved(conv: Conv, x: np.ndarray, w: np.ndarray, b: np.ndarray | float = 0.0) -> np.ndarray:
    """The sum over the taps: a product of the places that each reads with its weights."""
    padded = _padded(conv, x)
    return sum(_product(conv, padded[at], w[tap]) for tap, at in _taps(conv, x.shape[1:])) + b


def way_back(conv: Conv, x: np.ndarray, w: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``dW`` and ``dx`` of a convolution, tap by tap."""
    padded, dw = _padded(conv, x), np.empty_like(w)
    dx = np.zeros_like(padded)
    for tap, at in _taps(conv, x.shape[1:]):
        if conv.depthwise:
            dw[tap] = np.einsum("rhwc,rhwc->c", padded[at], dy)[:, None]
            dx[at] += dy * w[tap][:, 0]
        else:
            dw[tap] = np.tensordot(padded[at], dy, ([0, 1, 2],) * 2)
            dx[at] += dy @ w[tap].T
    edge = conv.around
    return dw, dx[:, edge : edge + x.shape[1], edge : edge + x.shape[2]]


def _product(conv: Conv, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x * w[:, 0] if conv.depthwise else x @ w


def _padded(conv: Conv, x: np.ndarray) -> np.ndarray:
    edge = (conv.around, conv.around)
    return np.pad(x, ((0, 0), edge, edge, (0, 0)))


def _taps(conv: Conv, shape: Shape):
    """Each place of the window, with the part of the padded images that it reads."""
    height, width, _ = conv.after(shape)
    for i, j in np.ndindex(conv.k, conv.k):
        lines = slice(i, i + conv.strides * height, conv.strides)
        columns = slice(j, j + conv.strides * width, conv.strides)
        yield (i, j), (slice(None), lines, columns)
