"""Pictures from fixed numbers, one of each kind and more, and how they become images that fonts do not change.

Numbers are formulas and not trained, so that they are the same on every machine. ``python tests/plot_cases.py``
draws the baselines in tests/baseline_images/ anew; look at each before it is kept.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from fastnn import Sequential, optimizers, plot, schedules
from fastnn.layers import Conv2D, Dense, Dropout, Flatten

BASELINES = Path(__file__).with_name("baseline_images")


def waves(*shape):
    """Numbers from -1 to 1 without a pattern that the eye would see."""
    return np.sin(np.arange(1, math.prod(shape) + 1) ** 2 * 0.7).reshape(shape)


def model(*widths):
    """A Sequential of these widths, with weights from :func:`waves`."""
    hidden = [Dense(width, "tanh") for width in widths[1:-1]]
    last = Dense(widths[-1], "softmax" if widths[-1] > 1 else "sigmoid")
    made = Sequential([*hidden, Dropout(0.5), last])
    made.build((widths[0],))
    made.set_weights([waves(*weight.shape) for weight in made.get_weights()])
    return made


def images_model(channels=1, activation="relu", dtype="float32"):
    """Images of 6 by 8 pixels, five filters, three classes; weights from :func:`waves`."""
    first = Conv2D(5, 3, activation=activation, input_shape=(6, 8, channels))
    made = Sequential([first, Conv2D(2, 2), Flatten(), Dense(3, "softmax")], dtype=dtype)
    made.set_weights([waves(*weight.shape) for weight in made.get_weights()])
    return made


def images(n, channels=1):
    return waves(n, 6, 8, channels)


def fitted(n=30):
    epochs = np.arange(n)
    return {
        "loss": list(0.1 + np.exp(-epochs / 6)),
        "val_loss": list(0.3 + np.exp(-epochs / 5) + 0.01 * epochs),
        "accuracy": list(1 - 0.6 * np.exp(-epochs / 5)),
        "learning_rate": list(0.1 * 0.5 ** (epochs // 10)),
    }


DIVERGED = {"loss": [1.0, 0.8, 4.0, 900.0, math.inf, math.nan], "val_loss": [1.1, 0.9, 5.0, 1e4, math.nan, math.nan]}
POINTS = 2.0 * np.column_stack([waves(90), np.cos(np.arange(90) * 1.3)])


def slope(x):
    """Probability of class 1, one half on the line ``b = a``."""
    return 1 / (1 + np.exp(3 * (x[:, 0] - x[:, 1])))


def thirds(x):
    """Probabilities of three classes, by the direction from the middle."""
    angles = 2 * np.pi * np.arange(3) / 3
    powers = np.exp(x @ np.stack([np.cos(angles), np.sin(angles)]))
    return powers / powers.sum(axis=1, keepdims=True)


def classes(n, n_classes):
    """True and predicted classes, every fifth prediction wrong."""
    true = np.arange(n) * 7 % n_classes
    return true, np.where(np.arange(n) % 5 == 0, (true + 1 + np.arange(n) // 5) % n_classes, true)


def numbers(n, *outputs):
    """Targets and predictions."""
    prediction = 3 * waves(n, *outputs)
    return prediction + np.abs(prediction) * waves(n + 1, *outputs)[1:], prediction


def _chances(n, n_classes):
    powers = np.exp(3 * waves(n, n_classes))
    return powers / powers.sum(axis=1, keepdims=True)


CASES = {
    "history": lambda ax=None: plot.history(fitted(), ax),
    "history_diverged": lambda ax=None: plot.history(DIVERGED, ax),
    "learning_rate": lambda ax=None: plot.learning_rate(
        schedules.CosineDecay(0.0, 800, warmup_target=0.1, warmup_steps=200), ax=ax
    ),
    "learning_rate_steps": lambda ax=None: plot.learning_rate(optimizers.SGD(schedules.StepDecay(0.1, 40)), 200, ax),
    "regions_2": lambda ax=None: plot.decision_regions(
        slope, POINTS, POINTS[:, 1] > POINTS[:, 0] + waves(90) / 2, ax, resolution=60
    ),
    "regions_3": lambda ax=None: plot.decision_regions(thirds, POINTS, thirds(POINTS).argmax(1), ax, resolution=60),
    "regions_labels": lambda ax=None: plot.decision_regions(
        lambda x: np.where(x[:, 0] > 0, "right", "left"), POINTS, ["left", "right"] * 45, ax, resolution=60
    ),
    "confusion": lambda ax=None: plot.confusion_matrix(*classes(200, 4), ax=ax),
    "confusion_shares": lambda ax=None: plot.confusion_matrix(*classes(90, 3), ["a", "b", "c"], ax, normalize=True),
    "confusion_many": lambda ax=None: plot.confusion_matrix(*classes(60000, 60), ax=ax),
    "network": lambda ax=None: plot.network(model(3, 5, 2), ax),
    "network_wide": lambda ax=None: plot.network(model(50, 8, 20, 1), ax, max_units=6),
    "weights": lambda ax=None: plot.weights(model(6, 10, 3), 0, ax),
    "images": lambda ax=None: plot.first_layer_images(model(20, 7, 2), (4, 5), ax=ax),
    "images_rgb": lambda ax=None: plot.first_layer_images(model(48, 6, 2), (4, 4, 3), 5, ax),
    "filters": lambda ax=None: plot.filters(images_model(), ax=ax),
    "filters_rgb": lambda ax=None: plot.filters(images_model(3), ax=ax),
    "filters_many": lambda ax=None: plot.filters(images_model(), "conv2d_1", ax),
    "feature_maps": lambda ax=None: plot.feature_maps(images_model(), images(1)[0], ax=ax),
    "feature_maps_signed": lambda ax=None: plot.feature_maps(images_model(3, "tanh"), images(1, 3)[0], ax=ax),
    "saliency": lambda ax=None: plot.saliency(images_model(3), images(4, 3), [0, 1, 2, 0], ax),
    "misclassified": lambda ax=None: plot.misclassified(
        images_model(), images(9), np.arange(9) % 3, ["a", "b", "c"], ax
    ),
    "residuals": lambda ax=None: plot.residuals(*numbers(60, 3), ax),
    "residuals_many": lambda ax=None: plot.residuals(*numbers(20000), ax),
    "calibration": lambda ax=None: plot.calibration(
        np.arange(300) % 10 < 10 * np.linspace(0, 1, 300) ** 2, np.linspace(0, 1, 300), ax
    ),
    "calibration_3": lambda ax=None: plot.calibration(np.arange(300) % 3, _chances(300, 3), ax, n_bins=5),
}


def render(name, path):
    """Draw a case in 320 by 240 pixels at places that no text moves, without any text, in matplotlib's own style."""
    import matplotlib.style
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text
    from matplotlib.ticker import NullFormatter

    with matplotlib.style.context("default"):
        figure = Figure(figsize=(4, 3), dpi=80)
        CASES[name](figure.subplots())
        for hidden in (Text, Legend):
            for artist in figure.findobj(hidden):
                artist.set_visible(False)
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(NullFormatter())
                axis.set_minor_formatter(NullFormatter())
        figure.savefig(path, metadata={"Software": None})


def difference(expected, actual):
    """How far two image files are apart: root mean square, 0 to 255, after a pixel has looked around itself.

    A pixel counts by its distance to the nearest colour among the nine around its place in the other picture:
    matplotlib 3.9 and 3.11 round the edges of an image's cells to neighbouring pixels. Pixel by pixel, as
    matplotlib.testing.compare has it, that is up to 17, as far as a broken picture.
    """
    from matplotlib.image import imread

    first, second = (255.0 * imread(path)[..., :3] for path in (expected, actual))
    return max(_missing(first, second), _missing(second, first))


def _missing(wanted, found):
    height, width = wanted.shape[:2]
    around = np.pad(found, ((1, 1), (1, 1), (0, 0)), mode="edge")
    shifted = [around[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    nearest = np.min([np.abs(wanted - there).max(axis=-1) for there in shifted], axis=0)
    return float(np.sqrt((nearest**2).mean()))


def main():
    BASELINES.mkdir(exist_ok=True)
    for old in BASELINES.glob("*.png"):
        old.unlink()
    for name in CASES:
        render(name, BASELINES / f"{name}.png")
    print(f"wrote {len(CASES)} pictures to {BASELINES.name}/")


if __name__ == "__main__":
    main()
