"""Runs the Keras programs of ``listings/`` and tells what they leave behind; with Keras it writes ``listings.json``.

    KERAS_BACKEND=torch python tests/keras_listings.py [FILE]

A listing is a plain program for Keras. For fastnn the texts in :data:`CHANGES` are exchanged and nothing else. Two
hooks make the runs of two libraries comparable: whatever has been drawn at random is replaced, as soon as a model is
built, by weights that follow from a layer's place in the model and from shapes alone; and ``fit`` does not shuffle.
Then the names that both programs have set are compared: models by shapes, counts and weights, histories by key and
epoch, arrays and numbers within the rounding of single precision, all else exactly.

Design: the whole namespace is compared, not what a listing names, so that a listing stays a program and whatever it
computes is a test. Records were made with Keras 3.15 on PyTorch.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

FOLDER = Path(__file__).with_name("listings")
FILE = Path(__file__).with_name("listings.json")
LISTINGS = sorted(FOLDER.glob("*.py"))
CHANGES = (
    (r"(?m)^import keras$", "import fastnn as keras"),
    (r"(?m)^from keras\b", "from fastnn"),
    (r"\.weights\.h5\b", ".weights.safetensors"),  # Keras takes no other ending, and fastnn writes no HDF5
)
USES = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")
TOTALS = r"(Total|Trainable|Non-trainable) params: ([\d,]+)"
HEAD = 5  # numbers of an array that a record shows


def run(path: Path, library: ModuleType) -> dict[str, Any]:
    """Run one listing in an empty folder and describe the names that it set."""
    source = path.read_text(encoding="utf-8")
    if library.__name__ != "keras":
        for pattern, text in CHANGES:
            source = re.sub(pattern, text, source)
    namespace: dict[str, Any] = {"__name__": path.stem}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), _hooks(library):
        library.backend.clear_session()  # automatic names start anew
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, path, "exec"), namespace)
        told = {name: describe(value, source) for name, value in namespace.items() if name[0] != "_"}
    return {name: value for name, value in told.items() if value is not None}


# -- the same start ---------------------------------------------------------------------------------


def _hooks(library: ModuleType) -> contextlib.ExitStack:
    """A block in which models start from :func:`start` and ``fit`` keeps the order of rows."""
    stack, given = contextlib.ExitStack(), {}
    for cls, name in _methods(library):
        stack.enter_context(mock.patch.object(cls, name, _hooked(vars(cls)[name], name, given)))
    for name in ("clone_model", "model_from_json"):
        if function := getattr(library.models, name, None):
            stack.enter_context(mock.patch.object(library.models, name, _giving(function, given)))
    return stack


def _methods(library: ModuleType) -> dict[tuple[type, str], None]:
    """The classes that define what a model is made and used by, once each."""
    models = [library.Sequential]
    if hasattr(library, "Model"):
        edge = library.Input((1,))
        models += [library.Model, type(library.Model(edge, library.layers.Dense(1)(edge)))]
    names = ("__init__", "add", "build", *USES)
    found = {}
    for name in names:
        for owner in (next((base for base in cls.__mro__ if name in vars(base)), object) for cls in models):
            if not issubclass(library.layers.Dense, owner):  # what layers have as well is not a model's
                found[owner, name] = None
    return found


def _hooked(method: Callable, name: str, given: dict[int, Any]) -> Callable:
    @functools.wraps(method)
    def call(self, *arguments, **keywords):
        if name in USES:
            _build_for(self, arguments[0] if arguments else keywords.get("x"))
            give(self, given)
        if name == "fit":
            keywords["shuffle"] = False
        result = method(self, *arguments, **keywords)
        if name not in USES:
            give(self, given)
        return result

    if name == "__init__":  # whose arguments Keras reads without following wrappers
        call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return call


def _build_for(model: Any, x: Any) -> None:
    if not model.built and hasattr(x, "shape"):
        model.build((None, *x.shape[1:]))


def _giving(function: Callable, given: dict[int, Any]) -> Callable:
    @functools.wraps(function)
    def call(*arguments, **keywords):
        model = function(*arguments, **keywords)
        give(model, given)
        return model

    return call


def give(model: Any, given: dict[int, Any]) -> None:
    """Replace what was drawn in layers that have not been ``given`` weights yet; those stay as they are."""
    if not getattr(model, "built", False):
        return
    place = 0  # in the innermost model: which of two models was built first does not matter
    for layer in model.layers:
        if hasattr(layer, "layers"):
            give(layer, given)
        elif weights := layer.get_weights():
            if id(layer) not in given:
                given[id(layer)] = layer  # held, so that no other layer gets its id
                layer.set_weights([start(place, index, array) for index, array in enumerate(weights)])
            place += 1


def start(place: int, index: int, array: np.ndarray) -> np.ndarray:
    """First values of a parameter: as they are where all are equal, such as zeros; else drawn by place and shape."""
    if np.ptp(array) == 0 and array.shape != (1, 1):
        return array
    rng = np.random.default_rng([place, index, *array.shape])
    return rng.normal(scale=array.shape[0] ** -0.5, size=array.shape).astype(array.dtype)


# -- what is compared -------------------------------------------------------------------------------


def describe(value: Any, source: str) -> Any:
    """A value as JSON holds it, None for what is not compared (modules, functions, layers, edges)."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.asarray(value))
    if isinstance(value, dict):
        return {str(key): describe(one, source) for key, one in value.items()}
    if isinstance(value, list | tuple | range):
        return [describe(one, source) for one in value]
    if isinstance(value, type):
        return None
    if hasattr(value, "count_params") and hasattr(value, "predict"):
        return _model(value, source)
    if hasattr(value, "history") and hasattr(value, "epoch"):
        return {"history": describe(value.history, source), "epoch": list(value.epoch)}
    return None


def _array(array: np.ndarray) -> dict[str, Any]:
    """Shape, first numbers, and a sum with signs and weights that a number in another place changes."""
    numbers = array.ravel().astype(np.float64)
    weights = np.cos(1.7 * np.arange(numbers.size))
    return {
        "shape": list(array.shape),
        "kind": array.dtype.kind if array.dtype.kind in "fb" else "i",
        "largest": _short(np.abs(numbers).max(initial=0)),
        "head": [_short(number) for number in numbers[:HEAD]],
        "mean": _short(numbers @ weights / max(numbers.size, 1)),
    }


def _short(number: float) -> float:
    """To the nine digits that tell all numbers of single precision apart."""
    return float(f"{number:.9g}")


def _model(model: Any, source: str) -> dict[str, Any]:
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    totals = {name: int(count.replace(",", "")) for name, count in re.findall(TOTALS, "\n".join(lines))}
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    names = [layer.name for layer in model.layers]
    return {
        "names": [name if re.search(rf"[\"']{name}[\"']", source) else None for name in names],
        "inputs": _shapes(model.input_shape),
        "outputs": _shapes(model.output_shape),
        "params": model.count_params(),
        "trainable": trained,
        "summary": [totals.get("Trainable", totals.get("Total")), totals.get("Non-trainable", 0)],
        "weights": [_array(w) for w in model.get_weights()],
    }


def _shapes(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _shapes(one) for name, one in shape.items()}
    return [_shapes(one) for one in shape] if isinstance(shape, list | tuple) else shape


def main(file: Path = FILE) -> None:
    """Ask Keras and write the file."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads cost these networks more time than they save
    keras = importlib.import_module("keras")
    if keras.backend.backend() == "torch":  # oneDNN's convolutions of several networks end PyTorch 2.13 here
        importlib.import_module("torch").backends.mkldnn.enabled = False
    records = {path.stem: run(path, keras) for path in LISTINGS}
    listings = ",\n".join(f"{json.dumps(name)}: {{\n{_lines(record)}\n}}" for name, record in records.items())
    file.write_text(f'{{"keras": {json.dumps(keras.__version__)}, "listings": {{\n{listings}\n}}}}\n')


def _lines(record: dict[str, Any]) -> str:
    """A line for each name."""
    return ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in record.items())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
