"""Rare classes and rows of different trust."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(33)
x = rng.normal(size=(120, 5)).astype("float32")
y = (x[:, 0] > 1.2).astype("uint8")
counts = np.bincount(y)
class_weight = {0: 1.0 / counts[0], 1: 1.0 / counts[1]}
trust = rng.uniform(0.5, 1.5, size=120)

model = keras.Sequential(
    [keras.Input((5,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
)
metrics = ["accuracy", keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")]
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)
history = model.fit(
    x, y, batch_size=40, epochs=4, class_weight=class_weight, validation_data=(x[:30], y[:30]), verbose=2
)

model.compile(optimizer="sgd", loss="binary_crossentropy", weighted_metrics=["accuracy"])
weighted = model.fit(
    x, y, sample_weight=trust, epochs=2, batch_size=24, validation_data=(x[:30], y[:30], trust[:30]), verbose=0
)
scores = model.evaluate(x, y, sample_weight=trust, verbose=0)
plain_scores = model.evaluate(x, y, verbose=0)
