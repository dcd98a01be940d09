"""Which cases of a test run without ``--long``.

Design: cases are full products, of which a session without ``--long`` runs a covering set: with the mark
``covering("weighting", "dtype")`` those two take turns over the product of all else, and each of their values must
meet each value of every other argument. With ``covering`` alone all arguments take turns: each value of each meets each
value of every other, and no more is promised: every loss in every width, dtype and backend, but in how many threes
nobody can see. So do those of every test of three arguments or more that has no mark. The instruction sets of the
native backend, which run the same text, take turns in every test: each runs some of its cases; of Numba's the first
are enough beside it. What is chosen depends
on the order of the cases alone, so that the processes among which a session is shared choose alike. Cases that wait
for ``--long`` are left out before pytest makes items of them: two in three of 50,000, seconds of each process.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import pytest

FEW_OF_NUMBA = 2  # cases of a test


def by_default(config) -> bool:
    """Whether neither all cases nor one by its name are asked for."""
    return not config.getoption("--long") and not any("[" in argument for argument in config.args)


def compiles_again(values: dict, single: bool, marked: bool) -> bool:
    """Whether Numba runs for the second of two dtypes; ``single`` where the test itself is of float32, ``marked`` where
    it is of Numba, and no argument tells."""
    return (marked or _is_of_numba(values)) and (single or values.get("dtype") == "float32")


def _is_of_numba(values: dict) -> bool:
    return values.get("backend") == ("numba", None) or "numba" in (values.get("name"), values.get("compiled"))


def _few_of_numba(calls) -> list:
    """Of a test that runs on the native backend, too, Numba's first cases: its kernels take a second each to compile.

    The rest wait for ``--long``. Where nothing native was built Numba stands first, and none waits.
    """
    numba = [call for call in calls if _is_of_numba(call.params)]
    return _without(numba[FEW_OF_NUMBA:] if _has_native(calls) else [], calls)


def _has_native(calls) -> bool:
    """Whether the native backend is among those of a test."""
    return any("cython" in (call.params.get("name"), *call.params.get("backend", ())) for call in calls)


def _without(left, calls) -> list:
    """The calls that are not among those, in their order."""
    gone = set(map(id, left))
    return [call for call in calls if id(call) not in gone]


def leave_out(metafunc) -> None:
    """Take from a test the cases that wait for ``--long``, unless all do: pytest would call it without arguments.

    ``_calls`` is not public, but since its first releases pytest has no other way to this end than making the items.
    """
    mark = metafunc.definition.get_closest_marker("covering")
    single, marked = (metafunc.definition.get_closest_marker(name) is not None for name in ("single", "numba"))
    kept = [call for call in metafunc._calls if not (_is_long(call) or compiles_again(call.params, single, marked))]
    kept, apart = _few_of_numba(kept), []
    if mark and "backend" in mark.args and _has_native(kept):  # Numba takes no turns beside it
        apart = [call for call in kept if _is_of_numba(call.params)]
    if mark and mark.args and kept:
        kept = _one_isa(_only(_turns(mark.args, _without(apart, kept), metafunc.definition.nodeid) + apart, kept))
    elif kept:
        kept = _one_isa(kept)
        kept = _only(_pairs(kept), kept) if mark or len(kept[0].params) > 2 else kept
    metafunc._calls = kept or metafunc._calls


def _only(taken, calls) -> list:
    """The calls that are taken, in their order."""
    chosen = set(map(id, taken))
    return [call for call in calls if id(call) in chosen]


def _one_isa(calls) -> list:
    """Of cases that differ in the instruction set alone the next one's; all of a test without other arguments."""
    choices = defaultdict(list)
    for call in calls:
        backend = call.params.get("backend", ())
        native = len(backend) == 2 and backend[1] is not None
        key = tuple(value for value in _values(call) if value[0] != "backend")
        choices[key if native else id(call)].append(call)
    alike = [cases for key, cases in choices.items() if isinstance(key, tuple)]
    if len(alike) < 2:
        return calls
    taken = [cases[turn % len(cases)] for turn, cases in enumerate(alike)]
    return _only(taken + [cases[0] for key, cases in choices.items() if not isinstance(key, tuple)], calls)


def _is_long(call) -> bool:
    return any(mark.name == "long" for mark in call.marks)


def _turns(names, calls, test) -> list:
    """One case for all values of the arguments but ``names``: that in which most pairs and threes meet anew."""
    choices = defaultdict(list)
    for call in calls:
        choices[tuple(value for value in _values(call) if value[0] not in names)].append(call)
    meetings = {
        id(call): {some for some in _meetings(call, 2, 3) if any(n in names for n, _ in some)} for call in calls
    }
    taken, met = [], Counter()
    for cases in choices.values():
        taken.append(max(cases, key=lambda call: math.fsum(1 / (1 + met[here]) for here in meetings[id(call)])))
        met.update(meetings[id(taken[-1])])
    if any(len(values) == 2 and values not in met for values in set().union(*meetings.values())):
        raise pytest.UsageError(f"{test}: {names} cannot meet each value of every other argument in turns")
    return taken


def _pairs(calls) -> list:
    """Cases in which all values meet that meet in any: first those that bring most pairs, as many as are all new."""
    meetings = [(call, _meetings(call, 2)) for call in calls]
    taken, met = [], set()
    for wanted in range(max(len(pairs) for _, pairs in meetings), 0, -1):
        for call, pairs in meetings:
            if len(pairs - met) >= wanted:
                taken.append(call)
                met |= pairs
    return taken


def _values(call) -> list[tuple[str, int]]:
    """A case's arguments, each with the identity of its value: not all can be compared."""
    return [(name, id(value)) for name, value in call.params.items()]


def _meetings(call, *sizes: int) -> set:
    """The pairs, threes and so on of values that the case brings together."""
    return {some for size in sizes for some in itertools.combinations(_values(call), size)}
