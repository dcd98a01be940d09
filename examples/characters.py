"""A tiny model of text, letter by letter: an LSTM learns a rhyme and writes on from a few letters.

python examples/characters.py [--epochs 40] [--seed 0] [--backend cython]
"""

import argparse

import numpy as np

from fastnn import Sequential
from fastnn.layers import LSTM, Dense, Embedding, Input
from fastnn.optimizers import Adam

TEXT = """\
this is the house that jack built.
this is the malt that lay in the house that jack built.
this is the rat that ate the malt that lay in the house that jack built.
this is the cat that killed the rat that ate the malt that lay in the house that jack built.
this is the dog that worried the cat that killed the rat that ate the malt that lay in the house that jack built.
"""
LENGTH = 40
LETTERS = sorted(set(TEXT))


def windows():
    """Runs of ``LENGTH`` letters as numbers, and of each the letters that follow."""
    numbers = np.array([LETTERS.index(letter) for letter in TEXT * 2])
    starts = np.arange(0, len(numbers) - LENGTH - 1, 3)
    runs = np.stack([numbers[i : i + LENGTH + 1] for i in starts])
    return runs[:, :-1], runs[:, 1:]


def network(seed=0, backend=None):
    """A share for each letter, at every step."""
    n = len(LETTERS)
    layers = [Input((None,)), Embedding(n, 12), LSTM(64, return_sequences=True), Dense(n, activation="softmax")]
    return Sequential(layers, seed=seed, backend=backend)


def write(model, begin, n, temperature=0.3, seed=0):
    """``begin`` and ``n`` letters drawn by what the network says; a low temperature keeps to the likely ones."""
    rng, f, text = np.random.default_rng(seed), model.predictor(), begin
    for letter in begin:
        shares = f.step(np.float32(LETTERS.index(letter)))
    for _ in range(n):
        weights = np.float64(shares) ** (1 / temperature)
        letter = int(rng.choice(len(LETTERS), p=weights / weights.sum()))
        text += LETTERS[letter]
        shares = f.step(np.float32(letter))
    return text


def main(epochs=40, seed=0, backend=None):
    """Train, write, and return the share of letters that are told right from those before."""
    x, y = windows()
    model = network(seed, backend)
    model.compile(Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    accuracy = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0).history["accuracy"][-1]
    print(write(model, "this is the ", 120))
    print(f"{accuracy:.3f} of the letters are told right (backend {model.backend_})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
