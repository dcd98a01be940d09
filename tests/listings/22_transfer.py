"""Transfer: the base is frozen while a new head learns, then all is tuned at a low rate."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(22)
x_old, x_new = rng.normal(size=(100, 6)), rng.normal(size=(50, 6))
y_old = (x_old[:, :3] > 0).astype("float32")
y_new = (x_new[:, 0] + x_new[:, 1] > 0).astype("float32")

base_input = keras.Input((6,))
h = layers.Dense(16, activation="relu")(base_input)
base = keras.Model(base_input, layers.Dense(10, activation="relu")(h), name="base")
first = keras.Sequential([base, layers.Dense(3, activation="sigmoid")])
first.compile("adam", "binary_crossentropy")
first_history = first.fit(x_old, y_old, epochs=3, verbose=0)

base.trainable = False
before = base.get_weights()
inputs = keras.Input(shape=(6,))
outputs = layers.Dense(1, activation="sigmoid", name="head")(base(inputs, training=False))
model = keras.Model(inputs, outputs)
counts = [len(model.weights), len(model.trainable_weights), len(model.non_trainable_weights)]
model.compile(keras.optimizers.Adam(0.01), loss=keras.losses.BinaryCrossentropy(), metrics=["accuracy"])
history = model.fit(x_new, y_new, epochs=3, batch_size=10, verbose=0)
untouched = all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))

base.trainable = True
model.compile(keras.optimizers.Adam(1e-4), loss="binary_crossentropy", metrics=["accuracy"])
tuned = model.fit(x_new, y_new, epochs=2, batch_size=10, verbose=0)
touched = not np.array_equal(before[0], base.get_weights()[0])
predictions = model.predict(x_new[:5])
