"""What all tests share: the backends that run here, the data folder, and no session that is green by being empty.

A test that takes ``backend`` runs on every backend and, for cython, on every instruction set; what
cannot run is reported as skipped with its reason.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnn import _kernels

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the exhaustive cases too")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: an exhaustive case, run with --long")
    config.executed = 0
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; children would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    for item in items:
        if any("empty parameter set" in mark.kwargs.get("reason", "") for mark in item.iter_markers("skip")):
            raise pytest.UsageError(f"{item.nodeid} has no cases")
        if "long" in item.keywords and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="exhaustive; run with --long"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.config.executed += report.when == "call" and not report.skipped


def pytest_sessionfinish(session, exitstatus):
    if not session.config.executed and not session.config.option.collectonly and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter, config):
    if not config.executed and not config.option.collectonly:
        terminalreporter.write_line("no test was executed: that is a failure", red=True)


def _cases(name: str) -> list:
    reason = _kernels.why_not(name)
    if reason is not None:
        return [pytest.param((name, None), id=name, marks=pytest.mark.skip(reason=reason))]
    if name != "cython":
        return [pytest.param((name, None), id=name)]
    return [_isa_case(*entry) for entry in _kernels.load(name).isas()]


def _isa_case(isa: str, compiled: bool, runs: bool):
    reason = (
        f"instruction set {isa} {'does not run on this machine' if compiled else 'is not compiled for this machine'}"
    )
    marks = () if compiled and runs else pytest.mark.skip(reason=reason)
    return pytest.param(("cython", isa), id=f"cython-{isa}", marks=marks)


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize(
            "backend", [case for name in reversed(_kernels.PREFERENCE) for case in _cases(name)], indirect=True
        )


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
