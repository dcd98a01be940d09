"""Filters, feature maps, saliency and misclassified images show the numbers of the model and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from matplotlib.figure import Figure
from plot_cases import images, images_model, waves
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

from fastnn import Sequential, plot
from fastnn.layers import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Reshape,
    SeparableConv2D,
)
from fastnn.plot import channels, style
from fastnn.plot.convolutions import find, pictures_of
from fastnn.plot.sheet import Sheet, columns
from fastnn.plot.slopes import slopes

pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.fixture
def ax():
    return Figure().subplots()


def shown(ax, height, width, i=0):
    """The tiles of a mosaic, row by row, without those that are empty."""
    image = np.asarray(ax.images[i].get_array().filled(np.nan))
    down, across = height + 1, width + 1
    rows, n = (image.shape[0] + 1) // down, (image.shape[1] + 1) // across
    tiles = [
        image[r * down : r * down + height, c * across : c * across + width] for r in range(rows) for c in range(n)
    ]
    return np.array([tile for tile in tiles if np.isfinite(tile).all()])


# -- filters ----------------------------------------------------------------------------------------


KINDS = {
    "conv2d": (Conv2D(4, (3, 2)), (6, 6, 2), lambda k: k.transpose(3, 0, 1, 2)),
    "groups": (Conv2D(4, (3, 2), groups=2), (6, 6, 4), lambda k: k.transpose(3, 0, 1, 2)),
    "depthwise": (DepthwiseConv2D((3, 2), depth_multiplier=2), (6, 6, 3),
                  lambda k: k.transpose(2, 3, 0, 1).reshape(6, 3, 2, 1)),
    "separable": (SeparableConv2D(5, (3, 2)), (6, 6, 3), lambda k: k.transpose(2, 0, 1, 3)),
    "transposed": (Conv2DTranspose(4, (3, 2)), (6, 6, 5), lambda k: k.transpose(3, 0, 1, 2)),
    "conv1d": (Conv1D(4, 3), (6, 2), lambda k: k.transpose(2, 1, 0)[..., None]),
    "conv1d_transposed": (Conv1DTranspose(4, 3), (6, 2), lambda k: k.transpose(2, 1, 0)[..., None]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_convolution_has_its_kernel_as_pictures(kind):
    layer, shape, pictures = KINDS[kind]
    made = Sequential([Reshape(shape, input_shape=shape), layer])
    kernel = made.get_weights()[0]
    expected = pictures(kernel)
    assert np.array_equal(pictures_of(layer, kernel), expected)
    plot.filters(made).figure.canvas.draw()


def test_filters_stand_in_rows_in_one_scale_about_zero(ax):
    made = images_model()
    kernel = made.get_weights()[0]
    plot.filters(made, ax=ax)
    assert np.array_equal(shown(ax, 3, 3), kernel[:, :, 0].transpose(2, 0, 1))
    assert ax.images[0].norm.vmax == -ax.images[0].norm.vmin == np.abs(kernel).max()
    assert ax.get_title() == "conv2d: 5 filters"
    assert len(ax.figure.axes) == 2  # with the scale


def test_filters_of_three_channels_are_in_colour_and_the_title_tells_the_scale(ax):
    made = images_model(3)
    kernel = made.get_weights()[0].astype(np.float64)
    plot.filters(made, ax=ax)
    tile = np.asarray(ax.images[0].get_array())[:3, :3, :3]
    assert np.allclose(tile, 0.5 + 0.5 * kernel[..., 0] / np.abs(kernel).max())
    assert ax.get_title() == f"conv2d: 5 filters\nmid grey is 0, full colour ±{np.abs(kernel).max():.3g}"


def test_filters_of_other_channels_are_rows_of_pictures_up_to_a_limit_that_the_title_tells(ax, monkeypatch):
    made = images_model()
    kernel = made.get_weights()[2]
    plot.filters(made, "conv2d_1", ax)
    assert np.array_equal(shown(ax, 2, 2), kernel.transpose(3, 2, 0, 1).reshape(-1, 2, 2))
    assert ax.get_title() == "conv2d_1: 2 filters (rows)\n5 channels (columns)"
    monkeypatch.setattr(channels, "MOST_ROWS", 3)
    ax.clear()
    plot.filters(made, "conv2d_1", ax, n=1)
    assert np.array_equal(shown(ax, 2, 2), kernel[:, :, :3, 0].transpose(2, 0, 1))
    assert ax.get_title() == "conv2d_1: 1 of 2 filters (rows)\n3 of 5 channels (columns)"


def test_at_most_64_filters_are_drawn_unless_more_are_asked_for():
    made = Sequential([Conv2D(70, 2, input_shape=(4, 4, 1))])
    assert plot.filters(made).get_title() == "conv2d: 64 of 70 filters"
    assert plot.filters(made, n=70).get_title() == "conv2d: 70 filters"


def test_a_layer_is_found_by_name_place_object_and_inside_models():
    inner = images_model()
    outer = Sequential([inner, Dense(2)])
    for model, prefix in ((inner, ""), (outer, f"{inner.name}/")):
        assert find(model, None) == (f"{prefix}conv2d", inner.layers[0])
        assert find(model, f"{prefix}conv2d_1")[1] is inner.layers[1]
        assert find(model, inner.layers[1])[0] == f"{prefix}conv2d_1"
        assert next(iter(model.activations(images(1)))) == f"{prefix}conv2d"
    assert find(inner, 1) == find(inner, -3) == ("conv2d_1", inner.layers[1])


def test_an_estimators_model_is_drawn(ax):
    made = images_model()
    plot.filters(SimpleNamespace(model_=made, fit=None), ax=ax)
    assert np.array_equal(shown(ax, 3, 3)[0], made.get_weights()[0][:, :, 0, 0])


# -- feature maps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_feature_maps_are_activations_beside_the_image(ax, channels):
    made, image = images_model(channels), images(1, channels)[0]
    plot.feature_maps(made, image, ax=ax)
    maps = made.activations(image[None])["conv2d"][0]
    assert np.array_equal(shown(ax, 4, 6), maps.transpose(2, 0, 1))
    assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (0.0, maps.max())
    grey = image if channels == 3 else image.mean(axis=2)
    assert np.allclose(ax.images[1].get_array(), (grey - grey.min()) / (grey.max() - grey.min()))
    left, right, bottom, top = ax.images[1].get_extent()
    assert right < ax.images[0].get_extent()[0]
    assert np.isclose((right - left) / (bottom - top), 8 / 6)
    assert ax.get_xlim()[0] == left
    assert ax.get_title() == "conv2d: 5 channels, 4 × 6"  # noqa: RUF001 (the sign for times)


def test_maps_below_zero_have_colours_about_zero(ax):
    plot.feature_maps(images_model(1, "tanh"), images(1)[0, :, :, 0], "conv2d", ax, n=2)
    assert ax.images[0].norm.vmin == -ax.images[0].norm.vmax
    assert len(shown(ax, 4, 6)) == 2
    assert ax.get_title().startswith("conv2d: 2 of 5 channels")


def test_an_image_of_one_number_and_a_layer_that_is_silent_give_a_picture(tmp_path):
    made = Sequential([Conv2D(2, 3, activation="relu", kernel_initializer="zeros", input_shape=(6, 8, 1))])
    plot.feature_maps(made, np.zeros((6, 8))).figure.savefig(tmp_path / "a.png")
    plot.filters(made).figure.savefig(tmp_path / "a.png")


def test_a_model_of_flat_rows_is_told_the_shape(ax):
    inner = images_model()
    made = Sequential([Reshape((6, 8, 1), input_shape=(48,)), *inner.layers])
    plot.feature_maps(made, images(1).reshape(48), ax=ax, shape=(6, 8))
    assert np.array_equal(shown(ax, 4, 6), inner.activations(images(1))["conv2d"][0].transpose(2, 0, 1))
    flat, pictures = images(3).reshape(3, 48), images(3)
    for draw in (plot.saliency, lambda model, x, **more: plot.misclassified(model, x, [0, 1, 2], **more)):
        one, other = draw(made, flat, shape=(6, 8)), draw(inner, pictures)
        assert [text.get_text() for text in one.texts] == [text.get_text() for text in other.texts]
        for a, b in zip(one.images, other.images, strict=True):
            assert_close(a.get_array(), b.get_array(), np.float32)


# -- saliency ---------------------------------------------------------------------------------------


def test_saliency_is_the_absolute_gradient_by_differences():
    made, x = images_model(2, "tanh", "float64"), images(2, 2)
    found, chosen, values = slopes(made, x, np.array([1, 2]))
    assert chosen.tolist() == [1, 2]
    assert_close(values, made.predict(x)[[0, 1], [1, 2]], np.float64)
    for i, column in enumerate(chosen):
        for place in ((0, 0, 0), (3, 4, 1), (5, 7, 0)):
            step = np.zeros_like(x[i])
            step[place] = DIFFERENCE_STEP
            up, down = made.predict(np.stack([x[i] + step, x[i] - step]))[:, column]
            numeric = abs(up - down) / (2 * DIFFERENCE_STEP)
            assert abs(found[(i, *place)] - numeric) < difference_limit(numeric)
    assert (found >= 0).all()
    assert found.max() > 0.01


def test_maps_are_the_largest_of_a_pixels_channels_and_stand_right_of_the_image(ax):
    made, x = images_model(3), images(3, 3)
    plot.saliency(made, x, ax=ax)
    best = made.predict(x).argmax(axis=1)
    dy = np.eye(3)[best]
    slope = np.abs(made.gradients(x, dy=dy, wrt="inputs", training=False)).max(axis=3)
    for i in range(3):
        image, drawn = ax.images[2 * i], ax.images[2 * i + 1]
        assert np.allclose(image.get_array(), (x[i] - x.min()) / (x.max() - x.min()))
        assert_close(drawn.get_array(), slope[i].astype(np.float64) / slope[i].max(), np.float32)
        assert image.get_extent()[1] < drawn.get_extent()[0]
        assert image.get_extent()[2:] == drawn.get_extent()[2:]
    assert [text.get_text().split()[0] for text in ax.texts] == [str(k) for k in best]


def test_one_target_stands_for_all_and_an_estimators_classes_are_told(ax):
    made, x = images_model(), images(3)
    known = SimpleNamespace(model_=made, classes_=np.array(["x", "y", "z"]))
    plot.saliency(known, x, "y", ax)
    value = made.predict(x)[:, 1]
    told = [text.get_text() for text in ax.texts]
    assert [text.split()[0] for text in told] == ["y"] * 3
    assert told == [f"y ({v:.3f})" if v >= 1e-3 else f"y ({v:.2g})" for v in value]
    ax.clear()
    plot.saliency(known, x, ["z", "x", "y"], ax, labels=["one", "two", "three"])
    assert [text.get_text().split()[0] for text in ax.texts] == ["three", "one", "two"]


def test_an_output_without_slope_has_an_empty_map(ax):
    made = Sequential([Flatten(input_shape=(2, 2)), Dense(1, "sigmoid", kernel_initializer="ones")])
    plot.saliency(made, np.full((1, 2, 2), 1e3), ax=ax)
    assert not ax.images[1].get_array().any()


def test_saliency_changes_nothing_of_the_model():
    made, x = images_model(), images(2)
    before = made.predict(x), made.get_weights(), made.step
    kept = x.copy()
    plot.saliency(made, x)
    assert np.array_equal(made.predict(x), before[0])
    assert all(np.array_equal(a, b) for a, b in zip(made.get_weights(), before[1], strict=True))
    assert made.step == before[2]
    assert np.array_equal(x, kept)


def test_at_most_16_images_are_drawn_unless_more_are_asked_for():
    made, x = images_model(), images(18)
    assert plot.saliency(made, x).get_title() == "16 of 18 images"
    assert len(plot.saliency(made, x, n=18).texts) == 18


# -- misclassified ----------------------------------------------------------------------------------


def chances(rows):
    """A classifier that gives these probabilities whatever it sees."""
    return lambda x: np.array(rows)


def test_errors_are_drawn_worst_first_with_true_and_told_class(ax):
    x = images(4)
    shares = [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.05, 0.9, 0.05]]
    plot.misclassified(chances(shares), x, [1, 2, 1, 0], ["ant", "bee", "cat"], ax)
    assert [text.get_text() for text in ax.texts] == [
        "true ant\ntold bee (0.90)", "true bee\ntold ant (0.60)", "true bee\ntold ant (0.50)"
    ]  # fmt: skip
    seen = x[[3, 0, 2], :, :, 0]
    assert np.allclose([image.get_array() for image in ax.images], (seen - seen.min()) / (seen.max() - seen.min()))
    assert ax.get_title() == "3 of 4 wrong"
    ax.clear()
    plot.misclassified(chances(shares), x, np.eye(3)[[1, 2, 1, 0]], ax=ax, n=1)
    assert ax.get_title() == "3 of 4 wrong; the worst 1"
    assert [text.get_text() for text in ax.texts] == ["true 0\ntold 1 (0.90)"]


def test_labels_and_scores_are_drawn_without_probabilities(ax):
    x = images(3)
    plot.misclassified(lambda x: np.array(["b", "a", "b"]), x, ["a", "b", "b"], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["true a\ntold b", "true b\ntold a"]
    ax.clear()
    plot.misclassified(chances([[1.0, 2], [7, 3], [0, 1]]), x, [0, 1, 1], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["true 1\ntold 0", "true 0\ntold 1"]


def test_when_nothing_is_wrong_the_picture_says_so(ax):
    plot.misclassified(chances([[1.0, 0], [0, 1]]), images(2), [0, 1], ax=ax)
    assert ax.get_title() == "none of 2 wrong"
    assert [text.get_text() for text in ax.texts] == ["nothing is wrong"]
    assert not ax.images
    plot.misclassified(chances([[1.0, 0], [0, 1]]), images(2), [0, 1]).figure.canvas.draw()


def test_an_estimator_of_flat_rows_names_its_classes(ax):
    asked = SimpleNamespace(predict_proba=chances([[0.9, 0.1], [0.2, 0.8]]), classes_=np.array(["no", "yes"]))
    plot.misclassified(asked, waves(2, 6), ["yes", "yes"], ax=ax, shape=(2, 3))
    assert [text.get_text() for text in ax.texts] == ["true yes\ntold no (0.90)"]
    assert ax.images[0].get_array().shape == (2, 3)


# -- sheets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 5, 16, 25])
def test_words_fit_their_cells_and_nothing_overlaps(ax, n, span):
    plan = Sheet(0.75, [["a line of words", "and a longer line of words"]] * n, span)
    ax.figure.set_size_inches(plan.inches())
    ax.set_position((0, 0, 1, 1))
    for i in range(n):
        for k in range(span):
            plan.draw(ax, i, np.eye(2), k)
    plan.prepare(ax)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts] + [image.get_window_extent() for image in ax.images]
    assert all(box.x1 < ax.bbox.x1 + 1 and box.y1 < ax.bbox.y1 + 1 for box in boxes)
    for i, one in enumerate(boxes):
        assert not any(one.shrunk(0.98, 0.98).overlaps(other) for other in boxes[i + 1 :])


@pytest.mark.parametrize("ratio", [0.1, 1.0, 9.0])
def test_columns_hold_all_cells(ratio):
    for n in range(1, 70):
        assert 1 <= columns(n, ratio) <= n


def test_a_long_name_of_a_class_is_cut(ax):
    plot.misclassified(chances([[0.1, 0.9]]), images(1), [0], ["$a$_" * 20, "b"], ax)
    assert ax.texts[0].get_text() == f"true {style.shown('$a$_' * 20, 14)}\ntold b (0.90)"
    ax.figure.canvas.draw()
