"""A 1D convolutional network finds which of three waves a noisy signal holds, wherever it stands in it.

python examples/signals.py [--epochs 8] [--seed 0] [--backend cython]
"""

import argparse

import numpy as np

from fastnn import Sequential
from fastnn.layers import Conv1D, Dense, GlobalMaxPooling1D, MaxPooling1D

STEPS, PULSE = 128, 32
WAVES = {
    "sine": lambda t: np.sin(2 * np.pi * 4 * t),
    "square": lambda t: np.sign(np.sin(2 * np.pi * 4 * t)),
    "chirp": lambda t: np.sin(2 * np.pi * (2 * t + 4 * t**2)),
}


def signals(n, seed):
    """``n`` signals ``(STEPS, 1)``, each noise with one pulse somewhere, and which wave it is ``(n,)``."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(WAVES), n)
    x = rng.normal(scale=0.6, size=(n, STEPS, 1)).astype(np.float32)
    t = np.linspace(0, 1, PULSE)
    for row, which in zip(x, y, strict=True):
        at = rng.integers(0, STEPS - PULSE)
        row[at : at + PULSE, 0] += list(WAVES.values())[which](t)
    return x, y


def network(seed=0, backend=None):
    """Filters along time; the largest answer of each, wherever it was, decides."""
    layers = [
        Conv1D(16, 9, padding="same", activation="relu", input_shape=(STEPS, 1)),
        MaxPooling1D(2),
        Conv1D(32, 9, padding="same", activation="relu"),
        GlobalMaxPooling1D(),
        Dense(len(WAVES), activation="softmax"),
    ]
    return Sequential(layers, seed=seed, backend=backend)


def main(epochs=8, seed=0, backend=None):
    """Train and return the accuracy on new signals."""
    x, y = signals(3000, seed=1)
    model = network(seed, backend)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    accuracy = model.evaluate(*signals(1000, seed=2))[1]
    print(f"{accuracy:.3f} of 1000 new signals are told right (backend {model.backend_})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
