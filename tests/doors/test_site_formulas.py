"""Formulas that the reference shows are those that run."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnn import Sequential, activations, losses, optimizers
from fastnn.layers import Dense

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs" / "_site"))
import formulas

KNOWN = {name: getattr(math, name) for name in ("exp", "log", "sqrt", "tanh", "erf", "pi")}
KNOWN |= {"sign": lambda a: math.copysign(1.0, a) if a else 0.0, "max": max, "min": min, "abs": abs}
TARGETS, OUTPUTS = (0.2, 0.5, 0.3), (0.1, 0.7, 0.2)


def computed(formula: str, **names) -> float:
    return eval(formula, {**KNOWN, **names})


def test_every_activation_and_loss_has_one():
    shown = {*formulas.ACTIVATIONS, *formulas.ACTIVATIONS_OF_ROWS}
    assert shown == {record.name for record in activations.ACTIVATIONS.values()}
    told = {*formulas.LOSSES, *formulas.LOSSES_OF_ROWS}
    assert told == {record.definition for record in losses.LOSSES.values()}


@pytest.mark.parametrize("name", formulas.ACTIVATIONS)
def test_activations(name):
    record = activations.ACTIVATIONS[name]
    own = {record.parameter_name: record.parameter} if record.parameter_name else {}
    z = np.array([-7.0, -2.5, -1.0, -0.25, 0.0, 0.25, 0.7, 1.5, 4.0, 8.0])
    assert record(z) == pytest.approx(
        [computed(formulas.ACTIVATIONS[name], z=a, **own) for a in z], rel=1e-12, abs=1e-15
    )


@pytest.mark.parametrize("name", formulas.ACTIVATIONS_OF_ROWS)
def test_activations_of_rows(name):
    z = [0.3, -1.0, 2.0]
    assert activations.ACTIVATIONS[name](z) == pytest.approx(computed(formulas.ACTIVATIONS_OF_ROWS[name][1], z=z))


@pytest.mark.parametrize("name", [*formulas.LOSSES, *formulas.LOSSES_OF_ROWS])
def test_losses(name):
    record = losses.LOSSES[name]
    sides = (1.0, -1.0, 1.0) if "hinge" in name and "categorical" not in name else TARGETS
    own = dict(record.more) | ({record.parameter_name: record.parameter} if record.parameter_name else {})
    t, y = np.array(2 if record.sparse else sides), np.array(OUTPUTS)
    if name in formulas.LOSSES:
        expected = np.mean([computed(formulas.LOSSES[name], t=a, y=b, **own) for a, b in zip(t, y, strict=True)])
    else:
        expected = computed(formulas.LOSSES_OF_ROWS[name][1], t=t.item() if record.sparse else t, y=y, **own)
    assert record.value(t, y) == pytest.approx(expected, rel=1e-5)  # some keep logarithms 1e-7 away from 0


@pytest.mark.parametrize("name", formulas.OPTIMIZERS)
def test_optimizers(name, rng):
    more = {"momentum": 0.7} if name == "SGD" else {}
    optimizer = getattr(optimizers, name)(0.02, **more)
    model = Sequential([Dense(3, use_bias=False, input_shape=(2,))], dtype="float64", seed=0)
    model.compile(optimizer, "mse")
    kept = [{"w": w, "v": 0.0, "m": 0.0, "u": 0.0} for w in model.get_weights()[0].ravel()]
    for held in kept if name == "Adagrad" else ():
        held["v"] = optimizer.initial_accumulator_value
    for step in range(1, 5):
        grads = rng.normal(size=6)
        model.apply_gradients([grads.reshape(2, 3)])
        for held, g in zip(kept, grads, strict=True):
            own = {word: getattr(optimizer, word) for word in optimizer.get_config() if word != "name"}
            held |= {"g": g, "t": step, "eta": 0.02} | own
            for line in formulas.OPTIMIZERS[name]:
                exec(line, dict(KNOWN), held)
    assert model.get_weights()[0].ravel() == pytest.approx([held["w"] for held in kept], rel=1e-9)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("(a + b) * c", r"\left(a + b\right) \, c"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("(a / b)**2", r"\left(\frac{a}{b}\right)^{2}"),
        ("m = beta_1 * m", r"m \leftarrow \beta_1 \, m"),
    ],
)
def test_tex_keeps_brackets(formula, expected):
    assert formulas.tex(formula) == expected
