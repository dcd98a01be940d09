"""Layers that are called twice: their gradients add, their weights are there once."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(14)
a, b = rng.normal(size=(64, 5)), rng.normal(size=(64, 5))
y = (a.sum(axis=1) > b.sum(axis=1)).astype(int)

shared = layers.Dense(8, activation="relu", name="shared")
deeper = layers.Dense(4, activation="relu", name="deeper")
input_a, input_b = keras.Input(shape=(5,)), keras.Input(shape=(5,))
encoded_a, encoded_b = deeper(shared(input_a)), deeper(shared(input_b))
merged = layers.Concatenate(axis=-1)([encoded_a, encoded_b])
predictions = layers.Dense(2, activation="softmax", name="decision")(merged)
model = keras.Model(inputs=[input_a, input_b], outputs=predictions)
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit([a, b], y, epochs=4, batch_size=16)
kernel, bias = shared.get_weights()
n_arrays = len(model.get_weights())
decisions = model.predict([a[:6], b[:6]])
