"""See the gradients of the first network that tutorials train: sigmoids, one hidden layer, squared error, XOR.

Shown before, within and after training: what every layer answers to the four points, and how steeply the loss
``L = mean((a - y)**2)`` depends on each array. On the way back each sigmoid multiplies by its slope ``s (1 - s)``,
which is at most 1/4 and almost 0 where the neuron is sure; so gradients shrink from layer to layer, and as the network
learns.

That the gradients are right is checked with nothing but the loss: ``dL/dw = (L(w + h) - L(w - h)) / 2h`` up to terms of
``h**2``. Source of the way back: Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors",
Nature 323 (1986).

    python examples/gradients_of_xor.py [--backend cython] [--out gradients.png]
"""

import argparse

import numpy as np

import fastnn
from fastnn.layers import Dense

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
Y = np.array([[0], [1], [1], [0]], dtype=float)
UPDATES, SHOWN, RATE, STEP = 2000, (0, 250), 2.0, 1e-5


def network(seed=0, backend=None):
    """Four hidden neurons and one output, in float64 as finite differences want it."""
    layers = [Dense(4, "sigmoid", name="hidden", input_shape=(2,)), Dense(1, "sigmoid", name="output")]
    model = fastnn.Sequential(layers, dtype="float64", seed=seed, backend=backend)
    model.compile(fastnn.optimizers.SGD(RATE), "mse")
    return model


def loss(model):
    return float(np.mean((model(X) - Y) ** 2))


def finite_differences(model):
    """The gradient of every weight from two losses each, in the order and shapes of ``model.get_weights()``."""
    weights = model.get_weights()
    slopes = [np.empty_like(array) for array in weights]
    for array, slope in zip(weights, slopes, strict=True):
        for place in np.ndindex(array.shape):
            value, losses = array[place], []
            for moved in (value + STEP, value - STEP):
                array[place] = moved
                model.set_weights(weights)
                losses.append(loss(model))
            array[place] = value
            slope[place] = (losses[0] - losses[1]) / (2 * STEP)
    model.set_weights(weights)
    return slopes


def show(model, update):
    """Activations and gradients as tables; returns how far the gradients are from finite differences."""
    value, gradients = model.gradients(X, Y)
    print(f"\nafter {update} updates: loss {value:.6f}")
    for point, *answers in zip(X, *model.activations(X).values(), strict=True):
        print("  {:.0f} {:.0f}".format(*point), *(" ->" + "".join(f"{a:7.3f}" for a in layer) for layer in answers))
    print("  array           shape    mean |weight|   mean |gradient|   error")
    names = [f"{layer.name}.{part}" for layer in model.layers for part in ("kernel", "bias")]
    weights, errors = model.get_weights(), []
    for name, w, g, slope in zip(names, weights, gradients, finite_differences(model), strict=True):
        errors.append(float(abs(g - slope).max()))
        print(f"  {name:15} {w.shape!s:8} {abs(w).mean():13.6f} {abs(g).mean():17.9f} {errors[-1]:7.0e}")
    return max(errors)


def train(model):
    """A loop of one's own; returns the mean size of each layer's gradients by update, and the worst error shown."""
    sizes, worst = np.empty((UPDATES, 2)), 0.0
    for update in range(UPDATES):
        if update in SHOWN:
            worst = max(worst, show(model, update))
        _, gradients = model.gradients(X, Y)
        sizes[update] = abs(gradients[0]).mean(), abs(gradients[2]).mean()
        model.apply_gradients(gradients)
    return sizes, max(worst, show(model, UPDATES))


def draw(model, sizes, path):
    """The activations of the trained network and the gradients' size through the training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    answers = np.hstack(list(model.activations(X).values()))
    left.imshow(answers, vmin=0, vmax=1, cmap="viridis")
    for (row, column), answer in np.ndenumerate(answers):
        left.text(column, row, f"{answer:.2f}", ha="center", va="center", color="white" if answer < 0.6 else "black")
    left.set(title="activations", yticks=range(4), yticklabels=["0 0", "0 1", "1 0", "1 1"], ylabel="a b")
    left.set_xticks(range(5), [*(f"hidden {k}" for k in range(4)), "output"], rotation=30)
    right.semilogy(sizes, label=["hidden", "output"])
    right.set(title="mean |gradient| of the kernels", xlabel="update")
    right.legend()
    figure.savefig(path, dpi=120)


def main(backend=None, out=None):
    model = network(backend=backend)
    sizes, worst = train(model)
    print(f"\nlargest difference from finite differences: {worst:.0e}")
    if out:
        try:
            draw(model, sizes, out)
            print(f"wrote {out}")
        except ImportError:
            print("no picture: matplotlib is not installed")
    return model, worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    parser.add_argument("--out", default="gradients.png")
    main(**vars(parser.parse_args()))
