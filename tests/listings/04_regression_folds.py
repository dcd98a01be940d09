"""Regression on few rows: normalised columns and k-fold validation."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(4)
train_data = rng.normal(loc=3.0, scale=2.0, size=(90, 7))
train_targets = train_data[:, 0] - 2 * train_data[:, 1] + rng.normal(scale=0.1, size=90)
train_data -= train_data.mean(axis=0)
train_data /= train_data.std(axis=0)


def build_model():
    model = keras.Sequential(
        [layers.Dense(16, activation="relu"), layers.Dense(16, activation="relu"), layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    return model


k = 3
num_val_samples = len(train_data) // k
all_mae_histories = []
for i in range(k):
    fold = slice(i * num_val_samples, (i + 1) * num_val_samples)
    partial_train_data = np.delete(train_data, fold, axis=0)
    partial_train_targets = np.delete(train_targets, fold, axis=0)
    model = build_model()
    history = model.fit(
        partial_train_data,
        partial_train_targets,
        validation_data=(train_data[fold], train_targets[fold]),
        epochs=3,
        batch_size=16,
        verbose=0,
    )
    all_mae_histories.append(history.history["val_mae"])
average_mae_history = [float(np.mean([x[i] for x in all_mae_histories])) for i in range(3)]
predictions = model.predict(train_data[:5])
