"""Every picture looks as it did when somebody last looked at it (baselines: see plot_cases.py)."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

import plot_cases
from plot_cases import BASELINES, CASES

from fastnn.plot import channels, classes, curves, diagram, images, mistakes, predictions, rates, sheet, slopes, style

TOLERANCE = 1.5  # matplotlib 3.9 and 3.11 differ by up to 1.2


def distance(name, folder):
    plot_cases.render(name, folder / "drawn.png")
    return plot_cases.difference(BASELINES / f"{name}.png", folder / "drawn.png")


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_its_baseline(name, tmp_path):
    assert distance(name, tmp_path) < TOLERANCE


def test_there_is_a_baseline_for_each_case_and_none_besides():
    assert sorted(path.stem for path in BASELINES.glob("*.png")) == sorted(CASES)


BROKEN = {
    "history": (curves.Curves, "best", None),
    "history_diverged": (curves, "_mark_divergence", lambda *arguments: None),
    "learning_rate": (rates, "_natural_length", lambda schedule: 900),
    "regions_3": (style, "MARKERS", "o"),
    "confusion": (
        classes,
        "count",
        lambda true, predicted, n: np.bincount(predicted * n + true, None, n * n).reshape(n, n),
    ),
    "network": (style, "NEGATIVE", style.POSITIVE),
    "network_wide": (diagram, "DOTS", np.full(3, 9.0)),
    "weights": (images, "symmetric", lambda ax, shown, scale: ax.imshow(shown, cmap="RdBu")),
    "images": (images, "GAP", 0.5),
    "filters": (sheet, "columns", lambda n, ratio: n),
    "filters_many": (channels, "MOST_ROWS", 1),
    "feature_maps": (channels, "FAINT", "#FFFFFF"),
    "saliency": (slopes, "FAINT", "#A0C0E0"),
    "misclassified": (mistakes, "MOST", 4),
    "residuals_many": (predictions, "MANY", 10**9),
    "calibration": (predictions, "_edges", lambda n_bins: np.linspace(0, 1, n_bins + 1) ** 1.5),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if i % 4 else ()) for i, name in enumerate(BROKEN)]
)
def test_a_broken_picture_is_not_its_baseline(name, tmp_path, monkeypatch):
    owner, attribute, wrong = BROKEN[name]
    if wrong is None:
        wrong = property(lambda self: None, lambda self, value: None)
    monkeypatch.setattr(owner, attribute, wrong, raising=False)
    assert distance(name, tmp_path) > TOLERANCE
