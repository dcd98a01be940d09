"""Constraints and penalties on outputs: closed values, every backend against the reference, models from end to end."""

from __future__ import annotations

import numpy as np
import pytest
from models import model_of, regression, weights_of
from networks import Stage, both, draw, network
from tolerance import assert_close

import fastnn
from fastnn import constraints, optimizers
from fastnn._kernels import activity
from fastnn._kernels.contract import Rows
from fastnn.constraints import CONSTRAINTS, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from fastnn.layers import Activation, Dense, Dropout
from fastnn.regularizers import L1L2

EPSILON = 1e-7
CASES = [
    NonNeg(),
    MaxNorm(0.5),
    MaxNorm(0.7, axis=1),
    MaxNorm(0.4, axis=None),
    MaxNorm(0.4, axis=(0, 1)),
    UnitNorm(),
    UnitNorm(axis=-1),
    MinMaxNorm(0.4, 0.6),
    MinMaxNorm(0.8, 0.9, rate=0.3, axis=1),
]


def norms(w, axis):
    return np.sqrt((w * w).sum(axis=axis, keepdims=True))


def by_keras(constraint, w):
    """Keras' own formulas."""
    if isinstance(constraint, NonNeg):
        return np.maximum(w, 0)
    n = norms(w, constraint.axis)
    if isinstance(constraint, UnitNorm):
        return w / (EPSILON + n)
    if isinstance(constraint, MaxNorm):
        return w * np.clip(n, 0, constraint.max_value) / (EPSILON + n)
    kept = np.clip(n, constraint.min_value, constraint.max_value)
    return w * (constraint.rate * kept + (1 - constraint.rate) * n) / (EPSILON + n)


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_a_constraint_on_an_array_is_that_of_keras(constraint, rng, dtype):
    w = draw(rng, (7, 5)).astype(dtype)
    before = w.copy()
    assert_close(constraint(w), by_keras(constraint, w.astype(np.float64)), dtype, 7 * 5)
    assert constraint(w).dtype == dtype
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize("constraint", CASES, ids=repr)
@pytest.mark.parametrize("clip", [{}, {"global_clipnorm": 0.5}], ids=str)
def test_an_update_ends_with_the_constraint(backend, dtype, rng, constraint, clip):
    layers = [Dense(70, kernel_constraint=constraint), Dense(3, bias_constraint=MaxNorm(0.1)), Dense(2)]
    net = network(rng, layers, (9,), loss="mse", optimizer=optimizers.SGD(0.5, momentum=0.5, **clip))
    free = network(rng, [Dense(70), Dense(3), Dense(2)], (9,), loss="mse", optimizer=net.plan.optimizer_record)
    free.params[...] = net.params
    ours, right = both(backend, net, dtype)
    without = Stage(backend, free, dtype)
    gradient = draw(rng, len(net.params), 0.1) * (net.params != 0)
    for stage in (ours, right, without):
        stage.arenas.grads[...] = gradient
        stage.update(1, 0.5)
    assert_close(ours.params(), right.params(), dtype, len(net.params))
    places = [slice(v.offset, v.offset + v.size) for v in net.plan.layout.variables]
    kernel, _, second, bias, *_ = places
    projected = by_keras(constraint, without.params()[kernel].reshape(9, 70)).ravel()
    assert_close(ours.params()[kernel], projected, dtype, 630)
    np.testing.assert_array_equal(ours.params()[second], without.params()[second])
    assert_close(ours.params()[bias], by_keras(MaxNorm(0.1), without.params()[bias]), dtype, 3)
    ours.check()


@pytest.mark.parametrize("batch_size", [7, 40])
def test_training_keeps_constraints_and_adds_penalties_on_outputs_as_the_reference_does(
    backend, dtype, rng, batch_size
):
    layers = [
        Dense(33, "tanh", kernel_constraint=MaxNorm(0.9), activity_regularizer=L1L2(0.01, 0.02)),
        Dropout(0.2),
        Dense(5, activity_regularizer="l1", kernel_constraint="non_neg"),
        Activation("relu"),
        Dense(2, activity_regularizer=L1L2(0.0, 0.3)),
    ]
    net = network(rng, layers, (6,), loss="mse", optimizer=optimizers.Adam(0.01), batch_size=batch_size)
    data = draw(rng, (40, 6)), draw(rng, (40, 2)), rng.integers(1, 4, 40) / 2
    results = []
    for stage in both(backend, net, dtype):
        sums, _, _ = stage.train(*data, epochs=2)
        results.append((sums[:, 0], stage.params()))
        stage.check()
    assert_close(results[0][0], results[1][0], dtype, 40 * net.depth)
    assert_close(results[0][1], results[1][1], dtype, 40 * net.depth)


def test_batches_long_enough_to_be_called_off_have_the_penalties_of_short_ones(backend, dtype, rng):
    layers = [Dense(64, "tanh", activity_regularizer=L1L2(0.01, 0.02)), Dense(2, activity_regularizer="l2")]
    net = network(rng, layers, (60,), loss="mse", optimizer=optimizers.SGD(1.0), batch_size=6000)
    data = draw(rng, (6000, 60)), draw(rng, (6000, 2)), None
    ours, right = both(backend, net, dtype)
    got, expected = (stage.train(*data, epochs=1)[0][0, 0] for stage in (ours, right))
    assert_close(got, expected, dtype, 6000 * net.depth)
    assert_close(ours.params(), right.params(), dtype, 6000 + net.depth)


def mean_penalty(w, x, regularizer):
    """Penalty of the outputs of one linear layer, ``w`` ``(n_in, n_out)``, a row."""
    y = x @ w
    return (regularizer.l1 * np.abs(y).sum() + regularizer.l2 * (y * y).sum()) / len(x)


@pytest.mark.parametrize("regularizer", [L1L2(0.3, 0), L1L2(0, 0.2), L1L2(0.1, 0.4)], ids=repr)
def test_penalties_on_outputs_follow_their_formula(backend, dtype, rng, regularizer):
    """One step of descent on targets equal to the outputs: what moves the weights is the penalty alone."""
    layers = [Dense(3, use_bias=False, activity_regularizer=regularizer)]
    net = network(rng, layers, (4,), loss="mse", optimizer="sgd", batch_size=64)
    x = draw(rng, (20, 4)).astype(np.float32).astype(np.float64)
    w = net.params[:12].astype(dtype).astype(np.float64).reshape(4, 3)
    y = x @ w
    weight = np.zeros(20)  # of the loss; penalties do not heed it
    stage = Stage(backend, net, dtype)
    sums, _, _ = stage.train(x, y, weight, epochs=1, rate=0.5)
    slope = x.T @ (regularizer.l1 * np.sign(y) + 2 * regularizer.l2 * y) / 20
    assert_close(stage.params()[:12].reshape(4, 3), w - 0.5 * slope, dtype, 24)
    assert_close(sums[0, 0], 20 * mean_penalty(w, x, regularizer), dtype, 80)


def test_penalties_of_positions_are_divided_by_rows_alone(rng):
    layers = [Dense(3, activity_regularizer=L1L2(0.1, 0.2))]
    net = network(rng, layers, (5, 4), loss="mse", optimizer="sgd")
    stage = Stage(fastnn._kernels.reference, net, "float64")
    y = stage.forward(draw(rng, (7, 5, 4)).reshape(7, -1))
    owed = 0.1 * np.abs(y).sum() + 0.2 * (y * y).sum()
    assert_close(activity.penalty(net.plan, stage.arenas, 7), owed, np.float64, 100)


def test_an_output_with_a_penalty_keeps_its_activation_to_itself(rng):
    for layers in ([Dense(3, "softmax", activity_regularizer="l2")], [Dense(3, "softmax")]):
        plan = network(rng, layers, (4,), loss="categorical_crossentropy", optimizer="sgd").plan
        assert (plan.losses[0]["fused"] >= 0) == (len(layers[0].settings()) == 2)
    apart = network(rng, [Dense(3, activity_regularizer="l2"), Activation("relu")], (4,)).plan
    assert len(apart.ops) == 2


def test_the_gradient_of_all_rows_has_the_penalties_on_outputs(backend, dtype, rng):
    layers = [Dense(8, "tanh", activity_regularizer=L1L2(0.1, 0.2)), Dense(1)]
    net = network(rng, layers, (3,), loss="mse", optimizer="sgd", batch_size=8)
    x, y = draw(rng, (21, 3)), draw(rng, (21, 1))
    results = []
    for stage in both(backend, net, dtype):
        sums = np.zeros(1)
        stage.backend.gradient(stage.plan, stage.arenas, Rows((stage.place(x),), (stage.place(y),), (None,)), sums)
        results.append((sums, stage.arenas.grads.astype(np.float64)))
    assert_close(results[0][0], results[1][0], dtype, 21 * 8)
    assert_close(results[0][1], results[1][1], dtype, 21 * 8)


def test_fit_evaluate_and_a_custom_loss_agree_on_penalties(rng):
    x, y = regression(rng)
    seen = []
    for loss in ("mse", lambda target, prediction: ((target - prediction) ** 2).mean(-1)):
        model = model_of(
            Dense(5, "tanh", activity_regularizer="l1_l2"), Dense(1), optimizer="sgd", loss=loss, dtype="float64"
        )
        before = model.evaluate(x, y)
        first = model.fit(x, y, batch_size=len(x), verbose=0).history["loss"][0]
        assert_close(first, before, np.float64, 100)
        seen.append((before, *weights_of(model)))
    assert_close(seen[0], seen[1], np.float32, 100)  # a custom loss without its gradient is differentiated by numbers
    plain = model_of(Dense(5, "tanh"), Dense(1), optimizer="sgd", loss="mse", dtype="float64").evaluate(x, y)
    assert seen[0][0] > plain


def test_constraints_and_penalties_give_the_same_bits_on_any_threads():
    native = pytest.importorskip("fastnn._kernels.native.native", reason="the native backend is not built")
    bits, before, flop = [], fastnn.get_num_threads(), native.flop_a_thread(1.0)
    for n in (1, 2, 3):
        fastnn.set_num_threads(n)
        model = model_of(
            Dense(133, "relu", kernel_constraint=MaxNorm(0.7), activity_regularizer="l2"),
            Dense(70, "tanh", kernel_constraint=UnitNorm(axis=1)),
            Dense(1, kernel_constraint="non_neg"),
            name="cython",
            n_in=50,
        )
        x = draw(np.random.default_rng(0), (96, 50))
        model.fit(x, x[:, :1], batch_size=40, epochs=2, verbose=0)
        bits.append(weights_of(model))
    fastnn.set_num_threads(before)
    native.flop_a_thread(flop)
    np.testing.assert_array_equal(bits[0], bits[1])
    np.testing.assert_array_equal(bits[0], bits[2])


@pytest.mark.parametrize("constraint", CASES, ids=repr)
def test_files_keep_constraints_and_penalties(constraint, rng, tmp_path):
    x, y = regression(rng)
    layer = Dense(5, kernel_constraint=constraint, activity_regularizer=L1L2(0.1, 0.2), bias_constraint=NonNeg())
    model = model_of(layer, Dense(1), name=None)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors")
    kept = again.layers[-2]
    assert kept.kernel_constraint == constraint
    assert kept.activity_regularizer == L1L2(0.1, 0.2)
    for one in (model, again):
        one.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_array_equal(weights_of(model), weights_of(again))


@pytest.mark.parametrize(
    ("came", "made"),
    [
        (None, None),
        ("MaxNorm", MaxNorm()),
        ("max_norm", MaxNorm()),
        (constraints.NonNeg, NonNeg()),
        (constraints.unit_norm(axis=1), UnitNorm(axis=1)),
        ({"class_name": "MinMaxNorm", "config": {"min_value": 0.1, "axis": [0, 1]}}, MinMaxNorm(0.1, axis=(0, 1))),
        (MaxNorm(3, axis=None).config(), MaxNorm(3, axis=None)),
    ],
)
def test_constraints_by_name_object_class_and_configuration(came, made):
    assert constraints.get(came) == made


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: constraints.get("max_nrom"), ValueError, "MaxNorm"),
        (lambda: constraints.get(lambda w: w), TypeError, "constraint"),
        (lambda: MaxNorm(-1), ValueError, "max_value"),
        (lambda: MaxNorm(axis="rows"), TypeError, "axis"),
        (lambda: MinMaxNorm(0.5, 0.4), ValueError, "max_value"),
        (lambda: MinMaxNorm(rate=1.5), ValueError, "rate"),
        (lambda: Dense(3, kernel_constraint=MaxNorm(axis=2)), ValueError, "axis 2"),
        (lambda: Dense(3, bias_constraint=MaxNorm(axis=1)), ValueError, "axis 1"),
        (lambda: type("Own", (constraints.Constraint,), {}), TypeError, "callback"),
    ],
)
def test_wrong_constraints_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_lbfgs_refuses_what_it_cannot_keep(rng):
    x, y = regression(rng)
    model = model_of(Dense(1, kernel_constraint="non_neg"), name=None, optimizer="lbfgs")
    with pytest.raises(ValueError, match="constraint"):
        model.fit(x, y, verbose=0)


def test_every_constraint_has_a_case_here():
    assert {type(case) for case in CASES} == set(CONSTRAINTS.values())
