"""``fastnn export``: a model file as C code, as ONNX, or for PyTorch or Keras.

Design: for PyTorch it is the weights under the names and in the layouts of its modules, as safetensors, for that is a
file which is read without running code; a pickled module (rejected) is not, and would need fastnn where it is read.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

import fastnn
from fastnn.cli.data import Images, damaged_files, read_source, reading_options
from fastnn.cli.forecast import read_series
from fastnn.cli.output import check_output
from fastnn.tables import Encoding
from fastnn.tables.features import Encoded
from fastnn.tables.series import SeriesFeatures, horizon_of

if TYPE_CHECKING:
    from types import ModuleType

    from fastnn.models.model import Model

MOST_ROWS = 1000  # of --calibrate: scales follow from the largest inputs, which so many rows show
OF_C = {"weights": "--weights", "calibrate": "--calibrate", "name": "--name"}
ENDINGS = {"onnx": (".onnx",), "keras": (".keras",), "torch": (".safetensors", ".pt", ".pth")}


def export(arguments: argparse.Namespace) -> int:
    """Write the files and say which; returns the exit code."""
    _check(arguments)
    model = fastnn.load(arguments.model)
    try:
        return WRITERS[arguments.to](model, arguments)
    except TypeError as error:
        if arguments.to not in ("keras", "torch"):
            raise
        raise ValueError(str(error)) from error  # so they say that a layer has no counterpart


def _check(arguments: argparse.Namespace) -> None:
    """Raise ``ValueError`` for what does not go together, before anything is read."""
    if arguments.to == "c":
        if os.path.exists(arguments.out) and not os.path.isdir(arguments.out):
            raise ValueError(f"{arguments.out} is a file; --to c writes several files, name a folder")
        return
    own = [option for name, option in OF_C.items() if getattr(arguments, name) is not None]
    own += ["--length"] if arguments.length is not None and arguments.to != "onnx" else []
    own += ["--network-alone"] if arguments.network_alone and arguments.to != "onnx" else []
    if own:
        raise ValueError(f"{own[0]} means nothing to --to {arguments.to}; leave it out")
    endings = ENDINGS[arguments.to]
    if not arguments.out.endswith(endings):
        raise ValueError(f"--out must end in {' or '.join(endings)} for --to {arguments.to}, got {arguments.out}")
    check_output(arguments.out, arguments.model)


def _interop() -> ModuleType:
    """The room of exchange, whose libraries are imported when they are needed."""
    return import_module("fastnn.interop")


def _to_c(model: Model, arguments: argparse.Namespace) -> int:
    rows = None if arguments.calibrate is None else _rows(model, arguments)
    report = _interop().to_c(
        model,
        arguments.out,
        name=arguments.name or "model",
        weights=arguments.weights or "float32",
        calibrate=rows,
        length=arguments.length,
        encoding=not arguments.network_alone,
    )
    print(report)
    main = report.files[-1].stem
    print(f"try it: cd {arguments.out} && cc -std=c99 -O2 {main[: -len('_main')]}.c {main}.c -lm && ./a.out")
    return 0


def _rows(model: Model, arguments: argparse.Namespace) -> Encoded:
    """Rows of DATA as the model takes them."""
    encoding = Encoding.of(model)
    if isinstance(encoding.features, SeriesFeatures):
        return _windows(model, arguments, encoding, encoding.features.window)
    known = encoding.reading(**reading_options(arguments))
    images = Images.like(encoding.features, damaged_files(arguments))
    source = read_source(arguments.calibrate, "train", encoding.target.name, known, images)
    return encoding.features.encode(source.take(np.arange(min(len(source), MOST_ROWS))).features)


def _windows(model: Model, arguments: argparse.Namespace, encoding: Encoding, window: int) -> np.ndarray:
    """The same of a series."""
    arguments.data = arguments.calibrate
    _, rows, _ = read_series(arguments, encoding)
    starts = rows.windows(window, horizon_of(encoding.target))[:MOST_ROWS]
    if not len(starts):
        raise ValueError(f"{arguments.calibrate} has no window of {window} steps with a known target behind it")
    return np.asarray(rows.x(starts, window)).reshape(len(starts), *model.layout.input_shape)


def _to_onnx(model: Model, arguments: argparse.Namespace) -> int:
    _interop().to_onnx(model, arguments.out, length=arguments.length, encoding=not arguments.network_alone)
    return _wrote(arguments.out)


def _to_keras(model: Model, arguments: argparse.Namespace) -> int:
    _interop().to_keras(model).save(arguments.out)
    return _wrote(arguments.out)


def _to_torch(model: Model, arguments: argparse.Namespace) -> int:
    """Weights alone; by its ending as safetensors, for which PyTorch need not be there, or as PyTorch saves them."""
    if arguments.out.endswith(".safetensors"):
        _interop().save_torch_weights(model, arguments.out)
        read = f"safetensors.torch.load_file({arguments.out!r})"
    else:
        module = _interop().to_torch(model)
        import_module("torch").save(module.state_dict(), arguments.out)
        read = f"torch.load({arguments.out!r})"
    _wrote(arguments.out)
    print(f"a module for it: module = fastnn.interop.to_torch(fastnn.load({arguments.model!r}))")
    print(f"in another one of the same names: module.load_state_dict({read})")
    return 0


def _wrote(path: str) -> int:
    print(f"wrote {path}")
    return 0


WRITERS: dict[str, Callable[[fastnn.Model, argparse.Namespace], int]] = {
    "c": _to_c,
    "keras": _to_keras,
    "onnx": _to_onnx,
    "torch": _to_torch,
}
