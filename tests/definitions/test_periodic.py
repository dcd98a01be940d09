"""Periodic: numbers as waves of trained frequencies, against the formula, PyTorch's gradients and itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models import EVERY_BACKEND
from spaces import space
from tolerance import assert_close

from fastnn import Input, Sequential, _kernels, layers
from fastnn._base.threads import limited
from fastnn.layers import Dense, Periodic

ISAS = [] if _kernels.why_not("cython") else [name for name, _, runs in _kernels.load("cython").isas() if runs]


def by_formula(weights, x, include_input):
    """As Holzmueller et al. 2024 write it, number by number."""
    frequencies, phases, kernel, bias = weights
    rows = []
    for row in x:
        made = []
        for j, number in enumerate(row):
            h = [math.cos(2 * math.pi * w * number + b) for w, b in zip(frequencies[j], phases[j], strict=True)]
            made += [float(np.dot(mix, h)) + b for mix, b in zip(kernel[j], bias[j], strict=True)]
            made += [number] if include_input else []
        rows.append(made)
    return np.array(rows)


def model_of(layer, n, backend=None, dtype="float64", more=()):
    model = Sequential([Input((n,)), layer, *more], seed=3, backend=backend, dtype=dtype)
    model.compile("sgd", "mse")
    return model


@EVERY_BACKEND
@pytest.mark.parametrize("include_input", [True, False])
@pytest.mark.parametrize(("n", "frequencies", "units"), [(1, 1, 1), (5, 16, 3), (3, 19, 2), (2, 33, 5)])
def test_output_equals_the_formula(name, n, frequencies, units, include_input, rng):
    model = model_of(Periodic(frequencies, units, 2.0, include_input=include_input), n, name)
    x = rng.normal(0, 3, (23, n))
    right = by_formula(model.get_weights(), x, include_input)
    assert model.output_shape == (None, n * (units + include_input))
    assert [w.shape for w in model.get_weights()] == [
        (n, frequencies),
        (n, frequencies),
        (n, units, frequencies),
        (n, units),
    ]
    assert_close(model.predict(x, verbose=0), right, np.float64, 8 * frequencies)


@EVERY_BACKEND
def test_angles_of_any_size_and_sign_are_exact_in_double(name):
    """A wave of one turn a unit: the cosine alone, of quarters exactly."""
    model = model_of(Periodic(1, 1, include_input=False), 1, name)
    model.set_weights([[[1.0]], [[0.0]], [[[1.0]]], [[0.0]]])
    x = np.array(
        [0.0, 0.25, -0.25, 0.5, -0.5, 0.75, 1.0, -1.25, 1e6 + 0.125, -(2.0**40) - 0.5, 2.0**52, 0.1, 0.3, -7.6]
    )
    got = model.predict(x[:, None], verbose=0)[:, 0]
    right = [
        1,
        0,
        0,
        -1,
        -1,
        0,
        1,
        0,
        math.sqrt(0.5),
        -1,
        1,
        *(math.cos(2 * math.pi * t) for t in (0.1, 0.3, -0.6 + 1)),
    ]
    right[-1] = math.cos(2 * math.pi * float(np.float64(-7.6) + 8))
    np.testing.assert_allclose(got, right, rtol=0, atol=3e-16)
    assert got[:8].tolist() == [1, 0, 0, -1, -1, 0, 1, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("frequencies", [3, 16, 37])
def test_instruction_sets_and_threads_give_the_same_bits(dtype, frequencies, rng):
    if not ISAS:
        pytest.skip("there are no native kernels")
    module = _kernels.load("cython")
    before, found = module.isa(), {}
    x, y = rng.normal(size=(90, 40)), rng.normal(size=(90, 3))
    try:
        for isa in ISAS:
            for threads in (1, 2):
                module.use_isa(isa)
                with limited(threads):
                    model = model_of(Periodic(frequencies), 40, "cython", dtype, (Dense(300, "selu"), Dense(3)))
                    model.fit(x, y, epochs=2, batch_size=64, verbose=0)
                found.setdefault(isa, []).append(model.params.tobytes())
    finally:
        module.use_isa(before)
    assert all(len(set(each)) == 1 for each in found.values())
    assert len({each[0] for isa, each in found.items() if isa != "portable"}) <= 1


@EVERY_BACKEND
@pytest.mark.parametrize("include_input", [True, False])
def test_gradients_are_those_of_pytorch(name, include_input, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = model_of(Periodic(7, 3, 0.7, include_input=include_input), 4, name, more=(Dense(2),))
    x, y = rng.normal(size=(31, 4)), rng.normal(size=(31, 2))
    w, b, kernel, bias, dense, shift = (torch.tensor(v, requires_grad=True) for v in model.get_weights())
    given = torch.tensor(x)[..., None]
    mixed = torch.einsum("rjk,juk->rju", torch.cos(2 * torch.pi * w * given + b), kernel) + bias
    hidden = torch.cat([mixed, given], -1) if include_input else mixed
    loss = ((hidden.flatten(1) @ dense + shift - torch.tensor(y)) ** 2).mean()
    loss.backward()
    _, gradients = model.gradients(x, y)
    for got, right in zip(gradients, (w, b, kernel, bias, dense, shift), strict=True):
        np.testing.assert_allclose(got, right.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_a_wave_is_learned(rng):
    x = rng.uniform(-1, 1, (400, 1))
    model = model_of(Periodic(16, 3, 1.0), 1, more=(Dense(1),))
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.02
    model.fit(x, np.sin(9 * x), epochs=60, batch_size=50, verbose=0)
    assert model.evaluate(x, np.sin(9 * x), verbose=0) < 0.01


def test_how_parameters_start():
    frequencies, phases, kernel, bias = model_of(Periodic(64, 3, sigma=5.0), 50).get_weights()
    assert abs(frequencies.std() / 5 - 1) < 0.05
    assert phases.min() >= -math.pi
    assert phases.max() <= math.pi
    assert phases.std() == pytest.approx(math.pi / math.sqrt(3), rel=0.05)
    assert max(np.abs(kernel).max(), np.abs(bias).max()) <= 1 / 8


def test_sequences_are_read_step_by_step(rng):
    whole = Sequential([Input((4, 3)), Periodic(5, 2)], seed=1)
    flat = Sequential([Input((3,)), Periodic(5, 2)], seed=1)
    flat.set_weights(whole.get_weights())
    x = rng.normal(size=(6, 4, 3)).astype(np.float32)
    assert whole.output_shape == (None, 4, 9)
    one_by_one = np.stack([flat.predict(x[:, i], verbose=0) for i in range(4)], axis=1)
    np.testing.assert_array_equal(whole.predict(x, verbose=0), one_by_one)


def test_a_description_gives_the_layer_again():
    layer = Periodic(7, 2, 0.5, include_input=False, name="waves")
    assert layers.from_config(layer.config()) == layer
    assert eval(repr(layer), space(layers)) == layer


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Periodic(0), ValueError, "frequencies"),
        (lambda: Periodic(units=1.5), TypeError, "units"),
        (lambda: Periodic(sigma=-1), ValueError, "sigma"),
        (lambda: Periodic(include_input=3), TypeError, "include_input"),
    ],
)
def test_wrong_arguments_are_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
