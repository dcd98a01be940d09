"""The classic first network, once written out in NumPy and once in fastnn: the same cost at every step.

One hidden layer of sigmoids, a sigmoid output, binary cross-entropy, plain gradient descent on all rows.

    python examples/classic.py [--backend cython]
"""

import argparse

import numpy as np
from planar import wave

import fastnn
from fastnn.layers import Dense

HIDDEN, LEARNING_RATE, ITERATIONS, PRINT_EVERY = 6, 1.0, 4000, 400


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def initialise(n_in, n_hidden, seed=1):
    """Random kernels, because neurons that start equal stay equal; small, because a large z has a flat sigmoid."""
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
    """The chain rule, from the output back.

    The cross-entropy's slope has ``a2 (1 - a2)`` below the line, the sigmoid's is just that: ``a2 - y`` is left.
    """
    dz2 = (a2 - y) / len(x)
    dz1 = dz2 @ params["W2"].T * a1 * (1 - a1)
    return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}


def update(params, gradients, learning_rate):
    """One step downhill."""
    return {name: value - learning_rate * gradients[name] for name, value in params.items()}


def train(params, x, y, cost=cost, backward=backward):
    """Gradient descent; returns the parameters and the cost before each update."""
    costs = []
    for _ in range(ITERATIONS):
        a1, a2 = forward(params, x)
        costs.append(cost(a2, y))
        params = update(params, backward(params, x, y, a1, a2), LEARNING_RATE)
    return params, costs


def predict(params, x):
    return (forward(params, x)[1] > 0.5).astype(float)


def accuracy(predicted, y):
    return float(np.mean(predicted == y))


def train_fastnn(params, x, y, loss="binary_crossentropy", backend=None):
    """The same in fastnn. ``batch_size=len(x)`` makes an epoch one update on all rows.

    ``float64``, as NumPy computes: in fastnn's usual float32 the costs would agree to about six digits.
    """
    model = fastnn.Sequential(
        [Dense(HIDDEN, activation="sigmoid", input_shape=(x.shape[1],)), Dense(1, activation="sigmoid")],
        dtype="float64",
        backend=backend,
    )
    model.set_weights(list(params.values()))
    model.compile(optimizer=fastnn.optimizers.SGD(LEARNING_RATE), loss=fastnn.losses.get(loss))
    history = model.fit(x, y, epochs=ITERATIONS, batch_size=len(x), shuffle=False, verbose=0)
    return model, history.history["loss"]


def compare(x, y, params, costs, model, fastnn_costs):
    """Print both side by side; returns the printed costs."""
    printed = costs[::PRINT_EVERY], fastnn_costs[::PRINT_EVERY]
    print("iteration   cost in NumPy   cost in fastnn")
    for i, (in_numpy, in_fastnn) in enumerate(zip(*printed, strict=True)):
        print(f"{i * PRINT_EVERY:9d} {in_numpy:15.10f} {in_fastnn:16.10f}")
    print(f"accuracy in NumPy  {accuracy(predict(params, x), y):.4f}")
    print(f"accuracy in fastnn {accuracy(model.predict(x) > 0.5, y):.4f} (backend {model.backend_})")
    return printed


def main(backend=None):
    x, y = wave()
    start = initialise(x.shape[1], HIDDEN)
    return compare(x, y, *train(start, x, y), *train_fastnn(start, x, y, backend=backend))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    main(parser.parse_args().backend)
