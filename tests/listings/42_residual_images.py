"""Residual blocks of images with batches normalised, trained, then frozen under a new head."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(42)
x = rng.normal(size=(48, 8, 8, 3)).astype("float32")
y = keras.utils.to_categorical(np.arange(48) % 4, 4)


def block(x, filters, strides=1):
    around = x
    if strides > 1 or x.shape[-1] != filters:
        around = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        around = layers.BatchNormalization()(around)
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(layers.add([x, around]))


inputs = keras.Input((8, 8, 3))
h = block(block(inputs, 6), 8, strides=2)
body = keras.Model(inputs, layers.GlobalAveragePooling2D()(h), name="body")
model = keras.Model(inputs, layers.Dense(4, activation="softmax")(body(inputs)))
model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=3, batch_size=16, verbose=0)
body.trainable = False
tuned = keras.Model(inputs, layers.Dense(4, activation="softmax", name="head")(body(inputs)))
tuned.compile("adam", "categorical_crossentropy")
later = tuned.fit(x, y, epochs=2, batch_size=16, verbose=0)
predictions = tuned.predict(x[:5], verbose=0)
