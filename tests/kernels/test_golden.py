"""The same seed gives the same bits: on every instruction set with fused multiply-add, with any number of threads.

Every training of ``golden.py`` must give its record in ``golden.json``, made on AVX2 by one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys

import golden
import numpy as np
import pytest
from forced import forced
from golden_cases import CASES, PAIRS, Case
from listed import assert_listed
from spaces import OF_MODELS, OF_POLICIES

import fastnn
from fastnn import _kernels, losses
from fastnn._ops import OPS
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Dropout
from fastnn.metrics import StatisticCode
from fastnn.optimizers.updates import ClipCode, OptimizerCode

THREADS = (1, 2, 5, *(pytest.param(n, marks=pytest.mark.long) for n in (3, 8)))
OF_GRAPHS = {"merge", "dot", "normalize"}  # see test_join_kernels.py; cases here are chains
OF_OTHERS = {"own"}  # see test_own_layers.py: bits of a user's NumPy code are not ours to keep
RECORDS = golden.load()
reason = _kernels.why_not("cython")
NATIVE = {} if reason else {name: runs for name, _, runs in _kernels.load("cython").isas()}
RUNS = [name for name in ("avx2", "avx512", "neon") if NATIVE.get(name)]


@pytest.fixture(params=RUNS or [pytest.param(None, marks=pytest.mark.skip(reason=reason or "none of them runs here"))])
def isa(request):
    """Each instruction set that must give the bits of AVX2 and runs here, forced."""
    with forced(_kernels.load("cython"), request.param):
        yield request.param


@pytest.fixture(params=THREADS, ids=lambda n: f"{n}threads")
def threads(request, monkeypatch):
    """The number of threads in force, however little the work is."""
    native = _kernels.load("cython")
    before = native.flop_a_thread(1.0)
    monkeypatch.setattr(fastnn._base.threads, "_chosen", request.param)
    yield request.param
    native.flop_a_thread(before)


def assert_golden(case: Case, dtype: str, got: dict, where: str) -> None:
    """The record is that of the file; else say what differs and how the file is made."""
    name = f"{case.name}-{dtype}"
    assert name in RECORDS, f"{name} has no record; {golden.REMAKE}"
    told = golden.differences(got, RECORDS[name])
    assert not told, f"{name} on {where}: {'; '.join(told)}; {golden.REMAKE}"


@pytest.mark.covering
@pytest.mark.parametrize(("case", "dtype"), PAIRS, ids=lambda part: getattr(part, "name", part))
def test_trainings_give_the_bits_written_down(isa, threads, case, dtype):
    assert_golden(case, dtype, golden.train(case, dtype), f"{isa} with {threads} threads")


@pytest.mark.long
def test_bits_do_not_depend_on_numpys_and_the_c_librarys_choice_of_instructions():
    """Learning rates, first weights and data made in Python must not either."""
    if "avx2" not in RUNS:
        pytest.skip(reason or "this build or machine lacks avx2")
    numpys = np._core._multiarray_umath
    chosen = [name for name in numpys.__cpu_dispatch__ if numpys.__cpu_features__[name]]
    less = {
        "FASTNN_ISA": "avx2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(chosen),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-FMA,-FMA4",
        "PYTHONPATH": os.pathsep.join([str(golden.FILE.parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import golden; print(golden.check())"],
        env=os.environ | less,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_file_has_no_record_but_those_of_the_cases():
    assert_listed(RECORDS, (f"{case.name}-{dtype}" for case, dtype in PAIRS), f"tests/golden.json, {golden.REMAKE}")


def test_the_bits_differ_between_cases_and_move():
    for part in ("params", "predictions"):
        assert len({record[part] for record in RECORDS.values()}) == len(RECORDS)
    for name, record in RECORDS.items():
        values = [float.fromhex(value) for value in record["history"]["loss"]]
        assert len(set(values)) == len(values), f"{name} does not learn"


def test_the_cases_meet_every_definition_and_every_way_through_the_plan():
    plans = [golden.model_of(case, case.dtypes[0], "numpy").plan for case in CASES]
    rows = [case.rows for case in CASES]
    activations = {int(code) for plan in plans for code in plan.ops["activation"]}
    fused = {int(loss["fused"]) for plan in plans for loss in plan.losses}
    assert activations | fused >= {int(record.code) for record in ACTIVATIONS.values()}
    assert {int(loss["code"]) for plan in plans for loss in plan.losses} == {
        int(loss.code) for loss in losses.ALL_LOSSES
    }
    assert {int(plan.optimizer["code"]) for plan in plans} == set(map(int, OptimizerCode))
    assert {int(plan.optimizer["clip"]) for plan in plans} == set(map(int, ClipCode))
    met = {OPS[int(code)].name for plan in plans for code in plan.ops["kind"]}
    assert_listed(met, (OF_MODELS | OF_POLICIES) - OF_GRAPHS - OF_OTHERS, "the models of tests/golden_cases.py")
    assert {int(code) for plan in plans for code in plan.metrics["statistic"]} == set(map(int, StatisticCode))
    assert any(plan.header["has_penalty"] for plan in plans)
    assert any(case.rows % case.batch_size == 1 for case in CASES)
    assert max(rows) > 2 * 1024, "several blocks of any size in a batch"
    assert any(isinstance(layer, Dropout) for case in CASES for layer in case.layers)


def test_data_of_the_cases_is_exact_in_single_precision():
    for case in CASES:
        for made in (golden.fractions(0, (5, *case.shape)), golden.targets(losses.get(case.loss), (50, 3))):
            np.testing.assert_array_equal(np.asarray(made, np.float32), made)
