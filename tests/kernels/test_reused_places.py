"""Predictions have the same bits whether values share places or not: every backend, any threads, blocks and stages."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw
from reuse import MODELS, NETWORKS, apart, drawn, predicted

from fastnn._base import threads
from fastnn._plan import aligned, compile_plan
from fastnn._plan import compile as compiling

SEEDS = [pytest.param(seed, marks=() if seed < 12 else pytest.mark.long) for seed in range(200)]
ROWS = 75
SIZES = {  # rows of a block, and of a stage
    "one block": {},
    "small blocks": {"MAX_BLOCK": 32, "MIN_BLOCK": 16},
    "small stages": {"STAGE_BYTES": 1},
    "stages of a sample": {"STAGE_BYTES": 1, "MIN_STAGE": 1, "MAX_BLOCK": 64},
}


def params_of(rng, layout, dtype):
    """Parameters that are positive, for some are variances."""
    params = aligned(layout.n_params, np.dtype(dtype))
    params[...] = 0.1 + 0.3 * np.abs(draw(rng, layout.n_params))
    return params


def check_bits(backend, layout, dtype, rng, monkeypatch):
    """With and without places that are shared."""
    params, told = params_of(rng, layout, dtype), {"batch_size": 25 if layout.carried else ROWS}
    xs = [draw(rng, (ROWS, int(np.prod(shape)))).astype(dtype) for shape in layout.input_shapes]
    xs[0][::3, len(xs[0][0]) // 2 :] = 0  # steps that masks leave out
    expected = predicted(backend, apart(monkeypatch, layout, **told), params.copy(), xs)
    found = predicted(backend, compile_plan(layout, **told), params.copy(), xs)
    for got, right in zip(found, expected, strict=True):
        assert np.isfinite(got).all()
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("name", MODELS)
def test_models_predict_the_same_where_values_share_places(backend, dtype, rng, monkeypatch, name):
    check_bits(backend, MODELS[name]().layout, dtype, rng, monkeypatch)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs_predict_the_same_where_values_share_places(backend, rng, monkeypatch, seed):
    check_bits(backend, drawn(seed), "float64", rng, monkeypatch)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_places_are_shared_among_threads_blocks_and_stages(native, rng, monkeypatch, name, sizes, n_threads):
    for size, value in SIZES[sizes].items():
        monkeypatch.setattr(compiling, size, value)
    with threads.limited(n_threads):
        check_bits(native, NETWORKS[name]().layout, "float32", rng, monkeypatch)
