"""Penalties, constraints and initial values of weights."""

import keras
import numpy as np
from keras import constraints, initializers, layers, regularizers

rng = np.random.default_rng(35)
x = rng.normal(size=(60, 6))
y = (x[:, 0] - x[:, 1] > 0).astype("float32")

inputs = keras.Input(shape=(6,))
h = layers.Dense(
    12,
    activation="relu",
    kernel_initializer=initializers.HeNormal(),
    bias_initializer=initializers.Constant(0.1),
    kernel_regularizer=regularizers.l2(0.002),
    kernel_constraint=constraints.MaxNorm(1.0),
)(inputs)
h = layers.Dense(
    8,
    activation="relu",
    kernel_initializer="glorot_uniform",
    kernel_regularizer=regularizers.l1_l2(l1=0.001, l2=0.001),
    bias_regularizer=regularizers.L1(0.01),
    activity_regularizer=regularizers.L2(1e-3),
)(h)
outputs = layers.Dense(1, activation="sigmoid", kernel_constraint="non_neg", kernel_initializer="ones")(h)
model = keras.Model(inputs, outputs)
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=4, batch_size=20, validation_split=0.25, verbose=0)
norms = np.sqrt((model.layers[1].get_weights()[0] ** 2).sum(axis=0))
within = bool((norms <= 1.0001).all() and (model.layers[-1].get_weights()[0] >= 0).all())
scores = model.evaluate(x, y, verbose=0)
