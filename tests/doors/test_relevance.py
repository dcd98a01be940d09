"""Columns count by what each tells of the target, as the rows that a network learns from say."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn.tables.target import Quantity
from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.relevance import LEAST, STEPS, relevance_scales, scale_by_relevance
from fastnn.tabular.settings import Settings

pytestmark = pytest.mark.usefixtures("numpy_backend")
BLOCKS = (1, 3, 2)


def told(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three columns, and a target that the second one tells."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, sum(BLOCKS))).astype(np.float32)
    return x, (x[:, 1] - x[:, 3] + 0.3 * random.normal(size=n)).astype(np.float32)


@pytest.mark.parametrize("classes", [False, True])
def test_what_tells_most_is_scaled_most_and_a_column_as_a_whole(classes):
    x, y = told()
    scales = relevance_scales(BLOCKS, x, np.digitize(y, [-1, 1]) if classes else y, classes)
    first, second, third = (set(part.tolist()) for part in np.split(scales, [1, 4]))
    assert len(first) == len(second) == len(third) == 1
    assert max(second) > 1.3 * max(first | third)
    assert min(first | third) > LEAST / 2
    assert np.sqrt(np.mean(scales[[0, 1, 4]] ** 2)) == pytest.approx(1, abs=0.1)
    steps = STEPS * np.log2(scales.astype(np.float64))
    np.testing.assert_allclose(steps, steps.round(), atol=1e-5)


def test_chance_is_no_relevance():
    """A column of many numbers explains some of any target: what it would of one of chance does not count."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2000, 61)).astype(np.float32), random.normal(size=2000)
    x[:, 60] = y + 2 * random.normal(size=2000)
    scales = relevance_scales((60, 1), x, y, False)
    assert scales[60] > 1.5 * scales[0]


@pytest.mark.parametrize(
    ("blocks", "y"),
    [((), np.zeros(4)), ((6,), np.zeros(300)), ((2, 4), np.zeros(300))],
    ids=["no columns", "a constant target", "a constant target of two columns"],
)
def test_where_nothing_tells_nothing_is_scaled(blocks, y):
    x = np.random.default_rng(0).normal(size=(len(y), sum(blocks))).astype(np.float32)
    assert relevance_scales(blocks, x, y, False) is None


def test_columns_that_stand_still_or_are_very_wide_are_no_error():
    x, y = told()
    x = np.hstack([x, np.zeros((300, 2), np.float32), np.random.default_rng(1).normal(size=(300, 300))])
    scales = relevance_scales((*BLOCKS, 2, 300), x.astype(np.float32), y, False)
    assert np.isfinite(scales).all()
    assert set(scales[6:8]) == {scales[0]}  # says as little as noise does
    assert scales[8] > scales[0]


def test_rows_count_by_their_weights():
    x, y = told()
    weights = np.zeros(300)
    weights[:150] = 1.0
    other = np.append(y[:150], -9 * y[150:])
    scales = relevance_scales(BLOCKS, x, y, False, weights)
    np.testing.assert_array_equal(scales, relevance_scales(BLOCKS, x, other, False, weights))
    assert relevance_scales(BLOCKS, x, y, False, np.zeros(300)) is not None


def trained(x: np.ndarray, y: np.ndarray, blocks: tuple[int, ...], epochs: int = 1) -> Member:
    rows = np.arange(len(y))
    member = Member(Settings(hidden=(16,), epochs=epochs, batch_size=32), 3, rows[rows % 4 > 0], rows[rows % 4 == 0])
    Bag(Rows(x, y), Quantity("y", 0.0, 1.0), blocks=blocks, n_threads=1).train([member])
    return member


def test_networks_take_rows_as_they_are_encoded():
    x, y = told()
    before = x.copy()
    member = trained(x, y, BLOCKS, 3)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(member.model.predict(x[member.held]), member.output, rtol=1e-4, atol=1e-5)
    assert not np.array_equal(trained(x, y, (), 3).output, member.output)


def test_targets_of_rows_that_are_held_say_nothing_of_the_columns():
    """Weights of a network of one epoch, of which no other can be kept, do not follow from what it is judged by."""
    x, y = told()
    other = y.copy()
    other[::4] = 5 * x[::4, 0]
    for one, two in zip(
        trained(x, y, BLOCKS).model.get_weights(), trained(x, other, BLOCKS).model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_of_several_arrays_the_numbers_are_scaled_and_codes_are_not():
    x, y = told()
    codes = np.ones((300, 2), np.float32)
    learned, held = Rows([x.copy(), codes.copy()], y), Rows([x[:5].copy(), codes[:5].copy()], y[:5])
    scales = scale_by_relevance(BLOCKS, False, learned, held)
    np.testing.assert_array_equal(learned.x[0], x * scales)
    np.testing.assert_array_equal(held.x[0], x[:5] * scales)
    np.testing.assert_array_equal(learned.x[1], codes)
