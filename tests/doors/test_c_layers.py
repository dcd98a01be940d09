"""Every kind of layer, operation and activation in C gives what ``predict`` gives, to 1e-5."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from c_cases import CASES
from c_compilers import ARM, STRICT, called, checked, emulated, library, needs, run
from graph_models import GRAPHS
from listed import assert_listed
from spaces import OF_MODELS

from fastnn.activations import ActivationCode
from fastnn.interop import to_c
from fastnn.interop.c.function import activation
from fastnn.interop.c.kinds import EMITTERS
from fastnn.interop.c.pieces import pieces
from fastnn.interop.c.vectors import drawn, predicted
from fastnn.interop.program import program_of
from fastnn.layers import LAYERS

REFUSED = {"Lambda"}  # code of a user's own
EVERY = [(kind, i) for kind, cases in CASES.items() for i in range(len(cases))]
FIRST = [(kind, i) for kind, i in EVERY if i == 0 or kind in ("LSTM", "GRU", "Conv2D", "MaxPooling2D")]
TOLERANCE = 1e-5


def name_of(kind: str, i: int) -> str:
    return f"{kind.lower()}_{i}"


def agree(name: str, made, functions) -> None:
    """Compare on rows that the test vectors do not have."""
    model, report = made
    program = program_of(model)
    inputs = drawn(program, model.layout.n_ids, 5)
    wanted = predicted(model, program, inputs).outputs
    function = getattr(functions, f"{name}_predict")
    for row, sample in enumerate(zip(*inputs, strict=True)):
        found = called(function, sample, [program.size(v) for v in program.outputs], report.work["predict"])
        for y, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(y, expected[row], TOLERANCE, TOLERANCE, err_msg=name)


def exported(folder, cases, **options):
    """Models and reports by case."""
    made = {}
    for kind, i in cases:
        model = CASES[kind][i]()
        made[kind, i] = model, to_c(model, folder, name=name_of(kind, i), **options)
    return made


def test_every_layer_operation_and_activation_is_known():
    assert_listed(CASES, set(LAYERS) - REFUSED, "CASES of tests/c_cases.py")
    assert_listed(EMITTERS, OF_MODELS, "EMITTERS of fastnn/interop/c/kinds/__init__.py")
    assert {activation(int(code)) for code in ActivationCode} <= set(pieces("float32"))


def test_an_operation_without_a_counterpart_is_named(tmp_path, monkeypatch):
    monkeypatch.delitem(EMITTERS, "scale")
    with pytest.raises(TypeError, match="layer 'scale' is an operation 'scale', which exported C has not"):
        to_c(CASES["Scale"][0](), tmp_path)


@needs("gcc")
def test_every_kind_of_layer_gives_what_predict_gives(tmp_path):
    made = exported(tmp_path, FIRST)
    functions = library(tmp_path, [name_of(*case) for case in made], "-O0")  # the next but one optimises all
    for case, found in made.items():
        agree(name_of(*case), found, functions)


@needs("gcc")
def test_every_form_of_graph_gives_what_predict_gives(tmp_path):
    """Shared and nested layers, several inputs and outputs, outputs that are read further."""
    models = {name: make() for name, make in GRAPHS.items()}
    made = {name: (model, to_c(model, tmp_path, name=name)) for name, model in models.items()}
    functions = library(tmp_path, list(made), "-O0")
    for name, found in made.items():
        agree(name, found, functions)


@pytest.mark.long
@needs("gcc")
def test_every_case_gives_what_predict_gives(tmp_path):
    made = exported(tmp_path, EVERY)
    functions = library(tmp_path, [name_of(*case) for case in made])
    for case, found in made.items():
        agree(name_of(*case), found, functions)


@pytest.mark.parametrize(
    ("weights", "options"),
    [
        ("float32", ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
        ("int8", ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
        ("float32", ("-O3", "-march=native")),
    ],
)
@pytest.mark.long
@needs("gcc")
def test_every_program_is_right_under_the_sanitizers_and_optimised(tmp_path, weights, options):
    for kind, i in exported(tmp_path, EVERY, weights=weights):
        assert "all numbers are right" in checked("gcc", tmp_path, name_of(kind, i), *options)


@pytest.mark.long
@needs("clang")
def test_every_program_is_right_by_clang(tmp_path):
    for kind, i in exported(tmp_path, EVERY):
        assert "all numbers are right" in checked("clang", tmp_path, name_of(kind, i), "-O2")


@pytest.mark.long
@needs("arm-none-eabi-gcc")
def test_every_source_compiles_for_a_microcontroller(tmp_path):
    for (kind, i), weights in itertools.product(EVERY, ("float32", "int8")):
        name = name_of(kind, i)
        to_c(CASES[kind][i](), tmp_path, name=name, weights=weights)
        run("arm-none-eabi-gcc", *STRICT, *ARM, "-Wdouble-promotion", "-Os", "-c", f"{name}.c", cwd=tmp_path)


@pytest.mark.long
@needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_every_program_is_right_on_a_cortex_m4(tmp_path):
    for kind, i in exported(tmp_path, EVERY):
        assert "all numbers are right" in emulated(tmp_path, name_of(kind, i))
