"""Weights out and in: of layers, of models, copied to a target network and averaged."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(25)
x = rng.normal(size=(64, 4))
y = x @ rng.normal(size=(4, 2))


def network():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(10, "relu", name="hidden"), layers.Dense(2, name="q")])
    model.compile(keras.optimizers.Adam(0.01), "huber")
    return model


online, target = network(), network()
history = online.fit(x, y, epochs=3, verbose=0)
target.set_weights(online.get_weights())
copied = bool(np.array_equal(online.predict(x), target.predict(x)))
online.fit(x, y, epochs=2, verbose=0)
target.set_weights([0.9 * t + 0.1 * o for t, o in zip(target.get_weights(), online.get_weights(), strict=True)])

hidden = online.layers[0]
weights, biases = hidden.get_weights()
hidden.set_weights([weights * 0.5, biases + 0.1])
shapes = [list(hidden.kernel.shape), list(hidden.bias.shape), [list(w.shape) for w in online.get_weights()]]
counts = [hidden.count_params(), online.count_params(), len(online.trainable_variables), len(online.weights)]
values = online.predict(x[:6])
averaged = target.predict(x[:6])
