"""Layers of a trained stack in a new one, frozen at first; a clone keeps the old stack as it was."""

import keras
import numpy as np
from keras.layers import Dense

rng = np.random.default_rng(23)
X_A, X_B = rng.normal(size=(90, 5)), rng.normal(size=(30, 5))
y_A, y_B = rng.integers(0, 4, size=90), (X_B[:, 0] > 0).astype("float32")

layers_A = [keras.Input((5,)), Dense(12, "relu"), Dense(8, "relu"), Dense(4, "softmax")]
model_A = keras.Sequential(layers_A)
model_A.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
model_A.fit(X_A, y_A, epochs=2)

model_A_clone = keras.models.clone_model(model_A)
model_A_clone.set_weights(model_A.get_weights())
model_B_on_A = keras.Sequential(model_A.layers[:-1])
model_B_on_A.add(Dense(1, activation="sigmoid"))
for layer in model_B_on_A.layers[:-1]:
    layer.trainable = False
optimizer = keras.optimizers.SGD(learning_rate=0.05)
model_B_on_A.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
frozen = model_B_on_A.fit(X_B, y_B, epochs=2, validation_data=(X_B[:10], y_B[:10]))

for layer in model_B_on_A.layers[:-1]:
    layer.trainable = True
optimizer = keras.optimizers.SGD(learning_rate=0.01)
model_B_on_A.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
history = model_B_on_A.fit(X_B, y_B, epochs=2, verbose=0)
shared = model_B_on_A.layers[0] is model_A.layers[0]
moved = not np.allclose(model_A.get_weights()[0], model_A_clone.get_weights()[0])
clone_predictions = model_A_clone.predict(X_A[:5])
