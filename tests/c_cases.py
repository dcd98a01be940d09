"""Models with each kind of layer, small, with weights all over, for what is made of them in C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from fastnn import Input, Model, Sequential
from fastnn import layers as kinds
from fastnn.activations import ACTIVATIONS

SIGNAL, IMAGE = (7, 3), (6, 5, 4)


def with_weights(model: Model) -> Model:
    """The model with numbers of both signs, but those that are variances, or lie under roots."""
    draw, made = np.random.default_rng(5), []
    positive = any("Normalization" in type(layer).__name__ for layer in model.layers)
    for weight in model.get_weights():
        values = draw.uniform(0.3, 1.2, weight.shape) if positive else 0.5 * draw.standard_normal(weight.shape)
        made.append(values.astype(weight.dtype))
    model.set_weights(made)
    return model


def chain(*layers: Any, shape: tuple[int, ...]) -> Model:
    return with_weights(Sequential([Input(shape), *layers], seed=1, backend="numpy"))


def joined(layer: Any, *shapes: tuple[int, ...]) -> Model:
    """A layer with several inputs."""
    inputs = [Input(shape) for shape in shapes]
    return with_weights(Model(inputs, layer(inputs), seed=1, backend="numpy"))


def branch(layer: Any) -> Model:
    """The same from one input of five numbers."""
    x = Input((5,))
    return with_weights(Model(x, layer([kinds.Dense(4)(x), kinds.Dense(4)(x), kinds.Dense(4)(x)]), seed=1))


def self_attention() -> Model:
    x = Input((6, 4))
    y, weights = kinds.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True, use_causal_mask=True)
    return with_weights(Model(x, [y, weights], seed=1, backend="numpy"))


def masked_attention() -> Model:
    x = Input((6, 4))
    masked = kinds.Masking()(x)
    return with_weights(Model(x, kinds.Attention()([masked, masked]), seed=1, backend="numpy"))


def with_mask() -> Model:
    x, mask = Input(SIGNAL), Input((7,))
    return with_weights(Model([x, mask], kinds.LSTM(4)(kinds.WithMask()([x, mask])), seed=1, backend="numpy"))


def started() -> Model:
    """A layer that begins with another one's states, and gives its own."""
    x = Input(SIGNAL)
    _, h, c = kinds.LSTM(4, return_state=True)(x)
    ends = kinds.LSTM(4, return_sequences=True, return_state=True)(x, initial_state=[h, c])
    return with_weights(Model(x, ends, seed=1, backend="numpy"))


def activations() -> Model:
    """All of them side by side."""
    x = Input((9,))
    return Model(x, [kinds.Activation(name)(x) for name in ACTIVATIONS], seed=1, backend="numpy")


def texts() -> Model:
    layers = kinds.Embedding(9, 4, mask_zero=True), kinds.Bidirectional(kinds.GRU(3, return_sequences=True))
    return chain(*layers, kinds.GlobalAveragePooling1D(), kinds.Dense(2, "softmax"), shape=(7,))


def masked(layer: Any) -> Model:
    return chain(kinds.Embedding(9, 4, mask_zero=True), layer, shape=(7,))


def residual() -> Model:
    """Values that are read long after they were written, and one that is written over."""
    x = Input((6,))
    a = kinds.Dense(6, "relu")(x)
    b = kinds.ReLU()(kinds.Scale()(kinds.Dense(6)(a)))
    c = kinds.Add()([a, kinds.Dense(6, "tanh")(b)])
    return with_weights(Model(x, [kinds.Dense(2, "softmax")(kinds.Concatenate()([c, b])), c], seed=1, backend="numpy"))


def convolutions() -> Iterator[Callable[[], Model]]:
    for filters, size, options in (
        (5, 3, {"activation": "relu"}),
        (4, (2, 3), {"strides": (1, 2), "padding": "same"}),
        (4, 3, {"dilation_rate": 2}),
        (8, 2, {"groups": 2, "use_bias": False}),
        (6, 1, {"activation": "softmax"}),
    ):
        yield partial(chain, kinds.Conv2D(filters, size, **options), shape=IMAGE)


def _chains(shape: tuple[int, ...], *layers: Any) -> list[Callable[[], Model]]:
    return [partial(chain, layer, shape=shape) for layer in layers]


def _rnn(kind: Any, **more: Any) -> list[Callable[[], Model]]:
    last, whole = kind(4, **more), kind(4, "relu", return_sequences=True, go_backwards=True, use_bias=False)
    return [*_chains(SIGNAL, last, whole), partial(masked, kind(3, return_sequences=True))]


THREE, TWO = ((4,), (4,), (4,)), ((4,), (4,))
CASES: dict[str, list[Callable[[], Model]]] = {
    "Activation": [
        activations,
        *_chains((9,), *(kinds.Activation(name) for name in ACTIVATIONS)),
        *_chains((3, 4), kinds.Activation("softmax"), kinds.Activation("log_softmax")),
    ],
    "Add": [partial(joined, kinds.Add(), *THREE), partial(branch, kinds.Add()), residual],
    "AlphaDropout": _chains((5,), kinds.AlphaDropout(0.5)),
    "Attention": [partial(joined, kinds.Attention(), (5, 4), (6, 4)), masked_attention],
    "Average": [partial(joined, kinds.Average(), *THREE)],
    "AveragePooling1D": _chains(SIGNAL, kinds.AveragePooling1D(3, 2, "same")),
    "AveragePooling2D": _chains(IMAGE, kinds.AveragePooling2D(2), kinds.AveragePooling2D(3, 2, "same")),
    "BatchNormalization": [
        *_chains(IMAGE, kinds.BatchNormalization(), kinds.BatchNormalization(scale=False, center=False)),
        partial(chain, kinds.Conv2D(4, 3), kinds.BatchNormalization(), kinds.ReLU(), shape=IMAGE),
        partial(chain, kinds.Dense(5, "tanh"), kinds.BatchNormalization(), kinds.ReLU(), shape=(4,)),
    ],
    "Bidirectional": [texts, *_chains(SIGNAL, kinds.Bidirectional(kinds.LSTM(3)))],
    "Concatenate": [
        partial(joined, kinds.Concatenate(), (4,), (3,)),
        partial(joined, kinds.Concatenate(1), (2, 4), (3, 4)),
    ],
    "Conv1D": [
        *_chains(SIGNAL, kinds.Conv1D(4, 3), kinds.Conv1D(4, 2, padding="causal", dilation_rate=2, activation="tanh"))
    ],
    "Conv1DTranspose": _chains(SIGNAL, kinds.Conv1DTranspose(4, 3, strides=2)),
    "Conv2D": list(convolutions()),
    "Conv2DTranspose": _chains(IMAGE, kinds.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")),
    "Cropping1D": _chains(SIGNAL, kinds.Cropping1D((1, 2))),
    "Cropping2D": _chains(IMAGE, kinds.Cropping2D(((1, 2), (2, 1)))),
    "Dense": _chains((6,), kinds.Dense(5, "relu"), kinds.Dense(5, "softmax", use_bias=False))
    + _chains((3, 6), kinds.Dense(7, "softmax")),
    "DepthwiseConv1D": _chains(SIGNAL, kinds.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": _chains(
        IMAGE,
        kinds.DepthwiseConv2D(3, padding="same", activation="relu6"),
        kinds.DepthwiseConv2D(2, depth_multiplier=3),
    ),
    "Dot": [
        partial(joined, kinds.Dot(1), *TWO),
        partial(joined, kinds.Dot((2, 1)), (3, 4), (4, 5)),
        partial(joined, kinds.Dot(1, normalize=True), *TWO),
    ],
    "Dropout": [partial(chain, kinds.Dropout(0.5), kinds.Dense(3), shape=(5,)), *_chains((5,), kinds.Dropout(0.5))],
    "ELU": _chains((9,), kinds.ELU(0.7)),
    "Embedding": _chains((5,), kinds.Embedding(9, 4)),
    "Flatten": [
        partial(chain, kinds.Flatten(), kinds.Dense(3), shape=(2, 4)),
        partial(chain, kinds.Flatten(), kinds.ReLU(), shape=(2, 4)),
    ],
    "GRU": [*_rnn(kinds.GRU), *_rnn(kinds.GRU, reset_after=False)],
    "GaussianDropout": _chains((5,), kinds.GaussianDropout(0.5)),
    "GaussianNoise": _chains((5,), kinds.GaussianNoise(0.5)),
    "GlobalAveragePooling1D": [
        *_chains(SIGNAL, kinds.GlobalAveragePooling1D()),
        partial(masked, kinds.GlobalAveragePooling1D()),
    ],
    "GlobalAveragePooling2D": _chains(IMAGE, kinds.GlobalAveragePooling2D()),
    "GlobalMaxPooling1D": _chains(SIGNAL, kinds.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": _chains(IMAGE, kinds.GlobalMaxPooling2D()),
    "GroupNormalization": _chains(IMAGE, kinds.GroupNormalization(2), kinds.GroupNormalization(4, scale=False)),
    "Identity": [partial(chain, kinds.Identity(), kinds.ReLU(), shape=(5,))],
    "Input": [partial(chain, kinds.Dense(3), shape=(5,))],
    "LSTM": [*_rnn(kinds.LSTM), started],
    "LayerNormalization": _chains((3, 5), kinds.LayerNormalization(), kinds.LayerNormalization(center=False)),
    "LeakyReLU": _chains((9,), kinds.LeakyReLU(0.1)),
    "Masking": [
        partial(chain, kinds.Masking(), kinds.LSTM(3, return_sequences=True, zero_output_for_mask=True), shape=SIGNAL)
    ],
    "MaxPooling1D": _chains(SIGNAL, kinds.MaxPooling1D(2)),
    "MaxPooling2D": [
        *_chains(IMAGE, kinds.MaxPooling2D(2), kinds.MaxPooling2D(3, 1, "same")),
        partial(chain, kinds.Conv2D(4, 3, activation="relu"), kinds.MaxPooling2D(2), shape=IMAGE),
        partial(chain, kinds.Conv2D(4, 2, dilation_rate=2), kinds.MaxPooling2D((1, 2), padding="same"), shape=IMAGE),
        partial(chain, kinds.DepthwiseConv2D(2, activation="tanh"), kinds.MaxPooling2D(2, 3), shape=IMAGE),
        partial(chain, kinds.Conv1D(4, 3, padding="same"), kinds.GlobalMaxPooling1D(), kinds.Dense(2), shape=SIGNAL),
    ],
    "Maximum": [partial(joined, kinds.Maximum(), *THREE)],
    "Minimum": [partial(joined, kinds.Minimum(), *THREE)],
    "MultiHeadAttention": [self_attention],
    "Multiply": [partial(joined, kinds.Multiply(), (4,), (4,), (1,))],
    "Normalization": _chains((5,), kinds.Normalization(), kinds.Normalization(invert=True)),
    "PReLU": _chains(SIGNAL, kinds.PReLU()),
    "ParametricActivation": [
        *_chains((7,), kinds.ParametricActivation("mish"), kinds.ParametricActivation(kinds.LeakyReLU(0.2))),
        partial(chain, kinds.ParametricActivation("selu"), kinds.ReLU(), shape=SIGNAL),
    ],
    "Periodic": [
        *_chains((5,), kinds.Periodic(), kinds.Periodic(3, 2, 9.0, include_input=False)),
        partial(chain, kinds.Periodic(4, 1), kinds.Dense(3), shape=SIGNAL),
    ],
    "Permute": _chains(IMAGE, kinds.Permute((3, 1, 2))),
    "PositionEmbedding": [partial(chain, kinds.PositionEmbedding(9), shape=SIGNAL)],
    "RandomCrop": _chains(IMAGE, kinds.RandomCrop(3, 2)),
    "RandomFlip": _chains(IMAGE, kinds.RandomFlip()),
    "RandomRotation": _chains(IMAGE, kinds.RandomRotation(0.1)),
    "RandomTranslation": _chains(IMAGE, kinds.RandomTranslation(0.1, 0.1)),
    "RandomZoom": _chains(IMAGE, kinds.RandomZoom(0.1)),
    "ReLU": _chains((9,), kinds.ReLU(), kinds.ReLU(max_value=6)),
    "RepeatVector": _chains((5,), kinds.RepeatVector(3)),
    "Rescaling": [partial(chain, kinds.Rescaling(0.5, 1.0), kinds.ReLU(), shape=(5,))],
    "Reshape": [partial(chain, kinds.Reshape((2, 3)), kinds.Softmax(), shape=(6,))],
    "Scale": _chains((5,), kinds.Scale()),
    "SeparableConv1D": _chains(SIGNAL, kinds.SeparableConv1D(4, 3)),
    "SeparableConv2D": _chains(IMAGE, kinds.SeparableConv2D(5, 3, depth_multiplier=2)),
    "SimpleRNN": _rnn(kinds.SimpleRNN),
    "Softmax": _chains((3, 5), kinds.Softmax()),
    "SpatialDropout1D": _chains(SIGNAL, kinds.SpatialDropout1D(0.5)),
    "SpatialDropout2D": _chains(IMAGE, kinds.SpatialDropout2D(0.5)),
    "Subtract": [partial(joined, kinds.Subtract(), *TWO)],
    "TimeDistributed": _chains(SIGNAL, kinds.TimeDistributed(kinds.Dense(4, "softmax"))),
    "UnitNormalization": _chains((3, 5), kinds.UnitNormalization(), kinds.UnitNormalization(axis=1)),
    "UpSampling1D": _chains(SIGNAL, kinds.UpSampling1D(2)),
    "UpSampling2D": _chains(IMAGE, kinds.UpSampling2D((2, 3))),
    "WithMask": [with_mask],
    "ZeroPadding1D": _chains(SIGNAL, kinds.ZeroPadding1D((1, 2))),
    "ZeroPadding2D": _chains(IMAGE, kinds.ZeroPadding2D(((1, 2), (0, 1)))),
}
"""By kind of layer."""
