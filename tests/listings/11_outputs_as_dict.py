"""A model whose outputs are a dictionary gives predictions as one."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(11)
x = rng.normal(size=(60, 4))
targets = {"mean": x.mean(axis=1, keepdims=True), "sign": (x[:, :2] > 0).astype("float32")}

inputs = keras.Input((4,))
h = layers.Dense(10, "tanh")(inputs)
outputs = {"mean": layers.Dense(1, name="mean")(h), "sign": layers.Dense(2, "sigmoid", name="sign")(h)}
model = keras.Model(inputs, outputs)
model.compile("adam", loss={"mean": "mae", "sign": "binary_crossentropy"}, metrics={"sign": "binary_accuracy"})
history = model.fit(x, targets, epochs=3, batch_size=20, verbose=0)
predictions = model.predict(x[:5])
keys = sorted(predictions)
scores = model.evaluate(x, targets, return_dict=True, verbose=0)
