"""A learning rate for each epoch, and functions that are called between epochs."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(29)
x = rng.normal(size=(48, 3))
y = x.prod(axis=1)


def scheduler(epoch, lr):
    return lr if epoch < 2 else lr * 0.5


seen = []
told = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: seen.append(epoch),
    on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)),
    on_train_end=lambda logs: seen.append("end"),
)
model = keras.Sequential([keras.Input((3,)), layers.Dense(12, "tanh"), layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), loss="mse")
history = model.fit(
    x, y, epochs=5, batch_size=16, callbacks=[keras.callbacks.LearningRateScheduler(scheduler), told], verbose=0
)
rate = float(model.optimizer.learning_rate)
more = model.fit(x, y, epochs=7, initial_epoch=5, batch_size=16, verbose=0)
predictions = model.predict(x[:6])
