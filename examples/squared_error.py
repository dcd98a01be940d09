"""The classic network with squared error and learning rate 1.0, in NumPy and in fastnn.

Beside ``classic.py`` only the cost changes, and with it one line of the way back: the slope of the output's
sigmoid no longer cancels. It is almost zero where the network is sure, right or wrong, so confident mistakes are
corrected slowly; that is why classes are learned with cross-entropy.

    python examples/squared_error.py [--backend cython]
"""

import argparse

import classic
import numpy as np
from planar import wave


def cost(a2, y):
    """Mean squared error. Texts that halve it have no 2 in the gradient; their rate 2.0 is 1.0 here."""
    return float(np.mean((a2 - y) ** 2))


def backward(params, x, y, a1, a2):
    """The chain rule with the slope of the squared error, ``2 (a2 - y)``, times that of the output's sigmoid."""
    dz2 = 2 * (a2 - y) * a2 * (1 - a2) / len(x)
    dz1 = dz2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}


def main(backend=None):
    x, y = wave()
    start = classic.initialise(x.shape[1], classic.HIDDEN)
    in_numpy = classic.train(start, x, y, cost, backward)
    in_fastnn = classic.train_fastnn(start, x, y, "mean_squared_error", backend)
    return classic.compare(x, y, *in_numpy, *in_fastnn)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
