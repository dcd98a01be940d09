"""Batches from an object that knows how many there are, with two inputs and sample weights."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(32)
a, b = rng.normal(size=(50, 3)).astype("float32"), rng.normal(size=(50, 2)).astype("float32")
y = a[:, :1] * b[:, :1]
weights = np.where(y[:, 0] > 0, 2.0, 1.0).astype("float32")


class Batches(keras.utils.Sequence):
    def __init__(self, first, last, batch_size):
        super().__init__()
        self.first, self.last, self.batch_size = first, last, batch_size

    def __len__(self):
        return int(np.ceil((self.last - self.first) / self.batch_size))

    def __getitem__(self, index):
        start = self.first + index * self.batch_size
        rows = slice(start, min(start + self.batch_size, self.last))
        return (a[rows], b[rows]), y[rows], weights[rows]


inputs = [keras.Input((3,)), keras.Input((2,))]
h = layers.Dense(8, activation="tanh")(layers.Concatenate()(inputs))
model = keras.Model(inputs, layers.Dense(1)(h))
model.compile("adam", "mse")
history = model.fit(Batches(0, 40, 12), epochs=3, validation_data=Batches(40, 50, 5), verbose=0)
loss = model.evaluate(Batches(0, 50, 10), verbose=0)
predictions = model.predict([a[:5], b[:5]])
