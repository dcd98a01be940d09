"""Dropout acts in training only."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(39)
x = rng.normal(size=(64, 8))
y = (x[:, 0] > 0).astype("float32")

inputs = keras.Input((8,))
h = layers.Dense(16, activation="relu")(inputs)
h = layers.Dropout(0.5)(h)
h = layers.Dense(16, activation="relu")(h)
h = layers.Dropout(0.25, name="last_dropout")(h)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
plain = keras.Sequential([layer for layer in model.layers if "dropout" not in layer.name])
without_effect = bool(np.allclose(model.predict(x), plain.predict(x), atol=1e-6))
repeatable = bool(np.array_equal(model.predict(x), model.predict(x)))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=3, batch_size=16, validation_split=0.25, verbose=0)
predictions = model.predict(x[:5])
