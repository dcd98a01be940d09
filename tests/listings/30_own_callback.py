"""A callback of one's own: it keeps every batch's loss and stops when the loss is low enough."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(30)
x = rng.normal(size=(60, 4))
y = (x[:, 0] > 0).astype("float32")


class LossHistory(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.per_batch, self.per_epoch, self.steps = [], [], self.params["steps"]

    def on_train_batch_end(self, batch, logs=None):
        self.per_batch.append(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.per_epoch.append((epoch, logs["loss"], float(self.model.optimizer.learning_rate)))
        if logs["loss"] < 0.5:
            self.model.stop_training = True


model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
kept = LossHistory()
history = model.fit(x, y, epochs=20, batch_size=20, callbacks=[kept], verbose=0)
batches = [float(loss) for loss in kept.per_batch]
epochs = kept.per_epoch
steps = kept.steps
