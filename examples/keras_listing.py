"""A listing from a Keras tutorial that runs with only its imports changed.

python examples/keras_listing.py [--backend cython]
"""

import argparse

import numpy as np

import fastnn
from fastnn.layers import Dense
from fastnn.models import Sequential


def main(backend=None):
    rng = np.random.default_rng(0)
    n, k = 20, 3
    X = rng.standard_normal((1000, n))
    Y = (X @ rng.standard_normal((n, k)) > 0).astype(int)

    with fastnn.use_backend(backend or "auto"):
        model = Sequential(
            [
                Dense(64, activation="relu", input_shape=(n,)),
                Dense(32, activation="relu"),
                Dense(k, activation="sigmoid"),
            ]
        )
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        history = model.fit(X, Y, epochs=10, batch_size=32)
    model.summary()
    print(f"loss {history.history['loss'][-1]:.4f}, accuracy {history.history['accuracy'][-1]:.4f}")
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
