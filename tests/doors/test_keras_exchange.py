"""Models to Keras 3 and back, also by its files: the same numbers for every kind of layer, and what cannot travel."""

from __future__ import annotations

import numpy as np
import pytest
from exchange_cases import ALL, as_list, model_of, outputs_of, rows_for
from oracles import keras_library

from fastnn import layers
from fastnn.interop import from_keras, to_keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning"),
]
TOLERANCE = 1e-5
APART = {"random_crops": "Keras' RandomCrop on PyTorch does not crop in prediction"}
REFUSED = ("joined",)  # it has a Scale


def theirs(model, xs):
    return as_list(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))


def assert_same(made, wanted):
    assert len(made) == len(wanted)
    for y, right in zip(made, wanted, strict=True):
        assert y.shape == right.shape
        np.testing.assert_allclose(y, right, rtol=TOLERANCE, atol=TOLERANCE)


def names_of(model):
    return {layer.name for layer in model.layers if not isinstance(layer, layers.WithMask)}


@pytest.mark.parametrize("case", [case for case in (*ALL, "with_mask") if case not in (*APART, *REFUSED)])
def test_models_go_to_keras_and_come_back(tmp_path, case):
    keras_library()
    model = model_of(case)
    xs = rows_for(model)
    wanted = outputs_of(model, xs)
    other = to_keras(model)
    assert_same(theirs(other, xs), wanted)
    back = from_keras(other)
    assert_same(outputs_of(back, xs), wanted)
    assert names_of(back) == names_of(model)
    if case != "nested":  # a layer in two models, which files of Keras' cannot hold
        other.save(tmp_path / "m.keras")
        read = from_keras(tmp_path / "m.keras")
        assert_same(outputs_of(read, xs), wanted)
        assert names_of(read) == names_of(model)
