"""LeNet-5 on small images, with the feature maps of a trained network."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(41)
x = rng.uniform(size=(60, 12, 12, 1)).astype("float32")
y = (x.mean(axis=(1, 2, 3)) > 0.5).astype("int64") + (x[:, 0, 0, 0] > 0.5)

model = keras.Sequential(
    [
        keras.Input((12, 12, 1)),
        layers.Conv2D(6, kernel_size=5, padding="same", activation="tanh"),
        layers.AveragePooling2D(pool_size=2, strides=2),
        layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        layers.MaxPool2D((2, 2)),
        layers.Flatten(),
        layers.Dense(20, activation="tanh"),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=20, epochs=3, validation_split=0.2, verbose=0)
test_loss, test_accuracy = model.evaluate(x, y, verbose=0)
maps = keras.Model(model.inputs, [layer.output for layer in model.layers[:4]])
shapes = [map.shape for map in maps.predict(x[:2], verbose=0)]
filters, biases = model.layers[0].get_weights()
