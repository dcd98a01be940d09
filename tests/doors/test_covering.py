"""What a session without ``--long`` leaves out is met by what it runs."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import covering

BACKENDS = [(name, None) for name in ("numpy", "numba")] + [("cython", isa) for isa in ("portable", "avx2", "avx512")]
KINDS, WIDTHS, DTYPES = ["conv", "pool", "dense", "copy"], [1, 3, 16, 17], ["float32", "float64"]


def chosen(mark=None, single=False, numba=False, **arguments) -> list[dict]:
    """The cases of a test with these arguments that run by default."""
    marks = {"covering": mark, "single": single or None, "numba": numba or None}
    calls = [SimpleNamespace(params=dict(zip(arguments, values, strict=True)), marks=()) for values in cases(arguments)]
    definition = SimpleNamespace(nodeid="a test", get_closest_marker=marks.get)
    test = SimpleNamespace(_calls=calls, definition=definition)
    covering.leave_out(test)
    return [call.params for call in test._calls]


def cases(arguments):
    return itertools.product(*arguments.values())


def pairs(params: list[dict]) -> set:
    return {pair for values in params for pair in itertools.combinations(values.items(), 2)}


def test_a_test_of_a_backend_alone_runs_on_all_instruction_sets():
    assert [params["backend"] for params in chosen(backend=BACKENDS)] == BACKENDS


def test_instruction_sets_take_turns_and_other_backends_do_not():
    params = chosen(backend=BACKENDS, kind=KINDS)
    assert sorted(p["kind"] for p in params if p["backend"][0] == "cython") == sorted(KINDS)
    assert {p["backend"] for p in params} == set(BACKENDS)
    assert [p["kind"] for p in params if p["backend"][0] == "numpy"] == KINDS


def test_two_arguments_meet_in_full():
    assert len(chosen(kind=KINDS, width=WIDTHS)) == len(KINDS) * len(WIDTHS)


def test_of_three_arguments_all_values_meet_in_pairs():
    arguments = {"kind": KINDS, "width": WIDTHS, "depth": [1, 2, 3, 4]}
    params = chosen(**arguments)
    whole = [dict(zip(arguments, values, strict=True)) for values in cases(arguments)]
    assert pairs(params) == pairs(whole)
    assert len(params) <= len(whole) / 2


def test_numba_has_its_first_dtype_where_there_are_two_and_not_where_the_test_has_one():
    params = chosen(backend=BACKENDS, dtype=DTYPES, kind=KINDS)
    assert {p["dtype"] for p in params if p["backend"][0] == "numba"} == {"float64"}
    assert {p["dtype"] for p in params if p["backend"][0] == "numpy"} == set(DTYPES)
    assert not any(p["backend"][0] == "numba" for p in chosen(single=True, backend=BACKENDS, kind=KINDS))
    assert {p["dtype"] for p in chosen(numba=True, dtype=DTYPES, kind=KINDS)} == {"float64"}


def test_numba_has_its_first_cases_beside_the_native_backend_and_all_where_that_is_not_there():
    params = chosen(backend=BACKENDS, kind=KINDS)
    assert [p["kind"] for p in params if p["backend"][0] == "numba"] == KINDS[: covering.FEW_OF_NUMBA]
    assert [p["kind"] for p in chosen(backend=BACKENDS[:2], kind=KINDS) if p["backend"][0] == "numba"] == KINDS
    assert len(chosen(name=["numpy", "numba", "cython"], kind=KINDS)) == 2 * len(KINDS) + covering.FEW_OF_NUMBA


def test_where_backends_take_turns_numba_has_its_first_cases_beside_the_native_one_and_a_share_alone():
    turns = {"mark": SimpleNamespace(args=("backend",)), "kind": KINDS, "width": [*range(16)]}
    params = chosen(**turns, backend=BACKENDS)
    whole = len(KINDS) * 16
    assert [p["kind"] for p in params if p["backend"][0] == "numba"] == KINDS[:1] * covering.FEW_OF_NUMBA
    assert sum(p["backend"][0] != "numba" for p in params) == whole
    assert {p["backend"] for p in params} == set(BACKENDS)
    alone = chosen(**turns, backend=BACKENDS[:2])
    assert len(alone) == whole
    assert sum(p["backend"][0] == "numba" for p in alone) == whole / 2
