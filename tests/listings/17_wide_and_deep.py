"""Wide and deep: some columns go straight to the output, others through two layers, with a second output to help."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(17)
X_train, X_valid = rng.normal(size=(96, 8)), rng.normal(size=(24, 8))
y_train, y_valid = X_train[:, :2].sum(axis=1), X_valid[:, :2].sum(axis=1)
X_train_A, X_train_B = X_train[:, :5], X_train[:, 2:]
X_valid_A, X_valid_B = X_valid[:, :5], X_valid[:, 2:]

input_A = keras.layers.Input(shape=[5], name="wide_input")
input_B = keras.layers.Input(shape=[6], name="deep_input")
hidden1 = layers.Dense(15, activation="relu")(input_B)
hidden2 = layers.Dense(15, activation="relu")(hidden1)
concat = layers.concatenate([input_A, hidden2])
output = layers.Dense(1, name="main_output")(concat)
aux_output = layers.Dense(1, name="aux_output")(hidden2)
model = keras.models.Model(inputs=[input_A, input_B], outputs=[output, aux_output])
model.compile(loss=["mse", "mse"], loss_weights=[0.9, 0.1], optimizer=keras.optimizers.SGD(learning_rate=1e-2))
history = model.fit(
    [X_train_A, X_train_B],
    [y_train, y_train],
    epochs=4,
    validation_data=([X_valid_A, X_valid_B], [y_valid, y_valid]),
)
total_loss, main_loss, aux_loss = model.evaluate([X_valid_A, X_valid_B], [y_valid, y_valid])
y_pred_main, y_pred_aux = model.predict([X_valid_A[:3], X_valid_B[:3]])
