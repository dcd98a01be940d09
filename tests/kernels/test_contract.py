"""Every backend offers the functions of the contract, and C counts and lays out as Python does."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from networks import Stage, dense, draw, draw_target, network, output_activation

from fastnn import _plan as plan
from fastnn._kernels import contract, laps
from fastnn._ops import OPS
from fastnn._ops.merge import Join
from fastnn._ops.pool import MANY
from fastnn._plan import records
from fastnn.activations import ACTIVATIONS, ActivationCode
from fastnn.constraints import ConstraintCode
from fastnn.layers import Activation, Dense
from fastnn.losses import LossCode
from fastnn.losses.records import EVERY_KERNEL
from fastnn.metrics import STATISTICS, StatisticCode
from fastnn.optimizers import OPTIMIZERS
from fastnn.optimizers.updates import N_SLOTS, UPDATES, ClipCode, OptimizerCode

ENUMS = {
    "fnn_join": Join,
    "fnn_activation_code": ActivationCode,
    "fnn_loss_code": LossCode,
    "fnn_optimizer_code": OptimizerCode,
    "fnn_clip_code": ClipCode,
    "fnn_statistic_code": StatisticCode,
    "fnn_constraint_code": ConstraintCode,
    "fnn_stage": laps.Stage,
    "fnn_part": laps.Part,
}


@pytest.mark.parametrize("name", [*contract.FUNCTIONS, *contract.OF_SHARDS, *contract.CLOCKED])
def test_functions_have_the_parameters_of_the_contract(backend, name):
    if name not in contract.FUNCTIONS and not hasattr(backend, name):
        return
    promised = inspect.signature(getattr(contract, name)).parameters
    offered = inspect.signature(getattr(backend, name)).parameters
    assert [(p.name, p.default, p.kind) for p in offered.values()] == [
        (p.name, p.default, p.kind) for p in promised.values()
    ]


def test_contract_documents_every_function_it_lists():
    assert all(inspect.getdoc(getattr(contract, name)) for name in contract.FUNCTIONS)


def test_backends_support_every_definition(backend, rng):
    for name in ACTIVATIONS:
        for loss in EVERY_KERNEL:
            net = dense(rng, (2, 3, 2), name, output_activation(loss), loss=loss, optimizer="adam")
            assert backend.supports(net.plan) is None
    for name in OPTIMIZERS.keys() - {"lbfgs"}:
        assert backend.supports(dense(rng, (2, 2), loss="mse", optimizer=name).plan) is None


def test_every_code_has_its_definition():
    assert {record.code for record in ACTIVATIONS.values()} == set(ActivationCode)
    assert {record.code for record in EVERY_KERNEL} == set(LossCode)
    assert set(UPDATES) == set(N_SLOTS) == set(OptimizerCode)
    assert set(STATISTICS) == set(StatisticCode)


def test_results_are_views_of_the_workspace(backend, dtype, rng):
    net = dense(rng, (3, 4, 2), loss="mse")
    stage = Stage(backend, net, dtype)
    (y,) = backend.forward(stage.plan, stage.arenas, (stage.place(draw(rng, (5, 3))),))
    assert y.dtype == dtype
    assert y.shape == (5, 2)
    assert np.shares_memory(y, stage.arenas.workspace)


def test_plans_without_a_loss_need_no_gradients(backend, dtype, rng):
    net = network(rng, [Dense(4, "relu"), Activation("softmax")], (3,))
    stage = Stage(backend, net, dtype)
    assert stage.arenas.grads.size == 0
    np.testing.assert_array_less(stage.forward(draw(rng, (5, 3))), 1)
    stage.check()


def test_evaluation_needs_no_optimizer(backend, dtype, rng):
    net = dense(rng, (3, 4, 2), loss="mse")
    assert net.plan.optimizer_record is None
    stage = Stage(backend, net, dtype)
    stage.forward(draw(rng, (5, 3)))
    sums, _ = stage.loss(draw_target(rng, net.plan.loss_records[0], 5, (2,)))
    assert sums[0] > 0


def test_tables_of_c_equal_those_of_python():
    native = pytest.importorskip("fastnn._kernels.native.native", reason="the native backend is not built")
    layouts = native.layouts()
    assert set(layouts) == set(records.STRUCTS)
    for struct, dtype in records.STRUCTS.items():
        size, members = layouts[struct]
        assert size == dtype.itemsize
        assert members == {name: (dtype.fields[name][1], dtype.fields[name][0].itemsize) for name in dtype.names}


def test_codes_of_c_equal_those_of_python():
    native = pytest.importorskip("fastnn._kernels.native.native", reason="the native backend is not built")
    codes = native.codes()
    kinds = codes.pop("fnn_op_kind")
    assert codes.pop("fnn_limit") == {"MANY": MANY}
    assert kinds == {op.name.upper(): code for code, op in OPS.items()}
    assert set(codes) == set(ENUMS)
    for group, enum in ENUMS.items():
        assert codes[group] == {member.name: int(member) for member in enum}


def test_workspace_of_a_plan_is_what_arenas_get(rng, dtype):
    net = dense(rng, (3, 4, 2), loss="mse", optimizer="adam")
    arenas = plan.allocate(net.plan, plan.aligned(len(net.params), dtype))
    assert arenas.workspace.size == net.plan.workspace_size
    assert arenas.slots.shape == (2, len(net.params))


def test_every_backend_and_instruction_set_runs_here(absent):
    if absent:
        pytest.skip(": ".join(absent))
