"""Networks with normalisation for the tests: moving variances are positive, and every form and size has its turn."""

from __future__ import annotations

import numpy as np
from networks import Network, network

from fastnn.layers import BatchNormalization, Dense

SHAPES = (  # of a sample; parts of 8 samples, of fewer, of one, and several parts of a sample
    *((1,), (3,), (16,), (17,), (67,)),
    *((5, 7), (33, 3), (3, 50, 2), (17, 19, 5)),
)
ROWS = (1, 2, 7, 8, 9, 24, 37)


def positive(net: Network) -> Network:
    """The network with moving variances that can be."""
    for variable in net.plan.layout.variables:
        if variable.parameter.name.endswith("variance"):
            own = net.params[variable.offset : variable.offset + variable.size]
            own[...] = (own**2 + 0.5).astype(np.float32)
    return net


def normalized(rng, shape, layers=None, **compiled) -> Network:
    """A network of normalisation, by default in the middle of layers that are trained."""
    layers = layers or [Dense(shape[-1], "tanh"), BatchNormalization(), Dense(2)]
    return positive(network(rng, layers, shape, **({"loss": "mse", "batch_size": 40} | compiled)))


def moving(net: Network, params) -> np.ndarray:
    """All moving statistics among parameters."""
    kept = [v for v in net.plan.layout.variables if v.parameter.name.startswith("moving")]
    return np.concatenate([params[v.offset : v.offset + v.size] for v in kept])
