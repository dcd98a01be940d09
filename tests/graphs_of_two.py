"""A model with two inputs and two outputs, and a tower that both use; with rows and slopes for it."""

from __future__ import annotations

from fastnn import Input, Model, Sequential
from fastnn.layers import Concatenate, Dense, Flatten


def pair(name="numpy", dtype="float64", seed=1, **compiled):
    """Two inputs, a tower that both use, two outputs."""
    left, right = Input((3,), name="left"), Input((2, 2), name="right")
    tower = Sequential([Dense(4, "tanh"), Dense(3, "tanh")], dtype=dtype, seed=seed, name="tower")
    seen = Concatenate()([tower(left), tower(Dense(3)(Flatten()(right)))])
    outputs = {"value": Dense(1, name="v")(seen), "steps": Dense(2, name="s")(Dense(2)(right))}
    model = Model([left, right], outputs, dtype=dtype, seed=seed, backend=name)
    if compiled:
        model.compile(**compiled)
    return model


def rows_of(rng, n=7):
    return [rng.normal(size=(n, 3)), rng.normal(size=(n, 2, 2))]


def slopes_of(rng, n=7):
    return {"value": rng.normal(size=(n, 1)), "steps": rng.normal(size=(n, 2, 2))}
