"""The classic network with squared error and learning rate 1.0, in NumPy and in fastnn.

Beside ``classic.py`` only the cost changes, and with it one line of the way back: the slope of the output's
sigmoid no longer cancels, so that confident mistakes are corrected slowly.

    python examples/squared_error.py [--backend cython]
"""

import argparse

import classic
import numpy as np
from two_moons import two_moons

import fastnn
from fastnn.layers import Dense

LEARNING_RATE, ITERATIONS, PRINT_EVERY = 1.0, 3000, 300


def cost(a2, y):
    """Half the mean squared error; the half is there for the tidy gradient ``a2 - y``."""
    return float(0.5 * np.mean((a2 - y) ** 2))


def backward(params, x, y, a1, a2):
    dz2 = (a2 - y) * a2 * (1 - a2) / len(x)
    dz1 = dz2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}


def train(params, x, y):
    """Gradient descent; returns the parameters and the cost before each printed iteration."""
    costs = []
    for iteration in range(ITERATIONS):
        a1, a2 = classic.forward(params, x)
        if iteration % PRINT_EVERY == 0:
            costs.append(cost(a2, y))
        params = classic.update(params, backward(params, x, y, a1, a2), LEARNING_RATE)
    return params, costs


def train_fastnn(params, x, y, backend=None):
    """``huber`` with a delta no error reaches is half the squared error, natively."""
    model = fastnn.Sequential(
        [Dense(classic.HIDDEN, activation="sigmoid", input_shape=(x.shape[1],)), Dense(1, activation="sigmoid")],
        dtype="float64",
        backend=backend,
    )
    model.set_weights(list(params.values()))
    model.compile(optimizer=fastnn.optimizers.SGD(LEARNING_RATE), loss=fastnn.losses.Huber(delta=10.0))
    history = model.fit(x, y, epochs=ITERATIONS, batch_size=len(x), verbose=0)
    return model, history.history["loss"][::PRINT_EVERY]


def main(backend=None):
    x, y = two_moons()
    start = classic.initialise(x.shape[1], classic.HIDDEN)
    params, costs = train(start, x, y)
    model, fast_costs = train_fastnn(start, x, y, backend)
    print("iteration   cost in NumPy   cost in fastnn")
    for i, (ours, theirs) in enumerate(zip(costs, fast_costs, strict=True)):
        print(f"{i * PRINT_EVERY:9d} {ours:15.10f} {theirs:16.10f}")
    reached = classic.accuracy((model.predict(x) > 0.5).astype(float), y)
    print(f"accuracy in NumPy  {classic.accuracy(classic.predict(params, x), y):.4f}")
    print(f"accuracy in fastnn {reached:.4f} (backend {model.backend_})")
    return costs, fast_costs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
