"""The examples run on every backend and say what they claim."""

import sys
from pathlib import Path

import numpy as np
import pytest
from tolerance import assert_close

import fastnn

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


def _main(name):
    return __import__(name).main


@pytest.fixture(params=fastnn.available_backends())
def backend_name(request):
    return request.param


@pytest.mark.parametrize("name", ["classic", "squared_error"])
def test_costs_are_numpys_at_every_printed_iteration(name, backend_name, capsys):
    costs, ours = _main(name)(backend_name)
    steps = max(sys.modules[name].ITERATIONS, 1)
    assert len(costs) == 10
    assert_close(ours, costs, np.float64, steps)
    assert costs[-1] < costs[0] / 1.5
    assert backend_name in capsys.readouterr().out


def test_xor_is_learned_with_every_seed(backend_name):
    assert _main("xor")(backend_name) == [4] * 10


def test_a_single_neuron_cannot_learn_xor(backend_name):
    _main("xor")
    xor = sys.modules["xor"]
    assert all(xor.correct(xor.single_neuron(seed, backend_name)) < 4 for seed in range(3))


def test_xor_draws_its_regions(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    _main("xor")(out=tmp_path / "xor.png")
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")


def test_keras_listing_learns(backend_name):
    history = _main("keras_listing")(backend_name).history
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < history["loss"][0] / 2
