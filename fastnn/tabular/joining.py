"""Several trained networks as one: a model whose answer is the mean of theirs, in one file."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn import layers
from fastnn.models.model import Model


def joined(models: Sequence[Model], shares: Sequence[float] | None = None) -> Model:
    """One model of several that take the same inputs, each of them a layer of it.

    Parameters
    ----------
    models : built networks of one input shape and one output shape.
    shares : how much each counts, in sum 1; None for all alike.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense
    >>> models = [Sequential([Dense(1, input_shape=(2,))], seed=seed) for seed in (1, 2)]
    >>> x = np.ones((1, 2))
    >>> mean = sum(model.predict(x) for model in models) / 2
    >>> bool(np.allclose(joined(models).predict(x), mean))
    True
    """
    if len(models) == 1:
        return models[0]
    inputs = [layers.Input(shape) for shape in models[0].layout.input_shapes]
    given = inputs if len(inputs) > 1 else inputs[0]
    edges = [model(given) for model in models]
    if shares is None:
        return Model(given, layers.Average()(edges))
    return Model(
        given, layers.Add()([layers.Rescaling(share)(edge) for share, edge in zip(shares, edges, strict=True)])
    )
