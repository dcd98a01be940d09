"""A GRU reads MNIST's images row by row, as sequences of 28 steps.

    python examples/mnist_rows.py [FOLDER] [--epochs 8] [--seed 0] [--backend cython]

FOLDER has MNIST's IDX files (train-images-idx3-ubyte ...); without one the bundled digits stand in, 8 rows of 8 pixels.
"""

import argparse
import time

import numpy as np

from fastnn import Sequential
from fastnn.datasets import load_digits, read_idx_folder
from fastnn.layers import GRU, Dense, Input
from fastnn.optimizers import Adam
from fastnn.schedules import CosineDecay

BATCH = 64


def images(folder):
    """``(x_train, y_train), (x_test, y_test)``: images ``(n, height, width)`` from 0 to 1, and classes ``(n,)``."""
    if folder is None:
        return load_digits()
    read = [read_idx_folder(folder, part) for part in ("train", "test")]
    return [(x.astype(np.float32) / 255, y.astype(np.int64)) for x, y in read]


def network(shape, seed=0, backend=None):
    """What the GRU remembers behind the last row decides."""
    return Sequential([Input(shape), GRU(64), Dense(10, activation="softmax")], seed=seed, backend=backend)


def main(folder=None, epochs=8, seed=0, backend=None):
    """Train and return the accuracy on images that were not trained on."""
    (x, y), test = images(folder)
    model = network(x.shape[1:], seed, backend)
    steps = epochs * -(-len(x) // BATCH)
    model.compile(Adam(CosineDecay(4e-3, steps)), "sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    accuracy = model.evaluate(*test)[1]
    took = time.perf_counter() - began
    print(f"accuracy {accuracy:.4f} of {len(test[0])} images after {epochs} epochs, {took:.1f} s ({model.backend_})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
