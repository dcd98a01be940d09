"""``fastnn export``: files that other programs use, and errors that are one line."""

from __future__ import annotations

import sys
import types
from importlib.util import find_spec

import pytest
from c_compilers import checked, needs
from test_cli import run

from fastnn import Input, Sequential, interop
from fastnn.layers import GRU, Dense

pytestmark = pytest.mark.usefixtures("numpy_backend")


@pytest.fixture
def digits(tmp_path, capsys):
    """A model file that ``train`` wrote."""
    out = tmp_path / "digits.safetensors"
    assert run(capsys, "train", "digits", "--epochs", 1, "--hidden", 16, "--seed", 1, "--out", out)[0] == 0
    return out


@needs("gcc")
@pytest.mark.parametrize("options", [(), ("--weights", "int8"), ("--weights", "int8", "--calibrate", "digits")])
def test_c_comes_with_its_encoding_and_is_right(digits, tmp_path, capsys, options):
    code, out, err = run(capsys, "export", digits, "--to", "c", "--out", tmp_path / "c", "--name", "reader", *options)
    assert code == 0, err
    assert "reader.h, reader.c, reader_main.c" in out
    assert "flash" in out
    assert "all numbers are right" in checked("gcc", tmp_path / "c", "reader")
    source = (tmp_path / "c" / "reader.c").read_text()
    assert "reader_encode(" in source
    assert ("dense_integers" in source) == ("--calibrate" in options)


def test_the_network_alone_and_a_length(tmp_path, capsys):
    Sequential([Input((None, 2)), GRU(3)], seed=1).save(tmp_path / "m")
    options = "--to", "c", "--out", tmp_path / "c", "--network-alone"
    assert run(capsys, "export", tmp_path / "m", *options)[0] == 0
    assert "model_predict" not in (tmp_path / "c" / "model.h").read_text()
    assert run(capsys, "export", tmp_path / "m", *options, "--length", 5)[0] == 0
    assert "#define MODEL_X_SIZE 10" in (tmp_path / "c" / "model.h").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "c", "--out", "{there}"), "is a file; --to c writes several files, name a folder"),
        (("--to", "c", "--out", "{new}", "--name", "a b"), "name must be a word that C takes"),
        (("--to", "c", "--out", "{new}", "--calibrate", "digits"), "float32 weights need no rows"),
        (("--to", "c", "--out", "{new}", "--weights", "int8", "--calibrate", "no.csv"), "no.csv"),
        (("--to", "onnx", "--out", "{new}"), "--out must end in .onnx"),
        (("--to", "onnx", "--out", "{new}.onnx", "--weights", "int8"), "--weights means nothing to --to onnx"),
        (("--to", "torch", "--out", "{new}.zip"), "must end in .safetensors or .pt or .pth"),
        (("--to", "keras", "--out", "{new}.keras", "--length", "3"), "--length means nothing to --to keras"),
        (("--to", "torch", "--out", "{there}"), "would be overwritten"),
        (("--to", "keras", "--out", "{absent}/m.keras"), "no such folder"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(digits, tmp_path, capsys, options, message):
    places = {"there": digits, "new": tmp_path / "new", "absent": tmp_path / "absent"}
    before = digits.read_bytes()
    code, _, err = run(capsys, "export", digits, *(option.format(**places) for option in options))
    assert (code, err.count("\n")) == (1, 1)
    assert message in err
    assert digits.read_bytes() == before
    assert not list(tmp_path.glob("new*"))


def test_what_is_wrong_usage(digits, capsys):
    assert run(capsys, "export", digits, "--out", "x")[0] == 2
    assert run(capsys, "export", digits, "--to", "tflite", "--out", "x")[0] == 2


def test_the_others_are_asked_with_what_was_given(digits, tmp_path, capsys, monkeypatch):
    """Which function is called, whatever it does; those functions have tests of their own."""
    asked = []
    module = types.SimpleNamespace(state_dict=dict, save=lambda path: asked.append(("save", path)))

    def record(name):
        return lambda model, *given, **named: asked.append((name, *given, named)) or module

    names = "to_onnx", "to_keras", "to_torch", "save_torch_weights"
    room = types.SimpleNamespace(**{name: record(name) for name in names})
    monkeypatch.setitem(sys.modules, "fastnn.interop", room)
    monkeypatch.setitem(
        sys.modules, "torch", types.SimpleNamespace(save=lambda state, path: asked.append(("torch", path)))
    )
    for to, ending in (("onnx", "onnx"), ("keras", "keras"), ("torch", "safetensors"), ("torch", "pt")):
        assert run(capsys, "export", digits, "--to", to, "--out", tmp_path / f"m.{ending}")[0] == 0
    assert asked == [
        ("to_onnx", str(tmp_path / "m.onnx"), {"length": None, "encoding": True}),
        ("to_keras", {}),
        ("save", str(tmp_path / "m.keras")),
        ("save_torch_weights", str(tmp_path / "m.safetensors"), {}),
        ("to_torch", {}),
        ("torch", str(tmp_path / "m.pt")),
    ]


def test_a_layer_without_a_counterpart_is_one_line(digits, tmp_path, capsys, monkeypatch):
    def refuse(model):
        raise TypeError("the layer 'scale' has no counterpart in Keras")

    monkeypatch.setitem(sys.modules, "fastnn.interop", types.SimpleNamespace(to_keras=refuse))
    code, _, err = run(capsys, "export", digits, "--to", "keras", "--out", tmp_path / "m.keras")
    assert (code, err) == (1, "fastnn: the layer 'scale' has no counterpart in Keras\n")


@needs("gcc")
def test_windows_of_a_series_decide_scales(tmp_path, capsys):
    (tmp_path / "s.csv").write_text("v\n" + "".join(f"{i % 7 + i / 50}\n" for i in range(200)))
    model, short = tmp_path / "m", tmp_path / "short.csv"
    short.write_text("v\n1\n2\n")
    options = "--target", "v", "--window", 5, "--network", "mlp", "--hidden", 8, "--epochs", 1, "--out", model
    assert run(capsys, "train", tmp_path / "s.csv", *options)[0] == 0
    command = "export", model, "--to", "c", "--weights", "int8", "--out", tmp_path / "c", "--calibrate"
    assert run(capsys, *command, tmp_path / "s.csv")[0] == 0
    assert "dense_integers" in (tmp_path / "c" / "model.c").read_text()
    assert "all numbers are right" in checked("gcc", tmp_path / "c", "model")
    code, _, err = run(capsys, *command, short)
    assert (code, err.count("\n")) == (1, 1)
    assert "no window of 5 steps" in err


@pytest.mark.parametrize(
    ("to", "function", "ending", "library"),
    [
        ("onnx", "to_onnx", "onnx", "onnx"),
        ("torch", "save_torch_weights", "safetensors", "numpy"),
        pytest.param("torch", "to_torch", "pt", "torch", marks=pytest.mark.long),
        pytest.param("keras", "to_keras", "keras", "keras", marks=pytest.mark.long),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras on PyTorch with NumPy 2
def test_the_others_write_their_files(tmp_path, capsys, monkeypatch, to, function, ending, library):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    if None in (find_spec(library), find_spec("torch" if library == "keras" else library)) or not hasattr(
        interop, function
    ):
        pytest.skip(f"there is no {library}, or no fastnn.interop.{function}")
    Sequential([Input((4,)), Dense(3, "relu"), Dense(1)], seed=1).save(tmp_path / "m")
    code, _, err = run(capsys, "export", tmp_path / "m", "--to", to, "--out", tmp_path / f"m.{ending}")
    assert code == 0, err
    assert (tmp_path / f"m.{ending}").stat().st_size > 50
