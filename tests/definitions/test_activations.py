"""Activations against their formulas in 40 digits, and their derivatives against those of mpmath."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit, limit

from fastnn import activations
from fastnn.activations import ACTIVATIONS

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
mp = mpmath.mp
mp.dps = 40

SELU = mpmath.mpf("1.0507009873554804934193349852946"), mpmath.mpf("1.6732632423543772848170429916717")
FORMULAS = {
    "linear": lambda z, p: z,
    "sigmoid": lambda z, p: 1 / (1 + mp.exp(-z)),
    "tanh": lambda z, p: mp.tanh(z),
    "relu": lambda z, p: max(z, mp.zero),
    "leaky_relu": lambda z, p: z if z > 0 else p * z,
    "elu": lambda z, p: z if z > 0 else p * mp.expm1(z),
    "selu": lambda z, p: SELU[0] * (z if z > 0 else SELU[1] * mp.expm1(z)),
    "gelu": lambda z, p: z * mp.ncdf(z),
    "silu": lambda z, p: z / (1 + mp.exp(-z)),
    "softplus": lambda z, p: mp.log1p(mp.exp(z)),
    "softsign": lambda z, p: z / (1 + abs(z)),
    "hard_sigmoid": lambda z, p: min(max(z / 6 + mp.mpf(1) / 2, mp.zero), mp.one),
    "hard_swish": lambda z, p: z * min(max(z / 6 + mp.mpf(1) / 2, mp.zero), mp.one),
    "exponential": lambda z, p: mp.exp(z),
    "relu6": lambda z, p: min(max(z, mp.zero), p),
    "hard_tanh": lambda z, p: min(max(z, -mp.one), mp.one),
    "celu": lambda z, p: z if z > 0 else p * mp.expm1(z / p),
    "log_sigmoid": lambda z, p: -mp.log1p(mp.exp(-z)),
    "gelu_tanh": lambda z, p: z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3))),
    "mish": lambda z, p: z * mp.tanh(mp.log1p(mp.exp(z))),
    "tanh_shrink": lambda z, p: z - mp.tanh(z),
    "hard_shrink": lambda z, p: z if abs(z) > p else mp.zero,
    "soft_shrink": lambda z, p: mp.sign(z) * max(abs(z) - p, mp.zero),
    "sparse_plus": lambda z, p: mp.zero if z <= -1 else z if z >= 1 else (z + 1) ** 2 / 4,
    "sparse_sigmoid": lambda z, p: min(max((z + 1) / 2, mp.zero), mp.one),
    "squareplus": lambda z, p: (z + mp.sqrt(z * z + p)) / 2,
}
CANCEL = ("gelu", "gelu_tanh", "tanh_shrink", "sparse_plus")  # rounded as their argument is
POINTS = np.array(
    [-80.0, -20.5, -6.1, -3.1, -2.9, -1.25, -0.51, -1e-3, -1e-9, 1e-9, 1e-3, 0.3, 0.99, 2.9, 3.1, 7.7, 19.0, 60.0]
)
DEFAULTS = {  # of keras.activations
    "leaky_relu": 0.2,
    "elu": 1.0,
    "relu6": 6.0,
    "celu": 1.0,
    "hard_shrink": 0.5,
    "soft_shrink": 0.5,
    "squareplus": 4.0,
}
ROWWISE = ("softmax", "log_softmax")


def exact(name, z, p=None):
    p = mp.mpf(DEFAULTS.get(name, 0.0) if p is None else p)
    return np.array([float(FORMULAS[name](mp.mpf(float(value)), p)) for value in z])


def test_every_activation_has_a_formula_here():
    assert set(FORMULAS) | set(ROWWISE) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_values_equal_the_formula(name, dtype):
    points = POINTS.astype(dtype)
    got, right = ACTIVATIONS[name](points), exact(name, points)
    assert got.dtype == dtype
    assert_close(
        got,
        right,
        dtype,
        magnitude=np.maximum(np.abs(right), np.abs(points) if name in CANCEL else 0) + np.minimum(np.abs(right), 1),
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_equal_those_of_the_formula(name):
    record, p = ACTIVATIONS[name], mp.mpf(DEFAULTS.get(name, 0.0))
    right = [float(mp.diff(lambda z: FORMULAS[name](z, p), mp.mpf(float(z)), h=mp.mpf(10) ** -15)) for z in POINTS]
    dy = np.linspace(1, 2, len(POINTS))
    got = record.backward(POINTS if record.keeps_z else None, record(POINTS), dy)
    assert_close(got, dy * right, np.float64, magnitude=np.maximum(np.abs(right), 1) * dy)


PARAMETERS = [(name, record.parameter_name) for name, record in ACTIVATIONS.items() if record.parameter_name]


@pytest.mark.parametrize(("name", "argument"), PARAMETERS)
@pytest.mark.parametrize("value", [0.0, 0.01, 0.7, 1.9])
def test_parameters_enter_value_and_derivative(name, argument, value):
    if value == 0 and ACTIVATIONS[name].positive:
        with pytest.raises(ValueError, match=rf"{argument} must lie in \(0, inf\)"):
            activations.get(name, **{argument: value})
        return
    record = activations.get(name, **{argument: value})
    assert_close(record(POINTS), exact(name, POINTS, value), np.float64)
    ahead, behind = exact(name, POINTS + DIFFERENCE_STEP, value), exact(name, POINTS - DIFFERENCE_STEP, value)
    away = np.abs(POINTS) > DIFFERENCE_STEP
    numeric = ((ahead - behind) / (2 * DIFFERENCE_STEP))[away]
    got = record.backward(POINTS if record.keeps_z else None, record(POINTS), np.ones(len(POINTS)))[away]
    assert np.all(np.abs(got - numeric) <= difference_limit(numeric))
    np.testing.assert_array_equal(ACTIVATIONS[name](POINTS, **{argument: value}), record(POINTS))


@pytest.mark.parametrize("name", ROWWISE)
def test_rowwise_values_equal_the_formula(name, rng, dtype):
    z = np.concatenate([draw(rng, (6, 5), 4.0), draw(rng, (1, 5)) + 1e4, draw(rng, (1, 5)) - 1e4]).astype(dtype)
    for row, got in zip(z, ACTIVATIONS[name](z), strict=True):
        exps = [mp.exp(mp.mpf(float(v))) for v in row]
        shares = [e / mp.fsum(exps) for e in exps]
        right = [float(mp.log(s)) if name == "log_softmax" else float(s) for s in shares]
        assert_close(got, right, dtype, 5, magnitude=max(1.0, float(np.abs(row - row.max()).max())))


@pytest.mark.parametrize("name", ROWWISE)
def test_rowwise_backward_equals_differences(name, rng):
    record, z, dy = ACTIVATIONS[name], draw(rng, (4, 5)), draw(rng, (4, 5))
    for j in range(5):
        step = DIFFERENCE_STEP * (np.arange(5) == j)
        numeric = ((record(z + step) - record(z - step)) * dy).sum(axis=1) / (2 * DIFFERENCE_STEP)
        got = record.backward(None, record(z), dy)[:, j]
        assert np.all(np.abs(got - numeric) <= difference_limit(numeric))


def test_rowwise_results_are_distributions(rng):
    z = draw(rng, (9, 7), 10.0)
    total = activations.softmax(z).sum(axis=1)
    assert np.all(np.abs(total - 1) <= limit(np.float64, 7))
    assert_close(np.exp(activations.log_softmax(z)), activations.softmax(z), np.float64, 7, magnitude=np.abs(z).max())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nothing_overflows_on_large_inputs(name, dtype):
    z = np.array([[-1e4, -100.0, 0.0, 100.0, 1e4]], dtype)
    if name == "exponential":
        z = np.minimum(z, 80)
    y = ACTIVATIONS[name](z)  # a warning would be an error here
    assert np.isfinite(y).all()
    assert np.isfinite(ACTIVATIONS[name].backward(z, y, np.ones_like(y))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_reads_z_only_where_it_says_so(name, rng):
    record, z = ACTIVATIONS[name], draw(rng, (3, 4))
    y, dy = record(z), draw(rng, (3, 4))
    with_z, spoiled = record.backward(z, y, dy), record.backward(np.full_like(z, 0.25), y, dy)
    assert np.array_equal(with_z, spoiled) is not record.keeps_z


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_configuration_gives_the_activation_back(name):
    assert activations.get(ACTIVATIONS[name].config()) == ACTIVATIONS[name]
    assert activations.get(name) is ACTIVATIONS[name]
    assert activations.get(ACTIVATIONS[name]) is ACTIVATIONS[name]


def test_bound_parameters_survive_the_configuration():
    assert activations.get(activations.get("elu", alpha=0.3).config()).parameter == 0.3


@pytest.mark.parametrize(
    ("alias", "name"),
    [("swish", "silu"), ("identity", "linear"), ("logistic", "sigmoid"), ("hard_silu", "hard_swish"), (None, "linear")],
)
def test_other_names_of_an_activation(alias, name):
    assert activations.get(alias).name == name


@pytest.mark.parametrize(
    ("came", "arguments", "error", "words"),
    [
        ("rellu", {}, ValueError, "relu"),
        ("tanh", {"alpha": 1.0}, ValueError, "alpha"),
        (3, {}, TypeError, "activation"),
        ("elu", {"alpha": -1.0}, ValueError, "alpha"),
        ("elu", {"alpha": "x"}, TypeError, "alpha"),
        ("leaky_relu", {"negative_slope": float("nan")}, ValueError, "negative_slope"),
        (np.tanh, {}, TypeError, "gradient"),
        ("elu", {"alpha": True}, TypeError, "alpha"),
    ],
)
def test_wrong_activations_are_refused_by_name(came, arguments, error, words):
    with pytest.raises(error, match=words):
        activations.get(came, **arguments)


def test_an_activation_is_asked_for_its_name_as_a_function_is():
    assert activations.leaky_relu.bind(negative_slope=0.1).__name__ == "leaky_relu"


def test_arguments_of_keras_functions_choose_the_formula():
    z = np.linspace(-3, 9, 25)
    assert activations.get("gelu", approximate=True) is activations.gelu_tanh
    assert activations.get("gelu", approximate=False) is activations.gelu
    np.testing.assert_array_equal(activations.gelu(z, approximate=True), activations.gelu_tanh(z))
    np.testing.assert_array_equal(activations.relu(z, max_value=2.0), np.clip(z, 0, 2))
    np.testing.assert_array_equal(activations.relu(z, negative_slope=0.5), np.where(z < 0, z / 2, z))
    assert activations.get("relu", max_value=None) is activations.relu
    with pytest.raises(TypeError, match="approximate must be True or False, got 'tanh'"):
        activations.get("gelu", approximate="tanh")


KINKS = {  # as PyTorch, and so Keras, takes the slope where it jumps
    "relu6": ([0.0, 6.0], [0, 0]),
    "hard_tanh": ([-1.0, 1.0], [0, 0]),
    "hard_shrink": ([-0.5, 0.5], [0, 0]),
    "soft_shrink": ([-0.5, 0.5], [0, 0]),
    "sparse_plus": ([-1.0, 1.0], [0, 1]),
    "celu": ([0.0], [1]),
}


@pytest.mark.parametrize("name", KINKS)
def test_slopes_at_kinks(name, dtype):
    z = np.array(KINKS[name][0], dtype)
    record = ACTIVATIONS[name]
    np.testing.assert_array_equal(record.backward(z, record(z), np.ones_like(z)), KINKS[name][1])
