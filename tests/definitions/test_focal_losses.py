"""Focal losses: Keras' formulas, the cross-entropy without focus, every digit at extreme logits, limits at infinity."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw_target
from tolerance import assert_close, limit

from fastnn import losses

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
from exact_losses import FORMULAS, focal, mp, one_hot, softmax  # noqa: E402 (needs mpmath)

FOCAL_NAMES = ("binary_focal_crossentropy", "categorical_focal_crossentropy", "sparse_categorical_focal_crossentropy")


@pytest.mark.parametrize("name", FOCAL_NAMES)
@pytest.mark.parametrize("from_logits", [False, True])
def test_focal_loss_without_focus_is_the_cross_entropy(rng, dtype, name, from_logits):
    alpha = {} if name.startswith("binary") else {"alpha": 1.0}
    one = losses.get(name, gamma=0.0, from_logits=from_logits, **alpha)
    other = losses.get(name.replace("_focal", ""), from_logits=from_logits)
    target, y = draw_target(rng, one, 7, (5,)), rng.random((7, 5)) * 0.9 + 0.05
    target = target[:, 0] if one.sparse else target
    y, target = y.astype(dtype), target if one.sparse else target.astype(dtype)
    assert_close(one.value(target, y), other.value(target, y), dtype, 5)
    assert_close(one.gradient(target, y), other.gradient(target, y), dtype, 5)


def keras_binary(t, y, gamma):
    """Keras' ``binary_focal_crossentropy`` without alpha, as its documentation states it."""
    p_t = t * y + (1 - t) * (1 - y)
    return ((1 - p_t) ** gamma * -(t * np.log(y) + (1 - t) * np.log(1 - y))).mean(axis=-1)


def keras_categorical(t, y, gamma):
    """Keras' ``categorical_focal_crossentropy`` with an alpha of 1."""
    y = y / y.sum(axis=-1, keepdims=True)
    return ((1 - y) ** gamma * -t * np.log(y)).sum(axis=-1)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_losses_equal_the_formulas_of_keras(rng, gamma):
    y = rng.random((20, 4)) * 0.9 + 0.05
    hard, soft = rng.integers(0, 2, y.shape) * 1.0, rng.random(y.shape)
    for target in (hard, soft):
        got = losses.BinaryFocalCrossentropy(gamma=gamma).value(target, y)
        assert_close(got, keras_binary(target, y, gamma), np.float64, 4)
    index = rng.integers(0, 4, 20)
    right = keras_categorical(np.eye(4)[index], y, gamma)
    assert_close(losses.CategoricalFocalCrossentropy(1.0, gamma=gamma).value(np.eye(4)[index], y), right, np.float64, 4)
    assert_close(losses.SparseCategoricalFocalCrossentropy(1.0, gamma=gamma).value(index, y), right, np.float64, 4)


EXTREME = (-np.inf, -1e6, -1e3, -90.0, -17.0, -1.0, 0.0, 1.0, 17.0, 90.0, 1e3, 1e6, np.inf)


def slope_of(formula, z, digits=700):
    """Central difference in so many digits that ``e**-1000`` is one of them."""
    with mp.workdps(digits):
        h = mp.mpf(10) ** (-digits // 3)
        return float((formula(z + h) - formula(z - h)) / (2 * h))


def focal_limit(dtype, gamma, size, magnitude):
    """Rounding of ``e**(gamma log(1 - p))`` where the logarithm is as large as ``size``."""
    return limit(dtype, int(2 * gamma * size), magnitude)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 2.0])
@pytest.mark.parametrize("t", [0.0, 1.0, 0.3])
def test_binary_focal_loss_keeps_its_digits_at_extreme_logits(dtype, gamma, t):
    loss = losses.BinaryFocalCrossentropy(gamma=gamma, from_logits=True)
    exact_t, p = mp.mpf(float(dtype.type(t))), mp.mpf(gamma)
    for z in (z for z in EXTREME if abs(z) <= 90):
        with mp.workdps(700):

            def formula(z):
                return FORMULAS["binary_focal_crossentropy_logits"]([exact_t], [z], (p, 0, 1, 1))

            right, slope = float(formula(mp.mpf(z))), slope_of(formula, mp.mpf(z))
        magnitude = abs(slope) if t in (0.0, 1.0) else 1.0  # between, the slope goes through zero
        target, logit = np.array([[t]], dtype), np.array([[z]], dtype)
        assert abs(loss.value(target, logit)[0] - right) <= focal_limit(dtype, gamma, abs(z), right)
        assert abs(loss.gradient(target, logit)[0, 0] - slope) <= focal_limit(dtype, gamma, abs(z), magnitude)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 2.0])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_categorical_focal_loss_keeps_its_digits_at_extreme_logits(dtype, gamma, label):
    loss = losses.SparseCategoricalFocalCrossentropy(1.0, gamma=gamma, from_logits=True)
    for row in ([0.0, 17.0, -3.0], [60.0, 0.0, 60.0], [-80.0, -81.0, 0.0], [25.0, 25.0, 25.0], [40.0, 39.0, -40.0]):

        def formula(z, j, row=row):
            zs = [z if i == j else mp.mpf(v) for i, v in enumerate(row)]
            return focal(one_hot(label, 3), softmax(zs), mp.mpf(gamma))

        z = np.array([row], dtype)
        with mp.workdps(700):
            right = float(formula(mp.mpf(row[0]), 0))
            slopes = [slope_of(lambda v, j=j: formula(v, j), mp.mpf(row[j])) for j in range(3)]
        assert abs(loss.value(np.array([label]), z)[0] - right) <= focal_limit(dtype, gamma, 100, right)
        for got, slope in zip(loss.gradient(np.array([label]), z)[0], slopes, strict=True):
            assert abs(got - slope) <= focal_limit(dtype, gamma, 100, slope)


@pytest.mark.parametrize("name", [name for name in FOCAL_NAMES if not name.startswith("sparse")])
@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 2.0])
@np.errstate(invalid="ignore", over="ignore")
def test_focal_losses_have_their_limits_at_infinity(dtype, name, gamma):
    alpha = {} if name.startswith("binary") else {"alpha": 1.0}
    loss = losses.get(name, gamma=gamma, from_logits=True, **alpha)
    for size in (1e3, 1e6, np.inf):
        z = np.array([[size, -size], [-size, size]], dtype)
        target = np.array([[1.0, 0.0], [1.0, 0.0]], dtype)
        wrong = 2 * size if name.startswith("categorical") else size
        np.testing.assert_array_equal(loss.value(target, z), np.array([0, wrong], dtype))
        share = 1.0 if name.startswith("categorical") else 0.5
        np.testing.assert_array_equal(np.abs(loss.gradient(target, z)), np.array([[0, 0], [share, share]], dtype))
    spoilt = np.array([[np.nan, 1.0]], dtype)
    assert np.isnan(loss.value(target[:1], spoilt)).all()
    assert np.isnan(loss.gradient(target[:1], spoilt)[0, 0])
