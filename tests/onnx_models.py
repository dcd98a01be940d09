"""A model for each kind of layer, that exports are tried on, and what they are compared by."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Input, Model, Sequential, activations, layers
from fastnn.layers import Conv1D, Conv2D, Dense, Masking

IMAGE, STEPS = (6, 5, 4), (6, 4)
LIMIT = 1e-5


def of_image(layer):
    """Behind a convolution, so that what stands there has its channels first in a file."""
    return lambda: Sequential([Input(IMAGE), Conv2D(4, 1), layer])


def of_steps(layer):
    return lambda: Sequential([Input(STEPS), layer, Dense(2)])


def alone(layer, shape):
    return lambda: Sequential([Input(shape), layer])


def masked(layer):
    return lambda: Sequential([Input(STEPS), Masking(), layer])


def of_several(shapes, function):
    def made():
        edges = [Input(shape) for shape in shapes]
        return Model(edges, function(*edges))

    return made


def joined(layer, n=2):
    return [
        of_several([(5, 3)] * n, lambda *x: layer()(list(x))),
        of_several([(5, 4, 3)] * n, lambda *x: layer()([Conv2D(2, 2)(edge) for edge in x])),
        of_several([(5, 3), (5, 1)], lambda *x: layer()(list(x))),
    ]


def recurrent(kind):
    return [
        of_steps(kind(3)),
        of_steps(kind(3, return_sequences=True, go_backwards=True)),
        of_steps(kind(3, activation="relu", use_bias=False)),
        lambda: Sequential([Input(STEPS), kind(3, return_sequences=True), kind(4)]),
    ]


L = layers
EXAMPLES = {
    "Input": [alone(Dense(3), (4,))],
    "Dense": [alone(Dense(3), (4,)), of_steps(Dense(3, "tanh"))],
    "Activation": [of_image(L.Activation("softmax")), of_image(L.Activation("selu"))],
    "Identity": [of_image(L.Identity())],
    "Flatten": [lambda: Sequential([Input(IMAGE), Conv2D(4, 2), L.Flatten(), Dense(3)])],
    "Reshape": [lambda: Sequential([Input(IMAGE), Conv2D(4, 1), L.Reshape((4, -1)), Dense(3)])],
    "ReLU": [of_image(L.ReLU(max_value=6)), of_steps(L.ReLU(negative_slope=0.1))],
    "LeakyReLU": [of_image(L.LeakyReLU(0.3))],
    "ELU": [of_image(L.ELU(0.5))],
    "PReLU": [of_image(L.PReLU()), of_image(L.PReLU(shared_axes=[1, 2])), of_steps(L.PReLU(shared_axes=[1]))],
    "Softmax": [of_image(L.Softmax())],
    "Conv1D": [of_steps(Conv1D(3, 3, padding=p, dilation_rate=d)) for p in ("valid", "same", "causal") for d in (1, 2)],
    "Conv2D": [of_image(Conv2D(4, 3, s, p, groups=2)) for p in ("same", "valid") for s in (1, 2)],
    "DepthwiseConv1D": [of_steps(L.DepthwiseConv1D(3, depth_multiplier=2))],
    "DepthwiseConv2D": [of_image(L.DepthwiseConv2D(3, 2, "same", 2))],
    "SeparableConv1D": [of_steps(L.SeparableConv1D(3, 3))],
    "SeparableConv2D": [of_image(L.SeparableConv2D(3, 3))],
    "Conv1DTranspose": [of_steps(L.Conv1DTranspose(3, 3, s, p)) for p in ("same", "valid") for s in (1, 2, 4)],
    "Conv2DTranspose": [of_image(L.Conv2DTranspose(3, 2, s, p)) for p in ("same", "valid") for s in (1, 2, 3)],
    "MaxPooling1D": [of_steps(L.MaxPooling1D(3, 2, "same"))],
    "MaxPooling2D": [of_image(L.MaxPooling2D(3, 2, p)) for p in ("same", "valid")],
    "AveragePooling1D": [of_steps(L.AveragePooling1D(3, 2, "same"))],
    "AveragePooling2D": [of_image(L.AveragePooling2D(3, 2, p)) for p in ("same", "valid")],
    "GlobalMaxPooling1D": [of_steps(L.GlobalMaxPooling1D())],
    "GlobalMaxPooling2D": [of_image(L.GlobalMaxPooling2D(keepdims=True))],
    "GlobalAveragePooling1D": [of_steps(L.GlobalAveragePooling1D()), masked(L.GlobalAveragePooling1D())],
    "GlobalAveragePooling2D": [of_image(L.GlobalAveragePooling2D())],
    "ZeroPadding1D": [of_steps(L.ZeroPadding1D((1, 2)))],
    "ZeroPadding2D": [of_image(L.ZeroPadding2D(((1, 0), (2, 3))))],
    "Cropping1D": [of_steps(L.Cropping1D((1, 2)))],
    "Cropping2D": [of_image(L.Cropping2D(((1, 0), (2, 1))))],
    "UpSampling1D": [of_steps(L.UpSampling1D(3))],
    "UpSampling2D": [of_image(L.UpSampling2D((2, 3)))],
    "RepeatVector": [lambda: Sequential([Input((4,)), Dense(3), L.RepeatVector(5)])],
    "Permute": [of_image(L.Permute((3, 1, 2))), of_image(L.Permute((2, 1, 3)))],
    "BatchNormalization": [
        of_image(L.BatchNormalization()),
        of_steps(L.BatchNormalization(scale=False)),
        alone(L.BatchNormalization(), IMAGE),
    ],
    "LayerNormalization": [of_image(L.LayerNormalization()), of_image(L.LayerNormalization(axis=[1, 2, 3]))],
    "GroupNormalization": [of_image(L.GroupNormalization(2)), of_steps(L.GroupNormalization(2))],
    "UnitNormalization": [of_image(L.UnitNormalization()), of_image(L.UnitNormalization(axis=1))],
    "Normalization": [
        of_image(L.Normalization(mean=[1, 2, 3, 4], variance=[2, 3, 4, 0])),
        of_image(L.Normalization(axis=None, mean=1, variance=2, invert=True)),
    ],
    "Rescaling": [of_image(L.Rescaling(0.5, 1))],
    "Scale": [of_image(L.Scale())],
    "ParametricActivation": [of_image(L.ParametricActivation("mish")), of_steps(L.ParametricActivation("relu"))],
    "Periodic": [of_steps(L.Periodic(5, 2)), of_steps(L.Periodic(3, include_input=False))],
    "Dropout": [of_image(L.Dropout(0.5)), alone(L.Dropout(0.5), IMAGE)],
    "SpatialDropout1D": [of_steps(L.SpatialDropout1D(0.5))],
    "SpatialDropout2D": [of_image(L.SpatialDropout2D(0.5))],
    "AlphaDropout": [of_image(L.AlphaDropout(0.5)), alone(L.AlphaDropout(0.5), IMAGE)],
    "GaussianDropout": [of_image(L.GaussianDropout(0.5))],
    "GaussianNoise": [of_image(L.GaussianNoise(0.5)), alone(L.GaussianNoise(0.5), IMAGE)],
    "RandomFlip": [of_image(L.RandomFlip()), alone(L.RandomFlip(), IMAGE)],
    "RandomCrop": [of_image(L.RandomCrop(3, 4))],
    "RandomRotation": [of_image(L.RandomRotation(0.1))],
    "RandomTranslation": [of_image(L.RandomTranslation(0.1, 0.1))],
    "RandomZoom": [of_image(L.RandomZoom(0.1))],
    "Add": joined(L.Add, 3)[:2] + joined(L.Add),
    "Subtract": joined(L.Subtract),
    "Multiply": [*joined(L.Multiply), of_several([STEPS] * 2, lambda a, b: L.Multiply()([Masking()(a), b]))],
    "Average": joined(L.Average),
    "Maximum": [*joined(L.Maximum), of_several([STEPS] * 2, lambda a, b: L.Maximum()([Masking()(a), Masking()(b)]))],
    "Minimum": joined(L.Minimum),
    "Concatenate": [
        *(
            of_several([IMAGE] * 2, lambda a, b, axis=axis: L.Concatenate(axis)([Conv2D(4, 1)(a), b]))
            for axis in (1, 2, 3)
        ),
        of_several([STEPS, STEPS], lambda a, b: L.LSTM(2)(L.Concatenate(1)([Masking()(a), b]))),
    ],
    "Dot": [
        of_several([(5, 3), (3, 4)], lambda a, b: L.Dot((2, 1))([a, b])),
        of_several([(5, 3), (4, 3)], lambda a, b: L.Dot(2, normalize=True)([a, b])),
        of_several([(5,), (5,)], lambda a, b: L.Dot(1)([a, b])),
    ],
    "Embedding": [
        lambda: Sequential([L.Embedding(9, 4, input_shape=(5,)), Dense(2)]),
        lambda: Sequential([L.Embedding(9, 4, mask_zero=True, input_shape=(5,)), L.GRU(3)]),
    ],
    "Masking": [masked(L.LSTM(3)), masked(L.Dense(2))],
    "WithMask": [of_several([STEPS, STEPS[:1]], lambda x, there: L.GRU(3)(x, mask=there))],
    "PositionEmbedding": [of_several([STEPS], lambda x: L.Add()([x, L.PositionEmbedding(8)(x)]))],
    "SimpleRNN": [*recurrent(L.SimpleRNN), masked(L.SimpleRNN(3, return_sequences=True))],
    "LSTM": [
        *recurrent(L.LSTM),
        masked(L.LSTM(3, "gelu", return_sequences=True, zero_output_for_mask=True, go_backwards=True)),
        of_several([STEPS, (3,), (3,)], lambda x, h, c: L.LSTM(3, return_state=True)(x, initial_state=[h, c])),
    ],
    "GRU": [*recurrent(L.GRU), of_steps(L.GRU(3, reset_after=False)), masked(L.GRU(3, reset_after=False))],
    "Bidirectional": [
        of_steps(L.Bidirectional(L.LSTM(3))),
        of_steps(L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave")),
        masked(L.Bidirectional(L.SimpleRNN(3, return_sequences=True))),
        of_several([STEPS], lambda x: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode=None)(x)),
    ],
    "TimeDistributed": [of_image(L.TimeDistributed(Conv1D(3, 2))), of_image(L.TimeDistributed(Dense(3)))],
    "Attention": [
        of_several([(5, 3), (4, 3)], lambda q, v: L.Attention(use_scale=True)([q, v])),
        of_several([STEPS], lambda x: L.Attention()([x, x], return_attention_scores=True, use_causal_mask=True)),
    ],
    "MultiHeadAttention": [
        of_several([(5, 6), (4, 3)], lambda q, v: L.MultiHeadAttention(2, 3, 4)(q, v)),
        of_several(
            [STEPS], lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(Masking()(x), x, use_causal_mask=True)
        ),
        of_several([STEPS, (6, 6)], lambda x, m: L.MultiHeadAttention(2, 3)(x, x, attention_mask=m)),
    ],
}
EXAMPLES |= {
    f"activation {name}": [alone(Dense(5, name), (4,)), of_image(Conv2D(5, 2, activation=name))]
    for name in activations.ACTIVATIONS
}
OPEN = {  # whose lengths differ from batch to batch
    "LSTM": lambda: Sequential([Input((None, 4)), L.LSTM(3, return_sequences=True), L.Bidirectional(L.GRU(2))]),
    "masked": lambda: Sequential([Input((None, 4)), Masking(), L.LSTM(3), Dense(2)]),
    "Conv1D": lambda: Sequential([Input((None, 4)), Conv1D(3, 3, padding="same"), L.GlobalMaxPooling1D()]),
    "causal": lambda: Sequential([Input((None, 4)), Conv1D(3, 3, padding="causal"), L.LayerNormalization()]),
    "apart": lambda: Sequential([Input((None, 4)), Conv1D(3, 3, 2), L.MaxPooling1D(2), L.GlobalAveragePooling1D()]),
    "tokens": lambda: Sequential([L.Embedding(9, 4, mask_zero=True, input_shape=(None,)), L.GlobalAveragePooling1D()]),
    "positions": of_several([(None, 4)], lambda x: L.Add()([x, L.PositionEmbedding(20)(x)])),
    "attention": of_several([(None, 4)], lambda x: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)),
    "moved": lambda: Sequential([Input((None, 4)), L.ZeroPadding1D(2), L.UpSampling1D(2), L.Cropping1D(1), Dense(2)]),
}


def settled(make, seed=1):
    """The model with weights that no layer starts with."""
    model = make()
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            abs(w) + rng.uniform(0.1, 0.3, w.shape) if "variance" in name else w + 0.1 * rng.normal(size=w.shape)
            for name, w in zip(model.weight_names(), model.get_weights(), strict=True)
        ]
    )
    return model


def rows_for(model, length=7, n=3, seed=2):
    """Inputs, of which the last steps of some rows are masked."""
    rng, found = np.random.default_rng(seed), []
    for shape, n_ids in zip(model.layout.stated(model.layout.inputs), model.layout.n_ids, strict=True):
        shape = (n, *(length if size is None else size for size in shape))
        x = rng.integers(0, n_ids, shape) if n_ids else rng.normal(size=shape).astype(np.float32)
        if len(shape) == 3:
            x[1, -2:] = 0
            x[2] = 0
        found.append(x)
    return found


def listed(made):
    return made if isinstance(made, list) else list(made.values()) if isinstance(made, dict) else [made]


def predicted(model, xs):
    return listed(model.predict(xs if len(xs) > 1 else xs[0]))


def compare(got, wanted, limit=LIMIT):
    """Arrays that lie no further apart than exports may, as a part of what is larger than 1."""
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        assert one.shape == other.shape
        assert np.max(np.abs(one - other) / np.maximum(1, np.abs(other)), initial=0) < limit


def run(proto, xs):
    """What onnxruntime makes of a graph."""
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is missing, which runs exported models")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, dict(zip([info.name for info in session.get_inputs()], xs, strict=True)))
