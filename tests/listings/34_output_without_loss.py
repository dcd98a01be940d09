"""An output that is looked at and not trained: it has no loss."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(34)
x = rng.normal(size=(56, 4))
y = x[:, :1] - x[:, 1:2]

inputs = keras.Input((4,), name="x")
code = layers.Dense(3, activation="tanh", name="code")(inputs)
answer = layers.Dense(1, name="answer")(code)
model = keras.Model(inputs, [answer, code])
model.compile(optimizer="adam", loss=["mse", None])
history = model.fit(x, [y, np.zeros((56, 3))], epochs=3, batch_size=14, verbose=0)
answers, codes = model.predict(x[:5])

plain = keras.Model(inputs, answer)
plain.compile(optimizer="adam", loss="mse")
loss = plain.evaluate(x, y, verbose=0)
same = bool(np.allclose(plain.predict(x[:5]), answers))
