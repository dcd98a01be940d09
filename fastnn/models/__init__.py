"""Models under the names that Keras users write: ``from fastnn.models import Sequential, load_model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn._engine.gradients import Gradients
    from fastnn.models.cloning import clone_model
    from fastnn.models.keras_names import load_model, model_from_config, model_from_json, save_model
    from fastnn.models.model import Model
    from fastnn.models.sequential import Sequential

_MODULES = {
    "._engine.gradients": "Gradients",
    "cloning": "clone_model",
    "keras_names": "load_model model_from_config model_from_json save_model",
    "model": "Model",
    "sequential": "Sequential",
}

__all__ = [
    "Gradients",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
