"""Decision regions and confusion matrices show what a model decides."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from matplotlib.cbook import is_math_text
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from plot_cases import POINTS, model, slope, thirds

import fastnn
from fastnn import Sequential, plot
from fastnn.layers import Dense
from fastnn.plot import style

pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.fixture
def ax():
    return Figure().subplots()


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def colour_at(ax, a, b):
    """Colour of the regions at a point."""
    image = ax.images[0]
    left, right, bottom, top = image.get_extent()
    pixels = image.get_array()
    return pixels[int((b - bottom) / (top - bottom) * len(pixels)), int((a - left) / (right - left) * pixels.shape[1])]


def hue(colour):
    """The colour of the style that a tint comes from."""
    tints = [1 - np.array(to_rgb(c)) for c in style.COLOURS]
    tint = 1 - colour
    return int(np.argmax([tint @ c / np.linalg.norm(tint) / np.linalg.norm(c) for c in tints]))


def test_regions_have_the_colour_of_their_class_and_fade_to_the_border(ax):
    plot.decision_regions(slope, POINTS, POINTS[:, 1] > POINTS[:, 0], ax)
    assert hue(colour_at(ax, 1.5, -1.5)) == 0
    assert hue(colour_at(ax, -1.5, 1.5)) == 1
    certain, less, least = (1 - colour_at(ax, d, -d).mean() for d in (1.0, 0.3, 0.02))
    assert certain > less > least > 0


def test_the_border_is_where_the_probability_is_one_half(ax):
    plot.decision_regions(slope, POINTS, POINTS[:, 1] > POINTS[:, 0], ax)
    for collection in ax.collections[:2]:
        border = np.concatenate(collection.get_paths()[0].to_polygons(closed_only=False))
        assert np.abs(slope(border) - 0.5).max() < 1e-3
        assert np.ptp(border[:, 0]) > 3


def test_regions_of_many_classes_are_those_of_the_largest_probability(ax):
    plot.decision_regions(thirds, POINTS, thirds(POINTS).argmax(axis=1), ax, resolution=50)
    spots = np.array([[1.8, 0.1], [-0.5, 1.5], [-0.5, -1.5], [0.5, 0.1]])
    assert [hue(colour_at(ax, *spot)) for spot in spots] == thirds(spots).argmax(axis=1).tolist() == [0, 1, 2, 0]


def test_points_lie_over_the_regions_a_marker_a_class(ax):
    y = thirds(POINTS).argmax(axis=1)
    plot.decision_regions(thirds, POINTS, y, ax)
    drawn = [c for c in ax.collections if c.get_label() in ("0", "1", "2")]
    assert len({c.get_paths()[0].vertices.tobytes() for c in drawn}) == 3
    for k, collection in enumerate(drawn):
        assert np.array_equal(collection.get_offsets(), POINTS[y == k])
        assert to_hex(collection.get_facecolor()[0]).upper() == style.COLOURS[k]


def test_every_form_of_a_model_gives_the_same_regions():
    y = thirds(POINTS).argmax(axis=1)
    logits = model(2, 3)
    logits.set_weights([np.stack([[1, -0.5, -0.5], [0, 0.75**0.5, -(0.75**0.5)]]), np.zeros(3)])
    unactivated = Sequential([Dense(3, input_shape=(2,))])
    unactivated.set_weights(logits.get_weights())
    unactivated.compile("adam", fastnn.losses.SparseCategoricalCrossentropy(from_logits=True))
    named = SimpleNamespace(predict_proba=thirds, classes_=np.array(["a", "b", "c"]))
    wanted = plot.decision_regions(thirds, POINTS, y).images[0].get_array()
    for form, targets in ((logits, y), (unactivated, np.eye(3)[y]), (named, named.classes_[y])):
        shown = plot.decision_regions(form, POINTS, targets).images[0].get_array()
        assert np.abs(shown - wanted).max() < 1e-5


def test_one_column_is_the_probability_of_the_second_class():
    names = np.array(["no", "yes"])[(POINTS[:, 1] > POINTS[:, 0]).astype(int)]
    wanted = plot.decision_regions(slope, POINTS, names)
    assert labels(wanted) == ["no", "yes"]
    column = plot.decision_regions(lambda x: slope(x)[:, None], POINTS, names)
    both = plot.decision_regions(lambda x: np.column_stack([1 - slope(x), slope(x)]), POINTS, names)
    for shown in (column, both):
        assert np.array_equal(shown.images[0].get_array(), wanted.images[0].get_array())


def test_labels_in_place_of_probabilities_are_drawn_flat(ax):
    plot.decision_regions(lambda x: np.where(x[:, 0] > 0, "right", "left"), POINTS, ["left", "right"] * 45, ax)
    assert len(np.unique(ax.images[0].get_array().reshape(-1, 3), axis=0)) == 2
    assert hue(colour_at(ax, 1.0, 0.0)) == 1


def test_a_frame_keeps_its_names():
    class Frame(np.ndarray):  # as much of a pandas frame as is asked for
        columns = ("width", "height")
        iloc = None

        def __new__(cls, values, columns):
            assert list(columns) == ["width", "height"]
            return np.asarray(values).view(cls)

    came = []

    def rule(x):
        came.append(type(x))
        return slope(np.asarray(x))

    ax = plot.decision_regions(rule, Frame(POINTS, Frame.columns), POINTS[:, 1] > 0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert came == [Frame]


def test_counts_are_right(ax, rng):
    true, predicted = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    plot.confusion_matrix(true, predicted, ax=ax)
    counts = [[int(np.sum((true == i) & (predicted == j))) for j in range(4)] for i in range(4)]
    assert ax.images[0].get_array().tolist() == counts
    cells = {text.get_position()[::-1]: int(text.get_text()) for text in ax.texts}
    assert cells == {(i, j): counts[i][j] for i in range(4) for j in range(4)}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")


def test_shares_of_a_row_add_up_to_one_and_an_empty_row_stays_empty():
    ax = plot.confusion_matrix([0, 0, 0, 1], [0, 1, 2, 1], normalize=True)
    assert ax.images[0].get_array().sum(axis=1).tolist() == pytest.approx([1, 1, 0])
    assert [text.get_text() for text in ax.texts[:3]] == ["0.33", "0.33", "0.33"]


def ticks(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize(
    ("target", "prediction", "given", "names", "counts"),
    [
        ([0, 2, 2], [0, 2, 0], None, ["0", "2"], [[1, 0], [1, 1]]),
        ([0, 1, 1], [0, 1, 0], ["cat", "dog"], ["cat", "dog"], [[1, 0], [1, 1]]),
        ([0, 1, 1], [0, 1, 0], [1, 0], ["1", "0"], [[1, 1], [0, 1]]),
        (["b", "a"], ["a", "a"], ["b", "c", "a"], ["b", "c", "a"], [[0, 0, 1], [0, 0, 0], [0, 0, 1]]),
        ([True, False], [True, True], None, ["False", "True"], [[0, 1], [0, 1]]),
        ([1.0, 0.0], [[0.9], [0.2]], None, ["0", "1"], [[1, 0], [0, 1]]),
        ([0, 1], [[0.1, 0.8, 0.1], [0.5, 0.3, 0.2]], None, ["0", "1", "2"], [[0, 1, 0], [1, 0, 0], [0, 0, 0]]),
        ([[0, 1], [1, 0]], [1, 1], None, ["0", "1"], [[0, 1], [0, 1]]),
        (np.array(["x", "y"], object), ["y", "y"], None, ["x", "y"], [[0, 1], [0, 1]]),
    ],
)
def test_classes_may_come_in_any_form(target, prediction, given, names, counts):
    ax = plot.confusion_matrix(target, prediction, given)
    assert ticks(ax) == names
    assert ax.images[0].get_array().tolist() == counts


@pytest.mark.parametrize("n_classes", [2, 10, 30])
def test_numbers_in_cells_can_be_read(n_classes, rng):
    true = rng.integers(0, n_classes, 40 * n_classes)
    ax = plot.confusion_matrix(true, np.where(rng.random(len(true)) < 0.7, true, rng.integers(0, n_classes, len(true))))
    ax.figure.canvas.draw()
    shades = ax.images[0].to_rgba(ax.images[0].get_array())
    cell = ax.get_window_extent().width / n_classes
    for text in ax.texts:
        j, i = text.get_position()
        light, dark = sorted([style.luminance(shades[i, j]), style.luminance(np.array(to_rgb(text.get_color())))])[::-1]
        assert (light + 0.05) / (dark + 0.05) > 4.5
        assert text.get_fontsize() >= 4.5
        assert text.get_window_extent().width < cell


def test_a_hundred_classes_have_colours_in_place_of_numbers():
    ax = plot.confusion_matrix(np.arange(500) % 100, np.arange(500) % 100)
    assert not ax.texts
    assert len(ax.figure.axes) == 2
    assert len(ticks(ax)) < 60


def test_names_are_written_as_they_are():
    names = ["$5 to $10", "_hidden", "a" * 50]
    ax = plot.decision_regions(thirds, POINTS, np.array(names)[thirds(POINTS).argmax(axis=1)])
    ax.figure.canvas.draw()
    assert labels(ax) == [r"\$5 to \$10", " _hidden", "a" * 23 + "…"]
    assert not any(is_math_text(text) for text in labels(ax))
    assert ticks(plot.confusion_matrix(names, names))[0] == r"\$5 to \$10"
