"""The layers: frozen descriptions of shapes, parameters and operations. See ``base.py``."""

from fastnn.definitions import lookup
from fastnn.layers.base import Layer
from fastnn.layers.dense import Activation, Dense
from fastnn.layers.dropout import Dropout
from fastnn.layers.shape import Flatten, Input, Reshape

LAYERS: dict[str, type[Layer]] = {c.__name__: c for c in (Input, Dense, Activation, Dropout, Flatten, Reshape)}

__all__ = ["LAYERS", "Activation", "Dense", "Dropout", "Flatten", "Input", "Layer", "Reshape", "from_config"]


def from_config(stored: dict) -> Layer:
    """The layer that :meth:`Layer.config` described."""
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items() if k != "class"}
    return lookup("layer", stored["class"], LAYERS)(**arguments)
