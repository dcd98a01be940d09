"""One tower for both questions; what differs between them decides."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(12)
left = rng.normal(size=(100, 6))
right = np.where(rng.random((100, 1)) < 0.5, left + 0.1 * rng.normal(size=(100, 6)), rng.normal(size=(100, 6)))
alike = (np.abs(left - right).mean(axis=1) < 0.3).astype("float32")

tower = keras.Sequential([keras.Input((6,)), layers.Dense(12, activation="relu"), layers.Dense(5)], name="tower")
left_input, right_input = keras.Input((6,), name="left"), keras.Input((6,), name="right")
difference = layers.Subtract(name="difference")([tower(left_input), tower(right_input)])
squared = layers.Multiply()([difference, difference])
answer = layers.Dense(1, activation="sigmoid")(squared)
siamese = keras.Model([left_input, right_input], answer)
siamese.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = siamese.fit([left, right], alike, epochs=4, batch_size=20, verbose=0)
probabilities = siamese.predict([left[:9], right[:9]])
embedding = tower.predict(left[:3])
n_params = siamese.count_params()
