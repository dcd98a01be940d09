"""A bidirectional GRU tells whether a short sentence praises or blames: the order of words decides.

    python examples/sentiment.py [--epochs 8] [--seed 0] [--backend cython]

The sentences are made here, "the food was not bad at all" and such. They have different lengths: shorter ones are
filled up with 0, for which ``mask_zero`` makes the layers behind it read nothing there.
"""

import argparse

import numpy as np

from fastnn import Sequential
from fastnn.layers import GRU, Bidirectional, Dense, Embedding, Input
from fastnn.optimizers import Adam
from fastnn.utils import pad_sequences

THINGS = ["food", "room", "staff", "view", "music", "film", "book", "song", "city", "garden"]
GOOD = ["good", "great", "lovely", "wonderful", "pleasant", "superb"]
BAD = ["bad", "awful", "dull", "dreadful", "boring", "poor"]
DEGREES = ["", "very", "really", "so", "quite"]
ENDS = ["", "at all", "to me", "again", "this time", "in the end"]
WORDS = sorted({word for text in (*THINGS, *GOOD, *BAD, *DEGREES, *ENDS, "the was not never") for word in text.split()})
WORDS += ["the", "was", "not", "never", "and"]
NUMBER = {word: i for i, word in enumerate(dict.fromkeys(WORDS), start=1)}


def sentences(n, seed):
    """``n`` sentences, and whether each praises (1) or blames (0)."""
    rng = np.random.default_rng(seed)
    texts, praises = [], []
    for _ in range(n):
        good, denied = rng.random(2) < 0.5
        word = rng.choice(GOOD if good else BAD)
        middle = rng.choice(["not", "never"]) if denied else rng.choice(DEGREES)
        text = f"the {rng.choice(THINGS)} was {middle} {word} {rng.choice(ENDS)}"
        if rng.random() < 0.3:
            text = f"the {rng.choice(THINGS)} and {text}"
        texts.append(" ".join(text.split()))
        praises.append(int(good != denied))
    return texts, np.array(praises)


def numbers(texts):
    """The numbers of the words, ``(n, longest)``, behind which 0 stands."""
    return pad_sequences([[NUMBER[word] for word in text.split()] for text in texts], padding="post")


def network(seed=0, backend=None):
    """Words become vectors, which are read in both directions."""
    layers = [
        Input((None,)),
        Embedding(len(NUMBER) + 1, 16, mask_zero=True),
        Bidirectional(GRU(16)),
        Dense(1, activation="sigmoid"),
    ]
    return Sequential(layers, seed=seed, backend=backend)


def main(epochs=8, seed=0, backend=None):
    """Train and return the accuracy on other sentences."""
    texts, praises = sentences(2000, seed=1)
    model = network(seed, backend)
    model.compile(Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(numbers(texts), praises, batch_size=32, epochs=epochs, verbose=0)
    new, known = sentences(500, seed=2)
    accuracy = model.evaluate(numbers(new), known)[1]
    for text in ("the food was good", "the food was not good at all", "the staff was never boring"):
        print(f"{model.predict(numbers([text]))[0, 0]:.2f}  {text}")
    print(f"{accuracy:.3f} of {len(new)} new sentences are told right (backend {model.backend_})")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend")
    main(**vars(parser.parse_args()))
