"""Weights under PyTorch's names: to PyTorch and back, and files that are not what they should be."""

from __future__ import annotations

import numpy as np
import pytest
from exchange_cases import ALL, OWN, cases, model_of
from oracles import torch_library
from safetensors.numpy import load_file, save_file

from fastnn import Sequential, layers
from fastnn.interop import load_torch_weights, save_torch_weights, to_torch


@pytest.mark.parametrize("case", cases([*ALL, "scale", "position"]))
def test_weights_come_back_from_a_file_to_the_bit(tmp_path, case):
    model = model_of(case)
    before = [w.copy() for w in model.get_weights()]
    save_torch_weights(model, tmp_path / "w.safetensors")
    model.set_weights([np.full_like(w, 9) for w in before])
    load_torch_weights(model, tmp_path / "w.safetensors")
    for w, right in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, right)


@pytest.mark.parametrize("case", ["batch_normalization", "conv2d", "nested", "bidirectional", "gru", "multi_head"])
def test_files_have_the_names_and_numbers_of_the_module(tmp_path, case):
    torch_library()
    model = model_of(case)
    save_torch_weights(model, tmp_path / "w.safetensors")
    known, found = to_torch(model).state_dict(), load_file(tmp_path / "w.safetensors")
    assert known.keys() == found.keys()
    for name, tensor in known.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


def test_what_pytorch_has_trained_comes_back(tmp_path):
    torch = torch_library()
    from safetensors.torch import save_file as save_tensors

    model = model_of("lstm")
    network = to_torch(model)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.25  # the second bias, too
    save_tensors({name: t.contiguous() for name, t in network.state_dict().items()}, tmp_path / "w.safetensors")
    load_torch_weights(model, tmp_path / "w.safetensors")
    x = np.random.default_rng(0).normal(size=(4, 7, 4)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(x)).numpy(), model.predict(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_precisions_are_read(tmp_path, kind):
    torch = torch_library()
    from safetensors.torch import save_file as save_tensors

    w = torch.tensor([[1.5, -2.0]], dtype=getattr(torch, kind))
    save_tensors({"dense.weight": w, "dense.bias": torch.zeros(1)}, tmp_path / "w.safetensors")
    model = Sequential([layers.Dense(1, input_shape=(2,))])
    load_torch_weights(model, tmp_path / "w.safetensors")
    assert model.get_weights()[0].tolist() == [[1.5], [-2.0]]


GOOD = {"dense.weight": np.ones((1, 2), np.float32), "dense.bias": np.ones(1, np.float32)}
WRONG = {
    "missing": ({"dense.weight": GOOD["dense.weight"]}, "'dense.bias' is missing"),
    "too many": (GOOD | {"more": np.ones(1, np.float32)}, "no place for 'more'"),
    "another shape": (GOOD | {"dense.weight": np.ones((2, 1), np.float32)}, r"must have the shape \(1, 2\)"),
    "counters": (GOOD | {"dense.bias": np.ones(1, np.int64)}, "'dense.bias' must hold real numbers"),
    "whole numbers": (GOOD | {"dense.bias": np.ones(1, np.int32)}, "must be of F32, F64"),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_that_do_not_fit_change_nothing(tmp_path, case):
    arrays, words = WRONG[case]
    save_file(arrays, tmp_path / "w.safetensors")
    model = Sequential([layers.Dense(1, input_shape=(2,))])
    before = model.params.tobytes()
    with pytest.raises(ValueError, match=words):
        load_torch_weights(model, tmp_path / "w.safetensors")
    assert model.params.tobytes() == before


def test_numbers_that_a_layer_has_not_are_refused(tmp_path):
    model = Sequential([layers.LayerNormalization(scale=False, input_shape=(2,))])
    save_torch_weights(model, tmp_path / "w.safetensors")
    arrays = load_file(tmp_path / "w.safetensors")
    key = "layer_normalization.weight"
    save_file(arrays | {key: arrays[key] * 2}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="must hold 1 alone"):
        load_torch_weights(model, tmp_path / "w.safetensors")


@pytest.mark.long
def test_every_case_has_weights_that_tell_places_apart():
    assert all(len(np.unique(w)) == w.size for case in (*ALL, *OWN) for w in model_of(case).get_weights())
