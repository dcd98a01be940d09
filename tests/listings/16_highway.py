"""A highway: a gate of sigmoids mixes the transformed input with the input, y = x + t (h - x)."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(16)
x = rng.normal(size=(80, 6))
y = (x[:, 0] * x[:, 1] > 0).astype("float32")


def highway(x):
    units = x.shape[-1]
    transform = layers.Dense(units, activation="relu")(x)
    gate = layers.Dense(units, activation="sigmoid", bias_initializer=keras.initializers.Constant(-1.0))(x)
    change = layers.Multiply()([gate, layers.Subtract()([transform, x])])
    return layers.Add()([x, change])


inputs = keras.Input(shape=(6,))
outputs = layers.Dense(1, activation="sigmoid")(highway(highway(inputs)))
model = keras.Model(inputs, outputs)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Nadam(0.01), metrics=["accuracy"])
history = model.fit(x, y, epochs=5, batch_size=20, verbose=0)
predictions = model.predict(x[:10])
