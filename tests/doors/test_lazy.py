"""What is loaded when it is asked for: type checkers know the same names, and tables have what modules have."""

from __future__ import annotations

import ast
import copy
import importlib
import json
import pickle
import subprocess
import sys
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import fastnn
from fastnn import initializers, layers, metrics, optimizers, schedules
from fastnn._base import lazy, stored
from fastnn._ops import KINDS, OPS
from fastnn.layers import shape

ROOT = Path(fastnn.__file__).parent
PACKAGES = [  # that load their names when they are asked for
    ".".join(("fastnn", *path.parent.relative_to(ROOT).parts))
    for path in sorted(ROOT.rglob("__init__.py"))
    if "lazy.names(" in path.read_text()
]
AT_ONCE = """
import json, sys, threading
barrier, found, faults = threading.Barrier(len(sys.argv[1:])), [], []
def ask(path):
    import importlib
    barrier.wait()
    try:
        thing = __import__("fastnn")
        for name in path.split("."):
            thing = getattr(thing, name)
        found.append(path)
    except BaseException as error:
        faults.append(f"{path}: {type(error).__name__}: {error}")
threads = [threading.Thread(target=ask, args=(path,)) for path in sys.argv[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
print(json.dumps([sorted(found), faults]))
"""
ASKED = (
    *("Sequential", "Model", "layers.Dense", "layers.Conv2D", "metrics.AUC", "metrics.METRICS", "losses.Huber"),
    *("optimizers.Adam", "optimizers.get", "callbacks.EarlyStopping", "models.load_model", "load", "fit_many"),
    *("initializers.HeNormal", "schedules.CosineDecay", "layers.LAYERS", "utils.fold", "Input"),
)


def tables(package: str) -> dict[str, set[str]]:
    """The names of each module in the tables that a package hands to ``lazy.names``."""
    source = ast.parse((ROOT.joinpath(*package.split(".")[1:]) / "__init__.py").read_text())
    call = next(
        node
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "names"
    )
    module, found = importlib.import_module(package), dict[str, set[str]]()
    for given in call.args[1:]:
        assert isinstance(given, ast.Name)
        for place, names in vars(module)[given.id].items():
            found.setdefault(place, set()).update(names.split())
    return found


def told(package: str) -> dict[str, set[str]]:
    """The names of each module that type checkers see a package import."""
    source = ast.parse((ROOT.joinpath(*package.split(".")[1:]) / "__init__.py").read_text())
    found: dict[str, set[str]] = {}
    for block in source.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for node in block.body:
                if isinstance(node, ast.ImportFrom) and node.module and node.module != package:
                    beside = f".{node.module.removeprefix(package.rpartition('.')[0] + '.')}"
                    place = node.module.removeprefix(f"{package}.") if node.module.startswith(f"{package}.") else beside
                    found.setdefault(place, set()).update(alias.name for alias in node.names)
    return found


def test_packages_are_found():
    assert {"fastnn", "fastnn.layers", "fastnn.metrics", "fastnn.losses", "fastnn.optimizers"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_what_is_loaded(package):
    assert tables(package) == told(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_nothing_of_their_own(package):
    """A thread that imports a package's module waits for the package; the package must not wait for the module."""
    source = ast.parse((ROOT.joinpath(*package.split(".")[1:]) / "__init__.py").read_text())
    own = [node.module for node in source.body if isinstance(node, ast.ImportFrom) and node.module]
    allowed = ("fastnn._base", "fastnn._version") if package == "fastnn" else ()
    assert not [name for name in own if f"{name}.".startswith(f"{package}.") and name not in allowed]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_is_there_and_listed(package):
    module, listed = importlib.import_module(package), {*dir(importlib.import_module(package))}
    for place, names in tables(package).items():
        of = importlib.import_module(f".{place}", package)
        assert all(getattr(module, name) is getattr(of, name) for name in names)
        assert names <= listed
    assert {*module.__all__} <= listed
    space: dict[str, object] = {}
    exec(f"from {package} import *", space)
    assert {*module.__all__} <= space.keys()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_not_there_is_an_attribute_error(package):
    module = importlib.import_module(package)
    assert not any(hasattr(module, name) for name in ("Nothing", "no.thing", "base.nothing", ".base", "", "a b"))
    with pytest.raises(ImportError, match="Nothing"):
        exec(f"from {package} import Nothing")
    with pytest.raises(AttributeError, match="__nothing__"):
        module.__nothing__  # noqa: B018


def test_modules_are_attributes_whether_or_not_they_are_loaded():
    code = "import fastnn; print(fastnn.layers.wrapping.__name__, fastnn.models.folding.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fastnn.layers.wrapping", "fastnn.models.folding"]


def test_an_import_that_fails_inside_of_a_module_says_so(tmp_path, monkeypatch):
    (tmp_path / "holder").mkdir()
    (tmp_path / "holder" / "__init__.py").write_text(
        "from fastnn._base import lazy\n__getattr__ = lazy.names('holder', {})[0]"
    )
    (tmp_path / "holder" / "part.py").write_text("import missing_altogether")
    monkeypatch.syspath_prepend(tmp_path)
    holder = importlib.import_module("holder")
    with pytest.raises(ModuleNotFoundError, match="missing_altogether"):
        holder.part  # noqa: B018
    assert not hasattr(holder, "other")


def test_threads_may_ask_at_once():
    for _ in range(2):
        command = [sys.executable, "-W", "error", "-c", AT_ONCE, *ASKED]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == [sorted(ASKED), []]


def test_layers_are_those_that_the_modules_have():
    for name, kind in layers.LAYERS.items():
        assert name == (kind.stored_as or kind.__name__)
    public = {kind for name in layers.__all__ if isinstance(kind := getattr(layers, name), type)}
    assert {kind for kind in public if issubclass(kind, layers.Layer)} - {layers.Layer} == {*layers.LAYERS.values()}


def test_tables_have_each_definition_under_its_name():
    assert all(record.name == name for name, record in metrics.METRICS.items())
    assert all(kind.__name__ == name for table in (metrics.CLASSES, schedules.SCHEDULES, initializers.CLASSES)
               for name, kind in table.items())  # fmt: skip
    assert all(kind.__name__.lower() == name for name, kind in optimizers.OPTIMIZERS.items())
    for module, table, base in (
        (metrics, metrics.CLASSES, metrics.Definition),
        (optimizers, optimizers.OPTIMIZERS, optimizers.Optimizer),
        (schedules, schedules.SCHEDULES, schedules.Schedule),
        (initializers, initializers.CLASSES, initializers.Initializer),
    ):
        public = {kind for name in module.__all__ if isinstance(kind := getattr(module, name), type)}
        assert {kind for kind in public if issubclass(kind, base)} - {base} == {*table.values()}


def test_operations_stand_under_their_numbers():
    assert [(op.code, op.name) for op in OPS.values()] == [*enumerate(KINDS)]


def test_a_table_makes_each_entry_once_and_when_it_is_asked_for():
    made: list[str] = []
    table = lazy.Table({name: lambda name=name: made.append(name) or name.upper() for name in ("a", "b")})
    assert ([*table], len(table), "a" in table, "c" in table, made) == (["a", "b"], 2, True, False, [])
    assert (table["b"], table["b"], table.get("c"), made) == ("B", "B", None, ["b"])
    assert ({**table}, made) == ({"a": "A", "b": "B"}, ["b", "a"])
    with pytest.raises(KeyError):
        table["c"]


def test_pickles_are_of_the_modules():
    layer = pickle.loads(pickle.dumps(layers.Conv2D(4, 3)))
    assert layer == layers.Conv2D(4, 3)
    assert pickle.loads(pickle.dumps(layers.Conv2D)) is layers.Conv2D
    assert (shape.Input, shape.InputLayer) == (layers.Input, layers.InputLayer)  # where older pickles find them


def test_copies_of_tables_have_all_entries():
    for table in (layers.LAYERS, metrics.METRICS, optimizers.OPTIMIZERS, initializers.INITIALIZERS):
        assert pickle.loads(pickle.dumps(table)) == dict(table)
        assert copy.deepcopy(table).keys() == table.keys()


@pytest.mark.parametrize("name", layers.__all__)
def test_hints_of_layers_can_be_asked_for(name):
    found = getattr(layers, name)
    if isinstance(found, type):
        typing.get_type_hints(found.__init__)
        typing.get_type_hints(found)
    elif callable(found):
        typing.get_type_hints(found)


@pytest.mark.parametrize("name", [name for name, kind in layers.LAYERS.items() if is_dataclass(kind)])
def test_types_of_all_fields_of_layers_are_checked(name):
    """A hint that cannot be resolved would switch the check off, for all fields of that layer."""
    kind = layers.LAYERS[name]
    assert {name for name, *_ in stored._wanted(kind)} == {field.name for field in fields(kind)}
