"""Normalisations and sums with the activation behind them have the bits of one operation after the other."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import GraphStage
from joined import MODELS, apart, residual, seen
from networks import Network, Stage, draw

from fastnn import Input, Model, losses, optimizers
from fastnn._base import threads
from fastnn._ops import OPS
from fastnn._plan import compile as compiling
from fastnn._plan import compile_plan
from fastnn.layers import Add, BatchNormalization, Dense, ReLU

ROWS = 13


def layout_of(name):
    return MODELS[name]().layout


def pair(rng, monkeypatch, layout, **told):
    """The network as it is compiled, and with each operation by itself."""
    told = {"losses": [losses.get("mse")] * len(layout.outputs), "batch_size": ROWS, "n_samples": ROWS} | told
    params = np.zeros(layout.n_params)
    for variable in layout.variables:  # positive, for some are variances
        params[variable.offset : variable.offset + variable.size] = 0.1 + np.abs(draw(rng, variable.size, 0.4))
        if len(variable.parameter.shape) > 1:
            params[variable.offset : variable.offset + variable.size] = draw(rng, variable.size, 0.4)
    return Network(compile_plan(layout, **told), params), Network(apart(monkeypatch, layout, **told), params.copy())


def data_of(rng, layout, rows):
    x = draw(rng, (rows, int(np.prod(layout.input_shapes[0]))))
    x.reshape(rows, -1)[::3, x.shape[1] // 2 :] = 0  # steps that masks leave out, and kinks
    return x, [draw(rng, (rows, int(np.prod(shape)))) for shape in layout.output_shapes]


@pytest.mark.parametrize("trains", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_have_the_bits_of_one_operation_after_the_other(backend, dtype, rng, monkeypatch, name, trains):
    layout = layout_of(name)
    nets = pair(rng, monkeypatch, layout, input_gradients=True, drops=trains)
    x, targets = data_of(rng, layout, ROWS)
    (loss, grads, (dx,)), expected = (GraphStage(backend, net, dtype).step([x], targets) for net in nets)
    assert np.isfinite(grads).all()
    assert grads.any()
    assert dx.any()
    np.testing.assert_array_equal(loss, expected[0])
    np.testing.assert_array_equal(grads, expected[1])
    np.testing.assert_array_equal(dx, expected[2][0])


@pytest.mark.parametrize("least", [8, 1], ids=["whole", "stages"])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "seen"])
def test_threads_and_stages_train_to_the_same_bits(native, dtype, rng, monkeypatch, name, least):
    layout = layout_of(name)
    rows, told = 67, {"batch_size": 41, "n_samples": 67, "optimizer": optimizers.get("adam")}
    if least == 1:
        monkeypatch.setattr(compiling, "STAGE_BYTES", 1)
        monkeypatch.setattr(compiling, "MIN_STAGE", least)
    found, expected = pair(rng, monkeypatch, layout, **told)
    x, (target,) = data_of(rng, layout, rows)
    right = Stage(native, expected, dtype)
    with threads.limited(1):
        right.train(x, target, epochs=2)
    assert np.isfinite(right.params()).all()
    for n_threads in (1, 2, 3, 5):
        stage = Stage(native, found, dtype)
        with threads.limited(n_threads):
            stage.train(x, target, epochs=2)
        stage.check()
        np.testing.assert_array_equal(stage.params(), right.params())


@pytest.mark.parametrize("name", MODELS)
def test_predictions_have_the_bits_of_one_operation_after_the_other(backend, dtype, rng, monkeypatch, name):
    layout = layout_of(name)
    nets = pair(rng, monkeypatch, layout, losses=())
    x, _ = data_of(rng, layout, ROWS)
    ys, expected = (GraphStage(backend, net, dtype).push([x]) for net in nets)
    for y, right in zip(ys, expected, strict=True):
        assert np.isfinite(y).all()
        np.testing.assert_array_equal(y, right)


# -- what is joined, and what is not ------------------------------------------------------------------


def kinds(plan):
    return [OPS[int(op["kind"])].name for op in plan.ops]


def test_a_residual_network_has_no_operation_for_its_activations_and_half_of_the_gradients(rng, monkeypatch):
    joined, alone = (net.plan for net in pair(rng, monkeypatch, residual().layout))
    assert "activation" not in kinds(joined)
    assert kinds(alone).count("activation") == 4
    inner = slice(1, -2)  # but for the input, the means and the output
    assert len(np.unique(joined.values["grad"][inner])) <= len(joined.values[inner]) // 2 + 1
    assert len(np.unique(joined.values["offset"])) == len(joined.values) - 1  # the sum of the first block
    assert joined.workspace_size < 0.7 * alone.workspace_size


def test_what_somebody_else_reads_is_there_by_itself(rng, monkeypatch):
    joined = pair(rng, monkeypatch, seen().layout)[0].plan
    assert kinds(joined) == ["dense", "batch_norm", "activation", "dense", "merge", "activation", "dense"]
    assert len(np.unique(joined.values["offset"])) == len(joined.values)
    assert len(np.unique(joined.values["grad"][1:])) == len(joined.values) - 1


def test_hidden_values_are_those_of_each_layer(rng):
    start = Input((6,))
    normed = BatchNormalization(name="normed")(Dense(4, name="dense")(start))
    total = Add(name="total")([normed, Dense(4, name="beside")(ReLU(name="active")(normed))])
    model = Model(start, Dense(2)(ReLU(name="end")(total)))
    hidden = model.activations(draw(rng, (5, 6)))
    np.testing.assert_array_equal(hidden["active"], np.maximum(hidden["normed"], 0))
    np.testing.assert_array_equal(hidden["total"], hidden["normed"] + hidden["beside"])
    np.testing.assert_array_equal(hidden["end"], np.maximum(hidden["total"], 0))
    assert (hidden["normed"] < 0).any()
    assert (hidden["total"] < 0).any()
