"""Exported C as a whole: its files, compilers and machines, steps, states, int8, and what is refused."""

from __future__ import annotations

import ctypes
import importlib
import re
import shutil

import numpy as np
import pytest
from c_cases import CASES, SIGNAL, chain, residual, self_attention, texts, with_weights
from c_compilers import HERE, STRICT, called, checked, emulated, library, needs, run

import fastnn
from fastnn import Input, Model, Sequential, datasets
from fastnn.interop import to_c
from fastnn.interop.c.simulate import in_units
from fastnn.interop.program import program_of_steps
from fastnn.layers import (
    GRU,
    LSTM,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    Lambda,
    MaxPooling2D,
    Reshape,
    SimpleRNN,
)

TEMPLATES = HERE.parent / "fastnn" / "interop" / "c" / "templates"
SANITIZED = "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"
RIGHT = "all numbers are right"
A_FEW = {
    "mlp": lambda: chain(Dense(9, "relu"), Dense(3, "softmax"), shape=(5,)),
    "cnn": lambda: chain(Conv2D(4, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(3), shape=(6, 5, 2)),
    "texts": texts,
    "attention": self_attention,
    "residual": residual,
    "causal": lambda: chain(Conv1D(4, 3, padding="causal", dilation_rate=2), SimpleRNN(3), Dense(2), shape=SIGNAL),
}


@pytest.fixture(scope="module")
def digits():
    """A trained network, and rows that it has not seen."""
    (x, y), (x_test, y_test) = datasets.load_digits()
    x, x_test = x[..., None], x_test[..., None]
    layers = Conv2D(8, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(32, "relu"), Dense(10, "softmax")
    model = Sequential([Input((8, 8, 1)), *layers], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=6, verbose=0)
    return model, x[:200], x_test, y_test


# Other compilers read the same C: by default two networks, of the most kinds of layers between them.
OF_OTHERS = [pytest.param(n, marks=[] if n in ("cnn", "attention") else pytest.mark.long) for n in A_FEW]


@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("name", A_FEW)
@needs("gcc")
def test_programs_are_right_under_the_sanitizers(tmp_path, name, weights):
    to_c(A_FEW[name](), tmp_path, name=name, weights=weights)
    assert RIGHT in checked("gcc", tmp_path, name, *SANITIZED)


@pytest.mark.parametrize("name", OF_OTHERS)
@needs("clang")
def test_programs_are_right_by_clang(tmp_path, name):
    to_c(A_FEW[name](), tmp_path, name=name)
    assert RIGHT in checked("clang", tmp_path, name, "-O2")


@pytest.mark.parametrize("name", OF_OTHERS)
@needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_programs_are_right_on_a_cortex_m4(tmp_path, name):
    to_c(A_FEW[name](), tmp_path, name=name)
    assert RIGHT in emulated(tmp_path, name)


@needs("gcc")
def test_a_test_program_sees_one_wrong_weight(tmp_path):
    to_c(A_FEW["mlp"](), tmp_path)
    source = (tmp_path / "model.c").read_text()
    first = re.search(r"dense_kernel\[45\] = \{\n    (\S+f),", source)
    (tmp_path / "model.c").write_text(source.replace(first[1], "0.125f", 1))
    run("gcc", *STRICT, "model.c", "model_main.c", "-o", "program", "-lm", cwd=tmp_path)
    with pytest.raises(AssertionError, match="numbers are wrong"):
        run(tmp_path / "program")


@needs("gcc")
def test_headers_serve_cpp_and_templates_compile_by_themselves(tmp_path):
    to_c(A_FEW["texts"](), tmp_path)
    run("gcc", "-x", "c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", tmp_path / "model.h")
    for path in TEMPLATES.glob("*.h"):
        run("gcc", *STRICT, "-Wno-unused-function", "-x", "c", "-fsyntax-only", path)


def test_only_what_is_needed_is_written(tmp_path):
    to_c(A_FEW["mlp"](), tmp_path)
    found = (tmp_path / "model.c").read_text()
    defined = set(re.findall(r"^static void (\w+)\(", found, re.MULTILINE))
    assert defined == {"add_products", "begin_with", "copy_numbers", "zero_numbers", "relu", "softmax", "dense"}
    assert "malloc" not in found
    assert "stdint" not in found
    assert not re.search(r"^static (?!const\b)(?!void\b|float\b|int\b)", found, re.MULTILINE)  # no variable of its own


@needs("gcc")
@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_steps_give_what_the_predictor_gives(tmp_path, weights):
    layers = GRU(4, return_sequences=True), LSTM(3, return_sequences=True), Conv1D(3, 2, padding="causal"), Dense(2)
    model = with_weights(Sequential([Input((None, 3)), *layers], seed=1))
    report = to_c(model, tmp_path, weights=weights)
    assert set(report.work) == {"step"}  # without a length there is no predict
    functions = library(tmp_path, ["model"])
    state = np.full(report.state["step"] // 4, np.nan, np.float32)
    predict, x = model.predictor(), np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    for _ in range(2):
        functions.model_step_reset(ctypes.c_void_p(state.ctypes.data))
        predict.reset()
        for row in x:
            (y,) = called(functions.model_step, [row], [2], report.work["step"], state)
            np.testing.assert_allclose(
                y, predict.step(row).ravel(), *([1e-5] * 2 if weights == "float32" else [0.05] * 2)
            )
    assert set(to_c(model, tmp_path, length=6).work) == {"step", "predict"}
    assert RIGHT in checked("gcc", tmp_path, "model")


@needs("gcc")
def test_a_stateful_model_keeps_its_states_in_the_callers_struct(tmp_path):
    model = chain(GRU(4, stateful=True), Dense(2), shape=SIGNAL)
    report = to_c(model, tmp_path)
    functions, state = library(tmp_path, ["model"]), np.full(4, np.nan, np.float32)
    functions.model_predict_reset(ctypes.c_void_p(state.ctypes.data))
    for x in np.random.default_rng(1).normal(size=(3, 1, *SIGNAL)).astype(np.float32):
        (y,) = called(functions.model_predict, [x], [2], report.work["predict"], state)
        np.testing.assert_allclose(y, model.predict(x)[0], 1e-5, 1e-5)
    assert RIGHT in checked("gcc", tmp_path, "model")


def accuracy(folder, name, report, x, y) -> float:
    predict = getattr(library(folder, [name]), f"{name}_predict")
    found = [called(predict, [row], [10], report.work["predict"])[0].argmax() for row in x]
    return float(np.mean(np.array(found) == y))


@needs("gcc")
def test_int8_is_a_quarter_and_nearly_as_accurate(tmp_path, digits):
    model, rows, x, y = digits
    exact = float(np.mean(model.predict(x).argmax(axis=1) == y))
    assert exact > 0.9
    flash = to_c(model, tmp_path).flash
    for name, calibrate in (("weights", None), ("whole", rows)):
        report = to_c(model, tmp_path, name=name, weights="int8", calibrate=calibrate)
        assert report.flash < 0.3 * flash  # biases and scales stay float
        assert abs(accuracy(tmp_path, name, report, x, y) - exact) <= 0.01
    assert RIGHT in checked("gcc", tmp_path, "whole", *SANITIZED)
    source = (tmp_path / "whole.c").read_text()
    assert "dense_integers" in source
    assert "window_integers" in source


@needs("gcc")
def test_int8_products_of_groups_rows_and_large_inputs(tmp_path):
    rows = 100 * np.random.default_rng(0).normal(size=(20, 6, 5, 4)).astype(np.float32)
    layers = Conv2D(8, 2, groups=2, strides=2, padding="same"), Conv2D(4, 2, dilation_rate=2, padding="same")
    model = chain(*layers, Reshape((3, 12)), Dense(4, "tanh", use_bias=False), shape=(6, 5, 4))
    to_c(model, tmp_path, weights="int8", calibrate=rows)
    assert RIGHT in checked("gcc", tmp_path, "model", *SANITIZED)


@needs("gcc")
def test_inputs_are_rounded_to_the_nearest_and_cut_off(tmp_path):
    wrapped = "void rounded(const float *x, int n, float by, int8_t *q) { to_integers(x, n, by, q); }\n"
    (tmp_path / "rounded.c").write_text(f'#include "{TEMPLATES}/integers.h"\n{wrapped}')
    functions = library(tmp_path, ["rounded"], "-Wno-unused-function")
    x = np.concatenate([np.arange(-140, 140, 0.25), [np.inf, -np.inf, np.nan, 1e30, -1e30]]).astype(np.float32)
    q = np.empty(len(x), np.int8)
    functions.rounded(x.ctypes.data_as(ctypes.c_void_p), len(x), ctypes.c_float(1), q.ctypes.data_as(ctypes.c_void_p))
    np.testing.assert_array_equal(q, in_units(x, 1.0))
    assert (q.min(), q.max()) == (-127, 127)


def test_the_report_counts_flash_and_ram(tmp_path):
    report = to_c(A_FEW["mlp"](), tmp_path)
    assert report.flash == 4 * (5 * 9 + 9 + 9 * 3 + 3)
    assert report.ram == 4 * 9
    assert [path.name for path in report.files] == ["model.h", "model.c", "model_main.c"]
    assert "RAM     36 bytes" in str(report)


def test_values_share_places(tmp_path):
    """Four layers of 50 want no more than two at a time."""
    model = chain(*(Dense(50, "relu") for _ in range(4)), Dense(1), shape=(5,))
    assert to_c(model, tmp_path).ram == 4 * 100


def test_what_a_pooling_reads_of_a_convolution_is_never_there_as_a_whole(tmp_path):
    for pooled, work in ((MaxPooling2D(2), 4 * (3 * 3 * 5 + 5)), (AveragePooling2D(2), 4 * (6 * 6 + 3 * 3) * 5)):
        model = chain(Conv2D(5, 3, activation="relu"), pooled, Flatten(), Dense(2), shape=(8, 8, 1))
        assert to_c(model, tmp_path).ram == work


@needs("gcc")
def test_names_that_c_has_already(tmp_path):
    """Layers, inputs and outputs called as functions, keywords, types, macros and other tables of the source are."""
    x, other = Input((4,), name="work"), Input((3, 4), name="WORK")
    y = Dense(4, "relu", name="dense")(Dense(4, "softmax", name="while")(Dense(4, name="weight")(x)))
    y = Dense(4, name="NAN")(Dense(4, name="dense_kernel")(Dense(4, name="linux")(y)))
    z = LSTM(3, name="dense_bias")(Dense(4, "softmax", name="r")(Dense(4, name="class")(other)))
    ends = [Dense(2, name="state")(y), Dense(2, name="2 y/z*\N{GREEK SMALL LETTER ALPHA}")(y), Dense(2, name="y1")(z)]
    model = with_weights(Model([x, other], ends, seed=0))
    to_c(model, tmp_path, name="relu")
    assert RIGHT in checked("gcc", tmp_path, "relu")
    run("gcc", "-x", "c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", tmp_path / "relu.h")


@needs("gcc")
def test_extreme_weights_come_back(tmp_path):
    model = chain(Dense(3), shape=(4,))
    values = [0.1, -1e-38, 8388609.0, 0.0, -0.0, 1e-42, 3.4e38, 1 / 3, 1e7, 123456789.0, 5e-5, -2.5]
    model.set_weights([np.float32(values).reshape(4, 3), np.zeros(3, np.float32)])
    to_c(model, tmp_path)
    body = re.search(r"dense_kernel\[12\] = \{(.*?)\}", (tmp_path / "model.c").read_text(), re.DOTALL)[1]
    found = np.float32([float(word.strip().removesuffix("f")) for word in body.split(",")])
    np.testing.assert_array_equal(found.view(np.uint32), np.float32(values).view(np.uint32))
    checked("gcc", tmp_path, "model")


def test_what_cannot_be_written_is_named_and_nothing_is_written(tmp_path):
    own = Sequential([Input((4,)), Lambda(lambda x: x * 2, name="twice"), Dense(2)])
    there = tmp_path / "there"
    mlp = A_FEW["mlp"]()
    for error, message, model, options in (
        (ValueError, "'twice' is NumPy code of your own", own, {}),
        (TypeError, "to_c takes a Sequential or a Model, got 3", 3, {}),
        (fastnn.NotReadyError, "shape is not known", Sequential([Dense(2)]), {}),
        (ValueError, "name must be a word that C takes", mlp, {"name": "2nd"}),
        (ValueError, "math.h; take another one", mlp, {"name": "math"}),
        (ValueError, "weights", mlp, {"weights": "int4"}),
        (ValueError, "float32 weights need no rows", mlp, {"calibrate": np.zeros((2, 5))}),
        (
            ValueError,
            r"calibrate must be finite rows \(n, 5\), got float64 \(2, 4\)",
            mlp,
            {"calibrate": np.zeros((2, 4)), "weights": "int8"},
        ),
        (ValueError, "finite rows", mlp, {"calibrate": np.full((2, 5), np.nan), "weights": "int8"}),
        (ValueError, "give length=", _open(), {}),
        (ValueError, "length must be a whole number", _open(), {"length": 0}),
        (ValueError, "got float64", _open(), {"length": 3, "calibrate": np.zeros((2, 4, 3)), "weights": "int8"}),
    ):
        with pytest.raises(error, match=message):
            to_c(model, there, **options)
    assert not there.exists()


def _open() -> Model:
    """Sequences of any length, of which a layer reads more than the steps before."""
    return Sequential([Input((None, 3)), fastnn.layers.Bidirectional(GRU(3)), Dense(2)])


def test_where_to_write_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(TypeError, match="directory must be a path, got 3"):
        to_c(A_FEW["mlp"](), 3)
    with pytest.raises(FileExistsError):
        to_c(A_FEW["mlp"](), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"


def test_an_export_leaves_the_model_alone(tmp_path):
    model = CASES["GRU"][0]()
    before = [weight.copy() for weight in model.get_weights()]
    to_c(model, tmp_path, weights="int8", calibrate=np.ones((3, *SIGNAL)))
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@needs("gcc")
def test_the_bench_writes_a_line_for_each_code(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE.parent / "bench"))
    bench = importlib.import_module("c_export")
    small = bench.networks()[0]._replace(calls=100)
    assert re.fullmatch(r"8-16-3 +fastnn int8( +(-|[\d,]+)){2}( +[\d,]+){2}", bench.line(small, "fastnn int8"))
    assert "no program onnx2c" in bench.line(small, "onnx2c") or shutil.which("onnx2c")


def test_a_program_of_steps_is_of_a_model():
    with pytest.raises(TypeError, match="an export takes a Sequential or a Model"):
        program_of_steps("a model")
