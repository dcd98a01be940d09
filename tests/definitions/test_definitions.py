"""Schedules, regularisers, initialisers and the checks that all definitions share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tolerance import assert_close, limit, mean_limit

from fastnn import initializers, optimizers, regularizers, schedules
from fastnn._base import arguments
from fastnn.initializers import INITIALIZERS
from fastnn.layers import Activation, Dense, Dropout, Flatten, InputLayer, Reshape, from_config
from fastnn.schedules import (
    CosineDecay,
    CosineLog,
    ExponentialDecay,
    FlatCosine,
    PiecewiseConstantDecay,
    Plateau,
    StepDecay,
)

STEPS = np.arange(100)
N = 4096


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        (schedules.Constant(0.3), lambda s: 0.3),
        (ExponentialDecay(0.1, 7, 0.5), lambda s: 0.1 * 0.5 ** (s / 7)),
        (ExponentialDecay(0.1, 7, 0.5, staircase=True), lambda s: 0.1 * 0.5 ** (s // 7)),
        (StepDecay(0.2, 30), lambda s: 0.2 * 0.1 ** (s // 30)),
        (PiecewiseConstantDecay((10, 40), (1.0, 0.5, 0.1)), lambda s: 1.0 if s <= 10 else 0.5 if s <= 40 else 0.1),
        (CosineDecay(0.4, 50), lambda s: 0.2 * (1 + math.cos(math.pi * min(s, 50) / 50))),
        (
            CosineDecay(0.4, 50, alpha=0.25),
            lambda s: 0.4 * (0.75 * 0.5 * (1 + math.cos(math.pi * min(s, 50) / 50)) + 0.25),
        ),
        (
            CosineDecay(0.1, 50, warmup_target=0.5, warmup_steps=20),
            lambda s: 0.1 + 0.4 * s / 20 if s < 20 else 0.25 * (1 + math.cos(math.pi * min(s - 20, 50) / 50)),
        ),
        (CosineLog(0.2, 60), lambda s: 0.1 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * min(s / 60, 1))))),
        (CosineLog(0.3, 90, cycles=1), lambda s: 0.15 * (1 - math.cos(2 * math.pi * math.log2(1 + min(s / 90, 1))))),
        (FlatCosine(0.3, 80), lambda s: 0.3 if s < 40 else 0.15 * (1 + math.cos(math.pi * (min(s / 80, 1) * 2 - 1)))),
        (Plateau(0.02), lambda s: 0.02),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_rates_equal_the_formula(schedule, formula):
    rates = schedule.rates(STEPS)
    assert rates.dtype == np.float64
    assert_close(rates, [formula(int(s)) for s in STEPS], np.float64, 4)
    np.testing.assert_array_equal(schedule.rates(STEPS[30:40]), rates[30:40])
    assert schedules.schedule_from_config(schedule.config()) == schedule
    assert schedule.listens is isinstance(schedule, Plateau)
    np.testing.assert_array_equal(optimizers.SGD(schedule).learning_rates(30, 10), rates[30:40])


def test_cycles_of_cosine_log_begin_and_end_at_nothing():
    """Each cycle is about twice as long as the one before: 1, 2, 4 and 8 parts of 15."""
    rates = CosineLog(1.0, 1500).rates(np.array([0, 100, 300, 700, 1500, 9999]))
    np.testing.assert_allclose(rates, 0, atol=1e-28)
    tops = 1500 / 15 * (2 ** (np.arange(4) + 0.5) - 1)
    np.testing.assert_allclose(CosineLog(1.0, 1500).rates(tops), 1, rtol=1e-14)


def test_plateau_lowers_the_rate_after_patience():
    plateau = Plateau(1.0, factor=0.5, patience=2, min_delta=0.1, min_lr=0.3)
    seen = []
    for loss in (5.0, 4.95, 4.92, 4.0, 4.0, 4.0, 4.0, 4.0):
        plateau.on_epoch_end(loss)
        seen.append(float(plateau.rates(np.arange(1))[0]))
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "decay_steps"),
        (lambda: ExponentialDecay(0.1, 5, 0.0), "decay_rate"),
        (lambda: PiecewiseConstantDecay((1, 2), (1.0, 2.0)), "values"),
        (lambda: PiecewiseConstantDecay((2, 1), (1.0, 2.0, 3.0)), "rise"),
        (lambda: CosineDecay(-0.1, 5), "initial_learning_rate"),
        (lambda: CosineDecay(0.1, 5, warmup_steps=-1), "warmup_steps"),
        (lambda: CosineLog(0.1, 0), "decay_steps"),
        (lambda: CosineLog(0.1, 9, cycles=0), "cycles"),
        (lambda: FlatCosine(-0.1, 5), "initial_learning_rate"),
        (lambda: Plateau(factor=1.0), "factor"),
        (lambda: Plateau(patience=0), "patience"),
        (lambda: schedules.schedule_from_config({"name": "CosineDekay"}), "CosineDecay"),
    ],
)
def test_wrong_schedules_are_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("came", "penalties"),
    [
        (None, (0.0, 0.0)),
        ("l1", (0.01, 0.0)),
        ("l2", (0.0, 0.01)),
        ("l1_l2", (0.01, 0.01)),
        (regularizers.L1(0.5), (0.5, 0.0)),
        (regularizers.L2(0.25), (0.0, 0.25)),
        ({"l1": 0.1, "l2": 0.2}, (0.1, 0.2)),
    ],
)
def test_regularizers_by_name_object_and_configuration(came, penalties):
    made = regularizers.get(came)
    assert (made.l1, made.l2) == penalties
    assert regularizers.get(made.config()) == made


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: regularizers.get("l3"), ValueError, "l2"),
        (lambda: regularizers.L2(-0.1), ValueError, "l2"),
        (lambda: regularizers.get(0.1), TypeError, "regularizer"),
        (lambda: initializers.get("glorot"), ValueError, "glorot_"),
        (lambda: initializers.get(7), TypeError, "initializer"),
        (lambda: initializers.VarianceScaling(mode="in"), ValueError, "fan_in"),
        (lambda: initializers.VarianceScaling(scale=0.0), ValueError, "scale"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), ValueError, "uniform"),
        (lambda: initializers.Orthogonal()((3,), 0, 0), ValueError, "rank"),
        (lambda: Dense(0), ValueError, "units"),
        (lambda: Dense(2.5), TypeError, "units"),
        (lambda: Dropout(1.0), ValueError, "rate"),
        (lambda: Dense(3, "rely"), ValueError, "relu"),
        (lambda: Reshape((-1, -1)), ValueError, "target_shape"),
        (lambda: InputLayer(()), ValueError, "shape"),
        (lambda: Dense(3, input_shape=(0,)), ValueError, "input_shape"),
    ],
)
def test_wrong_arguments_of_layers_and_initializers_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def fan_variance(name, shape):
    scale = {"he": 2.0}.get(name.split("_")[0], 1.0)
    fan = sum(shape) / 2 if name.startswith("glorot") else shape[0]
    return scale / fan


@pytest.mark.parametrize(
    "name",
    [
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "lecun_normal",
        "random_uniform",
        "random_normal",
        "truncated_normal",
    ],
)
def test_moments_of_an_initializer(name):
    shape = (64, 128)
    drawn = INITIALIZERS[name](shape, 9, 2)
    variance = (
        fan_variance(name, shape)
        if "_" in name and name.split("_")[0] in ("glorot", "he", "lecun")
        else (0.05**2 / 3 if name == "random_uniform" else 0.05**2)
    )
    if name == "truncated_normal":  # cut at two deviations, not rescaled, as in Keras
        variance *= initializers.TRUNCATED_STDDEV**2
    n, deviation = drawn.size, variance**0.5
    assert drawn.shape == shape
    assert abs(drawn.mean()) < mean_limit(deviation, n)
    assert abs(drawn.var() - variance) < mean_limit(2**0.5 * variance, n)
    if "uniform" in name:
        assert np.abs(drawn).max() <= (3 * variance) ** 0.5
    elif "random" not in name:
        assert np.abs(drawn).max() <= 2 * deviation / initializers.TRUNCATED_STDDEV


def test_constant_initializers():
    assert not INITIALIZERS["zeros"]((3, 4), 0, 0).any()
    assert (INITIALIZERS["ones"]((3, 4), 0, 0) == 1).all()
    assert (initializers.Constant(2.5)((3,), 0, 0) == 2.5).all()


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (3, 2, 4)])
def test_orthogonal_parameters_are_orthonormal(shape):
    matrix = initializers.Orthogonal(gain=2.0)(shape, 3, 1).reshape(-1, shape[-1]) / 2
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert np.abs(product - np.eye(len(product))).max() <= limit(np.float64, max(shape))


@pytest.mark.parametrize(("shape", "fans"), [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((2, 3, 4, 5), (24, 30))])
def test_fans_count_the_receptive_field(shape, fans):
    assert initializers.fans(shape) == fans


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_follow_seed_and_stream_and_nothing_else(name):
    record = INITIALIZERS[name]
    first = record((6, 5), 1, 2)
    np.testing.assert_array_equal(first, record((6, 5), 1, 2))
    assert initializers.get(record.config()) == record
    if name not in ("zeros", "ones", "constant", "identity"):
        assert not np.array_equal(first, record((6, 5), 2, 2))
        assert not np.array_equal(first, record((6, 5), 1, 3))


def test_normal_quantiles_equal_those_of_mpmath():
    mp = pytest.importorskip("mpmath", reason="mpmath is not installed").mp
    tail = 2.0 ** -np.arange(1, 34)
    u = np.concatenate([tail, 1 - tail[:30], np.linspace(0.01, 0.99, 37)])
    for p, got in zip(u, initializers.normal_quantile(u), strict=True):
        right = float(mp.sqrt(2) * mp.erfinv(2 * mp.mpf(float(p)) - 1))
        assert_close(got, right, np.float64, magnitude=max(abs(right), 1))


@pytest.mark.parametrize(
    "layer",
    [
        Dense(
            3,
            "elu",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer="l2",
            input_shape=(4,),
            name="first",
        ),
        Dense(2, {"name": "elu", "alpha": 0.5}, kernel_initializer=initializers.RandomNormal(0.1, 0.2)),
        Activation("softmax"),
        Dropout(0.25, input_shape=(3,)),
        Flatten(input_shape=(2, 3)),
        Reshape((3, -1)),
        InputLayer((2, 3)),
        Dense(4, input_dim=6),
    ],
    ids=repr,
)
def test_configuration_gives_the_layer_back(layer):
    assert from_config(layer.config()) == layer


@pytest.mark.parametrize(
    ("came", "low", "high", "error"),
    [
        (True, None, None, TypeError),
        ("3", None, None, TypeError),
        (None, None, None, TypeError),
        ([1], None, None, TypeError),
        (float("inf"), None, None, ValueError),
        (float("nan"), None, None, ValueError),
        (-1, 0, None, ValueError),
        (2, 0, 1, ValueError),
    ],
)
def test_numbers_outside_their_range_are_refused_by_argument(came, low, high, error):
    with pytest.raises(error, match="share"):
        arguments.number("share", came, low=low, high=high)


def test_numbers_of_numpy_are_numbers():
    assert arguments.number("share", np.float32(0.5), low=0) == 0.5
    assert arguments.integer("units", np.int64(3), low=1) == 3


def test_unknown_names_list_what_there_is():
    with pytest.raises(ValueError, match=r"did you mean 'alpha'\?.*known: alpha, beta"):
        arguments.lookup("letter", "alpa", {"beta": 1, "alpha": 2})


@pytest.mark.parametrize("name", sorted(initializers.INITIALIZERS))
def test_an_initializer_is_called_with_a_shape_alone(name):
    made = initializers.get(name)
    assert np.array_equal(made((3, 4)), made((3, 4), seed=0, stream=0))
