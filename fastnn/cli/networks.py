"""The networks that ``fastnn train --network`` makes, as lists of layers without the output's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn import activations, initializers, layers
from fastnn.layers import Layer
from fastnn.layers.arguments import PaddingName
from fastnn.models.model import Model
from fastnn.tables.features import Features, Pixels
from fastnn.tables.series import SeriesFeatures

MLP, LENET = (64, 32), (120, 84)  # widths of dense layers where none are given
RECURRENT_RATE = 4e-3  # of Adam: 0.985 of MNIST's test images in 8 epochs on four fifths, 0.979 with 1e-3
RECURRENT, MEMORY = {"gru": "GRU", "lstm": "LSTM"}, (64,)  # and of recurrent ones
SHORT_SERIES = 8_000  # steps in all windows up to which a series is short
FILTERS = (16, 32, 64)  # of the blocks of the cnn
AUGMENTS = {"plain": False, "flip": True}  # whether images are flipped, too
LEAST_SIDE = 12  # pixels of an image whose second convolution of LeNet-5 is not padded


def hidden_layers(
    network: str, features: object, hidden: list[int] | None, activation: str, augment: str | None = None
) -> list[Layer]:
    """All layers but the last, for encoded rows; ``augment`` is a key of :data:`AUGMENTS`.

    Raises
    ------
    ValueError
        the network or ``augment`` is for images, and these are none; or it has no dense layers, and their widths were
        given.
    """
    if isinstance(features, SeriesFeatures) and network in RECURRENT:
        return recurrent_layers(network, MEMORY if hidden is None else hidden)
    if network == "mlp":
        if augment is not None:
            raise ValueError("--augment is for the networks of images, --network lenet and cnn; leave it out")
        flat = [layers.Flatten()] if isinstance(features, SeriesFeatures) else []
        return [*flat, *dense_layers(MLP if hidden is None else hidden, activation)]
    if not isinstance(features, Pixels):
        raise ValueError(f"--network {network} is for images; these rows have columns, so leave it out")
    if len(features.shape) not in (2, 3):
        raise ValueError(f"--network {network} takes images (height, width) or with channels, got {features.shape}")
    shape = (*features.shape[:2], features.shape[2] if len(features.shape) == 3 else 1)
    if network in RECURRENT:
        if augment is not None:
            raise ValueError("--augment is for --network lenet and cnn, which see images as such; leave it out")
        rows = layers.Reshape((shape[0], shape[1] * shape[2]))
        return [rows, *recurrent_layers(network, MEMORY if hidden is None else hidden)]
    first = [layers.Reshape(shape), *([] if augment is None else augmentation(augment))]
    if network == "lenet":
        return [*first, *_lenet(shape, activation), *dense_layers(LENET if hidden is None else hidden, activation)]
    if hidden is not None:
        raise ValueError("--network cnn has no hidden dense layers; leave --hidden out")
    return [*first, *_cnn(shape, activation)]


def has_hidden(made: Model) -> bool:
    """Whether there are layers before the last one that an activation of the user's acts in."""
    return sum(isinstance(layer, layers.Dense | layers.Conv2D) for layer in made.layers) > 1


def default_network(n_steps: int | None) -> str:
    """The network where none is named: for series with few steps in all windows a recurrent one; None is no series.

    Design: on 150 steps of weeks, trends, saws and walks a gru had 0.82 to 1.01 times the error of the mlp, which there
    may lose to the value a week before; on 400 0.96 to 1.02 times. On 1,000 each is better on some (0.92 to 1.18), and
    the gru takes more and more time: over 200 s for 80,000 windows of 32 steps, where the mlp takes 6.
    """
    return "mlp" if n_steps is None or n_steps > SHORT_SERIES else "gru"


def input_shape(features: Features | SeriesFeatures) -> tuple[int, ...]:
    """The shape of a row as the network takes it: steps of a series as such, all else flat."""
    return (features.window, features.n_step) if isinstance(features, SeriesFeatures) else (features.width,)


def recurrent_layers(network: str, widths: Sequence[int]) -> list[Layer]:
    """Recurrent layers of these widths, one behind the other; the last one gives what it remembers at the end."""
    kind: Any = getattr(layers, RECURRENT[network])
    return [kind(units, return_sequences=i < len(widths) - 1) for i, units in enumerate(widths)]


def augmentation(augment: str) -> list[Layer]:
    """Layers that draw images anew in each step; what comes in from outside repeats the edge, background as a rule."""
    flips: list[Layer] = [layers.RandomFlip("horizontal")] if AUGMENTS[augment] else []
    edge: dict[str, Any] = {"fill_mode": "nearest"}
    return [
        *flips,
        layers.RandomTranslation(0.1, 0.1, **edge),
        layers.RandomRotation(0.03, **edge),
        layers.RandomZoom(0.1, **edge),
    ]


def dense_layers(widths: Sequence[int], activation: str) -> list[Layer]:
    """Dense layers of these widths, one behind the other."""
    initializer = initializers.get("he_normal" if activation in ("relu", "leaky_relu") else "glorot_uniform")
    found = activations.get(activation)
    return [layers.Dense(units, found, kernel_initializer=initializer) for units in widths]


def _lenet(shape: tuple[int, ...], activation: str) -> list[Layer]:
    """The convolutions of LeNet-5 (LeCun et al. 1998), with maxima in place of its trained averages."""
    second: PaddingName = "valid" if min(shape[:2]) >= LEAST_SIDE else "same"
    start: dict[str, Any] = {"activation": activation, "kernel_initializer": "he_normal"}
    return [
        layers.Conv2D(6, 5, padding="same", **start),
        layers.MaxPooling2D(2, padding="same"),
        layers.Conv2D(16, 5, padding=second, **start),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
    ]


def _cnn(shape: tuple[int, ...], activation: str) -> list[Layer]:
    """Blocks of two convolutions with BatchNormalization, each with half the pixels; then the mean of each channel."""
    made: list[Layer] = []
    side = min(shape[:2])
    for filters in FILTERS:
        for _ in range(2):
            made += [
                layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal"),
                layers.BatchNormalization(),
                layers.Activation(activations.get(activation)),
            ]
        if side >= 2:
            made.append(layers.MaxPooling2D(2))
            side //= 2
    return [*made, layers.GlobalAveragePooling2D()]
