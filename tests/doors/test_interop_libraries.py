"""What exchange needs of other libraries: errors that say what to install, and nothing that is loaded before."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fastnn import Sequential, interop, layers
from fastnn.interop import libraries

CALLS = {
    "torch": (lambda model: interop.to_torch(model), "to_torch needs torch, .*pip install torch"),
    "torch of a module": (lambda model: interop.from_torch(None, (3,)), "from_torch needs torch"),
    "keras": (lambda model: interop.to_keras(model), "to_keras needs keras, .*pip install keras"),
    "sklearn": (lambda model: interop.to_sklearn(model), "to_sklearn needs scikit-learn, .*install scikit-learn"),
    "sklearn of an estimator": (lambda model: interop.from_sklearn(model), "from_sklearn needs scikit-learn"),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_library_that_is_missing_is_named(monkeypatch, case):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    call, words = CALLS[case]
    with pytest.raises(ModuleNotFoundError, match=words):
        call(Sequential([layers.Dense(1, input_shape=(2,))]))


def test_what_a_library_lacks_itself_is_its_own_error(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'sympy'", name="sympy")

    monkeypatch.setattr(libraries.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="sympy"):
        interop.to_torch(Sequential([layers.Dense(1, input_shape=(2,))]))


def test_the_doors_load_no_other_library():
    names = ("torch", "keras", "sklearn", "onnx", "h5py")
    script = f"import fastnn.interop, sys; print([n for n in {names} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_weights_under_the_names_of_pytorch_need_no_pytorch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    model = Sequential([layers.Conv2D(2, 2, input_shape=(3, 3, 1)), layers.Flatten(), layers.Dense(1)], seed=1)
    interop.save_torch_weights(model, tmp_path / "w.safetensors")
    before = model.predict(np.ones((1, 3, 3, 1)))
    model.set_weights([w * 0 for w in model.get_weights()])
    interop.load_torch_weights(model, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(model.predict(np.ones((1, 3, 3, 1))), before)


@pytest.mark.parametrize("lacking", ["tensorflow", "jax", "torch", "openvino"])
def test_a_backend_that_keras_lacks_is_named_with_the_variable_that_chooses(monkeypatch, lacking):
    def broken(name):
        raise ModuleNotFoundError(f"No module named {lacking!r}", name=lacking)

    monkeypatch.setattr(libraries.importlib, "import_module", broken)
    with pytest.raises(
        ModuleNotFoundError, match=f"computes with {lacking} here, .* KERAS_BACKEND .* pip install {lacking}"
    ):
        interop.to_keras(Sequential([layers.Dense(1, input_shape=(2,))]))
