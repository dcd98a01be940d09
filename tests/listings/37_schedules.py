"""Learning rates that follow the step."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(37)
x = rng.normal(size=(80, 5))
y = rng.integers(0, 3, size=(80, 1))
schedules = {
    "exponential": keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=8, decay_rate=0.5),
    "staircase": keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=8, decay_rate=0.5, staircase=True),
    "pieces": keras.optimizers.schedules.PiecewiseConstantDecay([6, 12], [0.1, 0.05, 0.01]),
    "cosine": keras.optimizers.schedules.CosineDecay(0.1, decay_steps=20, warmup_target=0.2, warmup_steps=5),
}
histories, rates = {}, {}
for name, schedule in schedules.items():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Dense(8, activation="relu")(inputs)))
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    histories[name] = model.fit(x, y, epochs=4, batch_size=20, verbose=0)
    rates[name] = [float(schedule(step)) for step in (0, 4, 8, 16)]
