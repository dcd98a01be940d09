"""The network of one member, and its start from the rows that it will learn from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastnn import activations, layers, optimizers
from fastnn._base.normal import logarithm
from fastnn._base.random import normal, uniform
from fastnn.activations.names import ActivationName
from fastnn.losses.names import LossName
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential
from fastnn.schedules import CosineLog
from fastnn.tables.series import Forecast
from fastnn.tables.target import Classes, Target
from fastnn.tabular.settings import Settings

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge
    from fastnn.tables.features import Encoded

CODE_WIDTH = 8  # numbers of an embedded category
START_ROWS = 2_000  # from which a start is found
CORNERS = 5  # rows whose outputs a bias is drawn from
LEAST_SPREAD = 1e-6  # of a unit that counts as the same everywhere


def ends(target: Target | Forecast) -> tuple[ActivationName, LossName]:
    """Activation of the output and loss for a target."""
    if not isinstance(target, Classes):
        return "linear", "mean_squared_error"
    if target.n_out == 1:
        return "sigmoid", "binary_crossentropy"
    return "softmax", "sparse_categorical_crossentropy"


def network(
    settings: Settings, widths: tuple[int, ...], n_ids: tuple[int | None, ...], target: Target, seed: int
) -> Model:
    """A built network, not compiled; ``widths`` and ``n_ids`` are those of the encoded inputs."""
    behind: list[layers.Layer] = []
    for units in settings.hidden:
        behind += [layers.Dense(units), layers.Activation(activations.get(settings.activation))]
        behind += [layers.Dropout(settings.dropout)] if settings.dropout else []
    behind += [layers.Dense(target.n_out), layers.Activation(ends(target)[0])]
    if n_ids == (None,):
        made = Sequential(behind, seed=seed)
        made.build(widths)
        return made
    inputs = [layers.Input((width,)) for width in widths]
    read = [_read(given, ids) for given, ids in zip(inputs, n_ids, strict=True)]
    edge = layers.Concatenate()(read) if len(read) > 1 else read[0]
    for layer in behind:
        edge = layer(edge)
    return Model(inputs, edge, seed=seed)


def _read(given: Edge, n_ids: int | None) -> Edge:
    return given if n_ids is None else layers.Flatten()(layers.Embedding(n_ids, CODE_WIDTH)(given))


def prepare(model: Model, settings: Settings, target: Target, n_steps: int, x: Encoded, seed: int) -> None:
    """Compile a network for ``n_steps`` updates, and give it its start.

    The rate of Adam is that of unit inputs divided by the root of the width, which is what a dense layer of standard
    normal weights and outputs divided by that root learns with (neural tangent parametrisation).
    """
    rate, decay = settings.learning_rate / settings.scale, settings.weight_decay * settings.scale
    schedule = CosineLog(rate, n_steps, cycles=settings.cycles)
    model.compile(optimizers.AdamW(schedule, weight_decay=decay, beta_2=settings.beta_2), ends(target)[1])
    if settings.starts_from_rows:
        start(model, x, seed)


def start(model: Model, x: Encoded, seed: int) -> None:
    """Units whose outputs before the activation spread by one over the rows, with their zeros among the rows ("he+5").

    Each kernel is drawn from a normal distribution and divided by the spread of its unit's outputs; each bias is minus
    a random mean of the unit's outputs at :data:`CORNERS` rows (Holzmüller et al. 2024, after Steinwart 2019).
    """
    n = len(x[0]) if isinstance(x, list) else len(x)
    rows = np.linspace(0, n - 1, min(n, START_ROWS)).astype(np.int64)
    some = [part[rows] for part in x] if isinstance(x, list) else x[rows]
    for place, layer in enumerate(layer for layer in model.layers if isinstance(layer, layers.Dense)):
        kernel = normal(seed, place, 0, 0, math.prod(layer.kernel.shape)).reshape(layer.kernel.shape)
        n_units = layer.units
        layer.set_weights([kernel, np.zeros(n_units)])
        z = model.activations(some)[str(layer.name)].astype(np.float64)
        spread = z.std(axis=0)
        spread[spread < LEAST_SPREAD] = 1.0
        drawn = uniform(seed, place, 2 * CORNERS * n_units).reshape(2, CORNERS, n_units)
        shares = -logarithm(drawn[0])  # exponential, so that what they make of one is uniform
        corners = z[(drawn[1] * len(z)).astype(np.int64), np.arange(n_units)] / spread
        layer.set_weights([kernel / spread, -(corners * shares / shares.sum(axis=0)).sum(axis=0)])
