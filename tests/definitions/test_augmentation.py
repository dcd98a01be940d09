"""Augmentation: values by hand, what is drawn, arguments, and the same images as Keras makes with the same map."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused
from networks import Stage, draw, network
from oracles import keras_library, torch_library
from spaces import space
from tolerance import assert_close, limit, mean_limit

from fastnn import Input, Model, Sequential, fit_many, layers, load
from fastnn._base import random
from fastnn._kernels import reference
from fastnn._ops import warp
from fastnn.layers import (
    Conv2D,
    Dense,
    Flatten,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)

IMAGE = np.arange(1.0, 13).reshape(3, 4, 1)
SEED, STEP, BLOCK = 2**40 + 17, 6, 256


def laid(layer, shape):
    return network(np.random.default_rng(0), [copy.copy(layer)], shape, loss="mse", seed=SEED, batch_size=BLOCK)


def trained(layer, images, dtype="float64"):
    """What a layer makes of images in training, and the maps it drew for them."""
    shape = np.shape(images)[1:]
    net = laid(layer, shape)
    stage, rows = Stage(reference, net, dtype), np.reshape(images, (len(images), -1))
    blocks = [
        stage.forward(rows[first : first + BLOCK], training=True, step=STEP, first_row=first)
        for first in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(blocks).reshape(len(images), *net.plan.layout.output_shape), maps(net.plan, len(images))


def maps(plan, n):
    """``(n, 6)``: the maps of a batch, from the words of its places."""
    op = plan.ops[0]
    words = random.words(SEED, int(op["stream"]) + 1, STEP, 0, 4 * n).reshape(n, 4)
    draws = (words[:, :2] + 0.5) / 2.0**32
    return np.array([warp.drawn_map(op["geometry"], op["numbers"], u, v) for u, v in draws])


def only(layer, image=IMAGE):
    """The image that a layer with nothing left to chance makes of one, without its channel."""
    return trained(layer, image[np.newaxis])[0][0, :, :, 0].tolist()


# -- values ---------------------------------------------------------------------------------------


def shifted(down, right, *arguments, **more):
    return RandomTranslation((down, down), (right, right), *arguments, **more)


VALUES = [
    (shifted(1 / 3, 0.0), [[1, 2, 3, 4], [1, 2, 3, 4], [5, 6, 7, 8]]),
    (shifted(-1 / 3, 0.0, "wrap"), [[5, 6, 7, 8], [9, 10, 11, 12], [1, 2, 3, 4]]),
    (shifted(0.0, 0.5, "reflect"), [[2, 1, 1, 2], [6, 5, 5, 6], [10, 9, 9, 10]]),
    (shifted(0.0, -0.5, "nearest"), [[3, 4, 4, 4], [7, 8, 8, 8], [11, 12, 12, 12]]),
    (shifted(0.0, 0.25, "constant", fill_value=-1), [[-1, 1, 2, 3], [-1, 5, 6, 7], [-1, 9, 10, 11]]),
    (shifted(0.0, 0.125, "nearest"), [[1, 1.5, 2.5, 3.5], [5, 5.5, 6.5, 7.5], [9, 9.5, 10.5, 11.5]]),
    (shifted(0.0, 0.125, "constant"), [[0.5, 1.5, 2.5, 3.5], [2.5, 5.5, 6.5, 7.5], [4.5, 9.5, 10.5, 11.5]]),
    (shifted(0.0, 1.0, "reflect"), [[4, 3, 2, 1], [8, 7, 6, 5], [12, 11, 10, 9]]),
    (RandomRotation((0.5, 0.5)), [[12, 11, 10, 9], [8, 7, 6, 5], [4, 3, 2, 1]]),
    (
        RandomZoom((0.0, 0.0), (-2 / 3, -2 / 3)),
        [[2, 7 / 3, 8 / 3, 3], [6, 19 / 3, 20 / 3, 7], [10, 31 / 3, 32 / 3, 11]],
    ),
    (RandomZoom((1.0, 1.0), (0.0, 0.0), "constant"), [[0, 0, 0, 0], [5, 6, 7, 8], [0, 0, 0, 0]]),
]


@pytest.mark.parametrize(("layer", "expected"), VALUES)
def test_values_are_those_by_hand(layer, expected):
    np.testing.assert_allclose(only(layer), expected, atol=limit("float64", 0, 12))


def test_half_of_the_images_are_flipped_each_as_the_mode_says():
    images = np.tile(IMAGE, (4096, 1, 1, 1))
    for mode, axes in (("horizontal", (1,)), ("vertical", (0,)), ("horizontal_and_vertical", (0, 1))):
        y, _ = trained(RandomFlip(mode), images)
        flipped = (y == np.flip(IMAGE, axes)).all(axis=(1, 2, 3))
        assert (flipped | (y == IMAGE).all(axis=(1, 2, 3))).all()
        assert abs(flipped.mean() - 0.5) <= mean_limit(0.5, len(images))


def test_crops_are_parts_and_all_places_are_equally_likely():
    y, drawn = trained(RandomCrop(2, 3), np.tile(IMAGE, (4096, 1, 1, 1)))
    counts = {}
    for part, (_, _, top, _, _, left) in zip(y, drawn.astype(int), strict=True):
        np.testing.assert_array_equal(part, IMAGE[top : top + 2, left : left + 3])
        counts[top, left] = counts.get((top, left), 0) + 1
    assert sorted(counts) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for count in counts.values():
        assert abs(count / 4096 - 0.25) <= mean_limit((0.25 * 0.75) ** 0.5, 4096)


# -- draws ----------------------------------------------------------------------------------------


def assert_even(drawn, low, high):
    """Numbers between the bounds, over all of the range and with its mean."""
    assert low < drawn.min() < low + (high - low) / 100
    assert high - (high - low) / 100 < drawn.max() < high
    assert abs(drawn.mean() - (low + high) / 2) <= mean_limit((high - low) / 12**0.5, len(drawn))


def test_draws_fill_their_ranges_evenly_and_by_themselves():
    shift, turn, zoom, alike = (
        maps(laid(layer, (3, 4, 1)).plan, 4096)
        for layer in (
            RandomTranslation(0.5, (-0.25, 1)),
            RandomRotation((-0.125, 0.25)),
            RandomZoom(0.3, (-0.5, -0.25)),
            RandomZoom(0.3),
        )
    )
    assert_even(-shift[:, 2], -1.5, 1.5)
    assert_even(-shift[:, 5], -1, 4)
    assert_even(np.arctan2(turn[:, 1], turn[:, 0]) / (2 * np.pi), -0.125, 0.25)
    assert_even(zoom[:, 0], 0.7, 1.3)
    assert_even(zoom[:, 4], 0.5, 0.75)
    for drawn in (shift[:, [2, 5]], zoom[:, [0, 4]]):
        assert abs(np.corrcoef(drawn.T)[0, 1]) <= mean_limit(1, 4096)
    np.testing.assert_array_equal(alike[:, 0], alike[:, 4])


def test_the_middle_of_an_image_stays_where_turns_and_zooms_leave_it():
    for layer in (RandomRotation(1.0), RandomZoom(0.5, 0.5)):
        drawn = maps(laid(layer, (5, 8, 1)).plan, 50)
        middle = np.array([2.0, 3.5, 1.0])
        assert_close(drawn.reshape(50, 2, 3) @ middle, np.tile(middle[:2], (50, 1)), "float64", 3)


# -- Keras ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_mode", ["constant", "reflect", "wrap", "nearest"])
def test_images_equal_those_of_keras_for_the_same_maps(rng, fill_mode, interpolation):
    keras, torch = keras_library(), torch_library()
    made = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 1.5}
    for layer, shape in (
        (RandomTranslation(1.0, (-0.7, 0.3), **made), (5, 7, 3)),
        (RandomRotation(1.0, **made), (6, 4, 1)),
        (RandomZoom(0.9, (-0.5, 1.0), **made), (5, 6, 2)),
        (RandomRotation(0.3, **made), (1, 9, 2)),
    ):
        x = rng.normal(size=(9, *shape))
        y, (yy, yx, y0, xy, xx, x0) = (found if i == 0 else found.T for i, found in enumerate(trained(layer, x)))
        transform = np.stack([xx, xy, x0, yx, yy, y0, 0 * x0, 0 * x0], axis=1)
        right = keras.ops.image.affine_transform(torch.tensor(x), torch.tensor(transform), **_keras(made))
        assert_close(y, right.numpy(), "float64", 8 * sum(shape))


def _keras(made):
    return {**made, "data_format": "channels_last"}


def test_ranges_mean_what_they_mean_in_keras(rng):
    """Keras' layers, told what was drawn; they make their maps in float32."""
    keras = keras_library()
    x = rng.normal(size=(8, 6, 9, 2)).astype(np.float32)
    y, drawn = trained(RandomTranslation(0.5, 0.5), x)
    theirs = keras.layers.RandomTranslation(0.5, 0.5)
    told = {"translations": keras.ops.convert_to_tensor(-drawn[:, [5, 2]].astype(np.float32)), "input_shape": x.shape}
    same_as_keras(y, theirs, x, told)
    y, drawn = trained(RandomRotation(0.4), x)
    theirs = keras.layers.RandomRotation(0.4)
    degrees = keras.ops.convert_to_tensor(np.degrees(np.arctan2(drawn[:, 1], drawn[:, 0])).astype(np.float32))
    zeros = keras.ops.zeros(8)
    matrix = theirs._compute_affine_matrix(0.5, 0.5, degrees, zeros, zeros, zeros + 1, zeros, zeros, 6, 9)
    same_as_keras(y, theirs, x, {"rotation_matrix": matrix})
    y, drawn = trained(RandomZoom(0.4, 0.2), x)
    height, width = (keras.ops.convert_to_tensor(drawn[:, [k]].astype(np.float32)) for k in (0, 4))
    told = {"height_zoom": height, "width_zoom": width, "input_shape": x.shape}
    same_as_keras(y, keras.layers.RandomZoom(0.4, 0.2), x, told)
    for mode in ("horizontal", "vertical", "horizontal_and_vertical"):
        y, drawn = trained(RandomFlip(mode), x)
        flips = ((drawn[:, 0] < 0) | (drawn[:, 4] < 0)).reshape(-1, 1, 1, 1)
        told = {"flips": keras.ops.convert_to_tensor(flips), "input_shape": x.shape}
        same_as_keras(y, keras.layers.RandomFlip(mode), x, told)


def same_as_keras(y, layer, x, told):
    right = layer.transform_images(x, told, training=True)
    assert_close(y, right.detach().numpy(), "float32", 100)


def test_pairs_are_those_that_keras_takes():
    keras = keras_library()
    for factor in (0.2, -0.2, (0.3, -0.1), [0.1, 0.4], 1, (-1, 1)):
        theirs = keras.layers.RandomTranslation(factor, factor)
        ours = RandomTranslation(factor, factor).operations((3, 4, 1))[0].numbers
        assert ours[:4] == (theirs.height_lower, theirs.height_upper, theirs.width_lower, theirs.width_upper)
        low, high = keras.layers.RandomRotation(factor).factor
        assert RandomRotation(factor).operations((3, 4, 1))[0].numbers[:2] == (low, high)


# -- in models ------------------------------------------------------------------------------------

STACK = (RandomTranslation(0.2, 0.2), RandomRotation(0.1), RandomZoom(0.2), RandomFlip("horizontal"))


def model_with(*made, name="numpy", shape=(6, 5, 1)):
    model = Sequential([Input(shape), *map(copy.copy, made)], seed=4, dtype=dtype_on(name), backend=name)
    model.compile("adam", "mse")
    return model


@EVERY_BACKEND
def test_prediction_and_evaluation_are_those_without_the_layers(rng, name):
    rest = (Conv2D(3, 2, activation="tanh"), Flatten(), Dense(2))
    x, y = draw(rng, (30, 6, 5, 1)), draw(rng, (30, 2))
    model, bare = model_with(*STACK, *rest, name=name), model_with(*rest, name=name)
    model.fit(x, y, epochs=2, verbose=0)
    bare.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x), bare.predict(x))
    assert model.evaluate(x, y, verbose=0) == bare.evaluate(x, y, verbose=0)
    row = x[:1].astype(model.dtype)
    np.testing.assert_array_equal(model.predictor()(row), bare.predictor()(row))
    np.testing.assert_array_equal(model.predict(x), model(x))


def test_plans_for_prediction_do_without_what_hands_on_what_it_reads(rng):
    made = (*STACK, layers.Dropout(0.5), Flatten(), Dense(2), layers.Dropout(0.1))
    plans = [network(rng, [*map(copy.copy, made)], (6, 5, 1), loss=loss, drops=False).plan for loss in (None, "mse")]
    assert [len(plan.ops) for plan in plans] == [1, 1]
    alone = Sequential([RandomFlip(input_shape=(2, 3, 1))])
    np.testing.assert_array_equal(alone.predict(IMAGE[None, :2, :3]), IMAGE[None, :2, :3])
    cropped = Sequential([RandomCrop(2, 3, input_shape=(2, 3, 1)), RandomCrop(1, 1)])
    assert cropped.predict(IMAGE[None, :2, :3]).ravel().tolist() == [2]


@EVERY_BACKEND
def test_the_seed_and_the_step_alone_decide_what_is_drawn(rng, name):
    x = draw(rng, (20, 6, 5, 1)).astype(np.float32)
    model, same, other = (model_with(*STACK, Flatten(), Dense(1), name=name) for _ in range(3))
    other.seed = 5
    other.set_weights(model.get_weights())
    first = model(x, training=True)
    np.testing.assert_array_equal(first, same(x, training=True))
    assert not np.isclose(first, other(x, training=True)).all()
    assert not np.isclose(first, model(x)).all()


@EVERY_BACKEND
def test_models_fitted_together_end_as_those_fitted_alone(rng, name, tmp_path):
    x, y = draw(rng, (40, 6, 5, 1)), draw(rng, (40, 1))
    together, alone = ([model_with(*STACK, Flatten(), Dense(1), name=name) for _ in range(2)] for _ in range(2))
    fit_many(together, x, y, epochs=2, batch_size=16)
    for model, other in zip(together, alone, strict=True):
        other.fit(x, y, epochs=2, batch_size=16, verbose=0)
        np.testing.assert_array_equal(model.params, other.params)
    together[0].save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    for model in (again, alone[0]):
        model.fit(x, y, epochs=1, batch_size=16, verbose=0, backend=name)
    np.testing.assert_array_equal(again.params, alone[0].params)


@EVERY_BACKEND
def test_layers_inside_a_graph_draw_for_each_call(name):
    entry = Input((3, 4, 1))
    flip = RandomFlip()
    model = Model(entry, {"one": flip(entry), "two": flip(entry)}, seed=1, dtype=dtype_on(name), backend=name)
    found = model(np.tile(IMAGE, (64, 1, 1, 1)), training=True)
    assert (found["one"] != found["two"]).any()
    for found in model.predict(IMAGE[None]).values():
        np.testing.assert_array_equal(found, IMAGE[None])


@EVERY_BACKEND
def test_frozen_layers_draw_as_dropout_does(name):
    model = model_with(RandomFlip("vertical", trainable=False), Conv2D(2, 2), Flatten(), Dense(1), name=name)
    model.layers[1].trainable = False
    x = np.tile(np.arange(30.0).reshape(6, 5, 1), (16, 1, 1, 1))
    assert len(np.unique(model(x, training=True))) == 2


def test_augmentation_helps_where_images_come_flipped(rng):
    """Left and right halves of the training images are of one class each; the others come from the other side."""
    x = np.zeros((80, 6, 6, 1))
    bright = np.arange(80) % 2 == 0
    x[bright, 1:4, :3], x[~bright, 4:, :3] = 1, 1
    x += 0.1 * rng.normal(size=x.shape)
    y = bright.astype(np.float64)[:, None]
    scores = []
    for made in ((), (RandomFlip("horizontal"),)):
        model = model_with(*made, Flatten(), Dense(1), shape=(6, 6, 1))
        model.optimizer.learning_rate = 0.02
        model.fit(x, y, epochs=40, verbose=0)
        scores.append(model.evaluate(x[:, :, ::-1], y, verbose=0))
    assert scores[1] < scores[0] / 2


# -- arguments ------------------------------------------------------------------------------------

BAD_ARGUMENTS = {
    "mode": (lambda: RandomFlip("sideways"), ("mode", "sideways", "horizontal_and_vertical", "vertical")),
    "shift beyond": (lambda: RandomTranslation(1.5, 0.1), ("height_factor", "[-1, 1]", "1.5")),
    "three factors": (lambda: RandomTranslation(0.1, (0, 1, 2)), ("width_factor", "(low, high)", "(0, 1, 2)")),
    "turn beyond": (lambda: RandomRotation((-2, 0.1)), ("factor", "[-1, 1]", "-2")),
    "zoom to nothing": (lambda: RandomZoom(-1.0), ("height_factor", "(-1, 1]", "-1.0")),
    "zoom of the width": (lambda: RandomZoom(0.1, 1.1), ("width_factor", "(-1, 1]", "1.1")),
    "fill mode": (lambda: RandomZoom(0.1, fill_mode="mirror"), ("fill_mode", "mirror", "reflect", "wrap")),
    "interpolation": (lambda: RandomRotation(0.1, interpolation="cubic"), ("interpolation", "cubic", "bilinear")),
    "fill value": (lambda: RandomRotation(0.1, fill_value=np.inf), ("fill_value", "inf")),
    "no height": (lambda: RandomCrop(0, 3), ("height", "at least 1")),
    "channels first": (lambda: RandomFlip(data_format="channels_first"), ("channels_last", "np.moveaxis")),
    "turned channels first": (lambda: RandomZoom(0.1, data_format="channels_first"), ("channels_last", "np.moveaxis")),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_are_named(case):
    make, words = BAD_ARGUMENTS[case]
    refused(make, ValueError, words)


def test_what_is_no_number_is_named():
    refused(lambda: RandomTranslation("0.1", 0), TypeError, ("height_factor", "number", "0.1"))
    refused(lambda: RandomCrop(2.5, 3), TypeError, ("height", "whole number", "2.5"))


def test_inputs_that_are_no_images_or_too_small_are_named():
    refused(lambda: Sequential([RandomFlip(input_shape=(5, 3)), Flatten()]), ValueError, ("RandomFlip", "(5, 3)"))
    refused(
        lambda: Sequential([RandomCrop(4, 2, input_shape=(3, 9, 1))]), ValueError, ("RandomCrop", "(4, 2)", "(3, 9, 1)")
    )
    shape = (2**16, 2**15, 1)
    refused(lambda: RandomRotation(0.1).operations(shape), ValueError, ("RandomRotation", "2**31", str(shape)))


@pytest.mark.parametrize(
    "layer",
    [
        RandomFlip(),
        RandomFlip("vertical", name="flip"),
        RandomTranslation(0.1, (0.2, -0.1), "wrap", "nearest"),
        RandomRotation((0, 0.25)),
        RandomZoom(0.2),
        RandomZoom(0.2, (0, 0.1), "constant"),
        RandomCrop(3, 4),
    ],
    ids=repr,
)
def test_a_description_gives_the_layer_again(layer):
    assert layers.from_config(layer.config()) == layer
    assert layers.deserialize(layers.serialize(layer)) == layer
    assert eval(repr(layer), space(layers)) == layer
