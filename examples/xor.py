"""XOR: the smallest problem that needs a hidden layer.

A single sigmoid neuron answers ``sigmoid(w1 a + w2 b + c)``: it parts the plane by one straight line. XOR wants
(0, 1) and (1, 0) on one side, (0, 0) and (1, 1) on the other. Both pairs have the same middle, (0.5, 0.5), and the
middle of two points lies on their side of a line; so there is no such line, and the best a neuron can do is 3 of 4.
Hidden neurons draw several lines, and the output combines them.

    python examples/xor.py [--backend cython] [--out xor.png]
"""

import argparse

import numpy as np

import fastnn
from fastnn.layers import Dense

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
Y = np.array([0, 1, 1, 0])


def learn(seed, backend=None):
    """A network of 8 hidden neurons, trained on the four points."""
    model = fastnn.Sequential(
        [Dense(8, activation="tanh", input_shape=(2,)), Dense(1, activation="sigmoid")], seed=seed, backend=backend
    )
    model.compile(optimizer=fastnn.optimizers.Adam(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=400, batch_size=4, verbose=0)
    return model


def single_neuron(seed, backend=None):
    """What cannot work: the same training without a hidden layer."""
    model = fastnn.Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=seed, backend=backend)
    model.compile(optimizer=fastnn.optimizers.Adam(0.05), loss="binary_crossentropy")
    model.fit(X, Y, epochs=400, batch_size=4, verbose=0)
    return model


def correct(model):
    """How many of the four points are answered right."""
    return int(np.sum((model.predict(X)[:, 0] > 0.5) == Y))


def draw(model, path):
    """The learned decision regions, with the four points."""
    from matplotlib.figure import Figure

    side = np.linspace(-0.5, 1.5, 201, dtype=np.float32)
    a, b = np.meshgrid(side, side)
    probability = model.predict(np.column_stack([a.ravel(), b.ravel()])).reshape(a.shape)
    figure = Figure(figsize=(5, 4.2), layout="constrained")
    axes = figure.subplots()
    filled = axes.contourf(a, b, probability, levels=np.linspace(0, 1, 11), cmap="RdBu_r")
    axes.contour(a, b, probability, levels=[0.5], colors="black")
    for label, marker in ((0, "o"), (1, "s")):
        axes.scatter(*X[label == Y].T, s=90, marker=marker, color="white", edgecolor="black", label=f"XOR = {label}")
    figure.colorbar(filled, label="probability of 1")
    axes.set(title="XOR: learned regions", xlabel="a", ylabel="b")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=120)


def main(backend=None, out=None):
    results = [correct(learn(seed, backend)) for seed in range(10)]
    print(f"with a hidden layer: {results.count(4)} of 10 seeds learn all four points")
    print(f"a single neuron: {correct(single_neuron(0, backend))} of 4 points")
    if out:
        try:
            draw(learn(0, backend), out)
            print(f"wrote {out}")
        except ImportError:
            print("no picture: matplotlib is not installed")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    parser.add_argument("--out", default="xor.png")
    main(**vars(parser.parse_args()))
