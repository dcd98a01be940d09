"""Normalisation that becomes a part of the layers beside it: what is folded, what is not, and what else changes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from folds import assert_same, chain, folded, left, outputs_of, random_model, rows_for, trained

from fastnn import Input, Model, Sequential, utils
from fastnn.layers import (
    Activation,
    Add,
    AlphaDropout,
    BatchNormalization,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianNoise,
    Identity,
    Lambda,
    LayerNormalization,
    Masking,
    Normalization,
    RandomFlip,
    ReLU,
    Rescaling,
    Reshape,
    SeparableConv1D,
    SeparableConv2D,
    SpatialDropout2D,
    TimeDistributed,
)

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
BIAS = pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no_bias"])
SIGNAL, IMAGE = (9, 4), (7, 8, 4)
LINEAR = {
    "dense": (Dense(3), (5,)),
    "dense_of_images": (Dense(3), IMAGE),
    "conv1d": (Conv1D(3, 3), SIGNAL),
    "conv1d_dilated": (Conv1D(3, 2, dilation_rate=3), SIGNAL),
    "conv2d": (Conv2D(3, 3), IMAGE),
    "conv2d_strides": (Conv2D(3, (2, 3), strides=(2, 1)), IMAGE),
    "conv2d_groups": (Conv2D(6, 3, groups=2), IMAGE),
    "conv2d_groups_dilated": (Conv2D(8, 2, groups=4, dilation_rate=2), IMAGE),
    "conv2d_same_of_1": (Conv2D(3, 1, padding="same", strides=2), IMAGE),
    "depthwise1d": (DepthwiseConv1D(3, depth_multiplier=2), SIGNAL),
    "depthwise2d": (DepthwiseConv2D(3), IMAGE),
    "depthwise2d_strides": (DepthwiseConv2D(2, strides=2, depth_multiplier=3), IMAGE),
    "separable1d": (SeparableConv1D(3, 3), SIGNAL),
    "separable2d": (SeparableConv2D(5, 3, depth_multiplier=2, dilation_rate=2), IMAGE),
    "time_distributed": (TimeDistributed(Conv2D(4, 2, groups=2)), (2, *IMAGE)),
}
PADDED = {
    "conv1d_same": (Conv1D(3, 3, padding="same"), SIGNAL),
    "conv1d_causal": (Conv1D(3, 3, padding="causal", dilation_rate=2), SIGNAL),
    "conv2d_same": (Conv2D(3, 3, padding="same", strides=2), IMAGE),
    "depthwise2d_same": (DepthwiseConv2D(3, padding="same", depth_multiplier=2), IMAGE),
    "separable2d_same": (SeparableConv2D(3, 3, padding="same"), IMAGE),
}
TRANSPOSED = {
    "transposed1d": (Conv1DTranspose(4, 3, 2), SIGNAL),
    "transposed2d": (Conv2DTranspose(5, (2, 3), strides=(1, 2), padding="same"), IMAGE),
    "transposed2d_dilated": (Conv2DTranspose(3, 2, dilation_rate=2), IMAGE),
}


def cases(*tables):
    found = {name: case for table in tables for name, case in table.items()}
    return pytest.mark.parametrize(("layer", "shape"), found.values(), ids=found.keys())


def biased(layer, use_bias):
    """The layer with a bias or without."""
    if isinstance(layer, TimeDistributed):
        return TimeDistributed(biased(layer.layer, use_bias))
    return type(layer).from_config(layer.get_config() | {"use_bias": use_bias})


# -- what is folded -------------------------------------------------------------------------------------


@DTYPES
@BIAS
@cases(LINEAR, PADDED, TRANSPOSED)
def test_normalisation_behind_a_linear_layer_is_folded(rng, layer, shape, use_bias, dtype):
    made = folded(rng, chain(biased(layer, use_bias), BatchNormalization(), ReLU(), shape=shape, dtype=dtype))
    assert (left(made), len(made.layers)) == ([], 2)
    assert [parameter.name for parameter in made.layers[0].place.parameters][-1] == "bias"


@DTYPES
@BIAS
@cases(LINEAR)
def test_normalisation_in_front_of_a_layer_that_does_not_pad_is_folded(rng, layer, shape, use_bias, dtype):
    made = folded(rng, chain(ReLU(), BatchNormalization(), biased(layer, use_bias), shape=shape, dtype=dtype))
    assert (left(made), len(made.layers)) == ([], 2)


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 1e-3, 2.0])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_any_form_of_batch_normalization_is_folded_on_both_sides(rng, epsilon, center, scale):
    first, last = (BatchNormalization(epsilon=epsilon, center=center, scale=scale, axis=axis) for axis in (-1, 3))
    made = folded(rng, chain(ReLU(), first, Conv2D(3, 3), last, ReLU(), shape=IMAGE))
    assert left(made) == []


@pytest.mark.parametrize("activation", ["tanh", "softmax"])
def test_an_activation_stands_between_a_layer_and_what_is_behind_it_and_not_what_is_before(rng, activation):
    norms = BatchNormalization(name="before"), BatchNormalization(name="behind")
    made = folded(rng, chain(norms[0], Dense(3, activation), norms[1], ReLU(), shape=(5,)))
    assert left(made) == ["behind"]


@DTYPES
@pytest.mark.parametrize(
    "layer",
    [
        Normalization(),
        Normalization(axis=None),
        Normalization(mean=2.0, variance=0.25, invert=True),
        Rescaling(1 / 255),
        Rescaling(2, offset=-1.0),
    ],
)
def test_constant_scales_are_folded_on_both_sides(rng, layer, dtype):
    assert left(folded(rng, chain(copy.copy(layer), Conv2D(3, 3), shape=IMAGE, dtype=dtype))) == []
    assert left(folded(rng, chain(Dense(3), copy.copy(layer), ReLU(), shape=IMAGE, dtype=dtype))) == []


@cases(LINEAR, PADDED)
def test_a_factor_alone_goes_through_padding_and_asks_for_no_bias(rng, layer, shape):
    made = folded(rng, chain(Rescaling(1 / 255), biased(layer, False), shape=shape))
    assert left(made) == []
    assert "bias" not in [parameter.name for parameter in made.layers[0].place.parameters]


@pytest.mark.parametrize(
    "between",
    [
        Dropout(0.5),
        SpatialDropout2D(0.5),
        AlphaDropout(0.1),
        GaussianNoise(1.0),
        Activation("linear"),
        Identity(),
        RandomFlip(),
        TimeDistributed(Dropout(0.3)),
        Reshape((-1, 2, 4)),
        Normalization(),
    ],
)
def test_layers_that_change_nothing_in_prediction_may_stand_between(rng, between):
    made = folded(rng, chain(Conv2D(4, 1), copy.copy(between), BatchNormalization(), ReLU(), shape=IMAGE))
    assert left(made) == []
    made = folded(rng, chain(ReLU(), BatchNormalization(), copy.copy(between), Dense(3), shape=IMAGE))
    assert left(made) == []


def test_channels_are_followed_through_flatten_and_reshape(rng):
    made = folded(rng, chain(ReLU(), BatchNormalization(), Flatten(), Dense(3), shape=IMAGE))
    assert left(made) == []
    made = folded(rng, chain(Dense(24), Reshape((2, 3, 4)), BatchNormalization(), ReLU(), shape=(5,)))
    assert left(made) == []
    made = folded(rng, chain(ReLU(), Normalization(axis=(1, 2, 3)), Flatten(), Dense(3), shape=IMAGE))
    assert left(made) == []


def test_several_in_a_row_are_folded_into_one_layer(rng):
    norms = [BatchNormalization() for _ in range(5)]
    layers = *norms[:2], Dense(3), norms[2], Dropout(0.2), norms[3], norms[4], ReLU()
    made = folded(rng, chain(*layers, shape=(5,)))
    assert [type(layer) for layer in made.layers] == [Dense, Dropout, ReLU]


def test_layers_that_are_used_together_each_time_are_folded(rng):
    first, second, dense, norm = Input((4,)), Input((4,)), Dense(3), BatchNormalization()
    both = [norm(dense(edge)) for edge in (first, second)]
    made = folded(rng, Model([first, second], Dense(1)(Add()(both)), backend="numpy", dtype="float64"))
    assert left(made) == []


def test_models_inside_are_folded_whatever_uses_they_have(rng):
    x, inner = Input((4, 4, 2)), Sequential([Conv2D(2, 3, padding="same"), BatchNormalization(), ReLU()])
    graph_input = Input((4, 4, 2))
    graph = Model(graph_input, Add()([graph_input, BatchNormalization()(Conv2D(2, 1)(graph_input))]))
    made = folded(rng, Model(x, graph(inner(graph(inner(x)))), backend="numpy"))
    assert left(made) == []
    for item, before in zip(made.layers[1:], (inner, graph), strict=True):
        assert (item.name, type(item)) == (before.name, type(before))
        x = rows_for(rng, before)
        assert_same(outputs_of(item, x), outputs_of(before, x), "float32")


def test_layers_that_stay_keep_the_names_that_were_chosen(rng):
    layers = Dense(3), BatchNormalization(), ReLU(), Dense(3, "tanh"), BatchNormalization(), ReLU()
    made = folded(rng, chain(*layers, shape=(4,)))
    assert [layer.name for layer in made.layers] == ["dense", "re_lu", "dense_1", "batch_normalization_1", "re_lu_1"]


def test_weights_are_rounded_once(rng):
    model = trained(rng, chain(Dense(7), BatchNormalization(), Normalization(), ReLU(), shape=(5,), dtype="float32"))
    kernel, bias, gamma, beta, mean, variance, data_mean, data_variance = map(np.float64, model.get_weights())
    scale, by = gamma / np.sqrt(variance + 1e-3), 1 / np.sqrt(data_variance)
    found = utils.fold(model).get_weights()
    np.testing.assert_array_equal(found[0], np.float32(kernel * scale * by))
    np.testing.assert_array_equal(found[1], np.float32((bias * scale + (beta - mean * scale)) * by - data_mean * by))


# -- what is not ----------------------------------------------------------------------------------------


def of_graph(build, shape=(4, 4, 2)):
    """The model of a function of the input's edge."""
    x = Input(shape)
    return Model(x, build(x), backend="numpy", dtype="float64")


def read_twice(x):
    h = Conv2D(2, 1)(x)
    return Add()([h, BatchNormalization(name="left")(h)])


def an_output_too(x):
    h = Conv2D(2, 1)(x)
    return [h, BatchNormalization(name="left")(h)]


def used_elsewhere(x):
    dense, norm = Dense(2), BatchNormalization(name="left")
    return dense(ReLU()(norm(dense(x))))


def twice_behind_different_layers(x):
    norm = BatchNormalization(name="left")
    return norm(Dense(2)(ReLU()(norm(Conv2D(2, 1)(x)))))


def behind_one_of_two_uses_and_another_layer(x):
    norm, dense = BatchNormalization(name="left"), Dense(2)
    return Add()([norm(dense(x)), norm(Conv2D(2, 1)(x)), dense(ReLU()(x))])


def twice_behind_one_use(x):
    h, norm = Dense(2)(x), BatchNormalization(name="left")
    return Add()([norm(h), norm(ReLU()(h))])


def read_twice_in_front(x):
    h = BatchNormalization(name="left")(ReLU()(x))
    return Add()([Dense(2)(h), h])


def behind_a_model(x):
    return BatchNormalization(name="left")(Sequential([Conv2D(2, 1)], dtype="float64")(x))


def a_layer_of_a_model_too(x):
    conv = Conv2D(2, 1)
    h = Sequential([conv, ReLU()], dtype="float64")(x)
    return BatchNormalization(name="left")(conv(h))


def between_joins(x):
    return ReLU()(BatchNormalization(name="left")(Add()([x, Conv2D(2, 1)(x)])))


@pytest.mark.parametrize(
    "build",
    [
        read_twice,
        an_output_too,
        used_elsewhere,
        twice_behind_different_layers,
        behind_one_of_two_uses_and_another_layer,
        twice_behind_one_use,
        read_twice_in_front,
        behind_a_model,
        a_layer_of_a_model_too,
        between_joins,
    ],
    ids=lambda build: build.__name__,
)
def test_what_somebody_else_reads_or_uses_is_left(rng, build):
    assert left(folded(rng, of_graph(build))) == ["left"]


@cases(PADDED, TRANSPOSED)
def test_normalisation_in_front_of_zeros_is_left(rng, layer, shape):
    made = folded(rng, chain(BatchNormalization(name="left"), layer, shape=shape))
    assert left(made) == ["left"]


@pytest.mark.parametrize(
    "layers",
    [
        (ReLU(), BatchNormalization(name="left"), ReLU()),
        (Conv2D(4, 3), LayerNormalization(), BatchNormalization(name="left")),
        (Conv2D(4, 3), Lambda(lambda x: x + 1, lambda x, dy: dy), BatchNormalization(name="left")),
        (Conv2D(3, 3), Flatten(), BatchNormalization(name="left")),
        (Conv2D(4, 3), Reshape((-1, 3)), BatchNormalization(name="left")),
        (ReLU(), Normalization(axis=(1, 2, 3), name="left"), Conv2D(3, 3)),
    ],
)
def test_what_is_not_linear_or_mixes_channels_is_left(rng, layers):
    assert left(folded(rng, chain(*layers, shape=IMAGE))) == ["left"]


@DTYPES
@pytest.mark.parametrize(("far", "names"), [(7.9, []), (8.1, ["left"]), (2000, ["left"])])
def test_means_far_from_zero_are_left_in_front_of_a_layer_lest_digits_are_lost(rng, far, names, dtype):
    norm = Normalization(mean=np.full(64, far), variance=np.ones(64), name="left")
    model = chain(norm, Dense(8), shape=(64,), dtype=dtype)
    made, x = utils.fold(model), (far + rng.normal(size=(50, 64))).astype(dtype)
    assert left(made) == names
    assert_same([made.predict(x)], [model.predict(x)], dtype)


def test_means_far_from_zero_are_folded_into_the_layer_before(rng):
    model = chain(Dense(8), BatchNormalization(), ReLU(), shape=(64,), dtype="float32")
    x = rng.normal(size=(50, 64)).astype(np.float32)
    model.layers[0].set_weights([rng.normal(size=(64, 8)), np.full(8, 1000.0)])
    model.layers[1].set_weights([np.ones(8), np.zeros(8), np.full(8, 1000.0), np.full(8, 64.0)])
    made = utils.fold(model)
    assert left(made) == []
    assert_same([made.predict(x)], [model.predict(x)], "float32")


@pytest.mark.parametrize("name", ["gamma", "beta", "moving_variance"])
def test_weights_that_would_not_be_finite_are_left(rng, name):
    model = trained(rng, chain(Dense(3), BatchNormalization(name="left"), ReLU(), shape=(3,), dtype="float32"))
    norm = model.layers[1]
    worse = {"gamma": 3e38, "beta": np.inf, "moving_variance": -1.0}[name]
    names = [parameter.name for parameter in norm.place.parameters]
    weights = dict(zip(names, norm.get_weights(), strict=True))
    vars(norm)["_place"].own()[names.index(name)][...] = weights[name] * 0 + worse
    if name == "gamma":
        model.layers[0].set_weights([w * 100 for w in model.layers[0].get_weights()])
    assert left(utils.fold(model)) == ["left"]


def test_a_model_that_cannot_predict_is_refused_as_it_is_by_predict():
    model = chain(Masking(), Dense(3), BatchNormalization(), shape=(5, 2, 3))
    with pytest.raises(ValueError, match="takes masks of sequences"):
        utils.fold(model)


def test_normalisation_of_masked_steps_is_folded(rng):
    model = chain(Masking(), Dense(3), BatchNormalization(), ReLU(), shape=(5, 3))
    x = rng.normal(size=(4, 5, 3))
    x[:, 3:] = 0
    model.compile("adam", "mse")
    model.fit(x, np.zeros((4, 5, 3)), epochs=3, verbose=0)
    made = utils.fold(model)
    assert left(made) == []
    assert_same([made.predict(x)], [model.predict(x)], "float64")


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_give_the_same_folded(seed):
    rng = np.random.default_rng(seed)
    folded(rng, random_model(rng))


def test_random_graphs_have_both_what_is_folded_and_what_is_not():
    counts = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        model = random_model(rng)
        counts.append((len(left(model)), len(left(utils.fold(model)))))
    before, after = map(sum, zip(*counts, strict=True))
    assert before / 8 < after < before * 7 / 8
