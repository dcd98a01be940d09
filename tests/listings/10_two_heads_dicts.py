"""Two outputs by name: losses, their weights, metrics and targets as dictionaries."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(10)
x = rng.normal(size=(84, 5)).astype("float32")
priority = 1 / (1 + np.exp(-x[:, 0]))
kind = (x[:, 1] > 0).astype(int) + (x[:, 2] > 0)

inputs = keras.Input(shape=(5,), name="ticket")
features = layers.Dense(12, activation="relu")(inputs)
features = layers.Dense(12, activation="relu")(features)
priority_output = layers.Dense(1, activation="sigmoid", name="priority")(features)
kind_output = layers.Dense(3, activation="softmax", name="kind")(features)
model = keras.Model(inputs=inputs, outputs=[priority_output, kind_output])
model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss={"priority": "mean_squared_error", "kind": "sparse_categorical_crossentropy"},
    loss_weights={"priority": 2.0, "kind": 0.5},
    metrics={"priority": ["mean_absolute_error"], "kind": ["accuracy"]},
)
history = model.fit(
    x,
    {"priority": priority, "kind": kind},
    epochs=3,
    batch_size=12,
    validation_data=(x[:20], {"priority": priority[:20], "kind": kind[:20]}),
)
scores = model.evaluate(x, {"priority": priority, "kind": kind}, return_dict=True)
priorities, kinds = model.predict(x[:7])
