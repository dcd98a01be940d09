"""What all tests share: the backends that run here, the data folder, and no session that is green by being empty.

A test that takes ``backend`` runs on every backend and, for cython, on every instruction set that runs here; those
that do not are named at the head of every session, and test_contract.py skips once for each.

Design: cases are full products, of which a session without ``--long`` runs a covering set: with the mark
``covering("weighting", "dtype")`` those two take turns over the product of all else, and each of their values must
meet each value of every other argument. With ``covering`` alone all arguments take turns: each value of each meets each
value of every other, and no more is promised. That is for what is slow: every loss in every width, dtype and backend,
but in how many threes nobody can see. Of the Numba backend, which compiles every kernel once more for another dtype,
100 s for all, float64 runs where a test has both; models of users, float32, are trained on it in the other rooms. What
is chosen depends on the order of the cases alone, so that the processes among which a session is shared choose alike.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from fastnn import _kernels

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the exhaustive cases too")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: an exhaustive case, run with --long")
    config.addinivalue_line("markers", "covering(*names): without --long these arguments, or all, take turns")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; children would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config):
    return [f"not run: {name}, {reason}" for name, reason in _absent()]


def pytest_collection_modifyitems(config, items):
    for item in items:
        if any("empty parameter set" in mark.kwargs.get("reason", "") for mark in item.iter_markers("skip")):
            raise pytest.UsageError(f"{item.nodeid} has no cases")
        if " at 0x" in item.name:
            raise pytest.UsageError(f"{item.nodeid} is called otherwise in every process")
    if not config.getoption("--long") and not any("[" in argument for argument in config.args):
        left = {item for item in items if "long" in item.keywords or _compiles_again(item)}
        left |= _waiting(item for item in items if item not in left)
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]
    if hasattr(config, "workerinput"):  # Numba's cases into the share of one process, lest several compile the same
        items.sort(key=lambda item: "numba" not in item.name)


def _compiles_again(item) -> bool:
    """Whether Numba runs for the second of two dtypes."""
    values = item.callspec.params if hasattr(item, "callspec") else {}
    return values.get("backend") == ("numba", None) and values.get("dtype") == "float32"


def _waiting(items) -> set:
    """The cases of tests marked ``covering`` that only --long runs."""
    groups = defaultdict(list)
    for item in items:
        if mark := item.get_closest_marker("covering"):
            groups[item.nodeid.partition("[")[0], mark.args].append(item)
    return {item for (_, names), group in groups.items() for item in set(group) - set(_covering(names, group))}


def _covering(names, group) -> list:
    """The cases of a test that run without --long."""
    return _turns(names, group) if names else _pairs(group)


def _turns(names, group) -> list:
    """One case for all values of the arguments but ``names``: that in which most pairs and threes meet anew."""
    choices = defaultdict(list)
    for item in group:
        choices[tuple(value for value in _values(item) if value[0] not in names)].append(item)
    meetings = {item: {some for some in _meetings(item, 2, 3) if any(n in names for n, _ in some)} for item in group}
    taken, met = [], Counter()
    for cases in choices.values():
        taken.append(max(cases, key=lambda item: math.fsum(1 / (1 + met[met_here]) for met_here in meetings[item])))
        met.update(meetings[taken[-1]])
    if any(len(values) == 2 and values not in met for values in set().union(*meetings.values())):
        raise pytest.UsageError(f"{group[0].nodeid}: {names} cannot meet each value of every other argument in turns")
    return taken


def _pairs(group) -> list:
    """Cases in which all values meet that meet in any: first those that bring most pairs, as many as are all new."""
    meetings = {item: _meetings(item, 2) for item in group}
    taken, met = [], set()
    for wanted in range(max(map(len, meetings.values())), 0, -1):
        for item in group:
            if len(meetings[item] - met) >= wanted:
                taken.append(item)
                met |= meetings[item]
    return taken


def _values(item) -> list[tuple[str, int]]:
    """A case's arguments, each with the identity of its value: not all can be compared."""
    return [(name, id(value)) for name, value in item.callspec.params.items()]


def _meetings(item, *sizes: int) -> set:
    """The pairs, threes and so on of values that the case brings together."""
    return {some for size in sizes for some in itertools.combinations(_values(item), size)}


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and _nothing_ran(session.config):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter, config):
    if _nothing_ran(config):
        terminalreporter.write_line("no test was executed: that is a failure", red=True)


def _nothing_ran(config) -> bool:
    """Whether tests were wanted and none was executed; False in a process that runs a share of them for another."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    wanted = reporter and not config.option.collectonly and not hasattr(config, "workerinput")
    return wanted and not any(reporter.stats.get(kind) for kind in ("passed", "failed", "xfailed", "xpassed"))


def _runs(name: str) -> list:
    """The backend with each instruction set that runs here, as pytest's parameters."""
    if _kernels.why_not(name) is not None:
        return []
    sets = [isa for isa, _, runs in _kernels.load(name).isas() if runs] if name == "cython" else [None]
    return [pytest.param((name, isa), id=name if isa is None else f"{name}-{isa}") for isa in sets]


def _absent() -> list[tuple[str, str]]:
    """Names and reasons of the backends and instruction sets that do not run here."""
    reasons = [(name, _kernels.why_not(name)) for name in _kernels.PREFERENCE]
    isas = [] if _kernels.why_not("cython") else _kernels.load("cython").isas()
    for isa, compiled, runs in isas:
        why = None if runs else "not run by this machine" if compiled else "not compiled for this machine"
        reasons.append((f"cython-{isa}", why))
    return [(name, why) for name, why in reasons if why is not None]


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        cases = [case for name in reversed(_kernels.PREFERENCE) for case in _runs(name)]
        metafunc.parametrize("backend", cases, indirect=True)
    if "absent" in metafunc.fixturenames:
        metafunc.parametrize("absent", [pytest.param(absent, id=absent[0]) for absent in _absent()] or [None])


@pytest.fixture
def backend(request):
    """One backend's module; for cython with one instruction set forced."""
    name, isa = request.param
    module = _kernels.load(name)
    if isa is None:
        yield module
        return
    before = module.isa()
    module.use_isa(isa)
    yield module
    module.use_isa(before)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """The dtypes a model may have."""
    return np.dtype(request.param)


@pytest.fixture
def data_folder() -> Path:
    """Folder of the real data sets beside the project."""
    folder = Path(os.environ.get("FASTNN_DATA", DATA))
    if not folder.is_dir():
        pytest.skip(f"the data folder {folder} is missing")
    return folder


@pytest.fixture
def rng():
    """NumPy's generator with a fixed seed: every run sees the same numbers."""
    return np.random.default_rng(20240229)


@pytest.fixture
def numpy_backend(monkeypatch):
    """Commands work with NumPy: they are the same for all backends, and this one needs no compiler."""
    monkeypatch.setenv("FASTNN_BACKEND", "numpy")


@pytest.fixture
def no_figures_left():
    """Closes what a test left open in pyplot, which warns of many open figures."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def wave(rng):
    """Rows ``(200, 3)`` and a number each."""
    x = rng.uniform(-1, 1, (200, 3))
    return x, np.sin(3 * x[:, 0]) + x[:, 1]


@pytest.fixture
def blobs(rng):
    """Rows ``(210, 2)`` of three classes named by words."""
    labels = np.array(["ape", "bee", "cat"])[np.arange(210) % 3]
    centres = {"ape": (0, 0), "bee": (3, 0), "cat": (0, 3)}
    return np.array([centres[label] for label in labels]) + rng.normal(scale=0.5, size=(210, 2)), labels
