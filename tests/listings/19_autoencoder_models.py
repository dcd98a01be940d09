"""An autoencoder of two models, each of use alone."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(19)
codes = rng.random((100, 3))
pictures = (1 / (1 + np.exp(-(codes @ rng.normal(size=(3, 20)))))).astype("float32")

encoder_input = keras.Input(shape=(20,), name="picture")
x = layers.Dense(12, activation="relu")(encoder_input)
encoded = layers.Dense(3, activation="relu", name="code")(x)
encoder = keras.Model(encoder_input, encoded, name="encoder")

decoder_input = keras.Input(shape=(3,), name="code_in")
x = layers.Dense(12, activation="relu")(decoder_input)
decoded = layers.Dense(20, activation="sigmoid")(x)
decoder = keras.Model(decoder_input, decoded, name="decoder")

autoencoder_input = keras.Input(shape=(20,), name="img")
autoencoder = keras.Model(autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder")
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
history = autoencoder.fit(pictures, pictures, epochs=4, batch_size=25, shuffle=True, validation_split=0.2)
inner = [layer.name for layer in autoencoder.layers]
code = encoder.predict(pictures[:4])
whole = autoencoder.predict(pictures[:4])
same = bool(np.allclose(decoder.predict(code), whole, atol=1e-6))
