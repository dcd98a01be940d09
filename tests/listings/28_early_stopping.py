"""Training that stops by itself, slows down on plateaus and gives back the best weights."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(28)
x, x_val = rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
y, y_val = rng.normal(size=40), rng.normal(size=40)

model = keras.Sequential([layers.Dense(32, activation="relu"), layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)
slower = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
history = model.fit(
    x, y, epochs=30, batch_size=10, validation_data=(x_val, y_val), callbacks=[early_stopping, slower], verbose=0
)
n_epochs = len(history.epoch)
stopped = early_stopping.stopped_epoch
best = bool(np.isclose(model.evaluate(x_val, y_val, verbose=0), min(history.history["val_loss"]), rtol=1e-4))
rate = float(model.optimizer.learning_rate)
predictions = model.predict(x_val[:5])
