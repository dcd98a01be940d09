"""Curves of losses, metrics and learning rates are the numbers that they are given."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

from matplotlib.figure import Figure
from plot_cases import DIVERGED, fitted

import fastnn
from fastnn import Sequential, optimizers, plot, schedules
from fastnn.layers import Dense

pytestmark = pytest.mark.usefixtures("no_figures_left")
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)


@pytest.fixture
def ax():
    return Figure().subplots()


def trained(epochs=5, **more):
    made = Sequential([Dense(4, "tanh", input_shape=(2,)), Dense(1, "sigmoid")], seed=1)
    made.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    made.fit(XOR, [0, 1, 1, 0], epochs=epochs, verbose=0, **more)
    return made


def line(ax, label):
    return next(drawn for drawn in ax.get_lines() if drawn.get_label() == label)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_curves_are_the_history(ax):
    made = trained(validation_data=(XOR, [0, 1, 1, 0]))
    for source in (made, made.history, made.history.history):
        ax.clear()
        plot.history(source, ax)
        for label, column in (("training", "loss"), ("validation", "val_loss")):
            assert line(ax, label).get_ydata().tolist() == made.history.history[column]
            assert line(ax, label).get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert ax.get_xlabel() == "epoch"
    assert ax.get_ylabel() == "loss"


def test_epochs_go_on_where_an_earlier_fit_ended(ax):
    plot.history(trained(epochs=5, initial_epoch=3), ax)
    assert line(ax, "training").get_xdata().tolist() == [4, 5]


def test_a_new_figure_has_a_panel_for_the_loss_and_each_metric():
    ax = plot.history(fitted() | {"val_auc": [0.5] * 30})
    assert [panel.get_ylabel() for panel in ax.figure.axes] == ["loss", "accuracy", "auc"]
    assert ax is ax.figure.axes[0]
    assert labels(ax.figure.axes[1]) == ["training"]


def test_one_metric_can_be_drawn_alone(ax):
    kept = fitted()
    plot.history(kept, ax, metric="accuracy")
    assert [drawn.get_ydata().tolist() for drawn in ax.get_lines()] == [kept["accuracy"]]
    assert len(plot.history(kept, metric="accuracy").figure.axes) == 1


def test_the_best_epoch_is_that_of_the_validation_loss_in_every_panel():
    kept = fitted() | {"val_accuracy": list(np.linspace(0.1, 0.9, 30))}
    best = int(np.argmin(kept["val_loss"]))
    for panel, column in zip(plot.history(kept).figure.axes, ("val_loss", "val_accuracy"), strict=True):
        ring = line(panel, f"best: epoch {best + 1}")
        assert ring.get_xydata().tolist() == [[best + 1, kept[column][best]]]


def test_an_estimator_is_drawn_by_its_curves():
    estimator = SimpleNamespace(loss_curve_=[3.0, 2.0, 1.5], validation_scores_=[0.5, 0.8, 0.7], fit=None)
    first, second = plot.history(estimator).figure.axes
    assert line(first, "training").get_ydata().tolist() == estimator.loss_curve_
    assert line(second, "validation").get_ydata().tolist() == estimator.validation_scores_
    assert labels(second) == ["validation", "best: epoch 2"]
    estimator.validation_loss_curve_ = [3.0, 2.5, 2.6]
    assert labels(plot.history(estimator)) == ["training", "validation", "best: epoch 2"]


def test_scikit_learns_own_estimator_is_drawn(ax):
    neural = pytest.importorskip("sklearn.neural_network")
    estimator = neural.MLPClassifier((3,), max_iter=400, tol=0.1, random_state=0).fit(XOR, [0, 1, 1, 0])
    plot.history(estimator, ax)
    assert line(ax, "training").get_ydata().tolist() == estimator.loss_curve_
    network = plot.network(estimator)
    assert [text.get_text() for text in network.texts] == ["input\n2", "hidden 1\n3\nrelu", "output\n1\nlogistic"]
    kernel = plot.weights(estimator, -1).images[0].get_array()
    assert np.array_equal(kernel, estimator.coefs_[-1])
    regions = plot.decision_regions(estimator, XOR, [0, 1, 1, 0])
    assert labels(regions) == ["0", "1"]


@pytest.mark.parametrize(
    ("values", "metric", "scale"),
    [
        ([100.0, 0.9], "loss", "log"),
        ([100.0, 1.1], "loss", "linear"),
        ([100.0, 0.0], "loss", "linear"),
        ([100.0, -0.9], "loss", "linear"),
        ([0.001, math.nan, 0.9], "loss", "log"),
        ([0.001, 0.9], "accuracy", "linear"),
        ([50.0, 0.1], "mae", "log"),
        ([math.nan], "loss", "linear"),
    ],
)
def test_the_scale_is_logarithmic_over_two_decades(ax, values, metric, scale):
    plot.history({metric: values}, ax, metric=metric)
    assert ax.get_yscale() == scale


def test_the_scale_can_be_chosen(ax):
    assert plot.history({"loss": [2.0, 1.0]}, ax, log=True).get_yscale() == "log"
    assert plot.history({"loss": [2000.0, 1.0]}, Figure().subplots(), log=False).get_yscale() == "linear"


def test_a_diverged_run_is_drawn_and_told(ax):
    plot.history(DIVERGED, ax)
    shown = line(ax, "training").get_ydata()
    assert np.array_equal(shown, [1.0, 0.8, 4.0, 900.0, math.nan, math.nan], equal_nan=True)
    assert line(ax, "not finite: epoch 5").get_xdata() == [5, 5]
    assert "best: epoch 2" in labels(ax)


@pytest.mark.parametrize("values", [[math.nan] * 3, [1.0, 1e300, 1e308], [1e149, 1.0, -1e149], [1e149, 5e-324], [0.0]])
def test_any_numbers_give_a_picture(values, tmp_path):
    plot.history({"loss": values}).figure.savefig(tmp_path / "a.png")


def test_every_value_of_a_short_curve_and_every_lonely_one_has_a_dot(ax):
    values = np.ones(40)
    values[[10, 12]] = math.nan
    for kept, dotted in (([1.0], [0]), (values, [11])):
        ax.clear()
        plot.history({"loss": kept}, ax)
        assert line(ax, "training").get_markevery() == dotted


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.CosineDecay(0.0, 300, warmup_target=0.1, warmup_steps=50),
        schedules.PiecewiseConstantDecay((10, 40), (1.0, 0.5, 0.1)),
        schedules.ExponentialDecay(0.1, 50, 0.5),
        schedules.Plateau(0.2),
    ],
)
def test_rates_are_those_that_training_takes(schedule):
    optimizer = optimizers.Adam(schedule)
    compiled = Sequential([Dense(1, input_shape=(1,))])
    compiled.compile(optimizer, "mse")
    for source in (schedule, optimizer, compiled):
        drawn = plot.learning_rate(source, 120, Figure().subplots()).get_lines()[0]
        assert drawn.get_xdata().tolist() == list(range(120))
        assert np.array_equal(drawn.get_ydata(), optimizer.learning_rates(0, 120))


def test_steps_are_those_of_the_training_or_of_the_schedule(ax):
    def last(source):
        return plot.learning_rate(source, ax=Figure().subplots()).get_lines()[0].get_xdata()[-1]

    assert last(trained(epochs=7)) == 6
    assert last(schedules.CosineDecay(0.1, 80, warmup_steps=20)) == 124
    assert last(schedules.PiecewiseConstantDecay((8,), (1.0, 0.1))) == 9
    assert last(schedules.ExponentialDecay(0.1, 20, 0.5)) == 124
    assert last(optimizers.SGD()) == 999
    long = plot.learning_rate(schedules.ExponentialDecay(0.1, 20, 0.5), 10**7, ax).get_lines()[0]
    assert len(long.get_xdata()) <= 5000
    assert long.get_xdata()[-1] == 10**7 - 1


def test_rates_of_a_history_go_over_its_epochs(ax):
    kept = fastnn.callbacks.History()
    kept.extend(range(3, 6), {"loss": [3.0, 2.0, 1.0], "learning_rate": [0.1, 0.01, 1e-4]})
    plot.learning_rate(kept, ax=ax)
    assert ax.get_lines()[0].get_xydata().tolist() == [[4, 0.1], [5, 0.01], [6, 1e-4]]
    assert (ax.get_xlabel(), ax.get_yscale()) == ("epoch", "log")
