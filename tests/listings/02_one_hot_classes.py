"""Many classes with one-hot labels."""

import keras
import numpy as np
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.utils import to_categorical

rng = np.random.default_rng(2)
x_train, x_test = rng.normal(size=(120, 8)), rng.normal(size=(30, 8))
mixing = rng.normal(size=(8, 5))
y_train = to_categorical((x_train @ mixing).argmax(axis=1), num_classes=5)
y_test = to_categorical((x_test @ mixing).argmax(axis=1), num_classes=5)

model = Sequential()
model.add(Input(shape=(8,)))
model.add(Dense(24, activation="relu"))
model.add(Dense(5, activation="softmax"))
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    loss=keras.losses.CategoricalCrossentropy(),
    metrics=[keras.metrics.CategoricalAccuracy(name="acc")],
)
history = model.fit(x_train, y_train, epochs=5, batch_size=16, validation_data=(x_test, y_test), verbose=2)
test_loss, test_acc = model.evaluate(x_test, y_test, verbose=0)
predictions = model.predict(x_test)
classes = np.argmax(predictions, axis=1)
sums_to_one = bool(np.allclose(predictions.sum(axis=1), 1.0, atol=1e-5))
