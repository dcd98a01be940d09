"""A stacked autoencoder: two stacks in a stack, pictures in and out."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(20)
X_train = rng.random((80, 6, 6)) ** 2
X_valid = rng.random((16, 6, 6)) ** 2

stacked_encoder = keras.Sequential(
    [
        layers.Flatten(),
        layers.Dense(16, activation="selu", kernel_initializer="lecun_normal"),
        layers.Dense(5, activation="selu"),
    ]
)
stacked_decoder = keras.Sequential(
    [
        layers.Dense(16, activation="selu"),
        layers.Dense(6 * 6, activation="sigmoid"),
        layers.Reshape([6, 6]),
    ]
)
stacked_ae = keras.Sequential([keras.Input(shape=(6, 6)), stacked_encoder, stacked_decoder])
stacked_ae.compile(loss="mse", optimizer=keras.optimizers.Nadam(), metrics=["mae"])
history = stacked_ae.fit(X_train, X_train, epochs=3, batch_size=20, validation_data=(X_valid, X_valid))
codings = stacked_encoder.predict(X_valid[:4])
reconstructions = stacked_ae.predict(X_valid[:4])
n_layers = len(stacked_ae.layers)
