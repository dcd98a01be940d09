"""Batch normalisation in every backend beside the reference, PyTorch and differences; and its bits."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Stage, both, draw
from norms import ROWS, SHAPES, moving, normalized
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit, trajectory_limit

from fastnn import _kernels, layers
from fastnn._base import threads
from fastnn._kernels import reference
from fastnn._plan import compile as compiling
from fastnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten
from fastnn.optimizers import SGD, Adam

DOUBLE = np.dtype("float64")
FORMS = {"trained": True, "frozen": False}


def size_of(shape) -> int:
    return int(np.prod(shape))


def passes(stage, x, dy, training=True):
    """Output and gradients of a block, with the gradients of its output given."""
    y = stage.forward(x, training=training)
    stage.dy(len(x))[...] = dy
    return y, stage.backward()


@pytest.mark.covering("dtype")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("trains", FORMS.values(), ids=FORMS)
def test_every_backend_gives_what_the_reference_gives(backend, dtype, rng, shape, trains):
    layer = BatchNormalization(trainable=trains, scale=len(shape) != 2, center=shape != (3,))
    net = normalized(rng, shape, [Dense(shape[-1], "tanh"), layer, Dense(2)])
    assert bool(net.plan.header["measures"])
    for rows in ROWS:
        x, dy = draw(rng, (rows, size_of(shape))), draw(rng, (rows, size_of(shape[:-1]) * 2))
        ours, right = both(backend, net, dtype)
        for got, expected in zip(passes(ours, x, dy), passes(right, x, dy), strict=True):
            assert_close(got, expected, dtype, net.depth + rows * size_of(shape[:-1]))
        assert_close(ours.forward(x), right.forward(x), dtype, net.depth)
        ours.check()


@pytest.mark.parametrize("trains", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("shape", [(3,), (2, 2)], ids=str)
def test_gradients_equal_differences(backend, rng, shape, trains):
    layers = [Dense(3, "tanh"), BatchNormalization(), Dense(2, "tanh")]
    net = normalized(rng, shape, layers, drops=trains)  # else of a prediction: parameters of frozen ones have none
    x, target = draw(rng, (6, size_of(shape))), draw(rng, (6, size_of(shape[:-1]) * 2))
    stage = Stage(backend, net, DOUBLE)

    def loss(params):
        stage.arenas.params[...] = params
        stage.forward(x, training=True)
        return stage.loss(target)[0][0]

    loss(net.params)
    gradient, numeric = stage.backward(), np.zeros_like(net.params)
    for variable in net.plan.layout.variables:
        for i in range(variable.offset, variable.offset + variable.size) if variable.trained else ():
            moved = np.zeros_like(net.params)
            moved[i] = DIFFERENCE_STEP
            numeric[i] = (loss(net.params + moved) - loss(net.params - moved)) / (2 * DIFFERENCE_STEP)
    assert np.all(np.abs(gradient - numeric) <= difference_limit(numeric))
    assert np.count_nonzero(numeric) > 10


@pytest.mark.parametrize("shape", [(7,), (5, 6, 3), (18, 17, 2)], ids=str)
def test_outputs_and_gradients_equal_pytorch(backend, rng, shape):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rows, n = 11, shape[-1]
    layer = BatchNormalization(momentum=0.9, epsilon=0.01)
    net = normalized(rng, shape, [layer], batch_size=rows, input_gradients=True)
    x, dy = draw(rng, (rows, size_of(shape))), draw(rng, (rows, size_of(shape)))
    stage = Stage(backend, net, DOUBLE)
    y, grads = passes(stage, x, dy)
    value = net.plan.inputs[0]
    dx = stage.arenas.workspace[int(value["grad"]) :][: x.size].astype(float)
    parts = [net.params[v.offset : v.offset + v.size] for v in net.plan.layout.variables]
    gamma, beta, mean, variance = (torch.tensor(part.copy()) for part in parts)
    inputs = torch.tensor(x.reshape(-1, n), requires_grad=True)
    gamma.requires_grad_(), beta.requires_grad_()
    theirs = torch.nn.functional.batch_norm(inputs, mean, variance, gamma, beta, True, 0.1, 0.01)
    theirs.backward(torch.tensor(dy.reshape(-1, n)))
    most = trajectory_limit(DOUBLE)
    np.testing.assert_allclose(y.ravel(), theirs.detach().numpy().ravel(), rtol=most, atol=most)
    np.testing.assert_allclose(dx, inputs.grad.numpy().ravel(), rtol=most, atol=most)
    for variable, expected in zip(net.plan.layout.variables, (gamma.grad, beta.grad), strict=False):
        got = grads[variable.offset : variable.offset + variable.size]
        np.testing.assert_allclose(got, expected.numpy(), rtol=most, atol=most)


# -- bits ---------------------------------------------------------------------------------------------

STACKS = {
    "dense": (
        (9,),
        lambda: [Dense(19, "tanh"), BatchNormalization(), Dense(7, "relu"), BatchNormalization(), Dense(3)],
    ),
    "images": (
        (9, 8, 3),
        lambda: [
            *(Conv2D(6, 3, use_bias=False), BatchNormalization(), layers.Activation("relu"), Dropout(0.2)),
            *(Conv2D(17, 3), BatchNormalization(scale=False), Flatten(), BatchNormalization(trainable=False), Dense(3)),
        ],
    ),
    "own": ((6,), lambda: [Dense(9, "tanh"), BatchNormalization(), Half(), Dense(5), BatchNormalization(), Dense(2)]),
}


class Half(layers.Layer):
    """A layer of a user's own."""

    def call(self, x):
        return x / 2

    def backward(self, dy):
        return dy / 2


def trained(native, net, dtype, x, target, n_threads):
    stage = Stage(native, net, dtype)
    with threads.limited(n_threads):
        stage.train(x, target, epochs=2)
    stage.check()
    return stage.params()


@pytest.mark.parametrize("optimizer", [Adam(0.01, weight_decay=0.1, clipnorm=0.5), SGD(0.1)], ids=["adam", "sgd"])
@pytest.mark.parametrize("stack", STACKS)
def test_threads_instruction_sets_and_stages_give_the_same_bits(rng, dtype, stack, optimizer, monkeypatch):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    isas = [isa for isa, _, runs in native.isas() if runs and isa != "portable"]
    shape, made = STACKS[stack]
    monkeypatch.setattr(compiling, "STAGE_BYTES", 1)  # as few samples as can be
    net = normalized(rng, shape, made(), batch_size=50, optimizer=optimizer, n_samples=83)
    monkeypatch.undo()
    whole = normalized(np.random.default_rng(0), shape, made(), batch_size=50, optimizer=optimizer, n_samples=83)
    whole.params[...] = net.params
    x, target = draw(rng, (83, size_of(shape))), draw(rng, (83, int(net.plan.outputs[0]["size"])))
    found, before, isa_before = [], native.flop_a_thread(1.0), native.isa()
    try:
        for isa in isas:
            native.use_isa(isa)
            found += [trained(native, net, dtype, x, target, n) for n in (1, 2, 5)]
            found.append(trained(native, whole, dtype, x, target, 2))
    finally:
        native.flop_a_thread(before)
        native.use_isa(isa_before)
    assert np.isfinite(found[0]).all()
    for params in found[1:]:
        np.testing.assert_array_equal(params, found[0])
    np.testing.assert_allclose(found[0], trained(reference, net, DOUBLE, x, target, 1), rtol=0.1, atol=0.02)


# -- hard numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [24, 37, 300])
def test_a_mean_a_hundred_thousand_times_the_deviation_leaves_the_variance_its_digits(backend, dtype, rng, rows):
    x = (1e5 + rng.normal(size=(rows, 5))).astype(np.float32).astype(float)
    net = normalized(rng, (5,), [BatchNormalization(momentum=0.0)], batch_size=rows, optimizer="sgd")
    stage = Stage(backend, net, dtype)
    stage.train(x, x, epochs=1, rate=0.0, shuffle=False)
    mean, variance = moving(net, stage.params()).reshape(2, 5)
    assert_close(mean, x.mean(axis=0), dtype, rows)
    assert_close(variance, x.var(axis=0), dtype, rows)


@pytest.mark.single
def test_large_numbers_do_not_overflow(backend, rng):
    x = rng.normal(size=(20, 3)) * 1e17
    net = normalized(rng, (3,), [BatchNormalization(scale=False, center=False)], batch_size=20)
    y = Stage(backend, net, "float32").forward(x, training=True)
    assert_close(y, (x - x.mean(0)) / x.std(0), np.float32, 20)


def test_a_batch_of_one_row_becomes_beta(backend, dtype, rng):
    net = normalized(rng, (4,), [BatchNormalization()])
    beta = net.plan.layout.variables[1]
    y = Stage(backend, net, dtype).forward(draw(rng, (1, 4)), training=True)
    np.testing.assert_array_equal(y[0], net.params[beta.offset : beta.offset + 4])


@np.errstate(all="ignore")
def test_a_loss_that_is_not_finite_leaves_statistics_as_before(backend, dtype, rng):
    net = normalized(rng, (4,), optimizer=SGD(0.1), batch_size=8)
    x, target = draw(rng, (16, 4)), draw(rng, (16, 2))
    target[11] = np.inf
    stage = Stage(backend, net, dtype)
    _, _, run = stage.train(x, target, epochs=1, shuffle=False)
    once = Stage(backend, net, dtype)
    once.train(x[:8], target[:8], epochs=1, shuffle=False)
    assert (run["status"], run["step"]) == (1, 1)
    np.testing.assert_array_equal(stage.params(), once.params())
    assert np.any(moving(net, once.params()) != moving(net, net.params))


def test_updates_leave_moving_statistics_alone(backend, dtype, rng):
    optimizer = Adam(0.1, weight_decay=0.5, global_clipnorm=0.1)
    layer = BatchNormalization(gamma_regularizer="l2", gamma_constraint="non_neg")
    net = normalized(rng, (4,), [Dense(5, kernel_regularizer="l1"), layer, Dense(2)], optimizer=optimizer)
    stage = Stage(backend, net, dtype)
    stage.arenas.grads[...] = 1.0
    stage.update(1, 0.1)
    np.testing.assert_array_equal(moving(net, stage.params()), moving(net, net.params))
    assert np.any(stage.params() != net.params)
