"""Layers that only change shapes, activations as layers, names, counts."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(40)
x = rng.normal(size=(30, 4, 3))
y = rng.normal(size=(30, 2, 3))

inputs = keras.Input(shape=(4, 3), name="grid")
each = layers.Dense(5, name="each_row")(inputs)
h = layers.Activation("relu", name="rectified")(each)
h = layers.Flatten(name="flat")(h)
h = layers.Dense(6, name="mixed")(h)
h = layers.LeakyReLU(name="leaky")(h)
outputs = layers.Reshape((2, 3), name="table")(h)
model = keras.Model(inputs=inputs, outputs=outputs, name="shapes")
model.compile(optimizer="adam", loss="mse")


def summary_of(model):
    lines = []
    model.summary(print_fn=lambda line, **kwargs: lines.append(line))
    return "\n".join(lines)


named = all(layer.name in summary_of(model) for layer in model.layers)
counts = {layer.name: layer.count_params() for layer in model.layers}
shapes = [list(inputs.shape), list(each.shape), list(h.shape), list(outputs.shape)]
history = model.fit(x, y, epochs=3, batch_size=10, verbose=0)
predictions = model.predict(x[:3])
flat_shape = list(model.get_layer("flat").output.shape)
