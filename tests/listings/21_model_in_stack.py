"""A graph as the first layer of a stack, a stack as a layer of a graph."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(21)
x = rng.normal(size=(72, 5))
y = rng.integers(0, 3, size=72)

inputs = keras.Input((5,))
wide = layers.Dense(7, activation="tanh")(inputs)
features = keras.Model(inputs, layers.Concatenate()([inputs, wide]), name="features")
classifier = keras.Sequential([features, layers.Dense(6, activation="relu"), layers.Dense(3, activation="softmax")])
classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = classifier.fit(x, y, epochs=3, batch_size=18, verbose=0)

judged_input = keras.Input((5,))
confidence = layers.Dense(1, activation="sigmoid")(classifier(judged_input))
judge = keras.Model(judged_input, confidence)
judge.compile("sgd", "mse")
judged = judge.fit(x, (y == 0).astype("float32"), epochs=2, batch_size=18, verbose=0)
predictions = classifier.predict(x[:5])
found = judge.get_layer(classifier.name) is classifier
