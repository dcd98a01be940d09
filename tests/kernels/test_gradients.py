"""Gradients of the whole loss, through the contract's functions, against central differences in float64.

Every activation meets losses of all kinds (with --long every loss), as a hidden layer and, where its range lies in
the loss's domain, right before the loss. Networks are redrawn until no number stands near a kink.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from listed import assert_listed
from networks import EVERY_LOSS, Stage, draw, draw_target, loss_id, network, output_activation
from spaces import OF_MODELS
from tolerance import DIFFERENCE_STEP, difference_limit

from fastnn._kernels import reference
from fastnn._ops import KINDS
from fastnn.activations import ACTIVATIONS
from fastnn.layers import (
    GRU,
    LSTM,
    Activation,
    AlphaDropout,
    AveragePooling2D,
    Bidirectional,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GroupNormalization,
    LayerNormalization,
    MaxPooling1D,
    MaxPooling2D,
    ParametricActivation,
    Periodic,
    Permute,
    PositionEmbedding,
    PReLU,
    RandomCrop,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    RepeatVector,
    Rescaling,
    Reshape,
    Scale,
    SimpleRNN,
    SpatialDropout2D,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from fastnn.losses import ALL_LOSSES

DOUBLE = np.dtype("float64")
ROWS, SCALE = 4, 0.5
POSITIVE = ("sigmoid", "softplus", "exponential", "softmax")
SHARES = ("sigmoid", "softmax")
DOMAIN = {
    "binary_crossentropy": SHARES,
    "binary_focal_crossentropy": SHARES,
    "categorical_crossentropy": POSITIVE,
    "categorical_focal_crossentropy": POSITIVE,
    "mean_squared_logarithmic_error": POSITIVE,  # less than 0 counts as 0, and has no slope
    "poisson": POSITIVE,
    "poisson_deviance": POSITIVE,
    "kl_divergence": SHARES,
    "sparse_categorical_crossentropy": POSITIVE,
    "sparse_categorical_focal_crossentropy": POSITIVE,
}


def near_a_kink(net, x, target) -> bool:
    """Whether moving a parameter by a hundred steps would cross a kink of an activation or a loss."""
    gradients = []
    for sign in (-1, 1):
        moved = type(net)(net.plan, net.params + sign * 100 * DIFFERENCE_STEP * (net.params != 0))
        gradients.append(analytic(Stage(reference, moved, DOUBLE), x, target, None, {}))
    largest = max(np.abs(gradient).max() for gradient in gradients)  # that of a share of a small target is steep
    return bool(np.abs(gradients[0] - gradients[1]).max() > 1000 * difference_limit(0) * max(1.0, largest))


def analytic(stage, x, target, weight, forward):
    stage.forward(x, **forward)
    stage.loss(target, weight, SCALE)
    return stage.backward()


def loss_of(stage, params, batch, forward):
    x, target, weight = batch
    stage.arenas.params[...] = params
    stage.backend.forward(stage.plan, stage.arenas, (x,), **forward)
    stage.sums[0] = 0
    stage.backend.loss(stage.plan, stage.arenas, (target,), (weight,), stage.sums, SCALE)
    return SCALE * stage.sums[0]


def check_gradients(backend, net, x, target, weight=None, **forward):
    stage = Stage(backend, net, DOUBLE)
    gradient = analytic(stage, x, target, weight, forward)
    batch = stage.place(x), stage.place(target), stage.place(weight)
    numeric = np.zeros_like(net.params)
    for i in np.flatnonzero(net.params):
        moved = net.params.copy()
        moved[i] = net.params[i] + DIFFERENCE_STEP
        above = loss_of(stage, moved, batch, forward)
        moved[i] = net.params[i] - DIFFERENCE_STEP
        numeric[i] = (above - loss_of(stage, moved, batch, forward)) / (2 * DIFFERENCE_STEP)
    off = np.abs(gradient - numeric) > difference_limit(numeric)
    assert not off.any(), f"parameters {np.flatnonzero(off)}: {gradient[off]} for {numeric[off]}"
    assert np.count_nonzero(numeric) > 1, "the loss does not depend on the parameters: nothing was tested"


def smooth_case(rng, layers, input_shape, loss, **more):
    """A network and data without a kink nearby."""
    for _ in range(50):
        net = network(rng, layers, input_shape, loss=loss, **more)
        x = draw(rng, (ROWS, int(net.plan.inputs[0]["size"])))
        target = draw_target(rng, loss, ROWS, net.plan.layout.output_shapes[0])
        if not near_a_kink(net, x, target):
            return net, x, target
    raise AssertionError("every network drawn stands at a kink")


def pairs():
    """Every activation with every loss; without --long each meets a fifth of the others, and what it is taken with."""
    for (i, name), (j, loss) in itertools.product(enumerate(ACTIVATIONS), enumerate(EVERY_LOSS)):
        always = (i + j) % 5 == 0 or name == loss.activation
        yield pytest.param(name, loss, id=f"{name}-{loss_id(loss)}", marks=() if always else pytest.mark.long)


@pytest.mark.covering("backend")
@pytest.mark.parametrize(("name", "loss"), list(pairs()))
def test_gradient_of_activation_before_loss(backend, rng, name, loss):
    fits = loss.from_logits or name in DOMAIN.get(loss.name, ACTIVATIONS)
    towers = name == loss.activation == "exponential" and loss.from_logits  # the loss takes the exponential once more
    before = name if fits and not towers else output_activation(loss)
    net, x, target = smooth_case(rng, [Dense(4, name), Dense(3, before)], (3,), loss)
    check_gradients(backend, net, x, target)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("binary_crossentropy", "sigmoid"),
        ("categorical_crossentropy", "softmax"),
        ("sparse_categorical_crossentropy", "softmax"),
        ("binary_focal_crossentropy", "sigmoid"),
        ("categorical_focal_crossentropy", "softmax"),
        ("sparse_categorical_focal_crossentropy", "softmax"),
        ("poisson_deviance", "exponential"),
        ("binary_crossentropy", "tanh"),
        ("mean_squared_error", "log_softmax"),
    ],
)
def test_gradient_with_weights_of_rows(backend, rng, name, output):
    loss = next(loss for loss in ALL_LOSSES if loss.name == name)
    net, x, target = smooth_case(rng, [Dense(5, "tanh"), Dense(3, output)], (4,), loss)
    check_gradients(backend, net, x, target, draw(rng, ROWS) ** 2)


STACKS = {
    "no bias": ([Dense(4, "tanh", use_bias=False), Dense(2, use_bias=False)], (3,)),
    "activation layers": ([Activation("tanh"), Dense(4), Activation("gelu"), Activation("softplus"), Dense(2)], (3,)),
    "dropout": ([Dropout(0.3), Dense(5, "tanh"), Dropout(0.5), Dense(4, "silu"), Dropout(0.2)], (3,)),
    "first layer without parameters": ([Dropout(0.3), Activation("sigmoid"), Dense(3)], (4,)),
    "time steps": ([Dense(4, "tanh"), Dense(2, "softsign")], (3, 2)),
    "softmax inside": ([Dense(4, "softmax"), Dense(3, "log_softmax"), Dense(2)], (3,)),
    "flatten": ([Dense(3, "tanh"), Flatten(), Dense(4, "gelu"), Reshape((2, 2)), Dense(2)], (2, 3)),
    "one wide": ([Dense(1, "tanh"), Dense(9, "elu"), Dense(1)], (1,)),
    "scale": ([Scale(), Dense(4, "tanh"), Scale(), Dense(2)], (3, 2)),
    "parametric": ([ParametricActivation("mish"), Dense(4, "tanh"), ParametricActivation("selu"), Dense(2)], (3, 2)),
    "periodic": ([Periodic(3, 2, 0.5), Dense(4, "tanh"), Periodic(17, 3, include_input=False), Dense(2)], (2, 2)),
    "pooling": (
        [Conv2D(3, 2, activation="tanh"), MaxPooling2D(), AveragePooling2D(2, 1), Flatten(), Dense(2)],
        (7, 6, 2),
    ),
    "overlapping windows": ([Conv2D(2, 2), MaxPooling2D(3, 1, "same"), GlobalAveragePooling2D(), Dense(2)], (5, 4, 1)),
    "pooled steps": ([Dense(3, "tanh"), MaxPooling1D(2, padding="same"), Dense(2)], (5, 2)),
    "moved": (
        [UpSampling2D((1, 2)), ZeroPadding2D((1, 0)), Conv2D(2, 2, activation="tanh"), Permute((3, 1, 2))],
        (2, 2, 1),
    ),
    "augmented": (
        [RandomRotation(0.2), Conv2D(2, 2, activation="tanh"), RandomZoom(0.4, 0.4), RandomCrop(3, 2), Dense(2)],
        (5, 4, 2),
    ),
    "shifted": ([Conv2D(2, 2), RandomTranslation(0.6, 0.6, "constant"), Conv2D(2, 2, activation="tanh")], (4, 4, 1)),
    "repeated": ([Dense(3, "tanh"), RepeatVector(3), Dense(2, "silu"), Cropping1D((1, 0)), Dense(2)], (4,)),
    "noise": (
        [GaussianNoise(0.1), Dense(4, "tanh"), PReLU("ones"), GaussianDropout(0.2), AlphaDropout(0.2), Rescaling(0.5)],
        (3,),
    ),
    "channels": (
        [Conv2D(3, 2), PReLU("ones", shared_axes=(1, 2)), SpatialDropout2D(0.3), Flatten(), Dense(2)],
        (4, 3, 1),
    ),
    "samples normalised": (
        [Conv2D(4, 2), GroupNormalization(2), Conv2DTranspose(3, 2, 2, activation="tanh"), LayerNormalization([2, 3])],
        (3, 3, 2),
    ),
    "lengths": (
        [DepthwiseConv2D(2, activation="tanh"), UnitNormalization(), LayerNormalization(), Dense(2)],
        (3, 2, 3),
    ),
    "cells": ([LSTM(2, return_sequences=True), GRU(3, reset_after=False, return_sequences=True), SimpleRNN(2)], (3, 2)),
    "both directions": ([Bidirectional(GRU(2, recurrent_dropout=0.3)), Dense(2)], (2, 3)),
    "places": ([Dense(2), PositionEmbedding(4), SimpleRNN(3, "softsign", return_sequences=True)], (3, 2)),
    "deep": ([Dense(3, name) for name in ("tanh", "silu", "elu", "softplus", "gelu")], (3,)),
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("loss", ["mean_squared_error", "log_cosh"])
def test_gradient_of_layer_stack(backend, rng, stack, loss):
    record = next(record for record in ALL_LOSSES if record.name == loss)
    net, x, target = smooth_case(rng, *STACKS[stack], record)
    check_gradients(backend, net, x, target, None, training=True, step=4, first_row=2)


def test_every_kind_of_operation_has_a_stack_here_or_differences_of_its_own(rng):
    of_their_own = {  # test_join_kernels, test_batch_norm, test_elementwise_kernels; users'; of sequences
        *("merge", "concatenate", "dot", "batch_norm", "standardize", "own"),
        *("embedding", "mask", "blank", "attention", "masked_mean", "recall", "remember"),
    }
    nets = [network(rng, layers, shape, loss="mean_squared_error") for layers, shape in STACKS.values()]
    met = {KINDS[int(kind)] for net in nets for kind in net.plan.ops["kind"]}
    assert_listed(met | of_their_own, OF_MODELS, "STACKS of tests/kernels/test_gradients.py")
