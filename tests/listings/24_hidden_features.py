"""A look inside: models that end at a hidden layer, by its name or for all layers."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(24)
x = rng.normal(size=(48, 6))
y = x[:, :2] ** 2

model = keras.Sequential(
    [
        keras.Input(shape=(6,)),
        layers.Dense(9, activation="relu", name="first_hidden"),
        layers.Dense(4, activation="tanh", name="bottleneck"),
        layers.Dense(2, name="answer"),
    ],
    name="inspected",
)
model.compile("adam", "mse")
history = model.fit(x, y, epochs=3, batch_size=12, verbose=0)

feature_extractor = keras.Model(inputs=model.inputs, outputs=model.get_layer("bottleneck").output)
features = feature_extractor.predict(x[:5])
all_layers = keras.Model(inputs=model.inputs, outputs=[layer.output for layer in model.layers])
activations = all_layers.predict(x[:3])
hidden_input = model.get_layer(name="answer").input
truncated = keras.Model(model.inputs, hidden_input)
same = bool(np.allclose(truncated.predict(x[:5]), features))
shapes = [list(activation.shape) for activation in activations]
