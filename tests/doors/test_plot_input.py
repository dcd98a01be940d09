"""Wrong input of a picture is one error, which says what came and what is wanted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from plot_cases import POINTS, images, images_model, model, slope

import fastnn
from fastnn import Sequential, plot
from fastnn.layers import Add, Conv1D, Conv2D, Dense, Dropout, Reshape

pytestmark = pytest.mark.usefixtures("no_figures_left")
LABELS = ["a", "b"] * 45
UNBUILT = Sequential([Dense(1)])
UNFITTED = SimpleNamespace(fit=None)
WITHOUT_KERNEL = Sequential([Dropout(0.5, input_shape=(2,))])
INFINITE = SimpleNamespace(coefs_=[np.full((2, 2), np.inf)])
CONV, FLAT = images_model(), Sequential([Reshape((6, 8, 1), input_shape=(48,)), Conv2D(2, 3)])
TWO = fastnn.Model(ends := [fastnn.Input((4, 4, 1)), fastnn.Input((4, 4, 1))], Conv2D(1, 2)(Add()(ends)))
BROKEN = Sequential([Conv2D(1, 1, kernel_initializer=fastnn.initializers.Constant(1e38), input_shape=(6, 8, 1))])
INSIDE = Sequential([images_model(), Dense(2)])
NAN, INF = float("nan"), float("inf")


def regions(answer, y=LABELS, x=POINTS):
    return plot.decision_regions(answer, x, y)


WRONG = [
    (lambda: plot.history({"loss": [1]}, "ax"), TypeError, "ax must be a matplotlib Axes.*got str"),
    (lambda: plot.history({}), ValueError, "no epochs; train first"),
    (lambda: plot.history(fastnn.callbacks.History()), ValueError, "no epochs; train first"),
    (lambda: plot.history(UNBUILT), ValueError, "Sequential has no curve.*fit it first"),
    (lambda: plot.history(UNFITTED), ValueError, "no curve.*fit it first"),
    (lambda: plot.history(3), TypeError, "what fit returned, a dict of lists.*got 3"),
    (lambda: plot.history({"loss": [1, 2], "val_loss": [1]}), ValueError, "a value an epoch, got loss 2, val_loss 1"),
    (lambda: plot.history({"loss": 3.0}), ValueError, r"history\['loss'\].*got shape \(\)"),
    (lambda: plot.history({"loss": ["high"]}), TypeError, r"must be a list of numbers, got \['high'\]"),
    (lambda: plot.history({"loss": [1]}, metric="auc"), ValueError, "has no 'auc'; it has loss"),
    (lambda: plot.history({"lr": [1]}), ValueError, "has no loss; it has lr"),
    (lambda: plot.history({"loss": [1]}, log="yes"), ValueError, "log must be.*got 'yes'"),
    (lambda: plot.history({"loss": [1, 0]}, log=True), ValueError, "positive values, got loss down to 0"),
    (lambda: plot.learning_rate({"loss": [1]}), ValueError, "no column 'learning_rate'; it has loss"),
    (lambda: plot.learning_rate({"lr": [1]}, 5), ValueError, "steps is for schedules"),
    (lambda: plot.learning_rate(0.1), TypeError, "a schedule, an optimiser.*got 0.1"),
    (lambda: plot.learning_rate(UNBUILT), ValueError, "not compiled"),
    (lambda: plot.learning_rate(fastnn.optimizers.SGD(), 0), ValueError, "steps must be at least 1, got 0"),
    (lambda: plot.learning_rate(fastnn.optimizers.SGD(), 1.5), TypeError, "steps must be a whole number, got 1.5"),
    (lambda: regions(slope, x=np.ones((90, 3))), ValueError, r"two inputs: x must have shape \(n, 2\), got \(90, 3\)"),
    (lambda: regions(slope, LABELS[1:]), ValueError, "x and y must have the same number of rows, got 90 and 89"),
    (lambda: regions(slope, x=np.full((90, 2), NAN)), ValueError, "x must be finite, got nan"),
    (lambda: regions(slope, [NAN] * 90), ValueError, "y must be finite"),
    (lambda: regions(slope, [0.5] * 90), ValueError, "y must hold class labels"),
    (lambda: regions(slope, [None] * 90), TypeError, "y must be an array of class labels"),
    (lambda: regions(slope, np.ones((90, 2))), ValueError, "rows of y must be one-hot"),
    (lambda: regions(slope, ["a", "b", "c"] * 30), ValueError, "gives 2 classes, but y has 3: a, b, c"),
    (lambda: regions(lambda x: x[:5, 0]), ValueError, r"must give \(n, classes\).*got shape \(5,\)"),
    (lambda: regions(lambda x: x[:, 0] * 9), ValueError, "probabilities of the second class, got -.*wrap the model"),
    (lambda: regions(lambda x: x * NAN), ValueError, "what the model gives must be finite"),
    (lambda: regions(lambda x: np.zeros(len(x), int)), TypeError, "y holds text .* and the model's answer numbers"),
    (lambda: regions(3), TypeError, "predict_proba or predict, or be a function.*got 3"),
    (lambda: regions(UNBUILT), ValueError, "no weights yet; fit it first"),
    (lambda: regions(model(3, 1)), ValueError, r"x must have shape \(n, 3\), got"),
    (lambda: plot.decision_regions(slope, POINTS, LABELS, resolution=1), ValueError, "resolution must be at least 2"),
    (lambda: plot.confusion_matrix([0, 1], [0]), ValueError, "target and prediction must have the same.*2 and 1"),
    (lambda: plot.confusion_matrix([], []), ValueError, "target is empty"),
    (lambda: plot.confusion_matrix(1, 1), TypeError, "target must be an array of class labels.*got 1"),
    (lambda: plot.confusion_matrix([0, NAN], [0, 1]), ValueError, "target must be finite"),
    (lambda: plot.confusion_matrix([0, 1], [0, 1.5]), ValueError, "prediction must hold.*or probabilities.*0 to 1.5"),
    (lambda: plot.confusion_matrix([0.5, 1], [0, 1]), ValueError, r"target must hold .*numbers or text\), got"),
    (lambda: plot.confusion_matrix([1, 2], [0.2, 0.9]), ValueError, "classes 0 and 1, but target has 1, 2"),
    (lambda: plot.confusion_matrix([0, 1], ["0", "1"]), TypeError, r"target holds numbers \(0.* prediction text \('0'"),
    (lambda: plot.confusion_matrix([0, 1], [0, 1], [0, 2]), ValueError, "target has the class 1; the classes are 0, 2"),
    (lambda: plot.confusion_matrix([0, 2], [0, 0], ["a", "b"]), ValueError, "classes 0 to 1, but there is the class 2"),
    (lambda: plot.confusion_matrix([0, 1], [0, 1], [0, 0]), ValueError, r"different classes or names, got \[0, 0\]"),
    (lambda: plot.confusion_matrix(np.ones((2, 2)), [0, 1]), ValueError, "one class a row; of several labels"),
    (lambda: plot.confusion_matrix(np.ones((2, 2, 2)), [0, 1]), ValueError, r"shape \(n,\).*got \(2, 2, 2\)"),
    (lambda: plot.network(UNBUILT), ValueError, "no weights yet; fit it, or build"),
    (lambda: plot.network(UNFITTED), ValueError, "has no weights; fit it first"),
    (lambda: plot.network(3), TypeError, "a Model or a fitted estimator.*got 3"),
    (lambda: plot.network(WITHOUT_KERNEL), ValueError, "no layer with a kernel"),
    (lambda: plot.network(INFINITE), ValueError, "kernel of output must be finite"),
    (lambda: plot.network(model(2, 1), max_units=1), ValueError, "max_units must be at least 2, got 1"),
    (lambda: plot.weights(model(2, 3, 1), 2), ValueError, r"one of those with a kernel \(0 Dense, 1 Dense\), got 2"),
    (lambda: plot.weights(model(2, 1), 0.5), TypeError, "layer must be a whole number, got 0.5"),
    (lambda: plot.first_layer_images(model(6, 1), (2, 2)), ValueError, r"shape \(2, 2\) has 4 numbers, but.*6 inputs"),
    (lambda: plot.first_layer_images(model(6, 1), (1, 2, 3, 1)), ValueError, r"shape must be \(height, width\)"),
    (lambda: plot.first_layer_images(model(8, 1), (2, 2, 2)), ValueError, r"\(height, width, 3\), got \(2, 2, 2\)"),
    (lambda: plot.first_layer_images(model(6, 2), (2, 3), 3), ValueError, "n must be at most 2.*got 3"),
    (lambda: plot.filters(UNBUILT), ValueError, "no weights yet; fit it, or build"),
    (lambda: plot.filters(UNFITTED), ValueError, "has no model_; fit it first"),
    (lambda: plot.filters(3), TypeError, "a Model or a fitted estimator with model_, got 3"),
    (lambda: plot.filters(model(2, 1)), ValueError, "no convolution; plot.first_layer_images"),
    (lambda: plot.filters(TWO), ValueError, "must have one input, got 2"),
    (lambda: plot.filters(CONV, "conv"), ValueError, r"unknown layer 'conv' \(did you mean 'conv2d'"),
    (lambda: plot.filters(CONV, 4), ValueError, "a place below 4, the number of layers, got 4"),
    (lambda: plot.filters(CONV, 0.5), TypeError, "layer must be a whole number, got 0.5"),
    (lambda: plot.filters(CONV, "dense"), ValueError, r"layer dense \(Dense\) is no convolution"),
    (lambda: plot.filters(CONV, Conv2D(5, 3)), ValueError, r"one of the model's \(conv2d, .*got Conv2D\("),
    (lambda: plot.filters(INSIDE, 0), ValueError, r"one of the model's \(sequential/conv2d, .*got <Sequential"),
    (lambda: plot.filters(CONV, n=6), ValueError, "n must be at most 5, the number of filters, got 6"),
    (lambda: plot.filters(CONV, n=0), ValueError, "n must be at least 1, got 0"),
    (lambda: plot.feature_maps(CONV, images(1)[0, :5]), ValueError, r"the model reads, \(6, 8, 1\), got \(5, 8, 1\)"),
    (lambda: plot.feature_maps(CONV, images(1)), ValueError, r"got \(1, 6, 8, 1\); one image is image\[0\]"),
    (lambda: plot.feature_maps(CONV, images(1)[0], "dense"), ValueError, r"layer dense gives \(3,\); feature maps are"),
    (lambda: plot.feature_maps(FLAT, np.ones(48)), ValueError, r"\(48,\); for flat rows give shape=\(height, width\)"),
    (lambda: plot.feature_maps(FLAT, np.ones(48), shape=(6, 6)), ValueError, "36 numbers, but a row of image has 48"),
    (lambda: plot.feature_maps(CONV, np.full((6, 8), NAN)), ValueError, "image must be finite, got nan"),
    (lambda: plot.feature_maps(BROKEN, np.full((6, 8), 50.0)), ValueError, "what conv2d gives must be finite, got inf"),
    (lambda: plot.feature_maps(CONV, images(1)[0], n=6), ValueError, "n must be at most 5, the number of channels"),
    (lambda: plot.feature_maps(Sequential([Conv1D(2, 3, input_shape=(8, 3))]), np.ones((8, 3))), ValueError,
     r"conv1d gives \(6, 2\); feature maps are \(height, width, channels\)"),
    (lambda: plot.saliency(CONV, images(2)[..., 0, :]), ValueError, r"reads, \(n, 6, 8, 1\), got \(n, 6, 1\)"),
    (lambda: plot.saliency(CONV, images(0)), ValueError, "images is empty; at least one row is needed"),
    (lambda: plot.saliency(CONV, images(2), [0, 3]), ValueError, "targets has the class 3; the classes are 0, 1, 2"),
    (lambda: plot.saliency(CONV, images(2), [0]), ValueError, "a class for each of the 2 images, got 1"),
    (lambda: plot.saliency(CONV, images(2), "a"), TypeError, "targets holds text .* and the classes numbers"),
    (lambda: plot.saliency(CONV, images(2), labels=["a", "b"]), ValueError, r"a list of 3 names.*got \['a', 'b'\]"),
    (lambda: plot.saliency(CONV, images(2), labels="abc"), ValueError, "a list of 3 names.*got 'abc'"),
    (lambda: plot.saliency(CONV, images(2), n=3), ValueError, "n must be at most 2, the number of images, got 3"),
    (lambda: plot.saliency(FLAT, np.ones((2, 48)), shape=(6, 8)), ValueError, r"\(n, classes\), got \(4, 6, 2\)"),
    (lambda: plot.misclassified(CONV, images(2), [0]), ValueError, "x and y must have the same number of rows"),
    (lambda: plot.misclassified(CONV, np.ones((2, 48)), [0, 1]), ValueError, r"x must be images .*got \(48,\)"),
    (lambda: plot.misclassified(CONV, images(2), [0, 3]), ValueError, "gives 3 classes, but y has 2: 0, 3"),
    (lambda: plot.misclassified(CONV, images(2), [0, 1], ["a"]), ValueError, r"a list of 3 names.*got \['a'\]"),
    (lambda: plot.misclassified(CONV, images(2), [0, 1], n=0), ValueError, "n must be at least 1, got 0"),
    (lambda: plot.misclassified(UNBUILT, images(2), [0, 1]), ValueError, "no weights yet; fit it first"),
    (lambda: plot.residuals([1, 2], [1]), ValueError, "same number of rows, got 2 and 1"),
    (lambda: plot.residuals(np.ones((2, 3)), np.ones((2, 2))), ValueError, r"same shape, got \(2, 3\) and \(2, 2\)"),
    (lambda: plot.residuals([1, INF], [1, 2]), ValueError, "target must be finite, got inf at index"),
    (lambda: plot.residuals(["a"], [1]), TypeError, "target must hold real numbers"),
    (lambda: plot.residuals([], []), ValueError, "target is empty"),
    (lambda: plot.residuals(np.ones((2, 2, 2)), [1, 2]), ValueError, r"\(n,\) or \(n, outputs\), got \(2, 2, 2\)"),
    (lambda: plot.calibration([0, 1], [0.5]), ValueError, "same number of rows, got 2 and 1"),
    (lambda: plot.calibration([0, 1], [0.5, 1.2]), ValueError, r"must lie in \[0, 1\], got 0.5 to 1.2; logits"),
    (lambda: plot.calibration([0, 1], [0.5, NAN]), ValueError, "probability must be finite"),
    (lambda: plot.calibration([0, 1, 2], [0.5] * 3), ValueError, "target has 3 classes, but probability is for 2"),
    (lambda: plot.calibration([0, 1], np.ones((2, 11)) / 11), ValueError, "up to 10 classes, got 11.*target == c"),
    (lambda: plot.calibration([0, 1], [0.5, 1], n_bins=0), ValueError, "n_bins must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "error", "message"), WRONG, ids=[message[:40] for _, _, message in WRONG])
def test_wrong_input_is_told(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_asking_for_regions_builds_no_model():
    made = Sequential([Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match="no weights"):
        plot.decision_regions(made, POINTS, LABELS)
    assert not made.built


def test_input_is_never_changed():
    x, y, history = POINTS.copy(), np.eye(2)[np.arange(90) % 2], {"loss": [1.0, NAN]}
    kept = x.copy(), y.copy()
    plot.decision_regions(slope, x, y)
    plot.calibration(y, y)
    plot.residuals(y, y + 1)
    plot.history(history)
    assert np.array_equal(x, kept[0])
    assert np.array_equal(y, kept[1])
    assert history["loss"][0] == 1.0
