"""Fits that are broken off after any of their updates, and what comes of going on."""

from __future__ import annotations

import numpy as np

from fastnn.callbacks import Callback


class Broken(Exception):
    """What breaks a fit off."""


class Break(Callback):
    """Raises once so many updates of the fit are done; None lets it be."""

    def __init__(self, updates: int | None = None):
        self.updates = updates

    def on_progress(self, done, logs=None):
        if self.updates is not None and done >= self.updates:
            raise Broken


def fitted(build, data, path=None, every=1, at=None, callbacks=lambda: (), **arguments):
    """A model and its history behind a fit that writes checkpoints to ``path``, and is broken off ``at`` an update."""
    model = build()
    told = {} if path is None else {"checkpoint": path, "checkpoint_every": every}
    try:
        model.fit(*data(), verbose=0, callbacks=[*callbacks(), Break(at)], **told, **arguments)
    except Broken:
        assert at is not None
    return model


def state_of(model) -> dict:
    """All that lasts of a model, as arrays of bytes that can be compared."""
    optimizer = model.optimizer
    numbers = [float(optimizer.learning_rate)] if not hasattr(optimizer.learning_rate, "rates") else []
    return {
        "weights": [w.tobytes() for w in model.get_weights()],
        "slots": None if model.slots is None else model.slots.tobytes(),
        "counts": (model.epoch, model.step, model.seed, numbers),
        "states": [
            array.tobytes() for layer in model.layers if getattr(layer, "carries", ()) for array in layer.states
        ],
        "epochs": model.history.epoch,
        "history": {name: np.array(values).tobytes() for name, values in model.history.history.items()},
    }
