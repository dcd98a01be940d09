"""The plan: places that do not overlap, block sizes, operations joined, tables nobody can change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from networks import network, reading

from fastnn import _plan as plan
from fastnn import losses
from fastnn._ops import OPS
from fastnn._plan import records
from fastnn.activations import ActivationCode
from fastnn.layers import Activation, Dense, Dropout, Flatten, InputLayer, Reshape
from fastnn.losses import LossCode
from fastnn.metrics import StatisticCode
from fastnn.optimizers import Adam
from fastnn.optimizers.updates import ClipCode, OptimizerCode
from fastnn.regularizers import L1L2

STACKS = {
    "dense": ([Dense(17, "relu"), Dense(3)], (5,)),
    "keeps z": ([Dense(17, "gelu"), Dense(9, "silu"), Dense(1, "hard_swish")], (5,)),
    "dropout": ([Dropout(0.1), Dense(17, "tanh"), Dropout(0.5), Activation("gelu"), Dense(3)], (5,)),
    "time": ([Dense(7, "gelu"), Dropout(0.2), Flatten(), Dense(6), Reshape((2, 3)), Dense(2, "softmax")], (4, 3)),
    "no parameters": ([Activation("relu"), Dropout(0.5)], (5,)),
}


def extents(compiled):
    """(name, first, last + 1) of every buffer in the workspace."""
    block = int(compiled.header["block_rows"])
    for i, value in enumerate(compiled.values):
        for name in ("offset", "grad"):
            if value[name] >= 0:
                yield f"{name} of value {i}", int(value[name]), int(value[name] + block * value["size"])
    for i, op in enumerate(compiled.ops):
        if op["z"] >= 0:
            yield f"z of op {i}", int(op["z"]), int(op["z"] + block * op["repeat"] * op["n_out"])
        if op["scratch"] >= 0:
            yield f"scratch of op {i}", int(op["scratch"]), int(op["scratch"] + op["n_in"] * op["n_out"])


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 64, 5000])
def test_buffers_are_aligned_inside_and_apart(rng, stack, training, batch_size):
    layers, shape = STACKS[stack]
    compiled = network(rng, layers, shape, loss="mse" if training else None, batch_size=batch_size).plan
    # gradients that are handed on where they came are one array
    once = {(name.split()[0], first, stop): name for name, first, stop in extents(compiled)}
    places = sorted(((name, first, stop) for (_, first, stop), name in once.items()), key=lambda place: place[1])
    for (name, first, stop), after in zip(
        places, [*places[1:], ("the end", compiled.workspace_size, None)], strict=True
    ):
        assert first % plan.ALIGN == 0, name
        assert stop <= after[1], f"{name} reaches into {after[0]}"


@pytest.mark.parametrize("stack", STACKS)
def test_ops_are_linked_forward_and_backward(rng, stack):
    layers, shape = STACKS[stack]
    compiled = network(rng, layers, shape, loss="mse").plan
    ops, values = compiled.ops, compiled.values
    read = compiled.edges["value"][ops["first_edge"]]
    assert list(read) == list(range(len(ops)))
    assert list(ops["output"]) == list(range(1, len(ops) + 1))
    first_trained = next((i for i, op in enumerate(ops) if op["w"] >= 0), len(ops))
    for i, op in enumerate(ops):
        assert op["n_in"] * op["repeat"] == values[i]["size"]
        assert (values[i]["grad"] >= 0) == (i > first_trained)
        assert (op["scratch"] >= 0) == (OPS[int(op["kind"])].name == "dense" and i > first_trained)
    assert values[-1]["grad"] >= 0


def test_parameters_are_aligned_and_apart(rng):
    net = network(rng, [Dense(5), Dense(17, use_bias=False), Dense(1)], (3,), loss="mse")
    variables = net.plan.layout.variables
    assert [v.parameter.shape for v in variables] == [(3, 5), (5,), (5, 17), (17, 1), (1,)]
    for variable, after in zip(variables, [*(v.offset for v in variables[1:]), net.plan.layout.n_params], strict=True):
        assert variable.offset % plan.ALIGN == 0
        assert variable.offset + variable.size <= after
    assert [op["b"] >= 0 for op in net.plan.ops] == [True, False, True]


@pytest.mark.parametrize(
    ("batch_size", "block"), [(1, 1), (255, 255), (256, 256), (300, 300), (1024, 1024), (9000, 1024)]
)
def test_narrow_networks_take_large_blocks(rng, batch_size, block):
    assert network(rng, [Dense(4)], (2,), loss="mse", batch_size=batch_size).plan.header["block_rows"] == block


@pytest.mark.parametrize(("batch_size", "block"), [(100, 100), (300, 256), (9000, 256)])
def test_wide_networks_take_small_blocks(rng, batch_size, block):
    assert network(rng, [Dense(4000)], (2,), loss="mse", batch_size=batch_size).plan.header["block_rows"] == block


def test_workspace_does_not_grow_with_the_batch(rng):
    sizes = {
        network(rng, [Dense(64), Dense(8)], (20,), loss="mse", batch_size=n).plan.workspace_size
        for n in (2000, 4000, 8000)
    }
    assert len(sizes) == 1


def kinds(compiled):
    return [(OPS[int(op["kind"])].name.upper(), ActivationCode(op["activation"]).name) for op in compiled.ops]


def test_an_activation_layer_joins_the_linear_dense_before_it(rng):
    compiled = network(
        rng, [Dense(4), Activation("elu"), Activation("tanh"), Dense(3, "relu"), Activation("tanh")], (2,)
    ).plan
    assert kinds(compiled) == [("DENSE", "ELU"), ("ACTIVATION", "TANH"), ("DENSE", "RELU"), ("ACTIVATION", "TANH")]
    assert compiled.ops[0]["parameter"] == 1.0


def test_an_activation_joins_through_a_layer_without_operations_only_on_the_same_rows(rng):
    assert len(network(rng, [Dense(4), Reshape((4,)), Activation("softmax")], (2,)).plan.ops) == 1
    assert kinds(network(rng, [Dense(4), Flatten(), Activation("softmax")], (3, 2)).plan) == [
        ("DENSE", "LINEAR"),
        ("ACTIVATION", "SOFTMAX"),
    ]


def test_dropout_keeps_the_stream_of_its_layer(rng):
    compiled = network(rng, [InputLayer((3,)), Dense(4), Activation("relu"), Dropout(0.25)], (3,), loss="mse").plan
    assert [(op["stream"], op["rate"]) for op in compiled.ops] == [(1, 0.0), (3, 0.25)]


@pytest.mark.parametrize(
    ("layers", "loss", "fused"),
    [
        ([Dense(3, "softmax")], "categorical_crossentropy", "SOFTMAX"),
        ([Dense(3), Activation("softmax")], "sparse_categorical_crossentropy", "SOFTMAX"),
        ([Dense(3, "sigmoid")], "binary_crossentropy", "SIGMOID"),
        ([Dense(3, "sigmoid")], "categorical_crossentropy", None),
        ([Dense(3, "softmax")], "binary_crossentropy", None),
        ([Dense(3, "softmax")], "mse", None),
        ([Dense(3)], "categorical_crossentropy", None),
        ([Dense(3, "sigmoid")], losses.BinaryCrossentropy(from_logits=True), None),
        ([Activation("sigmoid")], "binary_crossentropy", "SIGMOID"),
        ([Dense(3, "sigmoid")], "binary_focal_crossentropy", "SIGMOID"),
        ([Dense(3, "softmax")], "categorical_focal_crossentropy", "SOFTMAX"),
        ([Dense(3, "softmax")], "sparse_categorical_focal_crossentropy", "SOFTMAX"),
        ([Dense(3, "softmax")], "binary_focal_crossentropy", None),
        ([Dense(3, "exponential")], "poisson_deviance", "EXPONENTIAL"),
        ([Dense(3, "exponential")], "poisson", None),
    ],
)
def test_a_cross_entropy_takes_the_activation_it_belongs_to(rng, layers, loss, fused):
    compiled = network(rng, layers, (3,), loss=loss).plan
    assert compiled.losses[0]["fused"] == (-1 if fused is None else ActivationCode[fused])
    assert LossCode(compiled.losses[0]["code"]).name.endswith("_LOGITS") == (
        fused is not None or "LOGITS" in losses.get(loss).code.name
    )
    assert (ActivationCode(compiled.ops[-1]["activation"]).name == "LINEAR") == (
        fused is not None or layers == [Dense(3)]
    )


def test_softmax_over_other_rows_than_the_output_is_not_fused(rng):
    compiled = network(rng, [Dense(3, "softmax"), Flatten()], (2, 4), loss="categorical_crossentropy").plan
    assert compiled.losses[0]["fused"] == -1


def test_prediction_plans_apply_the_activation(rng):
    compiled = network(rng, [Dense(3, "softmax")], (4,)).plan
    assert kinds(compiled) == [("DENSE", "SOFTMAX")]
    assert not compiled.training
    assert (compiled.values["grad"] == -1).all()


def test_repeat_counts_the_rows_of_a_sample(rng):
    compiled = network(rng, *STACKS["time"], loss="categorical_crossentropy").plan
    assert [(int(op["repeat"]), int(op["n_in"]), int(op["n_out"])) for op in compiled.ops] == [
        (4, 3, 7),
        (4, 7, 7),
        (1, 28, 6),
        (2, 3, 2),
    ]
    assert (compiled.losses[0]["repeat"], compiled.losses[0]["n_out"], compiled.outputs[0]["size"]) == (2, 2, 4)


def test_tables_hold_what_was_compiled(rng):
    metric = [reading("mse"), reading("r2")]
    optimizer = Adam(beta_1=0.8, clipnorm=0.5, weight_decay=0.1)
    layers = [Dense(3, kernel_regularizer=L1L2(0.1, 0.2)), Dense(2)]
    compiled = network(
        rng,
        layers,
        (4,),
        loss=losses.Huber(0.7),
        optimizer=optimizer,
        metrics=[(metric[0], True), (metric[1], False)],
        batch_size=10,
        seed=2**63 + 5,
    ).plan
    assert (compiled.losses[0]["n_parameters"], compiled.losses[0]["parameters"][0]) == (1, 0.7)
    assert (compiled.optimizer["code"], compiled.optimizer["clip"]) == (OptimizerCode.ADAM, ClipCode.NORM)
    assert (compiled.optimizer["clip_at"], compiled.optimizer["weight_decay"], compiled.optimizer["hyper"][0]) == (
        0.5,
        0.1,
        0.8,
    )
    assert [[row[name] for name in ("statistic", "weighted", "first", "n_sums")] for row in compiled.metrics] == [
        [metric[0].statistic, 1, 1, 2],
        [metric[1].statistic, 0, 3, 8],
    ]
    assert (compiled.header["n_sums"], compiled.header["seed"], compiled.header["batch_size"]) == (11, 2**63 + 5, 10)
    assert [(s["l1"], s["l2"]) for s in compiled.segments] == [(0.1, 0.2), (0, 0), (0, 0), (0, 0)]
    assert compiled.header["has_penalty"] == 1
    assert set(compiled.ops["seed"].tolist()) == {2**63 + 5}


def test_plans_cannot_be_changed(rng):
    compiled = network(rng, *STACKS["dense"], loss="mse", optimizer="adam").plan
    assert len(compiled.tables) == 9
    for table in compiled.tables:
        assert not table.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError):
        compiled.workspace_size = 3


def test_plans_print_a_line_for_each_op(rng):
    lines = str(network(rng, *STACKS["time"], loss="mse", batch_size=7).plan).splitlines()
    assert len(lines) == 2 + 4 + 1 + 5, "head, ops, and the values between them"
    assert "training, batch 7" in lines[0]
    assert "dense" in lines[2]
    assert "4 x 3 -> 7" in lines[2]
    assert "gelu" in lines[2]


def test_structs_have_no_hidden_padding():
    for name, dtype in records.STRUCTS.items():
        assert sum(dtype.fields[field][0].itemsize for field in dtype.names) == dtype.itemsize, name


def test_slots_start_where_the_optimizer_says(rng):
    for optimizer, n_slots, start in (("adagrad", 1, 0.1), ("adam", 2, 0.0), ("sgd", 0, 0.0)):
        net = network(rng, [Dense(3)], (2,), loss="mse", optimizer=optimizer)
        slots = plan.new_slots(net.plan, np.dtype("float64"))
        assert slots.shape == (n_slots, len(net.params))
        assert (slots == start).all()


@pytest.mark.parametrize(
    ("layers", "shape", "words"),
    [
        ([InputLayer((3,))], (3,), "no layer"),
        ([Reshape((5,))], (4,), "cannot hold"),
        ([Reshape((3, -1))], (4,), "cannot hold"),
        ([Dense(2), InputLayer((3,))], (3,), "input_shape"),
    ],
)
def test_models_that_cannot_be_compiled_say_why(rng, layers, shape, words):
    with pytest.raises(ValueError, match=words):
        network(rng, layers, shape)


def test_metrics_of_all_predictions_share_one_place_behind_the_sums(rng):
    wanted = [(reading("auc"), False), (reading("mse"), False), (reading("huber"), True)]
    compiled = network(rng, [Dense(2)], (2,), loss="mse", metrics=wanted, batch_size=7).plan
    places = [(int(row["statistic"]), int(row["first"]), int(row["n_sums"])) for row in compiled.metrics]
    assert places == [(StatisticCode.SQUARED_ERROR, 1, 2), (StatisticCode.PREDICTIONS, 3, 1 + 7 * 2)]
    assert compiled.header["n_sums"] == 3 + 1 + 7 * 2


def test_new_runs_stand_before_the_first_batch():
    run = plan.new_run(50, (3, 9), step=12, shuffle=False)
    assert (run["n_samples"], run["epoch"], run["first_epoch"], run["last_epoch"], run["step"]) == (50, 3, 3, 9, 12)
    assert (run["batch"], run["status"], run["shuffle"]) == (0, 0, 0)
    assert run["max_steps"] > 10**18
