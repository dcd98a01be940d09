"""A small residual network (He et al. 2016) with BatchNormalization, on the bundled digits of 8 x 8 pixels.

    python examples/residual_digits.py [--epochs 12] [--seed 0] [--backend cython]

A block adds what two convolutions make of its input to the input itself, so that gradients reach the first layers
whole however many blocks there are.
"""

import argparse

from fastnn import Model
from fastnn.datasets import load_digits
from fastnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)

FILTERS, BLOCKS = 16, 2


def convolution(x):
    """A convolution whose channels are normalised; the bias would only be taken away again."""
    return BatchNormalization()(Conv2D(FILTERS, 3, padding="same", use_bias=False)(x))


def block(x):
    """``relu(x + f(x))``."""
    inner = convolution(Activation("relu")(convolution(x)))
    return Activation("relu")(Add()([x, inner]))


def residual(shape, seed=0, backend=None):
    """Blocks on 8 x 8 pixels, blocks on 4 x 4, and the mean of each channel."""
    image = Input(shape)
    x = Activation("relu")(convolution(image))
    for _ in range(BLOCKS):
        x = block(x)
    x = MaxPooling2D(2)(x)
    for _ in range(BLOCKS):
        x = block(x)
    return Model(image, Dense(10, activation="softmax")(GlobalAveragePooling2D()(x)), seed=seed, backend=backend)


def main(epochs=12, seed=0, backend=None):
    """Train and return the accuracy on digits of people the network has not seen."""
    (x, y), (x_test, y_test) = load_digits()
    model = residual((8, 8, 1), seed, backend)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[..., None], y, batch_size=64, epochs=epochs, verbose=0)
    loss, accuracy = model.evaluate(x_test[..., None], y_test)
    print(
        f"{model.count_params():,} parameters, {epochs} epochs: loss {loss:.3f}, accuracy {accuracy:.4f} of new writers"
    )
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
