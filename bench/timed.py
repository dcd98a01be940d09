"""What of fastnn is timed: a compiled model for one of the networks of ``cases``, an update by itself."""

from __future__ import annotations

import numpy as np
from cases import OUTPUT, Network

from fastnn import Sequential, optimizers
from fastnn import _plan as plans
from fastnn.layers import Dense
from fastnn.losses import LOSSES


def make(network: Network, *, dtype: str = "float32", backend: str | None = None, output: bool = True) -> Sequential:
    """The model; without ``output`` its last layer is linear, as the peers' predictions are."""
    layers = [Dense(n, activation=network.hidden) for n in network.widths[1:-1]]
    layers.append(Dense(network.widths[-1], activation=OUTPUT[network.loss] if output else None))
    model = Sequential(layers, seed=0, dtype=dtype, backend=backend)
    model.build((network.widths[0],))
    model.compile(optimizer="adam", loss=network.loss)
    return model


def update_case(optimizer: str, dtype: str, n_params: int) -> tuple[plans.Plan, plans.Memory]:
    """Plan and memory for ``backend.update`` of about so many parameters."""
    width = 1000
    layout = plans.lay_out([Dense(width)], (n_params // width,))
    plan = plans.compile_plan(
        layout, batch_size=1, losses=[LOSSES["mean_squared_error"]], optimizer=optimizers.get(optimizer)
    )
    arenas = plans.allocate(plan, plans.aligned(layout.n_params, np.dtype(dtype)))
    arenas.params[...] = 0.1
    arenas.grads[...] = 1e-3
    return plan, arenas
