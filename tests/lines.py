"""A layer without activation, and its gradient and training written out by hand."""

from __future__ import annotations

import numpy as np
from models import model_of

import fastnn
from fastnn import Sequential
from fastnn.layers import Dense


def gradient_of_line(x, target, weight, w, b):
    """Gradient of the mean squared error of ``x @ w + b``, rows weighted, divided by all rows."""
    error = 2 * (x @ w + b - target) * weight[:, None] / (len(x) * target.shape[1])
    return x.T @ error, error.sum(0)


def trained_line(x, target, order, batch_size, rate, w, b, weight=None):
    """Plain gradient descent over batches of ``order``, float64."""
    weight = np.ones(len(x)) if weight is None else weight
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        dw, db = gradient_of_line(x[rows], target[rows], weight[rows], w, b)
        w, b = w - rate * dw, b - rate * db
    return w, b


def line(name, dtype="float64", n_out=2, **more) -> Sequential:
    return model_of(Dense(n_out, **more), name=name, optimizer=fastnn.optimizers.SGD(0.1), dtype=str(dtype))
