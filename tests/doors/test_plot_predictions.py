"""Residuals and calibration curves are the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from matplotlib.figure import Figure
from plot_cases import numbers

from fastnn import plot

pytestmark = pytest.mark.usefixtures("no_figures_left")


@pytest.fixture
def ax():
    return Figure().subplots()


def line(ax, label):
    return next(drawn for drawn in ax.get_lines() if drawn.get_label() == label)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_residuals_are_target_minus_prediction(ax):
    target, prediction = numbers(40, 2)
    plot.residuals(target, prediction, ax)
    for k, drawn in enumerate(ax.collections):
        assert np.array_equal(drawn.get_offsets(), np.column_stack([prediction[:, k], (target - prediction)[:, k]]))
    assert labels(ax) == ["output 0", "output 1"]
    assert ax.get_lines()[0].get_ydata() == [0, 0]


@pytest.mark.parametrize("shape", [(100_000,), (50_000, 2)])
def test_many_residuals_are_counted_in_cells(ax, shape):
    plot.residuals(*numbers(*shape), ax)
    (cells,) = ax.collections
    assert cells.get_array().sum() == 100_000
    assert cells.get_array().min() >= 1


def test_a_column_and_a_row_of_targets_are_the_same(ax):
    plot.residuals(np.ones((5, 1)), np.arange(5), ax)
    assert ax.collections[0].get_offsets()[:, 1].tolist() == [1, 0, -1, -2, -3]


def test_calibration_is_scikit_learns(ax, rng):
    sklearn = pytest.importorskip("sklearn.calibration")
    probability = np.concatenate([rng.random(500), [0.0, 1.0, 0.1, 0.5]]).astype(np.float32)
    hit = rng.random(504) < probability**2
    for n_bins in (1, 7, 10):
        ax.clear()
        plot.calibration(hit, probability, ax, n_bins=n_bins)
        observed, predicted = sklearn.calibration_curve(hit, probability, n_bins=n_bins)
        assert np.allclose(line(ax, "model").get_xydata(), np.column_stack([predicted, observed]), atol=1e-7)


def test_bars_are_shares_of_the_predictions(ax):
    plot.calibration([0, 1, 1, 0], [0.05, 0.9, 0.95, 1.0], ax, n_bins=4)
    assert [bar.get_height() for bar in ax.patches] == [0.25, 0, 0, 0.75]
    assert sum(bar.get_width() for bar in ax.patches) == 1


def test_each_of_many_classes_has_a_curve_against_all_others(rng):
    probability = rng.dirichlet(np.ones(3), 200)
    target = np.array(["x", "y", "z"])[rng.integers(0, 3, 200)]
    ax = plot.calibration(target, probability, n_bins=4)
    for k, name in enumerate("xyz"):
        alone = plot.calibration(target == name, probability[:, k], n_bins=4)
        assert line(ax, name).get_xydata().tolist() == line(alone, "model").get_xydata().tolist()


def test_two_columns_are_one_curve_of_the_second(rng):
    probability, target = rng.random(50), rng.integers(0, 2, 50)
    one = plot.calibration(target, probability)
    two = plot.calibration(np.eye(2)[target], np.column_stack([1 - probability, probability]))
    assert line(one, "model").get_xydata().tolist() == line(two, "model").get_xydata().tolist()


@pytest.mark.parametrize("n", [1, 10_000])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_predictions_that_are_all_the_same_give_a_picture(n, spread, tmp_path):
    plot.residuals(1 + spread * np.arange(n), np.ones(n)).figure.savefig(tmp_path / "a.png")
