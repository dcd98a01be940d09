"""Models with every kind of layer, for tests of what travels to other libraries and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graph_models import GRAPHS

from fastnn import Input, Model, Sequential, layers
from fastnn.activations import ACTIVATIONS
from fastnn.layers import (
    GRU,
    LSTM,
    Add,
    Attention,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dot,
    Embedding,
    GlobalAveragePooling1D,
    LayerNormalization,
    Masking,
    MultiHeadAttention,
    PositionEmbedding,
    SimpleRNN,
    TimeDistributed,
)

VECTOR, SIGNAL, IMAGE = (6,), (7, 4), (6, 5, 4)
CHAINS: dict[str, tuple[list[Any], tuple[int | None, ...]]] = {
    "dense": ([Dense(3)], VECTOR),
    "dense_without_bias": ([Dense(3, "gelu", use_bias=False)], IMAGE),
    "softmax_of_steps": ([Dense(5, "softmax")], SIGNAL),
    "activation": ([layers.Activation("hard_swish"), layers.ReLU(6.0), layers.Identity(), Dense(2)], VECTOR),
    "relus": ([layers.ReLU(), layers.LeakyReLU(0.5), layers.ELU(0.5), layers.Softmax()], SIGNAL),
    "prelu": ([layers.PReLU("he_normal"), layers.PReLU("ones", shared_axes=[1, 2])], IMAGE),
    "dropouts": (
        [layers.Dropout(0.2), layers.AlphaDropout(0.2), layers.GaussianNoise(0.1), layers.GaussianDropout(0.1)],
        SIGNAL,
    ),
    "spatial_dropout": ([layers.SpatialDropout1D(0.5), layers.Dropout(0.5, noise_shape=(None, 1, 4))], SIGNAL),
    "spatial_dropout_2d": ([layers.SpatialDropout2D(0.5), Conv2D(2, 1)], IMAGE),
    "flatten": ([layers.Flatten(), Dense(3), layers.Reshape((3, 1)), Dense(2)], IMAGE),
    "rescaling": ([layers.Rescaling(1 / 255, offset=-0.5)], IMAGE),
    "normalization": ([layers.Normalization(mean=[1, 2, 3, 4], variance=[1, 4, 9, 16])], SIGNAL),
    "normalization_of_all": ([layers.Normalization(axis=None, mean=1.0, variance=2.0, invert=True)], SIGNAL),
    "conv1d": ([Conv1D(6, 3, activation="relu"), Conv1D(4, 3, 2, "same")], SIGNAL),
    "conv1d_causal": ([Conv1D(4, 3, padding="causal", dilation_rate=2)], SIGNAL),
    "conv2d": ([Conv2D(6, (3, 2), activation="tanh"), Conv2D(4, 2, 2, "same", use_bias=False)], IMAGE),
    "conv2d_groups": ([Conv2D(6, 3, groups=2, padding="same", dilation_rate=2)], IMAGE),
    "depthwise1d": ([layers.DepthwiseConv1D(3, depth_multiplier=2)], SIGNAL),
    "depthwise2d": ([layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2, activation="relu")], IMAGE),
    "separable1d": ([layers.SeparableConv1D(5, 3, padding="same")], SIGNAL),
    "separable2d": ([layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="gelu")], IMAGE),
    "transposed1d": ([Conv1DTranspose(3, 3, strides=2), Conv1DTranspose(2, 5, 2, "same")], SIGNAL),
    "transposed1d_padded": ([Conv1DTranspose(3, 3, strides=2, output_padding=1)], SIGNAL),
    "transposed2d": (
        [Conv2DTranspose(3, (3, 2), 2, "same"), Conv2DTranspose(2, (5, 4), 1, "same", use_bias=False)],
        IMAGE,
    ),
    "pooling1d": ([layers.MaxPooling1D(3, 2, "same"), layers.AveragePooling1D(2)], SIGNAL),
    "pooling2d": ([layers.MaxPooling2D((3, 2), 1), layers.AveragePooling2D(2, (1, 2))], IMAGE),
    "pooling2d_same": ([layers.MaxPooling2D(2, 2, "same"), layers.AveragePooling2D(2, 2)], IMAGE),
    "global_pooling1d": ([layers.GlobalMaxPooling1D(keepdims=True), layers.GlobalAveragePooling1D()], SIGNAL),
    "global_pooling2d": ([layers.GlobalAveragePooling2D(keepdims=True), layers.GlobalMaxPooling2D()], IMAGE),
    "padding": ([layers.ZeroPadding2D(((1, 0), (2, 3))), layers.Cropping2D(((0, 1), (1, 2)))], IMAGE),
    "padding1d": ([layers.ZeroPadding1D((1, 2)), layers.Cropping1D((1, 0))], SIGNAL),
    "upsampling": ([layers.UpSampling2D((1, 2)), layers.Permute((3, 1, 2))], IMAGE),
    "upsampling1d": ([layers.UpSampling1D(3), layers.Permute((2, 1))], SIGNAL),
    "repeated": ([layers.RepeatVector(4), Dense(2)], VECTOR),
    "batch_normalization": ([Dense(5), BatchNormalization(), BatchNormalization(scale=False)], VECTOR),
    "batch_normalization_of_images": ([Conv2D(3, 2), BatchNormalization(center=False)], IMAGE),
    "batch_normalization_of_signals": ([BatchNormalization(momentum=0.5, epsilon=0.1), Conv1D(3, 2)], SIGNAL),
    "layer_normalization": ([LayerNormalization(), LayerNormalization([-2, -1], epsilon=0.1, scale=False)], SIGNAL),
    "group_normalization": ([layers.GroupNormalization(2), layers.GroupNormalization(4, center=False)], IMAGE),
    "group_normalization_of_vectors": ([layers.GroupNormalization(3)], VECTOR),
    "unit_normalization": ([layers.UnitNormalization(1), layers.UnitNormalization()], SIGNAL),
    "random_images": ([layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.2), Conv2D(2, 2)], IMAGE),
    "random_crops": ([layers.RandomTranslation(0.1, 0.2, "wrap"), layers.RandomCrop(3, 2)], IMAGE),
    "simple_rnn": ([SimpleRNN(5, return_sequences=True), SimpleRNN(3, "relu")], SIGNAL),
    "simple_rnn_back": ([SimpleRNN(3, use_bias=False, go_backwards=True)], SIGNAL),
    "lstm": ([LSTM(5, return_sequences=True), LSTM(3, use_bias=False)], SIGNAL),
    "lstm_back": ([LSTM(5, return_sequences=True, go_backwards=True)], SIGNAL),
    "lstm_of_others": ([LSTM(3, "softsign", "hard_sigmoid"), Dense(1)], SIGNAL),
    "lstm_dropout": ([LSTM(3, dropout=0.2, recurrent_dropout=0.1)], SIGNAL),
    "gru": ([GRU(5, return_sequences=True, dropout=0.1), GRU(3)], SIGNAL),
    "gru_without_bias": ([GRU(3, use_bias=False)], SIGNAL),
    "gru_before": ([GRU(3, "relu", reset_after=False, return_sequences=True), GRU(2, reset_after=False)], SIGNAL),
    "gru_before_without_bias": ([GRU(3, reset_after=False, use_bias=False)], SIGNAL),
    "masked": ([Masking(), LSTM(3, return_sequences=True), GRU(4)], SIGNAL),
    "masked_zeros": (
        [Masking(), SimpleRNN(3, zero_output_for_mask=True, return_sequences=True, go_backwards=True)],
        SIGNAL,
    ),
    "masked_mean": ([Masking(), Dense(3), GlobalAveragePooling1D()], SIGNAL),
    "masked_batch_normalization": ([Masking(), BatchNormalization(), GRU(2)], SIGNAL),
    "bidirectional": ([Bidirectional(LSTM(3, return_sequences=True)), Bidirectional(GRU(2), "sum")], SIGNAL),
    "bidirectional_of_two": ([Bidirectional(GRU(4), "mul", SimpleRNN(4, go_backwards=True))], SIGNAL),
    "bidirectional_masked": ([Masking(), Bidirectional(LSTM(3, return_sequences=True)), Bidirectional(GRU(2))], SIGNAL),
    "distributed": ([TimeDistributed(Dense(3, "tanh")), TimeDistributed(layers.LayerNormalization())], SIGNAL),
    "distributed_images": ([TimeDistributed(Conv2D(3, 2)), TimeDistributed(layers.MaxPooling2D(2))], (3, 5, 5, 2)),
    "embedding": ([Embedding(9, 4), LSTM(3)], (7,)),
    "embedding_with_mask": ([Embedding(9, 4, mask_zero=True), LSTM(3), Dense(1, "sigmoid")], (7,)),
    "any_length": ([Conv1D(3, 3, padding="same"), GRU(4, return_sequences=True), LSTM(3)], (None, 4)),
    "frozen_layers": ([Dense(3, trainable=False), BatchNormalization(trainable=False), Dense(1)], VECTOR),
    "stateful": ([GRU(3, stateful=True), Dense(1)], SIGNAL),
}
OWN = {"scale": ([layers.Scale()], SIGNAL), "position": ([PositionEmbedding(9)], SIGNAL)}  # that Keras has not
OWN |= {
    "parametric": ([layers.ParametricActivation("mish"), layers.ParametricActivation(layers.LeakyReLU(0.1))], SIGNAL),
    "periodic": ([layers.Periodic(5), layers.Periodic(3, 2, include_input=False), Dense(2)], SIGNAL),
}
OWN |= {f"of_{name}": ([Dense(4, name)], VECTOR) for name in ACTIVATIONS}


def _joined(layer: Any, *shapes: tuple[int, ...]) -> Callable[[], Model]:
    def make() -> Model:
        ins = [Input(shape, name=f"in_{i}") for i, shape in enumerate(shapes)]
        return Model(ins, type(layer).from_config(layer.get_config())(ins), seed=1)

    return make


def attention(masked: bool = False, scores: bool = False, **told: Any) -> Callable[[], Model]:
    def make() -> Model:
        x, y = Input((5, 6), name="query"), Input((7, 4), name="value")
        read = Masking()(y) if masked else y
        layer = MultiHeadAttention(2, 3, value_dim=4, dropout=0.1, **told)
        return Model([x, y], layer(x, read, use_causal_mask=True, return_attention_scores=scores), seed=1)

    return make


def luong() -> Model:
    x, y = Input((5, 6), name="query"), Input((7, 6), name="value")
    made = Attention(use_scale=True)([x, y], return_attention_scores=True)
    return Model([x, y], [*made, Attention()([x, Masking()(y)])], seed=1)


def encoder() -> Model:
    """A block of a transformer over tokens, with padding."""
    tokens = Input((8,), name="tokens")
    x = Embedding(11, 6, mask_zero=True)(tokens)
    x = LayerNormalization()(Add()([x, MultiHeadAttention(2, 3)(x, x)]))
    x = LayerNormalization()(Add()([x, Dense(6)(Dense(12, "relu")(x))]))
    return Model(tokens, Dense(3, "softmax")(GlobalAveragePooling1D()(x)), seed=1)


def translator() -> Model:
    """States of one layer begin another one."""
    x, y = Input((5, 3), name="source"), Input((4, 2), name="target")
    _, h, c = LSTM(4, return_state=True)(x)
    made = LSTM(4, return_sequences=True)(y, initial_state=[h, c])
    _, g = GRU(4, return_state=True)(x, initial_state=h)
    return Model([x, y], [made, GRU(4)(y, initial_state=g)], seed=1)


def convolutions_shared() -> Model:
    """One layer on images of two sizes, padded differently."""
    a, b = Input((6, 6, 2), name="a"), Input((5, 7, 2), name="b")
    layer = Conv2D(3, 3, 2, "same", name="shared")
    pool = layers.GlobalAveragePooling2D()
    return Model([a, b], Concatenate()([pool(layer(a)), pool(layer(b))]), seed=1)


def models_behind_each_other() -> Model:
    """Models of one output that read each other."""
    x, z = Input((5,), name="x"), Input((3,), name="z")
    coder = Model(x, Dense(3, "relu")(x), name="coder")
    decoder = Model(z, Dense(5)(Dense(4, "tanh")(z)), name="decoder")
    y = Input((5,), name="y")
    return Model(y, {"once": decoder(coder(y)), "twice": decoder(coder(decoder(coder(y))))}, seed=1)


MODELS: dict[str, Callable[[], Model]] = {
    **{
        kind.__name__: _joined(kind(), SIGNAL, SIGNAL)
        for kind in (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
    },
    "add_of_three": _joined(Add(), IMAGE, IMAGE, IMAGE),
    "multiply_by_one": _joined(layers.Multiply(), SIGNAL, (7, 1)),
    "concatenate": _joined(Concatenate(), (7, 4), (7, 2)),
    "concatenate_first": _joined(Concatenate(axis=1), (7, 4), (3, 4)),
    "dot": _joined(Dot(axes=1), VECTOR, VECTOR),
    "dot_of_sequences": _joined(Dot(axes=(2, 1), normalize=True), (5, 4), (4, 3)),
    "dot_turned": _joined(Dot(axes=(1, 2)), (4, 5), (3, 4)),
    "multi_head": attention(),
    "multi_head_scores": attention(scores=True, output_shape=5, use_bias=False),
    "multi_head_masked": attention(masked=True),
    "luong": luong,
    "encoder": encoder,
    "translator": translator,
    "shared_convolutions": convolutions_shared,
    "models_behind_each_other": models_behind_each_other,
    **GRAPHS,
}


def with_mask() -> Model:
    """Masks that come from outside."""
    x, there = Input(SIGNAL, name="x"), Input(SIGNAL[:1], name="there")
    return Model([x, there], LSTM(3)(layers.WithMask()([x, there])), seed=1)


def model_of(name: str, dtype: str = "float32") -> Model:
    """A case with weights that nothing hides: no zeros, no ones."""
    if name in MODELS:
        model = MODELS[name]()
    elif name == "with_mask":
        model = with_mask()
    else:
        found, shape = (CHAINS | OWN)[name]
        stack = [type(layer).from_config(layer.get_config()) for layer in found]
        rows = {"batch_size": 5} if name == "stateful" else {}
        model = Sequential([Input(shape, **rows), *stack], seed=1, dtype=dtype)
    rng = np.random.default_rng(7)
    drawn = [
        rng.uniform(0.5, 2, w.shape) if "variance" in told else rng.normal(0, 0.6, w.shape)
        for told, w in zip(model.weight_names(), model.get_weights(), strict=True)
    ]
    model.set_weights(drawn)
    return model


ALL = (*CHAINS, *MODELS)
SHORT = (  # what differs most between libraries
    *("dense", "prelu", "conv1d_causal", "conv2d", "separable2d", "transposed2d", "pooling2d_same", "normalization"),
    *("batch_normalization_of_images", "layer_normalization", "group_normalization", "gru", "gru_before"),
    *("masked", "bidirectional_masked", "distributed", "embedding_with_mask", "any_length", "frozen_layers"),
    *(
        "dot_of_sequences",
        "multi_head_scores",
        "encoder",
        "states",
        "nested",
        "several",
        "models_behind_each_other",
        "passed_through",
    ),
    "recurrent_chain",
)


def cases(names: Any) -> list[Any]:
    """Parameters of a test, those that are not in :data:`SHORT` with ``--long`` alone."""
    return [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in names]


def rows_for(model: Model, n: int = 5, length: int = 9, seed: int = 3) -> list[np.ndarray]:
    """Rows of each input, some steps of which are zeros; whole numbers where these stand for rows of a table."""
    rng, found = np.random.default_rng(seed), []
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    for (_, *shape), ids in zip(shapes, model.layout.n_ids, strict=True):
        sizes = (n, *(length if size is None else size for size in shape))
        x = rng.integers(0, ids, sizes).astype(model.dtype) if ids else rng.normal(size=sizes).astype(model.dtype)
        if len(shape) == 2:
            x[::2, -2:] = 0
            x[1, 0] = 0
        found.append(x)
    return found


def outputs_of(model: Model, xs: list[np.ndarray]) -> list[np.ndarray]:
    """Predictions as a list."""
    made = model.predict(xs if len(xs) > 1 else xs[0], verbose=0)
    return as_list(made)


def as_list(made: Any) -> list[Any]:
    """Outputs of a model of any library; those of a dict by their names."""
    if isinstance(made, dict):
        return [made[name] for name in sorted(made)]
    return list(made) if isinstance(made, list | tuple) else [made]
