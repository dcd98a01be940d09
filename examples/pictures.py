"""All pictures of ``fastnn.plot`` on one sheet, drawn from four networks that train in some seconds.

python examples/pictures.py [--backend cython] [--out pictures.png]
"""

import argparse

import numpy as np
from planar import wave

import fastnn
from fastnn import plot
from fastnn.datasets import load_digits
from fastnn.layers import Concatenate, Conv2D, Dense, Flatten, MaxPooling2D

NAMES = (
    *("decision_regions", "network", "calibration", "history", "confusion_matrix", "first_layer_images"),
    *("weights", "learning_rate", "residuals", "graph", "filters", "feature_maps", "saliency", "misclassified"),
    "phases",
)


def noisy_wave(n, seed):
    """The wave's points with every tenth class drawn by lot, so that no model can be certain."""
    x, y = wave(n, seed)
    rng = np.random.default_rng(seed)
    return x, np.where(rng.random((n, 1)) < 0.1, rng.integers(0, 2, (n, 1)), y)


def wave_model(x, y, backend=None):
    """Two inputs, one probability."""
    model = fastnn.Sequential(
        [Dense(10, activation="tanh", input_shape=(2,)), Dense(6, activation="tanh"), Dense(1, activation="sigmoid")],
        seed=1,
        backend=backend,
    )
    model.compile(fastnn.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(x, y, epochs=80, verbose=0)
    return model


def digits_model(x, y, backend=None):
    """Images of 8 x 8 pixels, ten classes; the penalty keeps a unit's weights smooth."""
    rate = fastnn.schedules.CosineDecay(0.0, 1700, warmup_target=0.01, warmup_steps=200)
    penalty = fastnn.regularizers.L2(0.002)
    model = fastnn.Sequential(
        [
            Flatten(input_shape=(8, 8)),
            Dense(16, activation="tanh", kernel_regularizer=penalty),
            Dense(10, activation="softmax"),
        ],
        seed=1,
        backend=backend,
    )
    model.compile(fastnn.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)
    return model


def filters_model(x, y, backend=None):
    """The same images, read by small windows that move over them."""
    model = fastnn.Sequential(
        [
            Conv2D(12, 3, activation="relu", padding="same", input_shape=(8, 8, 1)),
            MaxPooling2D(2),
            Flatten(),
            Dense(10, activation="softmax"),
        ],
        seed=1,
        backend=backend,
    )
    model.compile(fastnn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=4, verbose=0)
    return model


def product_model(x, y, backend=None):
    """A number: the product of two others."""
    model = fastnn.Sequential([Dense(16, activation="tanh", input_shape=(2,)), Dense(1)], seed=1, backend=backend)
    model.compile(fastnn.optimizers.Adam(0.01), "mean_squared_error")
    model.fit(x, y, epochs=3, verbose=0)
    return model


def two_towers():
    """A graph: one tower for both inputs, and two outputs."""
    left, right = fastnn.Input((4,), name="left"), fastnn.Input((4,), name="right")
    tower = Dense(8, "relu", name="tower")
    joined = Concatenate(name="joined")([tower(left), tower(right)])
    return fastnn.Model([left, right], [Dense(1, name="price")(joined), Dense(3, "softmax", name="kind")(joined)])


def draw(figure, backend=None):
    """A picture of each name in NAMES; returns their Axes."""
    axes = figure.subplots(5, 3).ravel()
    x, y = noisy_wave(400, seed=0)
    points = wave_model(x, y, backend)
    plot.decision_regions(points, x, y, axes[0])
    plot.network(points, axes[1])
    unseen, truth = noisy_wave(4000, seed=1)
    plot.calibration(truth, points.predict(unseen), axes[2])

    (images, classes), (new_images, new_classes) = load_digits()  # of some people, and of others
    model = digits_model(images, classes, backend)
    plot.history(model, axes[3])
    plot.confusion_matrix(new_classes, model.predict(new_images), ax=axes[4])
    plot.first_layer_images(model, (8, 8), ax=axes[5])
    plot.weights(model, -1, axes[6])
    plot.learning_rate(model, ax=axes[7])

    x = np.random.default_rng(0).uniform(-2, 2, (20000, 2))
    y = x[:, :1] * x[:, 1:] + np.random.default_rng(1).normal(0, 0.2, (20000, 1))
    plot.residuals(y, product_model(x, y, backend).predict(x), axes[8])
    plot.graph(two_towers(), axes[9])
    draw_filters(axes[10:], backend)
    return axes


def draw_filters(axes, backend=None):
    """What a convolution looks for, finds in an image, what decides, what goes wrong, and where its time goes."""
    (images, classes), (new_images, new_classes) = load_digits()
    model = filters_model(images, classes, backend)
    plot.filters(model, ax=axes[0])
    plot.feature_maps(model, new_images[2], ax=axes[1])
    plot.saliency(model, new_images[:4], ax=axes[2])
    plot.misclassified(model, new_images, new_classes, ax=axes[3], n=6)
    backend = "numpy" if backend == "numba" else backend  # which has no clock
    plot.phases(fastnn.utils.profile(model, images, classes, threads=1, backend=backend), axes[4])


def main(backend=None, out="pictures.png"):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 17.2))
    figure.set_layout_engine("constrained", hspace=0.08)
    for ax, name in zip(draw(figure, backend), NAMES, strict=True):
        ax.set_title(f"plot.{name}", fontsize=10)
    figure.savefig(out, dpi=75)
    print(f"wrote {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend")
    parser.add_argument("--out", default="pictures.png")
    main(**vars(parser.parse_args()))
