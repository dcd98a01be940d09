"""What a model file says of a model: :func:`describe` and back.

On the way back nothing is drawn, and no array is made before the shapes that the layers have agree with those of the
arrays in the file. What was made must mean, word for word, what the file says.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers as layer_definitions
from fastnn import metrics as metric_definitions
from fastnn._base.arguments import integer, shown
from fastnn._base.arrays import check_finite, listed
from fastnn._base.stored import check_types, difference, parse
from fastnn._base.tensor_file import TensorFile
from fastnn._plan.layout import Layout, lay_out
from fastnn._plan.memory import aligned
from fastnn.layers.base import Layer, check_shape

if TYPE_CHECKING:
    from fastnn.models.model import Model
    from fastnn.models.sequential import Sequential

MOST_STEPS = 2**53  # updates or epochs; no training has as many, and a few more would leave int64


def describe(model: Model) -> dict[str, Any]:
    """The model as JSON can hold it."""
    described: dict[str, Any] = {} if model.given_name is None else {"name": model.given_name}
    described |= {
        "layers": [layer.config() for layer in model.items],
        "input_shape": list(model.layout.input_shape),
        "dtype": model.dtype.name,
        "seed": model.seed,
        "epoch": model.epoch,
        "step": model.step,
    }
    if model.loss is not None and model.optimizer is not None:
        described["compile"] = {
            "optimizer": model.optimizer.config(),
            "loss": model.loss.config(),
            "metrics": [m.config() for m in model.metrics],
            "weighted_metrics": [m.config() for m in model.weighted_metrics],
        }
        if model.loss_weights is not None:
            described["compile"]["loss_weights"] = model.loss_weights
    return described


def text_of(name: str, value: Any) -> str:
    """A value as JSON that :func:`parse` takes; ``ValueError`` or ``TypeError`` else."""
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
        text.encode()
        if name == "metadata":
            parse(name, text)  # keys that users put there may be the same as text
    except ValueError as error:
        raise ValueError(f"a model file cannot hold this {name}: {error}") from None
    return text


def _plain(value: Any) -> Any:
    """A number of NumPy's, which users hand to definitions, as JSON knows it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a model file cannot hold {value!r}")


def names(layout: Layout) -> list[str]:
    """``"layer.parameter"`` for each array of ``get_weights``; places count from the Input, where there is one."""
    return [f"{v.layer}.{v.parameter.name}" for v in layout.variables]


def architecture(described: Any) -> tuple[list[Layer], Layout]:
    """The layers that a file describes, with the shapes and places of their parameters; no array is made."""
    if not isinstance(described, dict):
        raise TypeError(f"the model must be an object, got {shown(described)}")
    stored = listed("layers", described["layers"], "layers")
    layers = [check_types(layer_definitions.from_config(layer)) for layer in stored]
    shape = check_shape("input_shape", described["input_shape"])
    known = layers[0].input_shape if layers else None
    if known not in (None, shape):
        raise ValueError(f"input_shape is {shape}, and the first layer's {known}")
    return layers, lay_out(layers, shape)


def rebuild(described: Any, file: TensorFile, custom: dict[str, Any]) -> Sequential:
    from fastnn.models.sequential import Sequential

    layers, layout = architecture(described)
    dtype, seed = described["dtype"], integer("seed", described["seed"], low=0)
    dtype = dtype if dtype in ("float32", "float64") else repr(dtype)
    model = Sequential(dtype=dtype, seed=seed, name=described.get("name"))
    if "compile" in described:
        _recompile(model, described["compile"], custom)
    _check_arrays(file, layout, model)
    model.restore(layers, layout.input_shape, _parameters(file, layout, model.dtype))
    model.slots = _slots(file, model)
    model.epoch, model.step = (_count(name, described[name]) for name in ("epoch", "step"))
    _check_meaning(described, model)
    return model


def _count(name: str, came: Any) -> int:
    if integer(name, came, low=0) > MOST_STEPS:
        raise ValueError(f"{name} must be at most {MOST_STEPS}, got {shown(came)}")
    return came


def _recompile(model: Sequential, stored: Any, custom: dict[str, Any]) -> None:
    loss = stored["loss"]
    if "custom" in loss:
        if loss["custom"] not in custom:
            return
        loss = custom[loss["custom"]]
    optimizer = stored["optimizer"]
    schedule = _own_schedule(optimizer)
    if schedule:
        if schedule not in custom:
            return
        optimizer = optimizer | {"learning_rate": custom[schedule]}
    model.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=_metrics(stored["metrics"], custom),
        weighted_metrics=_metrics(stored["weighted_metrics"], custom),
        loss_weights=stored.get("loss_weights"),
    )


def _metrics(stored: Any, custom: dict[str, Any]) -> list[Any]:
    """The metrics of a file; of the user's own only those that are given again."""
    found = []
    for config in listed("metrics", stored, "metrics"):
        if not isinstance(config, dict):
            raise TypeError(f"a metric must be an object, got {shown(config)}")
        name = config.get("custom")
        if name is None or name in custom:
            found.append(metric_definitions.get(config, custom))
            continue
        if not isinstance(name, str):
            raise TypeError(f"a metric of a user's own must have a name, got {shown(name)}")
        warnings.warn(
            f"the model was saved with a metric of your own, {shown(name)}, and goes on without it; "
            f"give load(..., custom_objects={{{shown(name)}: ...}}) to keep it",
            stacklevel=6,
        )
    return found


def _own_schedule(optimizer: Any) -> Any:
    """The name of a user's own schedule that a stored optimiser follows, else None."""
    rate = optimizer.get("learning_rate") if isinstance(optimizer, dict) else None
    return rate.get("custom") if isinstance(rate, dict) else None


def _check_arrays(file: TensorFile, layout: Layout, model: Sequential) -> None:
    """Raise when the arrays of a file are not just those of the model and of its optimiser."""
    wanted = {name: v.parameter.shape for name, v in zip(names(layout), layout.variables, strict=True)}
    slots = [name for name in file.entries if name.startswith("optimizer.")]
    n_slots = len(slots) if model.optimizer is None else model.optimizer.n_slots
    if slots:
        wanted |= {f"optimizer.{i}": (layout.n_params,) for i in range(n_slots)}
    if file.entries.keys() != wanted.keys():
        odd = min(file.entries.keys() ^ wanted.keys())
        raise ValueError(f"the array {shown(odd)} {'is missing' if odd in wanted else 'belongs to nothing'}")
    for name, shape in wanted.items():
        entry = file.entries[name]
        if (entry.shape, entry.dtype) != (shape, model.dtype):
            raise ValueError(f"{name} must be {shape} {model.dtype}, got {entry.shape} {entry.dtype}")


def _parameters(file: TensorFile, layout: Layout, dtype: np.dtype) -> list[np.ndarray]:
    weights = []
    for name, v in zip(names(layout), layout.variables, strict=True):
        weights.append(np.empty(v.parameter.shape, dtype))
        file.read(name, weights[-1].reshape(-1))
        check_finite(f"weights of {name}", weights[-1])
    return weights


def _slots(file: TensorFile, model: Sequential) -> np.ndarray | None:
    if model.optimizer is None or "optimizer.0" not in file.entries:
        return None
    n_slots = model.optimizer.n_slots
    slots = aligned(n_slots * len(model.params), model.dtype).reshape(n_slots, -1)
    for i, slot in enumerate(slots):
        file.read(f"optimizer.{i}", slot)
    return slots


def _meant(stored: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the metric that a configuration makes, as a file would have it."""
    return json.loads(text_of("model", metric_definitions.get(stored).config()))


def _check_meaning(described: dict[str, Any], model: Sequential) -> None:
    """Raise when the model that was made is not the one that is described, word for word."""
    made = json.loads(text_of("model", describe(model)))
    compiled = described.get("compile", {})
    if isinstance(compiled, dict) and "custom" in compiled.get("loss", {}):  # under the name it has now, or missing
        made["compile"] = made.get("compile", compiled) | {"loss": compiled["loss"]}
    if isinstance(compiled, dict) and _own_schedule(compiled.get("optimizer")):
        made["compile"] = made.get("compile", compiled) | {"optimizer": compiled["optimizer"]}
    for name in ("metrics", "weighted_metrics") if "compile" in made else ():
        made["compile"][name] = [_meant(stored) if "class" in stored else stored for stored in compiled[name]]
    differs = difference(described, made)
    if differs:
        raise ValueError(differs)
