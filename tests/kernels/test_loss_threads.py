"""The loss by all threads: each makes the slopes of its own rows, and what is reported adds up as by one thread."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import graph
from networks import EVERY_LOSS, Stage, dense, draw, draw_target, loss_id, network, output_activation
from padded import Padded, draw_batch, draw_mask

import fastnn
from fastnn import _kernels, losses
from fastnn._base import threads
from fastnn._plan import compile as compiling
from fastnn.layers import Activation, Dense, Dropout
from fastnn.losses.records import INNER_PRODUCT
from fastnn.metrics import TAKES_LABELS, Reading, StatisticCode
from fastnn.optimizers import SGD, Adam

reason = _kernels.why_not("cython")
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
TEAMS = (1, 2, 3, 5)
LARGE = 200  # units of a layer whose parameters are updated as soon as their gradients are there
EVERY_STATISTIC = tuple(
    Reading(code.name, code, np.asarray, 1.0 if code == StatisticCode.TOP_K_HITS else 0.5)
    for code in StatisticCode
    if code not in (StatisticCode.PREDICTIONS, StatisticCode.MOMENTS)
)


FITTING = {
    sparse: [reading for reading in EVERY_STATISTIC if not sparse or reading.statistic in TAKES_LABELS]
    for sparse in (False, True)
}


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 32 rows, so that a batch has several and each thread adds up some."""
    monkeypatch.setattr(compiling, "MIN_BLOCK", 32)
    monkeypatch.setattr(compiling, "MAX_BLOCK", 32)


def trained(native, net, dtype, n, *data, **more):
    stage = Stage(native, net, dtype)
    with threads.limited(n):
        sums, order, run = stage.train(*data, epochs=2, **more)
    stage.check()
    return stage.arenas.params.copy(), stage.arenas.slots.copy(), sums.copy(), order.copy(), run.copy()


def assert_alike(native, net, dtype, *data, **more):
    """All numbers of threads leave what one leaves, which is returned."""
    first = trained(native, net, dtype, 1, *data, **more)
    for n in TEAMS[1:]:
        for got, wanted in zip(trained(native, net, dtype, n, *data, **more), first, strict=True):
            np.testing.assert_array_equal(got, wanted)
    return first


def weights(rng, rows, given):
    """None, or weights of which some are zero."""
    return draw(rng, rows) ** 2 * (rng.random(rows) < 0.8) if given else None


@pytest.mark.covering
@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
@pytest.mark.parametrize("width", [1, 3, 16, 37])
@pytest.mark.parametrize(("batch", "rows"), [(61, 131), (200, 457), (300, 757)])
@pytest.mark.parametrize("given", [False, True], ids=["plain", "weighted"])
def test_every_loss_has_the_bits_of_one_thread(native, dtype, rng, small_blocks, loss, width, batch, rows, given):
    made = {"loss": loss, "batch_size": batch, "n_samples": rows, "optimizer": Adam(0.01)}
    output = {"sigmoid": "sigmoid", "softmax": "softmax"}.get(loss.activation, output_activation(loss))
    net = dense(rng, (5, 11, width), output=output, **made)
    data = draw(rng, (rows, 5)), draw_target(rng, loss, rows, (width,)), weights(rng, rows, given)
    assert_alike(native, net, dtype, *data)


@pytest.mark.covering
@pytest.mark.parametrize("loss", [loss for loss in EVERY_LOSS if loss is not INNER_PRODUCT], ids=loss_id)
@pytest.mark.parametrize("kind", ["ahead", "mixed", "none"])
@pytest.mark.parametrize(("shape", "balanced"), [((5, 3), True), ((21, 2), False), ((9, 37), True)])
def test_so_have_masked_ones(native, dtype, rng, small_blocks, loss, kind, shape, balanced):
    rows = 43
    layers = [Padded(shape), Activation(output_activation(loss))]
    net = network(
        rng,
        layers,
        (int(np.prod(shape)) + shape[0],),
        loss=loss,
        optimizer="sgd",
        batch_size=19,
        n_samples=rows,
        balanced=balanced,
        input_gradients=True,
        metrics=[(reading, given) for reading in FITTING[loss.sparse] for given in (False, True)],
    )
    x, target = draw_batch(rng, loss, rows, shape, draw_mask(rng, rows, shape[0], kind), lost=(0.5,))
    assert_alike(native, net, dtype, x, target, weights(rng, rows, True))


@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.1, momentum=0.9), Adam(0.01, clipnorm=0.1)])
@pytest.mark.parametrize("widths", [(5, 11, 3), (LARGE, LARGE, 3)], ids=["update", "learn"])
@pytest.mark.parametrize(("batch", "rows"), [(29, 210), (100, 210), (350, 810)])  # the last has blocks for all threads
def test_so_have_updates_penalties_and_statistics(native, dtype, rng, small_blocks, optimizer, widths, batch, rows):
    made = {"loss": "categorical_crossentropy", "batch_size": batch, "n_samples": rows, "optimizer": optimizer}
    layers = [Dense(widths[1], "relu", kernel_regularizer="l2"), Dense(widths[2], "softmax", bias_regularizer="l1")]
    metrics = [(reading, given) for reading in EVERY_STATISTIC for given in (False, True)]
    net = network(rng, layers, widths[:1], metrics=metrics, **made)
    target = np.eye(3)[rng.integers(0, 3, rows)]
    _, _, sums, *_ = assert_alike(native, net, dtype, draw(rng, (rows, widths[0])), target, weights(rng, rows, True))
    assert sums[1, 0] < sums[0, 0]


@pytest.mark.parametrize("widths", [(5, 11, 1), (LARGE, LARGE, 1)], ids=["update", "learn"])
@pytest.mark.parametrize("bad", [0, 40, 99])
def test_a_loss_that_is_not_finite_ends_a_run_at_the_same_batch(native, dtype, rng, widths, bad):
    net = dense(rng, widths, loss="mse", optimizer="adam", batch_size=30, n_samples=100)
    x, target = draw(rng, (100, widths[0])), draw(rng, (100, 1))
    target[bad] = np.inf
    params, *_, run = assert_alike(native, net, dtype, x, target, None, shuffle=False)
    assert run["status"] == 1
    assert run["step"] == bad // 30
    assert np.isfinite(params).all()


@pytest.mark.parametrize("bad", [0, 40, 299, 300, 499])
def test_so_it_does_where_each_thread_has_blocks_of_its_own(native, dtype, rng, small_blocks, bad):
    net = dense(rng, (5, 11, 1), loss="mse", optimizer="adam", batch_size=300, n_samples=500)
    x, target = draw(rng, (500, 5)), draw(rng, (500, 1))
    target[bad] = np.inf
    params, *_, run = assert_alike(native, net, dtype, x, target, None, shuffle=False)
    assert (run["status"], run["step"]) == (1, bad // 300)
    assert np.isfinite(params).all()


def test_threads_with_blocks_of_their_own_drop_the_same_numbers(native, dtype, rng, small_blocks):
    layers = [Dense(11, "relu"), Dropout(0.4), Dense(3, "softmax")]
    made = {"loss": "sparse_categorical_crossentropy", "batch_size": 400, "n_samples": 900, "optimizer": "adam"}
    net = network(rng, layers, (5,), **made)
    assert_alike(native, net, dtype, draw(rng, (900, 5)), rng.integers(0, 3, (900, 1)).astype(np.int32), None)


def test_gradients_that_no_op_makes_stay_zero_in_memory_of_their_own(native, dtype, rng, small_blocks):
    layers = [Dense(11, "relu"), Dense(7, "tanh", kernel_regularizer="l2"), Dense(3)]
    nodes = [(i, (i,)) for i in range(3)]
    made = {"frozen": {1}, "optimizer": Adam(0.01, global_clipnorm=0.1), "batch_size": 400}
    net = graph(rng, layers, nodes, [(5,)], [3], **made)
    data = draw(rng, (900, 5)), draw(rng, (900, 3)), weights(rng, 900, True)
    params, *_ = assert_alike(native, net, dtype, *data)
    of = {variable.layer: variable for variable in net.plan.layout.variables if variable.parameter.name == "kernel"}
    for layer, variable in of.items():
        place = slice(variable.offset, variable.offset + variable.size)
        assert (params[place] == net.params[place].astype(dtype)).all() == (layer == 1)


@pytest.mark.parametrize("n", TEAMS)
def test_a_whole_batchs_gradient_is_that_of_one_thread(native, dtype, rng, small_blocks, n):
    net = dense(rng, (5, 11, 2), loss="huber", optimizer="sgd", batch_size=333, n_samples=333)
    x, target, found = draw(rng, (333, 5)), draw(rng, (333, 2)), []
    for size in (1, n):
        stage = Stage(native, net, dtype)
        rows = _kernels.contract.Rows(
            *((stage.place(a),) for a in (x, target, weights(np.random.default_rng(3), 333, 1)))
        )
        with threads.limited(size):
            native.gradient(stage.plan, stage.arenas, rows, stage.sums)
        found.append((stage.arenas.grads.copy(), stage.sums.copy()))
    assert int(net.plan.header["block_rows"]) == 32
    for got, wanted in zip(*found, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("n", TEAMS[1:])
def test_outputs_of_several_losses_are_reported_as_by_one_thread(rng, small_blocks, n):
    x, found = rng.normal(size=(150, 6)), []
    targets = [rng.normal(size=(150, 3)), rng.integers(0, 4, 150), rng.integers(0, 2, (150, 1)) * 1.0]
    for size in (1, n):
        start = fastnn.layers.Input((6,))
        hidden = Dense(9, "tanh")(start)
        ends = [
            Dense(3, name="a")(hidden),
            Dense(4, "softmax", name="b")(hidden),
            Dense(1, "sigmoid", name="c")(hidden),
        ]
        model = fastnn.Model(start, ends, seed=4, backend="cython")
        kinds = ["mae", "sparse_categorical_crossentropy", losses.BinaryCrossentropy(label_smoothing=0.1)]
        model.compile("adam", kinds, loss_weights=[0.5, 1.0, 2.0], metrics=[["mse"], ["accuracy"], ["auc"]])
        with threads.limited(size):
            history = model.fit(x, targets, epochs=3, batch_size=70, verbose=0, sample_weight=np.linspace(0, 1, 150))
        found.append((history.history, [w.copy() for w in model.get_weights()]))
    assert found[0][0] == found[1][0]
    for got, wanted in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_array_equal(got, wanted)
