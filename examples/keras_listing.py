"""A listing from a Keras tutorial; in its two imports ``keras`` became ``fastnn``, nothing else changed.

    python examples/keras_listing.py [--backend cython]

The data are random points; each of the three answers is the side of a plane on which a point lies.
"""

import argparse

import numpy as np

import fastnn
from fastnn.layers import Dense
from fastnn.models import Sequential


def listing(X, Y, n, k):
    """Three independent questions about each row, hence three sigmoids and not a softmax."""
    model = Sequential(
        [
            Dense(64, activation="relu", input_shape=(n,)),
            Dense(32, activation="relu"),
            Dense(k, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(X, Y, epochs=10, batch_size=32)
    return model, history


def main(backend=None):
    rng = np.random.default_rng(0)
    n, k = 20, 3
    X = rng.standard_normal((1000, n))
    Y = (X @ rng.standard_normal((n, k)) > 0).astype(int)
    with fastnn.use_backend(backend or fastnn.get_backend()):
        model, history = listing(X, Y, n, k)
    values = history.history
    print(f"loss {values['loss'][-1]:.4f}, accuracy {values['accuracy'][-1]:.4f} (backend {model.backend_})")
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
