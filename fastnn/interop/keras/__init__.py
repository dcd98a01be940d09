"""Exchange with Keras 3: models and ``.keras`` files as ours, and ours as models of Keras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastnn._base import users_line
from fastnn._base.arguments import shown
from fastnn._base.reprs import in_a_line
from fastnn._base.types import Stored
from fastnn.interop.libraries import needed
from fastnn.interop.nested import leaves

if TYPE_CHECKING:
    import keras

    from fastnn._base.types import StrPath
    from fastnn.models import Model

NONE: Mapping[str, object] = {}


def from_keras(model_or_path: StrPath | keras.Model, custom_objects: Mapping[str, object] = NONE) -> Model:
    """A model of Keras 3, or of a ``.keras`` file, as a :class:`fastnn.Sequential` or :class:`fastnn.Model`.

    A file is read without Keras and without running anything that stands in it; that needs h5py.

    Parameters
    ----------
    model_or_path : a built ``keras.Sequential`` or Functional model, or the name of a ``.keras`` file.
    custom_objects : classes of layers of your own, written for fastnn, by the names under which the model has them.

    Returns
    -------
    Sequential or Model
        with the same names, weights, shared layers and models inside; float64 where all layers are, else float32. It is
        compiled as the model was, where optimiser, losses and metrics have counterparts, else not, with a warning.

    Raises
    ------
    FileNotFoundError, ValueError
        there is no such file; it is damaged, or a layer or call in it has no counterpart: Lambda layers and classes of
        your own are named.
    ModuleNotFoundError
        h5py is not installed, for files.
    TypeError
        it is neither a model nor a file name.

    >>> import keras  # doctest: +SKIP
    >>> from fastnn.interop import from_keras
    >>> model = from_keras(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))  # doctest: +SKIP
    """
    if isinstance(model_or_path, str | os.PathLike):
        return _from_file(os.fsdecode(model_or_path), custom_objects)
    if not (hasattr(model_or_path, "get_config") and hasattr(model_or_path, "layers")):
        raise TypeError(f"from_keras takes a model of Keras or the name of a .keras file, got {shown(model_or_path)}")
    from fastnn.interop.keras.live import entry_of
    from fastnn.interop.keras.weights import from_model, set_all

    made = _model(entry_of(model_or_path), custom_objects)
    set_all(made, from_model(model_or_path))
    return made


def _from_file(path: str, custom: Mapping[str, object]) -> Model:
    from fastnn.interop.keras.archive import BROKEN, Archive
    from fastnn.interop.keras.weights import from_file, set_all
    from fastnn.models.files import DAMAGED
    from fastnn.models.store import at_most

    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file: {path}")
    try:
        archive = Archive(path)
        try:
            with at_most(archive.n_numbers + archive_free(archive.config)):
                made = _model(archive.config, custom)
            set_all(made, from_file(archive))
        finally:
            archive.close()
    except (*DAMAGED, *BROKEN) as error:
        raise ValueError(f"{path} cannot be read: {in_a_line(error)}") from error
    return made


def archive_free(config: object) -> int:
    """Numbers of weights that a configuration itself holds: means and variances of Normalization layers."""
    return 2 * sum(type(leaf) in (int, float) for leaf in leaves(config))


def _model(entry: Stored, custom: Mapping[str, object]) -> Model:
    """The model of an entry of Keras' configuration, not yet with its weights."""
    from fastnn.interop.keras.reading import Translation
    from fastnn.interop.keras.training import from_compiled
    from fastnn.models.config_reading import Reader, compile_as

    try:
        made = Reader(custom).model(Translation(custom).model(entry))
    except KeyError as error:
        raise ValueError(f"the configuration lacks {error}") from None
    if not made.built:
        raise ValueError("the model is not built; call it on data, or build it, before it is handed over")
    compiled = entry.get("compile_config")
    if compiled:
        try:
            compile_as(made, from_compiled(compiled), custom)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            users_line.warn(f"the model is not compiled, for {' '.join(str(error).split())}")
    return made


def to_keras(model: Model) -> keras.Model:
    """A model as a ``keras.Sequential`` or ``keras.Model``, with its weights.

    Parameters
    ----------
    model : a built :class:`fastnn.Sequential` or :class:`fastnn.Model`.

    Returns
    -------
    keras.Model
        with the same names, shared layers and models inside; compiled as the model is, where optimiser, losses and
        metrics have counterparts, else not, with a warning.

    Raises
    ------
    ModuleNotFoundError
        Keras is not installed.
    TypeError
        ``model`` is none, or has a layer that Keras has not, which the message names.
    fastnn.NotReadyError
        it is not built.

    >>> import fastnn
    >>> from fastnn.interop import to_keras
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(4,))])
    >>> to_keras(model).output_shape  # doctest: +SKIP
    (None, 1)
    """
    from fastnn.models import Model

    if not isinstance(model, Model):
        raise TypeError(f"model must be a Sequential or a Model, got {shown(model)}")
    keras = needed("keras", "to_keras")
    from fastnn.interop.keras.building import Builder
    from fastnn.interop.keras.training import compile_keras

    made = Builder(keras, model.dtype.name).model(model)
    compile_keras(keras, made, model)
    return made
