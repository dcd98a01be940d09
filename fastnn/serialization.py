"""Model files: one safetensors file with the arrays, and the description as JSON in its metadata.

Nothing in a file is ever executed. ``format`` and ``version`` come first; a file of a newer version is
refused. Optimiser state and counters are stored too, so that training goes on where it stopped.
"""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import layers as layer_definitions
from fastnn.definitions import integer
from fastnn.losses import CustomLoss

if TYPE_CHECKING:
    from fastnn.model import Sequential

FORMAT, VERSION = "fastnn", 1


def save(model: Sequential, path: Any, metadata: dict[str, str] | None = None) -> None:
    """Write a built model; the file at ``path`` changes only when all is written."""
    from safetensors.numpy import save as to_bytes

    tensors = {name: np.ascontiguousarray(w) for name, w in zip(model.weight_names(), model.get_weights(), strict=True)}
    if model.slots is not None and len(model.slots) == model.compiled_optimizer.n_slots:
        tensors |= {f"optimizer.{i}": slot for i, slot in enumerate(model.slots)}
    stored = {
        "format": FORMAT,
        "version": str(VERSION),
        "model": json.dumps(describe(model), default=_plain),
        "metadata": json.dumps({**model.metadata, **(metadata or {})}, default=_plain),
    }
    write_atomically(path, to_bytes(tensors, stored))


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


def _plain(value: Any) -> Any:
    """A number of NumPy's, which users hand to definitions, as JSON knows it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a model file cannot hold {value!r}")


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
        it is no fastnn model, is cut short, or was written by a newer version.

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
    described, metadata, tensors = _read(os.fspath(path))
    try:
        model = _rebuild(described, tensors, custom_objects or {})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} describes no valid model: {error}") from error
    model.metadata = metadata
    return model


def _read(path: str) -> tuple[dict, dict, dict[str, np.ndarray]]:
    from safetensors import SafetensorError, safe_open

    if not os.path.exists(path):
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            stored = file.metadata() or {}
            if stored.get("format") != FORMAT:
                raise ValueError(f"{path} is a safetensors file, but not of a fastnn model")
            version = stored.get("version", "")
            if version.isdecimal() and int(version) > VERSION:
                raise ValueError(
                    f"{path} was written by a newer fastnn (file version {version}, this one "
                    f"reads up to {VERSION}); update fastnn"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            return json.loads(stored["model"]), json.loads(stored["metadata"]), tensors
    except PermissionError:
        raise
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no fastnn model, or is cut short ({error})") from None


def _rebuild(described: dict, tensors: dict[str, np.ndarray], custom: dict[str, Any]) -> Sequential:
    from fastnn.model import Sequential

    model = Sequential(
        [layer_definitions.from_config(layer) for layer in described["layers"]],
        dtype=described["dtype"],
        seed=described["seed"],
    )
    model.build(tuple(described["input_shape"]))
    model.set_weights([tensors[name] for name in model.weight_names()])
    if "compile" in described:
        _recompile(model, described["compile"], custom)
        if model.optimizer is not None and any(name.startswith("optimizer.") for name in tensors):
            model.slots = _slots(model, tensors)
    model.epoch, model.step = (integer(name, described[name], low=0) for name in ("epoch", "step"))
    return model


def _slots(model: Sequential, tensors: dict[str, np.ndarray]) -> np.ndarray:
    names = [f"optimizer.{i}" for i in range(model.compiled_optimizer.n_slots)]
    for name in names:
        if tensors[name].shape != model.params.shape or tensors[name].dtype != model.dtype:
            raise ValueError(f"{name} must be {model.params.shape} {model.dtype}, got {tensors[name].shape}")
    return np.stack([tensors[name] for name in names])


def _recompile(model: Sequential, stored: dict, custom: dict[str, Any]) -> None:
    loss = stored["loss"]
    if "custom" in loss:
        if loss["custom"] not in custom:
            return
        loss = CustomLoss(custom[loss["custom"]])
    model.compile(
        optimizer=stored["optimizer"], loss=loss, metrics=stored["metrics"], weighted_metrics=stored["weighted_metrics"]
    )


def write_atomically(path: Any, data: bytes) -> None:
    """Write a file beside ``path`` and rename it, so that a crash or a power cut leaves the old one or the new.

    The bytes are on the disk before the name points to them; that wait is most of what saving costs.
    """
    import tempfile

    folder, name = os.path.split(os.path.abspath(os.fspath(path)))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"no such folder: {folder}")
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp gives 0600
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Have the names in a folder on the disk, where the system can open a folder."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such thing
            raise
    finally:
        os.close(handle)
