"""A loss and a metric that are functions of one's own."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(38)
x = rng.normal(size=(60, 3))
y = np.column_stack([x[:, 0] + x[:, 1], x[:, 1] - x[:, 2]])


def asymmetric_loss(y_true, y_pred):
    error = y_true - y_pred
    return error**2 + 0.5 * abs(error) * error + 0.5 * error**2


def within_half(y_true, y_pred):
    return (1.0 * (abs(y_true - y_pred) < 0.5)).mean(axis=-1)


def largest_error(y_true, y_pred):
    error = abs(y_true - y_pred)
    return error[:, 0] + error[:, 1]


model = keras.Sequential([keras.Input((3,)), layers.Dense(10, activation="tanh"), layers.Dense(2)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=asymmetric_loss, metrics=[within_half, largest_error, "mae"])
history = model.fit(x, y, epochs=4, batch_size=20, verbose=0)
scores = model.evaluate(x, y, return_dict=True, verbose=0)
predictions = model.predict(x[:6])
