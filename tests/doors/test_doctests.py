"""The examples in docstrings: all run, each module's in an empty folder, and no module of the interface lacks them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import fastnn

ROOT = Path(fastnn.__file__).parent
MODULES = {
    ".".join((fastnn.__name__, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.name != "__main__.py"
}
WITHOUT_EXAMPLES = [name for name, path in MODULES.items() if ">>>" not in path.read_text(encoding="utf-8")]
INTERFACE = {  # modules whose docstrings users read
    "fastnn",
    "fastnn._kernels",
    *(f"fastnn.{name}" for name in ("losses.custom", "models.keras_names", "config", "errors", "backend", "utils")),
    *(
        f"fastnn.{name}.known"
        for name in ("activations", "losses", "metrics", "optimizers", "initializers", "schedules")
    ),
    *(f"fastnn.{name}" for name in ("regularizers", "constraints", "_base.threads", "_engine.predictor")),
    *(
        f"fastnn.callbacks.{name}"
        for name in ("base", "files", "history", "loggers", "monitor", "rates", "simple", "tensorboard")
    ),
    *(
        f"fastnn.{name}"
        for name in ("models.sequential", "models.weights", "models.fit_many", "models.files", "models.outline")
    ),
    *(f"fastnn.layers.{name}" for name in ("activation", "base", "dense", "dropout", "function", "shape")),
    *(f"fastnn.datasets.{name}" for name in ("digits", "idx", "npz")),
    *("fastnn.tables", "fastnn.tables.encoding", "fastnn.sklearn", "fastnn.plot"),
    *(f"fastnn.sklearn.{name}" for name in ("classifier", "regressor", "ensemble")),
    *(f"fastnn.plot.{name}" for name in ("curves", "regions", "classes", "diagram", "images", "predictions", "rates")),
}


class Runner(doctest.DocTestRunner):
    """Ends at an import that fails, and keeps what it reports."""

    def report_unexpected_exception(self, out, test, example, exc_info):
        if isinstance(exc_info[1], ImportError):
            raise exc_info[1]
        super().report_unexpected_exception(out, test, example, exc_info)


def run_examples(module) -> tuple[int, list[str]]:
    """How many examples a module has, and what was reported of those that failed."""
    runner, reports = Runner(verbose=False), []
    for test in doctest.DocTestFinder().find(module):
        runner.run(test, out=reports.append)
    return runner.tries, reports


def test_the_walk_finds_every_module_of_the_interface():
    assert set(MODULES) >= INTERFACE


def test_modules_without_examples_are_none_of_the_interface_and_can_be_imported():
    assert not INTERFACE.intersection(WITHOUT_EXAMPLES)
    for name in WITHOUT_EXAMPLES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            if (error.name or "").startswith("fastnn"):
                raise


@pytest.mark.parametrize("name", sorted(set(MODULES).difference(WITHOUT_EXAMPLES)))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        count, reports = run_examples(importlib.import_module(name))
    except ImportError as error:
        if (error.name or "").startswith("fastnn"):
            raise
        pytest.skip(f"{name}: {error}")
    assert not reports, "\n".join(reports)
    assert count or name not in INTERFACE, f"{name} has no example"


def test_a_wrong_example_and_a_missing_package_are_told(monkeypatch):
    import types

    wrong = types.ModuleType("wrong", ">>> 1 + 1\n3\n")
    count, reports = run_examples(wrong)
    assert count == 1
    assert "Expected:\n    3\nGot:\n    2" in "".join(reports)
    with pytest.raises(ImportError, match="no_such_package"):
        run_examples(types.ModuleType("absent", ">>> import no_such_package\n"))
