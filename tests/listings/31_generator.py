"""Batches from generators, with the number of steps of an epoch."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(31)
data = rng.normal(size=(64, 5)).astype("float32")
labels = (data[:, :1] > data[:, 1:2]).astype("float32")


def batches(x, y, size):
    while True:
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]


model = keras.Sequential(
    [keras.Input((5,)), layers.Dense(10, activation="relu"), layers.Dense(1, activation="sigmoid")]
)
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    batches(data[:48], labels[:48], 12),
    steps_per_epoch=4,
    epochs=3,
    validation_data=batches(data[48:], labels[48:], 8),
    validation_steps=2,
    verbose=0,
)
loss, accuracy = model.evaluate(batches(data, labels, 16), steps=4, verbose=0)
predictions = model.predict(((data[i : i + 4],) for i in range(0, 12, 4)), steps=3, verbose=0)
