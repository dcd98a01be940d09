"""What hooks of callbacks cost: ten epochs of 100 small batches with none, with one at epochs, with one at batches."""

import numpy as np
import pytest

from fastnn import Sequential
from fastnn.callbacks import LambdaCallback
from fastnn.layers import Dense

HOOKS = {"none": [], "epochs": ["on_epoch_end"], "batches": ["on_train_batch_end"]}


@pytest.mark.parametrize("hooks", HOOKS)
def test_hooks(benchmark, hooks):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3200, 20)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    model = Sequential([Dense(16, "relu", input_shape=(20,)), Dense(1, "sigmoid")], seed=1)
    model.compile("adam", "binary_crossentropy")
    callbacks = [LambdaCallback(**{name: lambda number, logs: None for name in HOOKS[hooks]})]
    model.fit(x, y, epochs=1, callbacks=callbacks, verbose=0)
    benchmark(lambda: model.fit(x, y, epochs=10, batch_size=32, callbacks=callbacks, verbose=0))
