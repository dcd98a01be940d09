"""Small pictures: scaled to 0..1, flattened, a softmax over ten classes."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(6)
strokes = rng.integers(0, 256, size=(10, 8, 8))
train_labels = rng.integers(0, 10, size=200)
train_images = np.clip(strokes[train_labels] + rng.integers(-60, 60, size=(200, 8, 8)), 0, 255).astype("uint8")
test_labels = np.arange(20) % 10
test_images = np.clip(strokes[test_labels] + rng.integers(-60, 60, size=(20, 8, 8)), 0, 255).astype("uint8")

x_train = train_images.astype("float32") / 255
x_test = test_images.astype("float32") / 255
model = keras.Sequential(
    [
        keras.Input(shape=(8, 8)),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
history = model.fit(x_train, train_labels, epochs=5, batch_size=40, validation_split=0.1)
test_loss, test_acc = model.evaluate(x_test, test_labels)
first = model.predict(x_test[0:1])[0]
digit = int(first.argmax())
