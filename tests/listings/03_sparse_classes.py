"""Many classes with whole numbers as labels, from logits, and the two best guesses."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(3)
x = rng.normal(size=(150, 6)).astype("float32")
y = np.digitize(x[:, 0] + 0.5 * x[:, 1], [-0.7, 0.0, 0.7])

inputs = keras.Input(shape=(6,))
hidden = layers.Dense(20, activation="relu")(inputs)
logits = layers.Dense(4)(hidden)
model = keras.Model(inputs=inputs, outputs=logits)
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2")],
)
history = model.fit(x, y, batch_size=25, epochs=4, validation_split=0.2)
scores = model.evaluate(x, y, return_dict=True)
best = model.predict(x[:10]).argmax(axis=-1)
