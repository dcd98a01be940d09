"""A loop of one's own over epochs and batches, with the target network of Q-learning."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(36)
states, following = rng.normal(size=(96, 4)), rng.normal(size=(96, 4))
actions, rewards = rng.integers(0, 2, size=96), rng.normal(size=96)


def build():
    inputs = keras.Input((4,))
    h = layers.Dense(16, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(2)(h))


q_network, target_network = build(), build()
q_network.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
losses = []
for _epoch in range(2):
    target_network.set_weights(q_network.get_weights())
    for start in range(0, 96, 24):
        rows = slice(start, start + 24)
        targets = q_network.predict_on_batch(states[rows])
        best = target_network.predict_on_batch(following[rows]).max(axis=1)
        targets[np.arange(24), actions[rows]] = rewards[rows] + 0.9 * best
        losses.append(q_network.train_on_batch(states[rows], targets, return_dict=True))
last = losses[-1]
tested = q_network.test_on_batch(states, np.zeros((96, 2)))
q_values = q_network.predict(states[:5], verbose=0)
greedy = q_values.argmax(axis=1)
