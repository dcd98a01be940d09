"""The trainings whose every bit is written down: every definition has its turn, and every way through the plan.

Widths, rows and batches are multiples of nothing, and some products are large enough to be packed. A new case or an
order changed among the activations, losses and optimisers needs ``golden.json`` written anew. Losses that came after
``FIRST_LOSSES`` have cases of their own, so that the first records stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastnn import Model, losses, optimizers
from fastnn.activations import ACTIVATIONS
from fastnn.initializers import RandomUniform
from fastnn.layers import (
    GRU,
    LSTM,
    Activation,
    AlphaDropout,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GroupNormalization,
    Input,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    ParametricActivation,
    Periodic,
    Permute,
    PositionEmbedding,
    PReLU,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    RepeatVector,
    Rescaling,
    Scale,
    SimpleRNN,
    SpatialDropout2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from fastnn.metrics import Precision, TopK
from fastnn.regularizers import L1L2
from fastnn.schedules import CosineDecay, ExponentialDecay, FlatCosine, PiecewiseConstantDecay


@dataclass(frozen=True)
class Case:
    """One training: ``rows`` samples of ``shape`` through ``layers``; a ``large`` one is slow under emulation."""

    name: str
    layers: tuple
    shape: tuple[int, ...]
    loss: Any = "mean_squared_error"
    optimizer: Any = "adam"
    metrics: tuple = ()
    rows: int = 333
    batch_size: int = 50
    epochs: int = 3
    weighted: bool = False
    shuffle: bool = True
    validation: float = 0.0
    fits: int = 1
    dtypes: tuple[str, ...] = ("float32", "float64")
    large: bool = False


def _dense(*widths: int, activation: str = "tanh", output: str = "linear") -> tuple:
    first = "random_uniform" if activation == "exponential" else "glorot_uniform"  # small, lest exp(exp(z)) diverge
    return (*(Dense(n, activation, kernel_initializer=first) for n in widths[:-1]), Dense(widths[-1], output))


def _around(number: int) -> tuple:
    """Rates, decay and clipping that go round among the optimisers."""
    clips = ({}, {"clipvalue": 0.01}, {"clipnorm": 0.05}, {"global_clipnorm": 0.1})
    return 0.01 / (1 + number % 3), {"weight_decay": 0.02 * (number % 2), **clips[number % 4]}


def optimizers_in_all_forms() -> list:
    """Every update formula, with several forms of Adam."""
    kinds = (
        (optimizers.SGD, {}),
        (optimizers.SGD, {"momentum": 0.9}),
        (optimizers.SGD, {"momentum": 0.8, "nesterov": True}),
        (optimizers.RMSprop, {}),
        (optimizers.RMSprop, {"momentum": 0.5, "centered": True}),
        (optimizers.Adagrad, {}),
        (optimizers.Adadelta, {}),
        (optimizers.Adam, {"form": "paper"}),
        (optimizers.Adam, {}),
        (optimizers.AdamW, {"form": "paper"}),
        (optimizers.Nadam, {}),
        (optimizers.Adamax, {}),
        (optimizers.Lion, {}),
    )
    made = []
    for i, (kind, arguments) in enumerate(kinds):
        rate, common = _around(i)
        made.append(kind(rate, **common, **arguments))
    return made


OPTIMIZERS = optimizers_in_all_forms()
LATER_OPTIMIZERS = [  # with cases of their own, so that the first records stay
    optimizers.Adam(0.01, amsgrad=True, weight_decay=0.02),
    optimizers.Adam(0.005, amsgrad=True, form="paper", clipnorm=0.05),
    optimizers.Ftrl(0.1, beta=0.5, l1_regularization_strength=0.01, l2_regularization_strength=0.02),
]
FIRST_LOSSES = [loss for loss in losses.ALL_LOSSES if loss.code <= losses.LossCode.PINBALL]


def _output(loss) -> str:
    """An output activation in the loss's domain."""
    if loss.from_logits:
        return "linear"
    if loss.name in ("binary_crossentropy", "binary_focal_crossentropy"):
        return "sigmoid"
    if loss.activation == "softmax" or loss.name == "kl_divergence":
        return "softmax"
    return "softplus" if loss.name in ("poisson", "poisson_deviance") else "linear"


def _alone(number: int, loss) -> Case:
    """A loss by itself: neither fused nor after a softmax."""
    output = {"softmax": "softplus", "sigmoid": "hard_sigmoid"}.get(_output(loss), _output(loss))
    return Case(f"loss-{loss.code.name.lower()}", _dense(9, 1 + 16 * (number % 2) + number, output=output), (5,), loss)


def _around_definitions() -> list[Case]:
    """Cases in which every activation, loss and optimiser has its turn, over odd widths."""
    cases, all_losses, all_optimizers = [], FIRST_LOSSES, OPTIMIZERS
    widths = ((13, 5), (50, 23, 3), (1, 17), (19, 33, 2), (7, 31, 67, 4))
    for i, name in enumerate(ACTIVATIONS):
        loss, optimizer = all_losses[i % len(all_losses)], all_optimizers[i % len(all_optimizers)]
        title = f"{name}-{loss.code.name.lower()}-{optimizer.code.name.lower()}"
        layers = _dense(*widths[i % len(widths)], activation=name, output=_output(loss))
        cases.append(Case(title, layers, (7 + 5 * (i % 4),), loss, optimizer, weighted=i % 3 == 0))
    return cases + [_alone(i, loss) for i, loss in enumerate(FIRST_LOSSES)]


def _around_later_losses() -> list[Case]:
    """Losses that go round with no other definition, by themselves and taken together with their activation."""
    second = losses.LossCode.SPARSE_CATEGORICAL_FOCAL_CROSSENTROPY_LOGITS
    later = [loss for loss in losses.ALL_LOSSES if loss not in FIRST_LOSSES]
    later.sort(key=lambda loss: loss.code > second)  # behind those whose records are there
    cases = [_alone(i, loss) for i, loss in enumerate(later)]
    for i, loss in enumerate(loss for loss in later if loss.activation and not loss.from_logits):
        layers = _dense(13, (3, 21, 5, 16)[i % 4], output=loss.activation)
        cases.append(Case(f"fused-{loss.code.name.lower()}", layers, (6,), loss, metrics=("accuracy",), weighted=i < 2))
    less = losses.CategoricalFocalCrossentropy(1.0, gamma=0.5)
    cases.append(Case("little-focus", _dense(8, 7, output="softmax"), (5,), less))
    each = losses.CategoricalFocalCrossentropy((0.25, 0.5, 1.0, 1.0, 2.0, 0.75, 1.5), label_smoothing=0.1)
    cases.append(Case("alpha-of-each-class", _dense(8, 7, output="softmax"), (5,), each))
    balanced = losses.BinaryFocalCrossentropy(apply_class_balancing=True, label_smoothing=0.125)
    cases.append(Case("balanced-focus", _dense(8, 3, output="sigmoid"), (5,), balanced))
    for reduction in ("sum", "mean_with_sample_weight"):
        loss = losses.MeanSquaredError(reduction=reduction)
        cases.append(Case(f"reduction-{reduction}", _dense(8, 3), (5,), loss, weighted=True, validation=0.2))
    for quantiles in ((0.1, 0.5, 0.9), tuple(i / 64 for i in range(1, 33))):
        width = 3 * len(quantiles)
        cases.append(Case(f"quantiles-{width}", _dense(11, width), (4,), losses.Pinball(quantiles), weighted=True))
    cases.append(Case("factors", (Scale(), Dense(19, "tanh"), Scale(regularizer="l2"), Dense(3)), (7,), weighted=True))
    waves = (Periodic(19, 3), Dense(33, "linear"), ParametricActivation("mish"), Periodic(5, 2, include_input=False))
    cases.append(Case("waves", (*waves, ParametricActivation("selu"), Dense(3)), (7,), weighted=True))
    return cases


def _around_updates() -> list[Case]:
    """Every optimiser over more parameters than stay in a cache, where it may be joined with the gradients."""
    common = {"shape": (183,), "rows": 80, "batch_size": 37, "epochs": 2}
    made = []
    for optimizer in (*OPTIMIZERS, *LATER_OPTIMIZERS):
        free = replace(optimizer, clipvalue=None, clipnorm=None, global_clipnorm=None)  # clipping needs all gradients
        made.append(
            Case(f"many-parameters-{len(made)}-{optimizer.code.name.lower()}", _dense(187, 3), optimizer=free, **common)
        )
    return made


_PENALTIES = (
    Dense(37, "relu", kernel_regularizer=L1L2(1e-3, 0), bias_regularizer=L1L2(0, 1e-2)),
    Dropout(0.3),
    Dense(11, "gelu", kernel_regularizer=L1L2(1e-3, 1e-3), kernel_initializer="he_normal"),
    Activation("selu"),
    Dropout(0.5),
    Dense(3),
)


def _underflow(size: float) -> dict:
    """Gradients of this size, whose squares are denormal and must count as zero, else Adam's step is another."""
    second = Dense(3, kernel_initializer=RandomUniform(-size, size))
    return {"layers": (Dense(9, "tanh"), second), "optimizer": optimizers.Adam(1e-3, epsilon=size / 100)}


def _images() -> list[Case]:
    """Convolutions in all forms: few and many channels, padded and not, strides, gaps, groups, samples in shards."""
    last = (Flatten(), Dense(3))
    small = (Conv2D(6, 5, activation="tanh", padding="same"), Conv2D(19, 3, strides=2, activation="relu"), *last)
    groups = (Conv2D(8, (3, 2), groups=2, padding="same", dilation_rate=(2, 1)), Conv2D(33, 3, activation="elu"), *last)
    apart = (DepthwiseConv2D(3, padding="same", activation="relu"), DepthwiseConv2D(2, 2, depth_multiplier=2), *last)
    signal = (Conv1D(17, 3, padding="causal", activation="gelu"), Conv1D(5, 4, dilation_rate=2), *last)
    wide = (Conv2D(35, 3, padding="same", use_bias=False), Conv2D(18, 3, strides=3, kernel_regularizer="l2"), *last)
    back = (Conv2DTranspose(9, 3, 2, "same", activation="gelu"), Conv2DTranspose(3, (4, 2), use_bias=False), *last)
    longer = (
        Conv1DTranspose(7, 2, 3, activation="tanh"),
        Conv1DTranspose(1, 3, dilation_rate=2, padding="same"),
        *last,
    )
    noisy = (
        Rescaling(0.5, 0.25),
        Conv2D(9, 3, padding="same"),
        PReLU(RandomUniform(0.0, 0.5), shared_axes=[1, 2]),
        SpatialDropout2D(0.25),
        GaussianNoise(0.125),
        *last,
    )
    drawn = (
        Normalization(mean=0.25, variance=4.0),
        Dense(21, "selu"),
        AlphaDropout(0.25),
        GaussianDropout(0.25),
        Dense(3),
    )
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    return [
        Case("conv-small", small, (9, 8, 1), **common),
        Case("noise-images", noisy, (7, 6, 3), **common),
        Case("noise-rows", drawn, (6,), **common),
        Case("conv-groups", groups, (8, 7, 4), weighted=True, **common),
        Case("conv-depthwise", apart, (7, 6, 19), **common),
        Case("conv-signal", signal, (13, 3), **common),
        Case("conv-wide", wide, (7, 8, 33), **common),
        Case("conv-transposed", back, (4, 3, 5), weighted=True, **common),
        Case("conv-transposed-signal", longer, (5, 19), **common),
    ]


def _pooled() -> list[Case]:
    """Pooling in all forms: channels fewer and more than lanes, padded and not, overlapping and not."""
    last = (Flatten(), Dense(3))
    first = (Conv2D(6, 3, activation="tanh", padding="same"), MaxPooling2D())
    apart = (*first, Conv2D(35, 2, activation="relu"), AveragePooling2D(2, padding="same"), *last)
    overlapping = (*first, Conv2D(19, 2), MaxPooling2D(3, 2, "same"), AveragePooling2D((2, 3), 1), *last)
    whole = (Conv2D(21, 3, activation="elu"), AveragePooling2D(3, 1, "same"), GlobalAveragePooling2D(), Dense(3))
    signal = (Conv1D(17, 3), MaxPooling1D(3, 2), AveragePooling1D(2, 3, "same"), GlobalMaxPooling1D(), Dense(3))
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    return [
        Case("pool-apart", apart, (11, 12, 1), **common),
        Case("pool-overlapping", overlapping, (14, 13, 3), weighted=True, **common),
        Case("pool-whole", whole, (8, 7, 2), **common),
        Case("pool-signal", signal, (23, 3), **common),
    ]


def _moved() -> list[Case]:
    """Layers that only move numbers, and add gradients of what they repeat."""
    decoder = (
        Conv2D(9, 3, 2, activation="tanh"),
        UpSampling2D((3, 2)),
        Conv2D(5, 3),
        Cropping2D((1, (0, 2))),
        Flatten(),
    )
    framed = (ZeroPadding2D(((2, 1), (0, 3))), Conv2D(18, 3, activation="relu"), Permute((3, 1, 2)), Conv2D(3, 2))
    steps = (Dense(17, "tanh"), RepeatVector(5), Conv1D(7, 2), UpSampling1D(3), ZeroPadding1D((2, 0)), Cropping1D(1))
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    return [
        Case("moved-decoder", (*decoder, Dense(3)), (9, 8, 2), **common),
        Case("moved-framed", (*framed, Permute((2, 1, 3)), Flatten(), Dense(3)), (6, 7, 3), **common),
        Case("moved-steps", (*steps, Permute((2, 1)), Dense(3)), (6,), weighted=True, **common),
    ]


def _normalized() -> list[Case]:
    """Normalisation of batches of rows and of images, frozen and not, with and without factors; of rows and groups."""
    rows = (Dense(19, "tanh"), BatchNormalization(momentum=0.75), Dense(35), BatchNormalization(scale=False), Dense(3))
    images = (
        *(Conv2D(6, 3, use_bias=False), BatchNormalization(), Activation("relu"), Dropout(0.25)),
        *(Conv2D(17, 3), BatchNormalization(center=False, gamma_regularizer="l2", gamma_constraint="non_neg")),
        *(BatchNormalization(trainable=False), Flatten(), BatchNormalization(), Dense(3)),
    )
    large = (Conv2D(3, 2), BatchNormalization(), Conv2D(2, 3, strides=4), Flatten(), Dense(2))
    learned = (Dense(401), BatchNormalization(), Dense(97, "relu"), BatchNormalization(), Dense(2))
    alone = (Dense(19, "tanh"), LayerNormalization(), Dense(67), LayerNormalization(scale=False), Dense(3))
    groups = (Conv2D(12, 3), GroupNormalization(3), Conv2D(35, 2), GroupNormalization(-1), Flatten(), Dense(3))
    axes = (Conv2D(5, 2), LayerNormalization([1, 2, 3]), Flatten(), GroupNormalization(5, scale=False), Dense(3))
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    return [
        Case("batch-norm", rows, (7,), validation=0.2),
        Case("batch-norm-positions", rows, (5, 7), weighted=True, **common),
        Case("batch-norm-images", images, (9, 8, 3), optimizer=optimizers.Adam(0.01, weight_decay=0.1), **common),
        Case("batch-norm-parts", large, (21, 20, 2), **common),
        Case("batch-norm-learned", learned, (100,), **common),
        Case("batch-norm-whole", rows, (7,), rows=1300, batch_size=1300, epochs=2),
        Case("layer-norm", alone, (7,)),
        Case("layer-norm-axes", axes, (7, 6, 2), **common),
        Case("group-norm", groups, (8, 7, 2), weighted=True, **common),
    ]


def _augmented() -> list[Case]:
    """Images that are drawn anew in every step, by first layers and by ones that gradients pass."""
    first = (RandomTranslation(0.25, (0.0, 0.3)), RandomRotation(0.1, "nearest"), Conv2D(5, 3, activation="tanh"))
    behind = (RandomZoom(0.4, fill_mode="constant", fill_value=0.5), Flatten(), Dense(3))
    turned = (Conv2D(3, 2, activation="tanh"), RandomRotation(0.3, "wrap"), RandomZoom(0.3, (-0.5, 0.0), "reflect"))
    parts = (RandomFlip("horizontal"), RandomFlip("vertical"), RandomRotation(0.5, "reflect", "nearest"))
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    return [
        Case("augmented", (*first, *behind), (8, 7, 2), **common),
        Case("augmented-inside", (*turned, Flatten(), Dense(2)), (7, 9, 3), validation=0.2, **common),
        Case("augmented-parts", (*parts, Conv2D(5, 2), RandomCrop(4, 5), Flatten(), Dense(2)), (7, 8, 1), **common),
    ]


def _heads(dtype: str) -> Model:
    x = Input((6, 9))
    return Model(x, MultiHeadAttention(3, 5, dropout=0.25)(x, x, use_causal_mask=True), seed=1, dtype=dtype)


def _sequences() -> list[Case]:
    """Cells of all kinds, words with steps that are not there, attention, places."""
    drawn = {"recurrent_initializer": "glorot_uniform"}  # LAPACK's orthogonal kernels differ in last bits
    every = drawn | {"return_sequences": True}
    words = (Rescaling(1.0, 2.0), Embedding(4, 7, mask_zero=True))  # numbers from 0 on; many are 0
    both = Bidirectional(GRU(5, recurrent_dropout=0.25, dropout=0.25, **every))
    cells = (both, LSTM(9, activation="relu", **every), SimpleRNN(3, go_backwards=True, use_bias=False, **drawn))
    plain = (LSTM(17, **every), GRU(6, reset_after=False, **every), SimpleRNN(19, "relu", **drawn))
    goes_on = (LSTM(9, stateful=True, **every), Bidirectional(GRU(5, stateful=True, **drawn)))
    common = {"rows": 83, "batch_size": 37, "epochs": 2}
    heads = [
        Case(
            f"sequences-attention-{dtype}",
            (Dense(9), PositionEmbedding(8), _heads(dtype), LayerNormalization(), Flatten(), Dense(3)),
            (6, 4),
            dtypes=(dtype,),
            **common,
        )
        for dtype in ("float32", "float64")
    ]
    return [
        Case("sequences-words", (*words, *cells, Dense(3)), (6,), validation=0.2, **common),
        Case("sequences-mean", (*words, Dense(5, "tanh"), GlobalAveragePooling1D(), Dense(2)), (7,), **common),
        Case("sequences-steps", (*words, LSTM(5, **every), Dense(3)), (6,), weighted=True, **common),
        Case("sequences-stateful", (*goes_on, Dense(3)), (6, 4), rows=90, batch_size=30, epochs=2, shuffle=False),
        Case("sequences-numbers", (*plain, Dense(3)), (9, 4), optimizer=optimizers.SGD(0.02), **common),
        *heads,
    ]


_DROPPED = (Dense(23, "relu"), Dropout(0.25), Dense(1))
_SPARSE = "sparse_categorical_crossentropy"
_CLASSES = ("accuracy", "precision", "recall", "f1", TopK(2))
_FACTORS = optimizers.AdamW(
    0.01,
    FlatCosine(0.2, 12),
    learning_rate_factors={"dense": 2.0, "dense_1/bias": 0.25},
    weight_decay_factors={"dense/bias": 0.0},
)
_RATES = PiecewiseConstantDecay((3, 9), (0.02, 0.005, 0.001))


def _mixed() -> tuple[Case, ...]:
    """Products of bf16 numbers; some of them packed, some not, and each kind of convolution."""
    told: dict[str, Any] = {"dtypes": ("mixed_bfloat16",), "rows": 101, "batch_size": 50, "epochs": 2}
    pooled = (Conv2D(6, 3, activation="relu"), MaxPooling2D(2), Conv2D(4, 2, groups=2), Flatten(), Dense(3))
    turned = (DepthwiseConv2D(3, padding="same"), Conv2DTranspose(4, 3, strides=2), Flatten(), Dense(2))
    narrow = (Dense(1, "tanh"), Dense(5, "softmax"))
    return (
        Case("mixed-dense", _dense(37, 5), (13,), **told),
        Case("mixed-narrow", narrow, (11,), "categorical_crossentropy", **told),
        Case("mixed-wide", _dense(411, 120, 3, activation="relu"), (300,), large=True, **told),
        Case("mixed-blocks", _dense(24, 1), (3,), **{**told, "rows": 2500, "batch_size": 2500}),
        Case("mixed-pooled", pooled, (8, 8, 2), optimizer="sgd", **told),
        Case("mixed-turned", turned, (6, 5, 3), **told),
    )


CASES = (
    *_around_definitions(),
    *_around_updates(),
    *_around_later_losses(),
    *(Case(f"update-{i}", _dense(13, 3), (7,), optimizer=later) for i, later in enumerate(LATER_OPTIMIZERS)),
    Case("odd", _dense(13, 5), (7,)),
    Case("odd-deep", _dense(50, 23, 3, activation="relu"), (37,)),
    Case("ones", _dense(1, 1), (1,), optimizer="sgd"),
    Case("one-wide-one", _dense(200, 1, 130, activation="relu"), (1,), batch_size=64),
    Case("row-by-row", _dense(8, 3), (5,), rows=41, batch_size=1),
    Case("last-batch-of-one", _dense(17, 2), (9,), rows=101, batch_size=25),
    Case("no-bias", (Dense(16, "elu", use_bias=False), Dense(4, use_bias=False)), (16,), batch_size=32),
    Case("in-order", _dense(15, 1), (31,), shuffle=False),
    Case("two-fits", _dense(15, 2), (6,), fits=2, optimizer=optimizers.Nadam(0.01)),
    Case("rates", _dense(15, 2), (6,), optimizer=optimizers.Adam(_RATES)),
    Case("factors-of-rates", _dense(15, 2), (6,), optimizer=_FACTORS),
    Case(
        "cosine",
        _dense(15, 2),
        (6,),
        optimizer=optimizers.Adam(CosineDecay(0.01, 19, 0.1, warmup_target=0.02, warmup_steps=3)),
    ),
    Case("decay", _dense(15, 2), (6,), optimizer=optimizers.Adam(ExponentialDecay(0.02, 7, 0.3))),
    Case("underflow-single", shape=(5,), dtypes=("float32",), **_underflow(1e-20)),
    Case("underflow-double", shape=(5,), dtypes=("float64",), **_underflow(1e-160)),
    Case("penalties-dropout", _PENALTIES, (10,), validation=0.2, optimizer=optimizers.Adam(0.01, global_clipnorm=0.5)),
    Case("penalties-clipnorm", _PENALTIES, (10,), optimizer=optimizers.SGD(0.05, momentum=0.9, clipnorm=0.02)),
    Case("positions", (*_dense(21, 4, output="softmax"),), (5, 3), _SPARSE, metrics=("accuracy",), weighted=True),
    Case("flattened", (Dense(6, "silu"), Flatten(), Dense(3)), (4, 3), metrics=("mse", "mae", "rmse", "r2")),
    Case("classes", _dense(30, 11, activation="relu", output="softmax"), (20,), _SPARSE, metrics=_CLASSES[::4]),
    Case(
        "statistics",
        _dense(19, 3, output="sigmoid"),
        (8,),
        "binary_crossentropy",
        metrics=("accuracy", Precision(0.25), "recall", "auc", "r2"),
        weighted=True,
        validation=0.3,
    ),
    Case("one-hot", _dense(12, 7, output="softmax"), (8,), "categorical_crossentropy", metrics=_CLASSES),
    Case("blocks", _dense(24, 1), (3,), rows=2500, batch_size=2500, epochs=2),
    Case("blocks-last-smaller", _dense(120, 90, 5, activation="relu"), (33,), rows=1007, batch_size=600, epochs=2),
    Case("blocks-dropout", _DROPPED, (3,), rows=2500, batch_size=2500, epochs=2),
    # Products that are packed, with sums over more than one packed block: of inputs, of outputs, of rows.
    Case("wide", _dense(401, 10, activation="relu"), (300,), rows=1300, batch_size=600, epochs=2, large=True),
    Case("wide-inputs", _dense(67, 1, activation="sigmoid"), (803,), rows=300, batch_size=131, epochs=2, large=True),
    Case("wide-outputs", _dense(120, 411, 33), (57,), rows=515, batch_size=256, epochs=2, large=True),
    Case("wide-rows", _dense(40, 3), (300,), rows=1300, batch_size=1300, epochs=2, large=True),
    *_images(),
    *_pooled(),
    *_moved(),
    *_normalized(),
    *_augmented(),
    *_sequences(),
    *_mixed(),
)
PAIRS = [(case, dtype) for case in CASES for dtype in case.dtypes]
