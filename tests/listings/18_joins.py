"""All ways to join branches of one width, as classes and as functions."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(18)
x = rng.normal(size=(60, 4))
y = np.maximum(x[:, :1], x[:, 1:2]) - np.minimum(x[:, 2:3], x[:, 3:])

inputs = keras.Input((4,))
a, b, c = (layers.Dense(6, activation=kind)(inputs) for kind in ("tanh", "relu", "elu"))
joins = [
    layers.Maximum()([a, b, c]),
    layers.minimum([a, b]),
    layers.Average()([a, b, c]),
    layers.average([b, c]),
    layers.maximum([a, c]),
    layers.Minimum()([b, c]),
    layers.subtract([a, b]),
    layers.multiply([a, b, c]),
]
outputs = layers.Dense(1)(layers.Concatenate()(joins))
model = keras.Model(inputs, outputs)
model.compile("adam", "mse")
history = model.fit(x, y, epochs=4, batch_size=15, verbose=0)
predictions = model.predict(x[:8])
branches = keras.Model(inputs, joins).predict(x[:3])
