"""What all tests share: the backends that run here, the data folder, and no session that is green by being empty.

A test that takes ``backend`` runs on every backend and, for cython, on every instruction set that runs here; those
that do not are named at the head of every session, and test_contract.py skips once for each.

Which cases run without ``--long``, and why, stands in ``covering.py``. Of the Numba backend, which compiles the walk
over plans and every kernel once more for another dtype, float64 alone runs: where a test has both, where it is about
none (``models.dtype_on``), and tests of float32 (the mark ``single``) wait with it for ``--long``.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import covering
import models
import numpy as np
import pytest
from _pytest.runner import runtestprotocol
from forced import forced

from fastnn import _kernels

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WALKS = pytest.StashKey[set[str]]()


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the exhaustive cases too")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: an exhaustive case, run with --long")
    config.addinivalue_line("markers", "covering(*names): without --long these arguments, or all, take turns")
    config.addinivalue_line("markers", "single: of float32, in which Numba compiles its kernels under --long alone")
    config.addinivalue_line("markers", "dask: needs the extra dask; skipped where it is not installed")
    config.addinivalue_line("markers", "mpi: starts processes by mpiexec; skipped where mpi4py is not installed")
    config.addinivalue_line("markers", "numba: compiles with Numba, which the case's name does not tell; float32 waits")
    config.addinivalue_line("markers", "stream: of data that are read while they are used")
    config.stash[WALKS] = _walks_on_disk()
    if config.getoption("--long"):
        models.Numba.dtype = "float32"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; children would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config):
    return [f"not run: {name}, {reason}" for name, reason in _absent()]


@pytest.hookimpl(tryfirst=True)  # pytest sorts by fixtures what is left
def pytest_collection_modifyitems(config, items):
    for item in items:
        if any("empty parameter set" in mark.kwargs.get("reason", "") for mark in item.iter_markers("skip")):
            raise pytest.UsageError(f"{item.nodeid} has no cases")
        if " at 0x" in item.name:
            raise pytest.UsageError(f"{item.nodeid} is called otherwise in every process")
    if covering.by_default(config):
        left = {item for item in items if "long" in item.keywords or _compiles_again(item)}
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _compiles_again(item) -> bool:
    marks = ("single" in item.keywords, item.get_closest_marker("numba") is not None)
    return hasattr(item, "callspec") and covering.compiles_again(item.callspec.params, *marks)


@pytest.hookimpl(specname="pytest_collection_modifyitems", trylast=True)
def pytest_collection_sorted(config, items):
    if hasattr(config, "workerinput"):  # Numba's cases into the share of one process, lest several compile the same
        items.sort(key=lambda item: "numba" not in item.name and "numba" not in item.keywords)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Python's collector of cycles need not look at all modules and cases again and again: not while they become more,
    which is a third of that time, nor in the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_runtest_protocol(item, nextitem):
    """In a process that runs a share of the cases for another: tell it what a case came to, and of what stands before
    and behind only what failed or was skipped. Messages are half of what a short case costs."""
    options = item.config.option
    if not hasattr(item.config, "workerinput") or options.durations is not None or options.xmlpath:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """By default no case may make Numba compile the walk, and with it every kernel, for a second dtype: half a minute,
    which once came back unseen with a new test."""
    before = _dtypes_of_numba()
    yield
    if 0 < before < _dtypes_of_numba() and covering.by_default(item.config):
        pytest.fail("Numba compiled for a second dtype: models.dtype_on(backend) has the one of default runs")


def _dtypes_of_numba() -> int:
    module = sys.modules.get("fastnn._kernels.numba.backend")
    return module._compiled.cache_info().currsize if module else 0


def _walks_on_disk() -> set[str]:
    """The files of compiled walks in Numba's cache: one a dtype, of programs that tests start, too."""
    return {path.name for path in Path(_kernels.__file__).parent.glob("numba/__pycache__/backend.execute_*.nbc")}


def _two_walks(config) -> bool:
    """Whether a default run left walks of two dtypes: a program did what no case may (``pytest_runtest_call``)."""
    return covering.by_default(config) and len(_walks_on_disk() - config.stash[WALKS]) > 1


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and _nothing_ran(session.config):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
    if exitstatus == pytest.ExitCode.OK and _two_walks(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if _nothing_ran(config):
        terminalreporter.write_line("no test was executed: that is a failure", red=True)
    if _two_walks(config):
        terminalreporter.write_line("a program compiled Numba's walk for a second dtype: that is a failure", red=True)


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


@pytest.hookimpl(specname="pytest_generate_tests", wrapper=True)
def pytest_cases_chosen(metafunc):
    yield
    if covering.by_default(metafunc.config):
        covering.leave_out(metafunc)


@pytest.fixture
def backend(request):
    """One backend's module; for cython with one instruction set forced."""
    name, isa = request.param
    module = _kernels.load(name)
    if isa is None:
        yield module
        return
    with forced(module, isa):
        yield module


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
def native():
    """The native backend, with as many threads as are asked for, however little the work is."""
    from fastnn import _kernels

    if reason := _kernels.why_not("cython"):
        pytest.skip(reason)
    module = _kernels.load("cython")
    before = module.flop_a_thread(1.0)
    yield module
    module.flop_a_thread(before)


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
