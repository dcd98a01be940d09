"""Classes written for Keras 3 are the same models here: the text differs by its library alone, the numbers do not."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import keras_library

import fastnn
from fastnn.interop import from_keras
from fastnn.layers import composition

pytestmark = [
    pytest.mark.single,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
]
RNG = np.random.default_rng(0)


def residual(keras):
    """A small residual network of images."""
    layers = keras.layers

    class Block(layers.Layer):
        def __init__(self, filters, strides=1, **kwargs):
            super().__init__(**kwargs)
            self.filters, self.strides = filters, strides
            self.conv1 = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)
            self.norm1 = layers.BatchNormalization()
            self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
            self.norm2 = layers.BatchNormalization()
            self.shortcut = None

        def build(self, input_shape):
            if self.strides != 1 or input_shape[-1] != self.filters:
                self.shortcut = layers.Conv2D(self.filters, 1, strides=self.strides)
            super().build(input_shape)

        def call(self, inputs, training=None):
            h = layers.Activation("relu")(self.norm1(self.conv1(inputs), training=training))
            h = self.norm2(self.conv2(h), training=training)
            shortcut = inputs if self.shortcut is None else self.shortcut(inputs)
            return keras.activations.relu(h + shortcut)

        def get_config(self):
            return {**super().get_config(), "filters": self.filters, "strides": self.strides}

    class Network(keras.Model):
        def __init__(self, n_classes=3):
            super().__init__()
            self.stem = layers.Conv2D(4, 3, padding="same", activation="relu")
            self.blocks = [Block(4), Block.from_config(Block(8, strides=2).get_config())]
            self.pool = layers.GlobalAveragePooling2D()
            self.head = layers.Dense(n_classes, activation="softmax")

        def call(self, inputs, training=False):
            h = self.stem(inputs)
            for block in self.blocks:
                h = block(h, training=training)
            return self.head(self.pool(h))

    return Network(), RNG.normal(size=(24, 8, 8, 2)).astype("float32"), RNG.integers(0, 3, 24)


def transformer(keras):
    """The block of Keras' examples."""
    layers = keras.layers

    class TransformerBlock(layers.Layer):
        def __init__(self, embed_dim, num_heads, ff_dim, rate=0.0):
            super().__init__()
            self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
            self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
            self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
            self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
            self.dropout1, self.dropout2 = layers.Dropout(rate), layers.Dropout(rate)

        def call(self, inputs, training=None):
            attention = self.dropout1(self.att(inputs, inputs, training=training), training=training)
            out = self.layernorm1(inputs + attention)
            return self.layernorm2(out + self.dropout2(self.ffn(out), training=training))

    class Classifier(keras.Model):
        def __init__(self):
            super(Classifier, self).__init__()  # noqa: UP008 - as many programs have it
            self.words = layers.Embedding(20, 8)
            self.blocks = {"first": TransformerBlock(8, 2, 16), "second": TransformerBlock(8, 2, 16)}
            self.pool, self.head = layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")

        def call(self, inputs, training=None, mask=None):
            h = self.words(inputs)
            h = self.blocks["second"](self.blocks["first"](h), training=training)
            return self.head(self.pool(h))

    return Classifier(), RNG.integers(0, 20, (24, 6)).astype("float32"), RNG.integers(0, 2, 24)


def tokens(keras):
    """Of images: channels that are weighed, then attention of which the first token is read, and channels in halves."""
    layers = keras.layers

    class Squeeze(layers.Layer):
        def build(self, input_shape):
            self.pool = layers.GlobalAveragePooling2D(keepdims=True)
            self.dense1 = layers.Dense(input_shape[-1] // 2, activation="relu")
            self.dense2 = layers.Dense(input_shape[-1], activation="sigmoid")

        def call(self, inputs):
            return inputs * self.dense2(self.dense1(self.pool(inputs)))

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.squeeze = layers.Conv2D(8, 2, strides=2), Squeeze()
            self.flat = layers.Reshape((9, 8))
            self.attention, self.head = layers.MultiHeadAttention(2, 4), layers.Dense(3, activation="softmax")

        def call(self, inputs):
            h = self.flat(self.squeeze(self.conv(inputs)))
            h = self.attention(h, h[:, :-1])
            return self.head(h[:, 0, :4] * h[:, -1, 4:])

    return Network(), RNG.normal(size=(24, 6, 6, 2)).astype("float32"), RNG.integers(0, 3, 24)


def autoencoder(keras):
    """Two stacks in a class, with a model of the codes beside the rows."""
    layers = keras.layers

    class Autoencoder(keras.Model):
        def __init__(self, width):
            super().__init__()
            self.encoder = keras.Sequential([layers.Flatten(), layers.Dense(width, activation="relu")])
            self.decoder = keras.Sequential([layers.Dense(12), layers.Reshape((3, 4))])

        def call(self, inputs):
            return self.decoder(self.encoder(inputs)) * 0.5 + inputs

    x = RNG.normal(size=(24, 3, 4)).astype("float32")
    return Autoencoder(5), x, x**2


def give(ours, theirs):
    """The weights of all layers among the attributes of two objects."""
    if isinstance(ours, list | tuple):
        for mine, its in zip(ours, theirs, strict=True):
            give(mine, its)
    elif isinstance(ours, dict):
        for name in ours:
            give(ours[name], theirs[name])
    elif type(ours).__module__.startswith("fastnn."):
        if hasattr(ours, "set_weights"):
            ours.set_weights(theirs.get_weights())
    elif isinstance(ours, fastnn.layers.Layer | fastnn.Model):
        for name, value in vars(ours).items():
            if name[0] != "_" and composition.layers_in(value):
                give(value, getattr(theirs, name))


@pytest.mark.parametrize("program", [residual, transformer, tokens, autoencoder])
def test_a_class_for_keras_is_the_same_model_here(program):
    keras = keras_library()
    theirs, x, y = program(keras)
    ours, _, _ = program(fastnn)
    theirs(x[:2])
    ours(x[:2])
    give(ours, theirs)
    assert ours.count_params() == theirs.count_params()
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    loss = "mse" if y.shape == x.shape else "sparse_categorical_crossentropy"
    losses = []
    for model in (ours, theirs):
        model.compile("sgd", loss)
        losses.append(model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4)


def test_operators_that_repeat_axes_of_1_come_from_keras(rng):
    keras = keras_library()
    image = keras.Input((4, 5, 3))
    shares = keras.layers.Dense(3, activation="sigmoid")(keras.layers.GlobalAveragePooling2D(keepdims=True)(image))
    theirs = keras.Model(image, [image * shares, image + shares])
    x = rng.normal(size=(6, 4, 5, 3)).astype("float32")
    ours = from_keras(theirs)
    for made, wanted in zip(ours.predict(x), theirs.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(made, wanted, atol=1e-6)
