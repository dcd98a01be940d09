"""The examples run on every backend and show what their texts claim."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from models import EVERY_BACKEND, FAST_BACKENDS
from tolerance import assert_close, difference_limit

import fastnn
from fastnn import plot
from fastnn.layers import Dense

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
COSTS = ("classic", "squared_error")


@pytest.fixture
def example(monkeypatch):
    """Imports an example by its name, as its neighbours do."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@FAST_BACKENDS
@pytest.mark.parametrize("which", COSTS)
@pytest.mark.parametrize(("iterations", "fall"), [(1000, 3), pytest.param(None, 5, marks=pytest.mark.long)])
def test_costs_are_numpys_at_every_printed_iteration(example, monkeypatch, which, name, iterations, fall, capsys):
    """Of the first iterations, or of as many as the example has."""
    classic = example("classic")
    if iterations:
        monkeypatch.setattr(classic, "ITERATIONS", iterations)
        monkeypatch.setattr(classic, "PRINT_EVERY", iterations // 10)
    costs, in_fastnn = example(which).main(name)
    assert len(costs) == 10
    assert_close(in_fastnn, costs, np.float64, classic.ITERATIONS)
    assert costs[-1] < costs[0] / fall
    assert f"(backend {name})" in capsys.readouterr().out


def test_the_wave_needs_a_hidden_layer(example):
    x, y = example("planar").wave()
    model = fastnn.Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=0)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=200, verbose=0)
    classic = example("classic")
    params, _ = classic.train(classic.initialise(2, classic.HIDDEN), x, y)
    assert model.evaluate(x, y)[1] < 0.8
    assert classic.accuracy(classic.predict(params, x), y) > 0.97


@pytest.mark.single
@FAST_BACKENDS
def test_xor_is_learned_with_every_seed(example, name):
    assert example("xor").main(name) == [4] * 10


@pytest.mark.single
@FAST_BACKENDS
def test_a_single_neuron_cannot_learn_xor(example, name):
    xor = example("xor")
    assert max(xor.correct(xor.single_neuron(seed, name)) for seed in range(3)) < 4


def test_xor_draws_its_regions(example, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    xor = example("xor")
    xor.draw(xor.learn(0), tmp_path / "xor.png")
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_every_picture_is_on_the_sheet(example, tmp_path):
    figure = pytest.importorskip("matplotlib.figure", reason="needs the extra plot").Figure()
    pictures = example("pictures")
    assert sorted(pictures.NAMES) == sorted({*plot.__all__} - {"check_picture", "save_history"})
    assert all(ax.has_data() for ax in pictures.draw(figure))
    pictures.main(out=tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.single
@EVERY_BACKEND
def test_keras_listing_learns(example, name, capsys):
    history = example("keras_listing").main(name).history
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < history["loss"][0] / 2
    assert f"(backend {name})" in capsys.readouterr().out


@FAST_BACKENDS
def test_the_gradients_of_xor_are_finite_differences(example, name, capsys):
    xor = example("gradients_of_xor")
    model, worst = xor.main(name)
    assert worst < difference_limit(0.0)
    assert ((model(xor.X) > 0.5) == xor.Y).all()
    assert capsys.readouterr().out.count("hidden.kernel") == 3


def test_the_gradients_of_xor_are_drawn(example, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    xor = example("gradients_of_xor")
    xor.draw(xor.network(), np.ones((3, 2)), tmp_path / "gradients.png")
    assert (tmp_path / "gradients.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("which", [COSTS[0], "keras_listing", pytest.param(COSTS[1], marks=pytest.mark.long)])
def test_examples_are_scripts_that_take_a_backend(which):
    name = fastnn.get_backend()
    command = [sys.executable, str(EXAMPLES / f"{which}.py"), "--backend", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert f"(backend {name})" in ran.stdout


@pytest.mark.parametrize(
    ("which", "epochs", "least"),
    [("lenet5", 8, 0.9), ("signals", 4, 0.9), pytest.param("residual_digits", 12, 0.95, marks=pytest.mark.long)],
)
def test_convolutions_tell_images_and_signals_apart(example, which, epochs, least, capsys):
    assert example(which).main(epochs=epochs) > least
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("which", "epochs", "least"),
    [
        ("sentiment", 5, 0.98),
        ("characters", 12, 0.9),
        ("reverse", 4, 0.99),
        ("mnist_rows", 6, 0.85),
    ],
)
def test_sequences_are_read(example, which, epochs, least, capsys):
    assert example(which).main(epochs=epochs) > least
    assert capsys.readouterr().out


@pytest.mark.long
def test_a_wave_is_continued(example):
    assert example("sine_forecast").main() < 0.2
