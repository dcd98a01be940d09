"""A transformer of two layers learns to reverse sequences of numbers.

    python examples/reverse.py [--epochs 12] [--seed 0] [--backend cython]

Each place has to find the one that mirrors it, by attention alone: vectors of the places are all it can go by.
"""

import argparse

import numpy as np

from fastnn import Model
from fastnn.layers import Add, Dense, Embedding, Input, LayerNormalization, MultiHeadAttention, PositionEmbedding
from fastnn.optimizers import Adam

LENGTH, NUMBERS, WIDTH = 12, 10, 32


def block(x):
    """Attention, then a small network at each step, each added to what it reads (Vaswani et al. 2017)."""
    y = LayerNormalization()(x)
    x = Add()([x, MultiHeadAttention(4, WIDTH // 4)(y, y)])
    y = Dense(WIDTH)(Dense(2 * WIDTH, activation="relu")(LayerNormalization()(x)))
    return Add()([x, y])


def network(seed=0, backend=None):
    """A share for each number, at every place."""
    numbers = Input((LENGTH,))
    x = Embedding(NUMBERS, WIDTH)(numbers)
    x = Add()([x, PositionEmbedding(LENGTH)(x)])
    x = LayerNormalization()(block(block(x)))
    return Model(numbers, Dense(NUMBERS, activation="softmax")(x), seed=seed, backend=backend)


def main(epochs=12, seed=0, backend=None):
    """Train and return the share of numbers at their right place in new sequences."""
    rng = np.random.default_rng(0)
    x, new = rng.integers(0, NUMBERS, (4000, LENGTH)), rng.integers(0, NUMBERS, (500, LENGTH))
    model = network(seed, backend)
    model.compile(Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, x[:, ::-1], batch_size=64, epochs=epochs, verbose=0)
    accuracy = model.evaluate(new, new[:, ::-1])[1]
    print(f"{model.count_params():,} parameters: {accuracy:.4f} of the numbers right (backend {model.backend_})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
