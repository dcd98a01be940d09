"""Files that are no model, no longer, or not yet: one error that names the file, and no harm done."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from models import model_of, regression
from safetensors import safe_open
from safetensors.numpy import save as safetensors_bytes

import fastnn


def saved(model, tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


def with_changes(path: Path, described=None, tensors=None, **metadata) -> None:
    """Write the file again with some of its text, description or arrays changed."""
    with safe_open(path, framework="numpy") as file:
        stored = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    if described:
        stored["model"] = json.dumps(described(json.loads(stored["model"])))
    if tensors:
        arrays = tensors(arrays)
    stored = {name: value for name, value in (stored | metadata).items() if value is not None}
    path.write_bytes(safetensors_bytes(arrays, stored))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        fastnn.load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, -1, -1000])
def test_a_file_cut_short_is_no_model(tmp_path, length):
    path = saved(model_of(), tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        fastnn.load(path)


@pytest.mark.parametrize("content", [b"hello, this is text", b"\x00" * 64, b"\xff" * 64, b"PK\x03\x04" + b"0" * 60])
def test_another_kind_of_file_is_no_model(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no fastnn model"):
        fastnn.load(path)


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ValueError, match="is no fastnn model"):
        fastnn.load(tmp_path)


def test_another_safetensors_file_is_no_model(tmp_path):
    path = tmp_path / "other"
    path.write_bytes(safetensors_bytes({"w": np.zeros(3)}))
    with pytest.raises(ValueError, match="not of a fastnn model"):
        fastnn.load(path)


def test_a_newer_version_is_refused(tmp_path):
    path = saved(model_of(), tmp_path)
    with_changes(path, version="4")
    with pytest.raises(ValueError, match=r"newer fastnn.*version 4.*up to 3"):
        fastnn.load(path)


def _set(**values):
    return lambda described: described | values


def _compiled(**values):
    return lambda described: described | {"compile": described["compile"] | values}


DAMAGED = {
    "no model": {"model": None},
    "no metadata": {"metadata": None},
    "no JSON": {"model": "{"},
    "a list": {"model": "[]"},
    "a number": {"model": "3"},
    "no layers": {"described": lambda d: {k: v for k, v in d.items() if k != "layers"}},
    "layers of text": {"described": _set(layers=["Dense"])},
    "layers none": {"described": _set(layers=None)},
    "unknown layer": {"described": _set(layers=[{"class": "Exploit"}])},
    "layer arguments": {"described": _set(layers=[{"class": "Dense", "units": 3, "callback": "os.system"}])},
    "layer without class": {"described": _set(layers=[{"units": 3}])},
    "dtype": {"described": _set(dtype="object")},
    "seed": {"described": _set(seed=-1)},
    "seed text": {"described": _set(seed="a")},
    "shape": {"described": _set(input_shape=[5])},
    "shape none": {"described": _set(input_shape=None)},
    "epoch": {"described": _set(epoch=-1)},
    "step": {"described": _set(step="many")},
    "optimizer": {"described": _compiled(optimizer={"name": "os.system"})},
    "optimizer argument": {"described": _compiled(optimizer={"name": "adam", "beta_1": 2.0})},
    "optimizer text": {"described": _compiled(optimizer=None)},
    "loss": {"described": _compiled(loss={"name": "eval"})},
    "loss none": {"described": _compiled(loss=None)},
    "metrics": {"described": _compiled(metrics=[{"name": "x"}])},
    "metrics number": {"described": _compiled(metrics=3)},
    "tensor missing": {"tensors": lambda t: {k: v for k, v in t.items() if k != "1.bias"}},
    "tensor shape": {"tensors": lambda t: t | {"1.bias": np.zeros(3, np.float32)}},
    "tensor NaN": {"tensors": lambda t: t | {"1.bias": np.full(8, np.nan, np.float32)}},
    "slot shape": {"tensors": lambda t: t | {"optimizer.0": np.zeros(3, np.float32)}},
    "slot count": {"tensors": lambda t: {k: v for k, v in t.items() if k != "optimizer.1"}},
    "slot dtype": {"tensors": lambda t: t | {"optimizer.0": t["optimizer.0"].astype(np.int8)}},
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_description_is_one_error_that_names_the_file(rng, tmp_path, case):
    model = model_of()
    model.fit(*regression(rng), verbose=0)
    path = saved(model, tmp_path)
    with_changes(path, **DAMAGED[case])
    with pytest.raises(ValueError, match=re.escape(str(path))) as told:
        fastnn.load(path)
    assert told.type is ValueError
