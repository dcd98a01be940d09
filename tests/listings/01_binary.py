"""Two classes: a held-out set, the history's curves, and the likelihood of each review being positive."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(1)
reviews = (rng.random((160, 30)) < 0.2).astype("float32")
labels = (reviews[:, :10].sum(axis=1) > reviews[:, 10:20].sum(axis=1)).astype("float32")
x_val, partial_x_train = reviews[:40], reviews[40:]
y_val, partial_y_train = labels[:40], labels[40:]

model = keras.Sequential(
    [
        layers.Dense(16, activation="relu"),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(partial_x_train, partial_y_train, epochs=4, batch_size=32, validation_data=(x_val, y_val))

history_dict = history.history
epochs = range(1, len(history_dict["loss"]) + 1)
results = model.evaluate(x_val, y_val)
likelihood = model.predict(x_val)
