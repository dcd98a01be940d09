"""LeNet-5 (LeCun et al. 1998) on MNIST, with the activations and the optimiser of today.

    python examples/lenet5.py [FOLDER] [--epochs 10] [--seed 0] [--backend cython]

FOLDER has MNIST's IDX files (train-images-idx3-ubyte ...); without one the bundled digits stand in, 8 x 8 pixels.
"""

import argparse
import time

import numpy as np

from fastnn import Sequential
from fastnn.datasets import load_digits, read_idx_folder
from fastnn.layers import Conv2D, Dense, Flatten, MaxPooling2D
from fastnn.schedules import CosineDecay

BATCH = 128


def images(folder):
    """``(x_train, y_train), (x_test, y_test)``: images ``(n, height, width, 1)`` from 0 to 1, and classes ``(n,)``."""
    if folder is None:
        parts = load_digits()
    else:
        read = [read_idx_folder(folder, part) for part in ("train", "test")]
        parts = [(x.astype(np.float32) / 255, y.astype(np.int64)) for x, y in read]
    return [(x[..., None], y) for x, y in parts]


def lenet5(shape, seed=0, backend=None):
    """Two convolutions, each with half the pixels behind it, and three dense layers."""
    second = "valid" if shape[0] >= 12 else "same"  # a window of 5 must fit
    layers = [
        Conv2D(6, 5, padding="same", activation="relu", input_shape=shape),
        MaxPooling2D(2),
        Conv2D(16, 5, padding=second, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dense(120, activation="relu"),
        Dense(84, activation="relu"),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, seed=seed, backend=backend)


def main(folder=None, epochs=10, seed=0, backend=None):
    """Train, print each epoch's test accuracy, and return the last one."""
    (x, y), test = images(folder)
    model = lenet5(x.shape[1:], seed, backend)
    rate = CosineDecay(2e-3, epochs * -(-len(x) // BATCH))  # to 0 at the last update
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = rate
    began = time.perf_counter()
    history = model.fit(x, y, batch_size=BATCH, epochs=epochs, validation_data=test, verbose=0)
    for epoch, accuracy in enumerate(history.history["val_accuracy"], 1):
        print(f"epoch {epoch:2}: test accuracy {accuracy:.4f}")
    print(f"{epochs} epochs in {time.perf_counter() - began:.1f} s (backend {model.backend_})")
    return history.history["val_accuracy"][-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
