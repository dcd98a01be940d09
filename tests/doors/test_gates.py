"""Weights of recurrent layers go between orders of gates and back, and compute the same in each library."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import torch_library

from fastnn import Sequential, layers
from fastnn.interop import gates
from fastnn.layers import Input

KINDS = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


def weights_of(kind, rng, features=3, units=2, two=False):
    """Our kernel, recurrent kernel and bias, all numbers different."""
    n = KINDS[kind] * units
    shapes = (features, n), (units, n), (2, n) if two else (n,)
    return [rng.normal(size=shape) for shape in shapes]


def test_gates_stand_where_each_library_has_them():
    assert gates.reordered("LSTM", [*"ifgo"], "ours", "onnx").tolist() == [*"iofg"]
    assert gates.reordered("LSTM", [*"ifgo"], "ours", "torch").tolist() == [*"ifgo"]
    assert gates.reordered("GRU", [*"zrg"], "ours", "torch").tolist() == [*"rzg"]
    assert gates.reordered("GRU", [*"zrg"], "ours", "onnx").tolist() == [*"zrg"]
    rows = np.arange(8).reshape(8, 1)
    assert gates.reordered("LSTM", rows, "onnx", "ours", axis=0)[:, 0].tolist() == [0, 1, 4, 5, 6, 7, 2, 3]
    with pytest.raises(ValueError, match="4 gates, which do not divide"):
        gates.reordered("LSTM", np.ones(6), "ours", "onnx")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", ["torch", "onnx"])
def test_weights_go_there_and_back(kind, library):
    ours = weights_of(kind, np.random.default_rng(1), two=kind == "GRU")
    there, back = getattr(gates, f"to_{library}"), getattr(gates, f"from_{library}")
    for weights in (ours, ours[:2]):
        again = back(kind, *there(kind, *weights))
        assert len(again) == len(weights)
        for one, other in zip(again, weights, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_gru_that_resets_before_the_product_has_one_bias_and_none_in_pytorch():
    ours = weights_of("GRU", np.random.default_rng(1))
    for one, other in zip(gates.from_onnx("GRU", *gates.to_onnx("GRU", *ours), reset_after=False), ours, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="reset_after=False has no counterpart"):
        gates.to_torch("GRU", *ours)


@pytest.mark.parametrize("kind", KINDS)
def test_pytorchs_layers_compute_the_same_with_the_same_weights(kind):
    torch, rng = torch_library(), np.random.default_rng(1)
    theirs = getattr(torch.nn, {"SimpleRNN": "RNN"}.get(kind, kind))(3, 2, batch_first=True, dtype=torch.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    model = Sequential([Input((5, 3)), getattr(layers, kind)(2, return_sequences=True)], dtype="float64")
    model.set_weights(gates.from_torch(kind, *(getattr(theirs, name).detach().numpy() for name in names)))
    x = rng.normal(size=(4, 5, 3))
    np.testing.assert_allclose(model.predict(x), theirs(torch.tensor(x))[0].detach().numpy(), atol=1e-12)
    back = gates.to_torch(kind, *model.get_weights())
    with torch.no_grad():
        for name, array in zip(names, back, strict=True):
            getattr(theirs, name).copy_(torch.tensor(array))
    np.testing.assert_allclose(model.predict(x), theirs(torch.tensor(x))[0].detach().numpy(), atol=1e-12)
