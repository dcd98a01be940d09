"""The classic first network, once written out in NumPy and once in fastnn: the same cost at every step.

One hidden layer of sigmoids, a sigmoid output, binary cross-entropy, plain gradient descent on all rows.

    python examples/classic.py [--backend cython]
"""

import argparse

import numpy as np
from two_moons import two_moons

import fastnn
from fastnn.layers import Dense

HIDDEN, LEARNING_RATE, ITERATIONS, PRINT_EVERY = 8, 1.0, 2000, 200


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def initialise(n_in, n_hidden, seed=1):
    """Small random kernels, zero biases: equal neurons would stay equal for ever."""
    rng = np.random.default_rng(seed)
    return {
        "W1": rng.standard_normal((n_in, n_hidden)) * 0.5,
        "b1": np.zeros(n_hidden),
        "W2": rng.standard_normal((n_hidden, 1)) * 0.5,
        "b2": np.zeros(1),
    }


def forward(params, x):
    """Activations of both layers; rows are samples."""
    a1 = sigmoid(x @ params["W1"] + params["b1"])
    return a1, sigmoid(a1 @ params["W2"] + params["b2"])


def cost(a2, y):
    """Mean binary cross-entropy."""
    return float(-np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2)))


def backward(params, x, y, a1, a2):
    """The chain rule, from the output back. Cross-entropy and sigmoid together leave ``a2 - y``."""
    dz2 = (a2 - y) / len(x)
    dz1 = dz2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}


def update(params, gradients, learning_rate):
    """One step downhill."""
    return {name: value - learning_rate * gradients[name] for name, value in params.items()}


def train(params, x, y):
    """Gradient descent; returns the parameters and the cost before each printed iteration."""
    costs = []
    for iteration in range(ITERATIONS):
        a1, a2 = forward(params, x)
        if iteration % PRINT_EVERY == 0:
            costs.append(cost(a2, y))
        params = update(params, backward(params, x, y, a1, a2), LEARNING_RATE)
    return params, costs


def predict(params, x):
    return (forward(params, x)[1] > 0.5).astype(float)


def accuracy(predicted, y):
    return float(np.mean(predicted == y))


def train_fastnn(params, x, y, backend=None):
    """The same network: ``batch_size=len(x)`` makes an epoch one step on all rows."""
    model = fastnn.Sequential(
        [Dense(HIDDEN, activation="sigmoid", input_shape=(x.shape[1],)), Dense(1, activation="sigmoid")],
        dtype="float64",
        backend=backend,
    )
    model.set_weights(list(params.values()))
    model.compile(optimizer=fastnn.optimizers.SGD(LEARNING_RATE), loss="binary_crossentropy")
    history = model.fit(x, y, epochs=ITERATIONS, batch_size=len(x), verbose=0)
    return model, history.history["loss"][::PRINT_EVERY]


def main(backend=None):
    x, y = two_moons()
    start = initialise(x.shape[1], HIDDEN)
    params, costs = train(start, x, y)
    model, fast_costs = train_fastnn(start, x, y, backend)
    print("iteration   cost in NumPy   cost in fastnn")
    for i, (ours, theirs) in enumerate(zip(costs, fast_costs, strict=True)):
        print(f"{i * PRINT_EVERY:9d} {ours:15.10f} {theirs:16.10f}")
    print(f"accuracy in NumPy  {accuracy(predict(params, x), y):.4f}")
    print(f"accuracy in fastnn {accuracy((model.predict(x) > 0.5).astype(float), y):.4f} (backend {model.backend_})")
    return costs, fast_costs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
