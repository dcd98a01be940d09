"""The oldest example: exclusive or."""

import keras
import numpy as np
from keras import layers

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
y = np.array([[0], [1], [1], [0]], dtype="float32")

model = keras.Sequential()
model.add(keras.Input(shape=(2,)))
model.add(layers.Dense(8, activation="tanh"))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(
    loss="binary_crossentropy",
    optimizer=keras.optimizers.SGD(learning_rate=0.5, momentum=0.9),
    metrics=["binary_accuracy"],
)
history = model.fit(x, y, epochs=60, batch_size=4, verbose=0)
loss, accuracy = model.evaluate(x, y, verbose=0)
answers = (model.predict(x, verbose=0) > 0.5).astype(int).ravel().tolist()
