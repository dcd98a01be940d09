"""What the pictures read from models: columns of a training, weights of fully connected layers.

Design: estimators are known by their attributes (``loss_curve_``, ``model_``, ``coefs_``), so that scikit-learn's own
are drawn too and neither package is imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.arrays import check_finite
from fastnn._base.types import AnyLayer
from fastnn.models.model import Model

LARGEST = 1e150  # what is beyond counts as infinite: ranges of an axis would overflow
CURVES = {"loss_curve_": "loss", "validation_loss_curve_": "val_loss", "validation_scores_": "val_score"}


@dataclass
class Dense:
    """A fully connected layer as the pictures see it."""

    name: str
    kernel: np.ndarray  # (n_in, n_out), finite
    activation: str
    notes: list[str] = field(default_factory=list)  # layers without a kernel that follow


def columns(source: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Epochs, counted from 1, and the values of each: of a History, its dict, a trained model or an estimator."""
    inside = getattr(source, "history", None)
    if hasattr(inside, "history"):  # of a model
        source = inside
    values = {name: _column(name, column) for name, column in _values(source).items()}
    lengths = {name: len(column) for name, column in values.items()}
    n_epochs = max(lengths.values(), default=0)
    if not n_epochs:
        raise ValueError("the history has no epochs; train first")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"all columns of a history must have a value an epoch, got {told}")
    epochs = getattr(source, "epoch", None)
    numbered = isinstance(epochs, list) and len(epochs) == n_epochs
    return np.asarray(epochs if numbered else range(n_epochs)) + 1, values


def kept_epoch(source: object, n_epochs: int) -> int | None:
    """The index of the epoch whose weights a model has, of its History or of the model; None where nothing tells."""
    inside = getattr(source, "history", None)
    kept = getattr(inside if hasattr(inside, "history") else source, "kept_epoch", None)
    return kept if isinstance(kept, int) and 0 <= kept < n_epochs else None


def _values(source: object) -> dict[str, object]:
    if isinstance(source, dict):
        return source
    if getattr(source, "loss_curve_", None) is not None:
        found = {name: getattr(source, attribute, None) for attribute, name in CURVES.items()}
        return {name: column for name, column in found.items() if column is not None}
    inside = getattr(source, "history", None)
    if isinstance(inside, dict):
        return inside
    if hasattr(source, "fit"):
        raise ValueError(
            f"{type(source).__name__} has no curve of a training; fit it first (scikit-learn's lbfgs keeps none)"
        )
    raise TypeError(
        f"history must be what fit returned, a dict of lists, or a fitted model or estimator, got {shown(source)}"
    )


def _column(name: str, values: object) -> np.ndarray:
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"history[{name!r}] must be a list of numbers, got {shown(values)}") from None
    if column.ndim != 1:
        raise ValueError(f"history[{name!r}] must be a list with a number an epoch, got shape {column.shape}")
    return np.where(np.abs(column) > LARGEST, np.copysign(np.inf, column), column)


def dense_layers(model: object) -> list[Dense]:
    """The layers with a kernel of a Model, of an estimator's ``model_``, or of ``coefs_``."""
    model = getattr(model, "model_", model)
    if isinstance(model, Model):
        found = _of_sequential(model)
    elif isinstance(getattr(model, "coefs_", None), list | tuple):
        found = _of_coefficients(model)
    elif hasattr(model, "fit"):
        raise ValueError(f"{type(model).__name__} has no weights; fit it first")
    else:
        raise TypeError(f"model must be a Model or a fitted estimator with model_ or coefs_, got {shown(model)}")
    if not found:
        raise ValueError("the model has no layer with a kernel")
    for layer in found:
        check_finite(f"the kernel of {layer.name}", np.ascontiguousarray(layer.kernel))
    return found


def network(model: object) -> Model:
    """A built Model, or that of a fitted estimator, which reads one array of rows."""
    model = getattr(model, "model_", model)
    if not isinstance(model, Model):
        if hasattr(model, "fit"):
            raise ValueError(f"{type(model).__name__} has no model_; fit it first, or give a Model")
        raise TypeError(f"model must be a Model or a fitted estimator with model_, got {shown(model)}")
    _check_built(model)
    if len(model.layout.input_shapes) > 1:
        raise ValueError(f"the model must have one input, got {len(model.layout.input_shapes)}")
    return model


def is_graph(model: object) -> bool:
    """Whether this is a model that circles and lines cannot show: no chain, or with models inside."""
    if not isinstance(model, Model) or not model.knows_shape:
        return False
    return not model.graph.is_chain or any(isinstance(item, Model) for item in model.items)


def _check_built(model: Model) -> None:
    if not model.built:
        raise ValueError("the model has no weights yet; fit it, or build it with model.build(input_shape)")


def _of_sequential(model: Model) -> list[Dense]:
    _check_built(model)
    kernels = dict(zip(model.weight_names(), model.get_weights(), strict=True))
    found: list[Dense] = []
    layers: Sequence[AnyLayer] = model.layout.layers
    for index, layer in enumerate(layers):
        kind, kernel = type(layer).__name__, kernels.get(f"{index}.kernel")
        if kernel is None:
            _add_note(found, layer, kind)
            continue
        if kernel.ndim != 2:
            raise ValueError(
                f"layer {index} ({kind}) has a kernel of shape {kernel.shape}; only Dense layers are drawn"
            )
        found.append(Dense(layer.given_name or kind, kernel, layer.activation.name))
    return found


def _add_note(found: list[Dense], layer: AnyLayer, kind: str) -> None:
    """Tell of a layer without a kernel at the layer before it."""
    if not found or kind in ("Input", "Flatten", "Reshape"):
        return
    if kind != "Activation":
        found[-1].notes.append(f"{kind.lower()} {layer.rate:g}" if hasattr(layer, "rate") else kind.lower())
    elif found[-1].activation == "linear" and not found[-1].notes:
        found[-1].activation = layer.activation.name
    else:
        found[-1].notes.append(layer.activation.name)


def _of_coefficients(model: Any) -> list[Dense]:
    hidden, last = getattr(model, "activation", ""), len(model.coefs_) - 1
    each = hidden if isinstance(hidden, list | tuple) else [hidden] * last
    activations = [*each[:last], getattr(model, "out_activation_", "")]
    return [
        Dense("output" if i == last else f"hidden {i + 1}", np.asarray(kernel), str(activation))
        for i, (kernel, activation) in enumerate(zip(model.coefs_, activations, strict=True))
    ]
