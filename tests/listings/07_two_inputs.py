"""Two inputs that are concatenated, as a list of arrays."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(7)
text, picture = rng.normal(size=(80, 5)), rng.normal(size=(80, 3))
price = text[:, :1] + picture[:, 1:2] * picture[:, 2:3]

text_input = keras.Input(shape=(5,))
picture_input = keras.Input(shape=(3,))
text_features = layers.Dense(8, activation="relu")(text_input)
picture_features = layers.Dense(6, activation="tanh")(picture_input)
joined = layers.concatenate([text_features, picture_features])
output = layers.Dense(1)(joined)
model = keras.Model([text_input, picture_input], output)
model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
history = model.fit(
    [text, picture], price, epochs=4, batch_size=16, validation_data=([text[:16], picture[:16]], price[:16])
)
loss, mae = model.evaluate([text, picture], price)
predictions = model.predict([text[:6], picture[:6]])
n_inputs = len(model.inputs)
