"""Sentences of words with padding: recurrent layers, in one direction and in both, and a look at attention."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(44)
lengths = rng.integers(3, 11, 60)
words = rng.integers(1, 30, (60, 10)) * (np.arange(10) < lengths[:, None])
praise = (words[:, 0] > 15).astype("float32").reshape(-1, 1)

model = keras.Sequential(name="words")
model.add(keras.Input((10,)))
model.add(layers.Embedding(30, 8, mask_zero=True))
model.add(layers.Bidirectional(layers.LSTM(6, return_sequences=True)))
model.add(layers.GRU(5))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(words, praise, epochs=3, batch_size=12, verbose=0)
answers = model.predict(words[:4], verbose=0)

numbers = rng.normal(size=(40, 7, 3)).astype("float32")
source = keras.Input((7, 3))
read, h, c = layers.LSTM(4, return_sequences=True, return_state=True)(source)
again = layers.LSTM(4, return_sequences=True)(read, initial_state=[h, c])
seen = layers.MultiHeadAttention(2, 3, use_bias=False)(again, read)
h = layers.LayerNormalization()(layers.Add()([again, seen]))
h = layers.TimeDistributed(layers.Dense(2))(h)
steps = keras.Model(source, h)
steps.compile("rmsprop", "mse")
losses = steps.fit(numbers, numbers[:, :, :2], epochs=3, batch_size=10, verbose=0)
made = steps.predict(numbers[:3], verbose=0)
