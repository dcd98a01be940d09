"""Model files: one safetensors file with the arrays, and the description as JSON in its metadata.

Nothing in a file is ever executed, and nothing is made as large as a file says before its arrays agree with what it
says. ``format`` and ``version`` come first; a file of a newer version is refused. Optimiser state and counters are
stored too, so that training goes on where it stopped. The same model gives the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers as layer_definitions
from fastnn.checks import check_finite, listed
from fastnn.definitions import integer, shown
from fastnn.layers.base import Layer, check_shape
from fastnn.losses import CustomLoss
from fastnn.plan import Layout, aligned, lay_out
from fastnn.reprs import cut
from fastnn.stored import check_types, difference, parse
from fastnn.tensor_file import TensorFile, check_name
from fastnn.writing import write_atomically

if TYPE_CHECKING:
    from fastnn.model import Sequential
    from fastnn.stack import Stack

FORMAT, WEIGHTS, VERSION = "fastnn", "fastnn weights", 1
VERSIONS = re.compile("[1-9][0-9]*")
MOST_STEPS = 2**53  # updates or epochs; no training has as many, and a few more would leave int64
ENCODING = "table"  # the metadata's key under which fastnn.tables keeps how rows are encoded
DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def save(model: Sequential, path: Any, metadata: Mapping[str, Any] | None = None) -> None:
    """Write a built model; the file at ``path`` changes only when all is written."""
    name, told = check_name(path), {**model.metadata, **(metadata or {})}
    _check_encoding(model, told)
    tensors = dict(zip(model.weight_names(), model.get_weights(), strict=True))
    if model.slots is not None and len(model.slots) == model.compiled_optimizer.n_slots:
        tensors |= {f"optimizer.{i}": slot for i, slot in enumerate(model.slots)}
    stored = {
        "format": FORMAT,
        "version": str(VERSION),
        "model": _text("model", describe(model)),
        "metadata": _text("metadata", told),
    }
    write_atomically(name, _in_order(tensors, stored))


def save_weights(model: Stack, path: Any) -> None:
    """Write the arrays of :meth:`Sequential.get_weights` alone."""
    name = check_name(path)
    names = model.weight_names()
    stored = {"format": WEIGHTS, "version": str(VERSION), "order": _text("order", names)}
    write_atomically(name, _in_order(dict(zip(names, model.get_weights(), strict=True)), stored))


def load_weights(model: Stack, path: Any) -> None:
    """Set all weights from a file of weights or of a whole model, in their order; all change or none."""
    wanted = list(zip(model.weight_names(), model.layout.variables, strict=True))
    with _opened(path) as file:
        stored = _order(file)
        file.find_arrays()
        if len(stored) != len(wanted):
            raise ValueError(f"it has {len(stored)} arrays of weights, and the model takes {len(wanted)}")
        for name, (ours, variable) in zip(stored, wanted, strict=True):
            shape = variable.parameter.shape
            if file.entries[name].shape != shape:
                raise ValueError(
                    f"its {name} has the shape {file.entries[name].shape}, and {ours} of the model {shape}"
                )
        model.set_weights([file.array(name) for name in stored])


def _order(file: TensorFile) -> list[str]:
    """Names of the weights in a file in the order of ``get_weights``."""
    if _check_kind(file, WEIGHTS, FORMAT) == WEIGHTS:
        return listed("order", parse("order", file.metadata["order"]), "names")
    layout = _architecture(parse("model", file.metadata["model"]))[1]
    return [f"{v.layer}.{v.parameter.name}" for v in layout.variables]


def describe(model: Sequential) -> dict[str, Any]:
    """The model as JSON can hold it."""
    described: dict[str, Any] = {
        "layers": [layer.config() for layer in model.layers],
        "input_shape": list(model.input_shape),
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
    return described


def _text(name: str, value: Any) -> str:
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


def _in_order(tensors: dict[str, np.ndarray], stored: dict[str, str]) -> list[bytes | memoryview]:
    """The bytes of a safetensors file in pieces, its texts in their order; the package's own changes by chance."""
    from safetensors.numpy import save as to_bytes

    content = to_bytes(tensors)
    length = int.from_bytes(content[:8], "little")
    header = {"__metadata__": stored} | json.loads(content[8 : 8 + length])
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as the format has it, so that the arrays are aligned
    return [len(text).to_bytes(8, "little") + text, memoryview(content)[8 + length :]]


def load(path: Any, custom_objects: dict[str, Any] | None = None) -> Sequential:
    """Read a model that :meth:`Sequential.save` wrote.

    Parameters
    ----------
    path : file name.
    custom_objects : functions by name, for a model that was trained with a custom loss; without them
        such a model is loaded for prediction and must be compiled again to train.

    Raises
    ------
    FileNotFoundError
        there is no such file.
    ValueError
        it is no fastnn model, is cut short, damaged, or was written by a newer version. No memory is taken for
        what it only claims to hold.

    >>> import fastnn
    >>> from fastnn.layers import Dense
    >>> model = fastnn.Sequential([Dense(1, input_shape=(2,))], seed=1)
    >>> model.compile("adam", "mse")
    >>> history = model.fit([[1.0, 2.0]], [3.0], epochs=4)
    >>> model.save("model.safetensors")
    >>> again = fastnn.load("model.safetensors")
    >>> again.epoch, again.optimizer, bool((again.params == model.params).all())
    (4, Adam(), True)
    """
    with _opened(path) as file:
        _check_kind(file, FORMAT)
        described, metadata = parse("model", file.metadata["model"]), parse("metadata", file.metadata["metadata"])
        if not isinstance(metadata, dict):
            raise TypeError(f"the metadata must be an object, got {shown(metadata)}")
        file.find_arrays()
        model = _rebuild(described, file, custom_objects or {})
        _check_encoding(model, metadata)
        model.metadata = metadata
    return model


@contextlib.contextmanager
def _opened(path: Any) -> Iterator[TensorFile]:
    """An open file for a block, in which whatever is wrong with its content becomes an error that names it."""
    name = os.fsdecode(path)
    try:
        file = TensorFile(name)
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {name}") from None
    except ValueError as error:
        raise ValueError(f"{name} is no fastnn model, or is cut short: {_line(error)}") from None
    with file:
        try:
            yield file
        except DAMAGED as error:
            raise ValueError(f"{name} cannot be loaded: {_line(error)}") from error


def _line(error: BaseException) -> str:
    words = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return cut(" ".join(words.split()), 400)


def _check_kind(file: TensorFile, *kinds: str) -> str:
    """The format of a file, which must be one of ``kinds`` and of a version that is known here."""
    kind, version = file.metadata.get("format"), file.metadata.get("version", "")
    if kind not in kinds:
        raise ValueError("it is a safetensors file, but not of a fastnn model")
    if not VERSIONS.fullmatch(version):
        raise ValueError(f"its version must be a whole number of at least 1, got {shown(version)}")
    if len(version) > 9 or int(version) > VERSION:
        raise ValueError(
            f"it was written by a newer fastnn (file version {cut(version, 20)}, this one reads up to {VERSION}); "
            f"update fastnn"
        )
    return kind


def _architecture(described: Any) -> tuple[list[Layer], Layout]:
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


def _rebuild(described: Any, file: TensorFile, custom: dict[str, Any]) -> Sequential:
    from fastnn.model import Sequential

    layers, layout = _architecture(described)
    dtype, seed = described["dtype"], integer("seed", described["seed"], low=0)
    model = Sequential(dtype=dtype if dtype in ("float32", "float64") else repr(dtype), seed=seed)
    if "compile" in described:
        _recompile(model, described["compile"], custom)
    _check_arrays(file, layout, model)
    model.restore(layers, layout, _parameters(file, layout, model.dtype))
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
        loss = CustomLoss(custom[loss["custom"]])
    optimizer = stored["optimizer"]
    schedule = _own_schedule(optimizer)
    if schedule:
        if schedule not in custom:
            return
        optimizer = optimizer | {"learning_rate": custom[schedule]}
    model.compile(
        optimizer=optimizer, loss=loss, metrics=stored["metrics"], weighted_metrics=stored["weighted_metrics"]
    )


def _own_schedule(optimizer: Any) -> Any:
    """The name of a user's own schedule that a stored optimiser follows, else None."""
    rate = optimizer.get("learning_rate") if isinstance(optimizer, dict) else None
    return rate.get("custom") if isinstance(rate, dict) else None


def _check_arrays(file: TensorFile, layout: Layout, model: Sequential) -> None:
    """Raise when the arrays of a file are not just those of the model and of its optimiser."""
    wanted = {f"{v.layer}.{v.parameter.name}": v.parameter.shape for v in layout.variables}
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


def _parameters(file: TensorFile, layout: Layout, dtype: np.dtype) -> np.ndarray:
    params = aligned(layout.n_params, dtype)
    for v in layout.variables:
        name = f"{v.layer}.{v.parameter.name}"
        file.read(name, params[v.offset : v.offset + v.size])
        check_finite(f"weights of {name}", params[v.offset : v.offset + v.size])
    return params


def _slots(file: TensorFile, model: Sequential) -> np.ndarray | None:
    if model.optimizer is None or "optimizer.0" not in file.entries:
        return None
    n_slots = model.optimizer.n_slots
    slots = aligned(n_slots * len(model.params), model.dtype).reshape(n_slots, -1)
    for i, slot in enumerate(slots):
        file.read(f"optimizer.{i}", slot)
    return slots


def _check_meaning(described: dict[str, Any], model: Sequential) -> None:
    """Raise when the model that was made is not the one that is described, word for word."""
    made = json.loads(_text("model", describe(model)))
    compiled = described.get("compile", {})
    if isinstance(compiled, dict) and "custom" in compiled.get("loss", {}):  # under the name it has now, or missing
        made["compile"] = made.get("compile", compiled) | {"loss": compiled["loss"]}
    if isinstance(compiled, dict) and _own_schedule(compiled.get("optimizer")):
        made["compile"] = made.get("compile", compiled) | {"optimizer": compiled["optimizer"]}
    differs = difference(described, made)
    if differs:
        raise ValueError(differs)


def _check_encoding(model: Sequential, metadata: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` when the encoding of rows of tables in metadata is damaged, or another network's."""
    if ENCODING in metadata:
        from fastnn.tables import Encoding

        Encoding.read(metadata[ENCODING], math.prod(model.input_shape), math.prod(model.output_shape))
