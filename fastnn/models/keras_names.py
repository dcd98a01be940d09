"""Functions that Keras has beside its models: reading, writing, and models of configurations."""

from __future__ import annotations

from collections.abc import Mapping

from fastnn._base.arguments import shown
from fastnn._base.stored import parse
from fastnn._base.types import StrPath
from fastnn.models.config_reading import Reader
from fastnn.models.files import load
from fastnn.models.model import Model


def load_model(filepath: StrPath, custom_objects: Mapping[str, object] | None = None, compile: bool = True) -> Model:
    """:func:`fastnn.load`; with ``compile=False`` the model is not compiled, and has no optimiser state.

    Parameters
    ----------
    filepath : name of the safetensors file.
    custom_objects : classes and functions of yours by the names that stand in the file or configuration.
    compile : whether the model is compiled as it was.
    """
    model = load(filepath, custom_objects)
    if not compile:
        model.uncompile()
    return model


def save_model(model: Model, filepath: StrPath) -> None:
    """Write a model to a safetensors file, as :meth:`Model.save` does.

    Parameters
    ----------
    model : a model.
    filepath : name of the safetensors file.
    """
    model.save(filepath)


def model_from_json(json_string: str, custom_objects: Mapping[str, object] | None = None) -> Model:
    """The model that :meth:`Model.to_json` describes, with weights drawn anew, compiled as that one was.

    Parameters
    ----------
    json_string : JSON.
    custom_objects : classes of layers, losses and metrics of your own by name; a model with a loss of your own that is
        not given is not compiled.

    Raises
    ------
    TypeError, ValueError
        it is no valid JSON, or not of a model.

    >>> from fastnn.layers import Dense
    >>> from fastnn.models import Sequential, model_from_json
    >>> model = Sequential([Dense(8, "relu", name="hidden", input_shape=(4,)), Dense(1)])
    >>> model_from_json(model.to_json()).get_layer("hidden")
    Dense(units=8, activation='relu', input_shape=(4,), name='hidden')
    """
    if not isinstance(json_string, str | bytes):
        raise TypeError(f"json_string must be a text, got {shown(json_string)}")
    return Reader(custom_objects).model(parse("json_string", json_string))


def model_from_config(config: object, custom_objects: Mapping[str, object] | None = None) -> Model:
    """:func:`model_from_json` of what is JSON no more: a dict with ``class_name`` and ``config``.

    Parameters
    ----------
    config : what ``get_config`` gave.
    custom_objects : classes and functions of yours by the names that stand in the file or configuration.
    """
    return Reader(custom_objects).model(config)
