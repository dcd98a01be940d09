"""Diagrams and images of weights show every weight in its place."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from plot_cases import model

from fastnn import Sequential, plot
from fastnn.layers import Activation, Dense, Dropout, Flatten
from fastnn.plot import style
from fastnn.plot.images import mosaic

pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.fixture
def ax():
    return Figure().subplots()


def test_a_kernel_is_drawn_as_it_is_with_white_at_zero(ax):
    made = model(6, 10, 3)
    for layer, kernel in ((0, made.get_weights()[0]), (1, made.get_weights()[2]), (-1, made.get_weights()[2])):
        ax.clear()
        image = plot.weights(made, layer, ax).images[0]
        assert np.array_equal(image.get_array(), kernel)
        assert image.norm.vmax == -image.norm.vmin == np.abs(kernel).max()
        assert min(image.to_rgba(np.zeros((1, 1)))[0, 0]) > 0.95
        assert np.allclose(image.cmap(0.75)[:3], to_rgb(style.POSITIVE), atol=0.01)


def test_a_kernel_of_zeros_is_white():
    made = Sequential([Dense(2, kernel_initializer="zeros", input_shape=(2,))])
    assert plot.weights(made).images[0].to_rgba(np.zeros((1, 1))).min() > 0.95
    plot.network(made).figure.canvas.draw()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (2, 5, 3)])
@pytest.mark.parametrize("n_columns", [1, 2, 3, 7])
def test_a_mosaic_has_every_tile_in_its_place(shape, n_columns):
    height, width, channels = (*shape, 1)[:3]
    tiles = np.arange(7.0 * math.prod(shape)).reshape(7, height, width, channels)
    image = mosaic(tiles, n_columns).reshape(-1, n_columns * (width + 1) - 1, channels)
    assert len(image) == math.ceil(7 / n_columns) * (height + 1) - 1
    for i, tile in enumerate(tiles):
        top, left = i // n_columns * (height + 1), i % n_columns * (width + 1)
        assert np.array_equal(image[top : top + height, left : left + width], tile)
    assert np.isfinite(image).sum() == tiles.size


def test_first_layer_images_are_the_units_kernels():
    made = Sequential([Flatten(input_shape=(2, 3)), Dense(4), Dense(1)], seed=0)
    kernel = made.get_weights()[0]
    shown = plot.first_layer_images(made, (2, 3)).images[0].get_array()
    assert np.array_equal(shown[:2, :3], kernel[:, 0].reshape(2, 3))
    assert np.array_equal(shown[:2, 4:7], kernel[:, 1].reshape(2, 3))
    assert np.array_equal(shown[3:5, :3], kernel[:, 2].reshape(2, 3))


def test_colour_images_are_grey_at_zero_and_end_at_the_largest_weight():
    made = model(48, 6, 2)
    kernel = made.get_weights()[0]
    shown = plot.first_layer_images(made, (4, 4, 3)).images[0].get_array()
    tile = 0.5 + 0.5 * kernel[:, 0].reshape(4, 4, 3) / np.abs(kernel).max()
    assert np.allclose(shown[:4, :4, :3], tile)
    assert (shown[:4, 4, 3] == 0).all()


def test_at_most_64_units_are_tiled_unless_more_are_asked_for():
    made = model(4, 100, 1)
    assert plot.first_layer_images(made, (2, 2)).get_title() == "64 of 100 units"
    assert plot.first_layer_images(made, (2, 2), 100).get_title() == "100 units"


def test_a_network_has_a_circle_a_unit_and_a_line_a_weight(ax):
    made = model(3, 5, 2)
    plot.network(made, ax)
    *layers, circles = ax.collections
    assert len(circles.get_offsets()) == 10
    for x, (lines, kernel) in enumerate(zip(layers, made.get_weights()[::2], strict=True)):
        n_in, n_out = kernel.shape
        order = np.argsort(np.abs(kernel).ravel(), kind="stable")
        weights = kernel.ravel()[order]
        for (a, b), index in zip(lines.get_segments(), order, strict=True):
            left, right = divmod(int(index), n_out)
            assert a.tolist() == [x, (n_in - 1) / 2 - left]
            assert b.tolist() == [x + 1, (n_out - 1) / 2 - right]
        colours = [to_hex(c).upper() for c in lines.get_colors()]
        assert colours == [style.NEGATIVE if w < 0 else style.POSITIVE for w in weights]
        assert (np.diff(lines.get_linewidths()) >= 0).all()


def test_a_wide_layer_has_an_ellipsis_between_its_first_and_last_units(ax):
    made = model(50, 8, 1)
    kernel = made.get_weights()[0]
    plot.network(made, ax, max_units=5)
    lines, _, circles, *ellipses = ax.collections
    assert len(circles.get_offsets()) == 5 + 5 + 1
    assert len(ellipses) == 2
    shown = np.sort(np.abs(kernel[np.ix_([0, 1, 2, 48, 49], [0, 1, 2, 6, 7])]).ravel())
    most = max(np.abs(weight).max() for weight in made.get_weights()[::2])
    assert np.allclose(np.array(lines.get_linewidths()), 0.25 + (2.4 - 0.25) * shown / most)


def test_layers_are_named_with_width_activation_and_what_follows():
    made = Sequential(
        [Dense(8, name="a_name_that_is_much_too_long"), Activation("gelu"), Dropout(0.25), Dense(1), Dropout(0.5)]
    )
    made.build((2000,))
    assert [text.get_text().split("\n") for text in plot.network(made).texts] == [
        ["input", "2,000"],
        ["a_name_that_is_mu…", "8", "gelu", "dropout 0.25"],
        ["Dense", "1", "dropout 0.5"],
    ]


def test_a_fastnn_estimator_is_drawn_by_its_model(ax):
    made = model(3, 4, 1)
    estimator = SimpleNamespace(model_=made, coefs_=[np.zeros((9, 9))], fit=None)
    assert np.array_equal(plot.weights(estimator, 0, ax).images[0].get_array(), made.get_weights()[0])
