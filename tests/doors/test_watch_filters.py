"""The filters of a network of images on the live page: what is told of them, of which models, how much, and when."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from pages import Reader

import fastnn
from fastnn import Sequential
from fastnn.layers import (
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Reshape,
)
from fastnn.watch import Watch
from fastnn.watch.filters import BYTES, MOST, SIDE, Filters


def decoded(filters: Filters, told: dict) -> np.ndarray:
    """Weights ``(pictures, height, width, channels)`` from a message."""
    values = np.frombuffer(base64.b64decode(told["values"]), np.uint8).reshape(filters.shape)
    return (values.astype(np.float64) - 128) / 127 * told["most"]


def painted(layer, shape):
    model = Sequential([Reshape(shape, input_shape=shape), layer], seed=1)
    filters = Filters(model)
    return filters, filters.describe(), filters.paint(filters.taken(model)), layer.get_weights()[0]


@pytest.mark.parametrize(("n_channels", "depth"), [(1, 1), (3, 3)])
def test_pictures_are_the_kernel_in_127_steps_to_the_largest_weight(n_channels, depth):
    filters, described, told, kernel = painted(Conv2D(5, (3, 2), name="<i>"), (8, 8, n_channels))
    assert described == {
        "title": "<i>: 5 filters", "count": 5, "height": 3, "width": 2, "depth": depth, "columns": None
    }  # fmt: skip
    shown = decoded(filters, told)
    assert np.abs(shown - kernel.transpose(3, 0, 1, 2)).max() <= 0.51 * told["most"] / 127
    assert np.isclose(told["most"], np.abs(kernel).max(), rtol=1e-5)


def test_filters_of_other_channels_are_pictures_side_by_side():
    filters, described, told, kernel = painted(Conv2D(40, 3), (8, 8, 4))
    assert described["title"] == "conv2d: 16 of 40 filters, 4 channels each"
    assert (described["count"], described["columns"], described["depth"]) == (64, 4, 1)
    expected = kernel.transpose(3, 2, 0, 1).reshape(-1, 3, 3, 1)[:64]
    assert np.abs(decoded(filters, told) - expected).max() <= 0.51 * told["most"] / 127


def test_layers_whose_channels_have_filters_of_their_own_and_transposed_ones_are_told():
    assert painted(DepthwiseConv2D(3), (8, 8, 4))[1]["title"] == "depthwise_conv2d: 4 filters"
    assert painted(Conv2DTranspose(1, 3), (8, 8, 4))[1]["title"] == "conv2d_transpose: 4 input channels"


@pytest.mark.parametrize("n_channels", [1, 2, 3, 20])
@pytest.mark.parametrize("side", [1, 11, SIDE])
def test_a_message_is_small_whatever_the_layer(side, n_channels):
    filters, described, told, _ = painted(Conv2D(70, side), (SIDE, SIDE, n_channels))
    assert 1 <= described["count"] <= MOST
    assert len(json.dumps(told)) < 4 / 3 * BYTES + 100
    assert decoded(filters, told).shape[0] == described["count"]


def test_weights_that_are_not_finite_have_a_colour_and_no_warning():
    model = Sequential([Conv2D(2, 2, input_shape=(4, 4, 1))])
    filters = Filters(model)
    for fill in (np.nan, np.inf, 0.0):
        told = filters.paint(np.full((2, 2, 1, 2), fill, np.float32))
        assert not decoded(filters, told).any()
        json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("layers", "shape", "fits"),
    [
        ([Conv2D(2, 3)], (8, 8, 1), True),
        ([Reshape((8, 8, 1)), BatchNormalization(), Conv2D(2, 3)], (8, 8), True),
        ([Sequential([Conv2D(2, 3, input_shape=(8, 8, 1))]), Flatten(), Dense(2)], (8, 8, 1), True),
        ([Flatten(), Dense(2)], (8, 8), False),
        ([Dense(16), Reshape((4, 4, 1)), Conv2D(2, 3)], (8,), False),
        ([Conv1D(2, 3)], (8, 3), False),
        ([Conv2D(2, SIDE + 1)], (40, 40, 1), False),
        ([Flatten()], (8, 8), False),
    ],
)
def test_filters_are_those_that_read_the_input(layers, shape, fits):
    assert Filters.fits(Sequential([fastnn.layers.Input(shape), *layers])) is fits


def small_model(seed=0):
    model = Sequential([Conv2D(3, 3, input_shape=(6, 6, 1)), Flatten(), Dense(2, "softmax")], seed=seed)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def data(rng):
    return rng.normal(size=(40, 6, 6, 1)).astype(np.float32), rng.integers(0, 2, 40)


def test_filters_follow_the_fit_and_end_with_its_weights(data):
    model, seen = small_model(), []
    filters = Filters(model)
    before = filters.paint(filters.taken(model))
    with Watch(0, verbose=0) as watch:
        reader = Reader(int(watch.address.rstrip("/").rsplit(":", 1)[1]))
        model.fit(*data, epochs=10**8, time_limit=1.5, verbose=0, callbacks=watch)
    seen = list(reader.events())
    described = [message for name, message in seen if name == "setup"][-1]
    assert described["filters"] == filters.describe()
    assert described["plane"] is None
    pictures = [message for name, message in seen if name == "filters"]
    assert len({picture["values"] for picture in pictures}) >= 3
    assert pictures[-1] == filters.paint(filters.taken(model)) != before
    assert len(pictures) < 15  # four times a second


def test_nothing_is_copied_or_painted_when_nobody_looks(data, monkeypatch):
    for name in ("taken", "paint"):
        monkeypatch.setattr(Filters, name, lambda self, came: pytest.fail("nobody looks"))
    with Watch(0, verbose=0) as watch:
        small_model().fit(*data, epochs=10**8, time_limit=0.6, verbose=0, callbacks=watch)


def test_a_fit_is_the_same_with_filters_on_the_page(data):
    alone, watched = small_model(), small_model()
    alone.fit(*data, epochs=50, verbose=0)
    with Watch(0, verbose=0) as watch:
        reader = Reader(int(watch.address.rstrip("/").rsplit(":", 1)[1]))
        watched.fit(*data, epochs=50, verbose=0, callbacks=watch)
    list(reader.events())
    assert all(np.array_equal(a, b) for a, b in zip(alone.get_weights(), watched.get_weights(), strict=True))


def test_the_page_shows_the_model_that_it_is_told(data):
    first, second = small_model(1), small_model(2)
    with Watch(0, verbose=0) as watch:
        reader = Reader(int(watch.address.rstrip("/").rsplit(":", 1)[1]))
        for model in (first, second):
            model.fit(*data, verbose=0, callbacks=watch)
        watch.tell({}, model=first)
    pictures = [message for name, message in reader.events() if name == "filters"]
    filters = Filters(first)
    assert pictures[-1] == filters.paint(filters.taken(first)) != filters.paint(filters.taken(second))


def test_a_fit_of_another_kind_takes_the_filters_away(data, rng):
    dense = Sequential([Dense(1, input_shape=(3,))])
    dense.compile("sgd", "mse")
    with Watch(0, verbose=0) as watch:
        address = int(watch.address.rstrip("/").rsplit(":", 1)[1])
        with_filters = Reader(address)
        small_model().fit(*data, verbose=0, callbacks=watch)
        dense.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=watch)
        now = dict(Reader(address).events_now())
    assert now["setup"]["filters"] is None
    assert "filters" not in now
    list(with_filters.events())
