"""Two outputs: losses, their weights and metrics as lists."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(9)
x = rng.normal(size=(90, 6))
age = np.abs(x[:, :1]) * 3
gender = (x[:, 1:2] > 0).astype("float32")

inputs = keras.Input(shape=(6,))
shared = layers.Dense(16, activation="relu")(inputs)
age_prediction = layers.Dense(1, name="age")(shared)
gender_prediction = layers.Dense(1, activation="sigmoid", name="gender")(shared)
model = keras.Model(inputs, [age_prediction, gender_prediction])
model.compile(
    optimizer="rmsprop",
    loss=["mse", "binary_crossentropy"],
    loss_weights=[0.25, 10.0],
    metrics=[["mae"], ["accuracy"]],
)
history = model.fit(x, [age, gender], epochs=3, batch_size=30, validation_split=0.2)
scores = model.evaluate(x, [age, gender], verbose=0)
ages, genders = model.predict(x[:8])
