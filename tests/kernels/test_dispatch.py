"""Which backend runs: every rule of precedence, what is said when one is missing, and what import loads."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import sys
import threading
import types
import unittest

import numpy as np
import pytest
from models import model_of, regression

import fastnn
from fastnn import BackendError, Sequential, _kernels
from fastnn._kernels import contract, reference
from fastnn.layers import Dense


def backend(**changes) -> types.ModuleType:
    """A backend that works, as the reference does, with some functions replaced."""
    module = types.ModuleType("imitation")
    module.__dict__.update({name: getattr(reference, name) for name in contract.FUNCTIONS} | changes)
    return module


@pytest.fixture(autouse=True)
def own_dispatcher(monkeypatch):
    """Three backends that all are the reference, and no choice made anywhere."""
    monkeypatch.setattr(_kernels, "_loaded", {name: backend() for name in _kernels.PREFERENCE})
    monkeypatch.setattr(_kernels, "_told", set())
    monkeypatch.setattr(_kernels, "_default", None)
    for name in ("FASTNN_BACKEND", "FASTNN_ISA", "FASTNN_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def lose(monkeypatch, name, reason="no such thing"):
    monkeypatch.setitem(_kernels._loaded, name, BackendError(f"backend {name!r} is missing ({reason})"))


def ran(model=None, **arguments) -> str:
    """The backend a prediction ran on."""
    model = model or Sequential([Dense(2, input_shape=(3,))], seed=1)
    model.predict(np.zeros((1, 3)), **arguments)
    return model.backend_


# -- precedence -------------------------------------------------------------------------------------


def test_each_choice_stands_above_the_next(monkeypatch):
    assert ran() == fastnn.get_backend() == "cython"
    monkeypatch.setenv("FASTNN_BACKEND", "numba")
    assert ran() == fastnn.get_backend() == "numba"
    fastnn.set_backend("numpy")
    assert ran() == fastnn.get_backend() == "numpy"
    with fastnn.use_backend("cython"):
        assert ran() == fastnn.get_backend() == "cython"
        named = Sequential([Dense(2, input_shape=(3,))], seed=1, backend="numpy")
        assert ran(named) == "numpy"
        assert ran(named, backend="numba") == "numba"
    assert ran() == fastnn.get_backend() == "numpy"
    fastnn.set_backend("auto")
    assert ran() == "cython"


def test_auto_as_an_argument_chooses_by_itself():
    fastnn.set_backend("numpy")
    with fastnn.use_backend("numba"):
        assert ran(backend="auto") == "cython"
    with fastnn.use_backend("auto"):
        assert ran() == "cython"


def test_every_method_takes_the_choice(rng):
    x, y = regression(rng)
    model = model_of(name=None)
    for call in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.evaluate(x, y),
        lambda: model.predict(x),
        lambda: model.train_on_batch(x, y),
        lambda: model.test_on_batch(x, y),
        lambda: model.predict_on_batch(x),
    ):
        for name in ("numba", "numpy"):
            with fastnn.use_backend(name):
                call()
            assert model.backend_ == name
    model.fit(x, y, validation_split=0.2, backend="numba", verbose=0)
    assert model.backend_ == "numba"
    with fastnn.use_backend("numba"):
        assert model.predictor().name == "numba"


def test_blocks_nest_and_end_with_an_error():
    with fastnn.use_backend("numba"):
        with contextlib.suppress(KeyError), fastnn.use_backend("numpy"):
            assert fastnn.get_backend() == "numpy"
            raise KeyError
        assert fastnn.get_backend() == "numba"
        with pytest.raises(ValueError, match="backend"), fastnn.use_backend("numbaa"):
            pass
        assert fastnn.get_backend() == "numba"
    assert fastnn.get_backend() == "cython"


def test_a_block_is_of_its_thread_and_the_default_is_of_all():
    seen = {}

    def look(key):
        seen[key] = fastnn.get_backend()

    with fastnn.use_backend("numba"):
        thread = threading.Thread(target=look, args=("in a block",))
        thread.start()
        thread.join()
    fastnn.set_backend("numpy")
    thread = threading.Thread(target=look, args=("with a default",))
    thread.start()
    thread.join()
    inherits = getattr(sys.flags, "thread_inherit_context", 0)  # of a free-threaded Python
    assert seen == {"in a block": "numba" if inherits else "cython", "with a default": "numpy"}


# -- missing and unfit ------------------------------------------------------------------------------


def test_a_named_backend_that_is_missing_is_an_error_with_the_reason(monkeypatch):
    lose(monkeypatch, "numba", "the disk was stolen")
    model = Sequential([Dense(2, input_shape=(3,))], seed=1, backend="numba")
    with pytest.raises(BackendError, match=r"'numba' is missing .the disk was stolen"):
        ran(model)
    with pytest.raises(BackendError, match="stolen"):
        ran(backend="numba")
    fastnn.set_backend("numba")
    with pytest.raises(BackendError, match="stolen"):
        ran()
    assert ran(backend="auto") == "cython"
    assert fastnn.available_backends() == ["cython", "numpy"]


@pytest.mark.parametrize(
    "error", [ImportError("no module x"), OSError("bad ELF header"), RuntimeError("half installed")]
)
def test_whatever_stops_the_import_is_the_reason(monkeypatch, error):
    def fail(module):
        raise error

    monkeypatch.delitem(_kernels._loaded, "numba")
    monkeypatch.setattr(_kernels.importlib, "import_module", fail)
    assert ran() == "cython"
    assert str(error) in _kernels.why_not("numba")
    with pytest.raises(BackendError, match=str(error)):
        ran(backend="numba")
    assert "numba" not in fastnn.available_backends()


def test_a_missing_backend_comes_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(_kernels, "_loaded", {})
    monkeypatch.setattr(_kernels, "MODULES", dict.fromkeys(_kernels.MODULES, "fastnn._kernels.nowhere"))
    assert "fastnn-native[numba]" in _kernels.why_not("numba")
    assert "C compiler" in _kernels.why_not("cython")


def test_auto_passes_over_whole_backends_and_says_so_once(monkeypatch):
    lose(monkeypatch, "cython", "not compiled")
    monkeypatch.setitem(_kernels._loaded, "numba", backend(supports=lambda plan: "there is a Dense layer"))
    logs = unittest.TestCase().assertLogs("fastnn", logging.INFO)
    with logs as caught, pytest.warns(UserWarning, match="fastnn info says why"):
        assert [ran() for _ in range(3)] == ["numpy"] * 3
    told = [record.getMessage() for record in caught.records]
    assert len(told) == 2
    assert "not compiled" in told[0]
    assert "there is a Dense layer" in told[1]
    assert fastnn.get_backend() == "numba"  # for models it supports


def test_a_named_backend_that_does_not_support_the_model_is_an_error_and_changes_nothing(monkeypatch, rng):
    monkeypatch.setitem(_kernels._loaded, "numba", backend(supports=lambda plan: "there is a Dense layer"))
    x, y = regression(rng)
    model = model_of(name=None)
    before = model.params.tobytes()
    for call in (model.fit, model.evaluate):
        with pytest.raises(BackendError, match="'numba' cannot run this model: there is a Dense layer"):
            call(x, y, backend="numba")
    assert (model.params.tobytes(), model.step, model.slots, model.backend_) == (before, 0, None, None)


def test_no_backend_at_all(monkeypatch):
    for name in _kernels.PREFERENCE:
        lose(monkeypatch, name)
    with pytest.raises(BackendError, match="no backend"), pytest.warns(UserWarning, match="native backend is missing"):
        ran()


def test_who_has_no_native_backend_hears_of_it_once_and_in_his_own_line(monkeypatch):
    lose(monkeypatch, "cython", "not compiled")
    with pytest.warns(UserWarning, match="missing") as told:
        assert [ran() for _ in range(3)] == ["numba"] * 3
    assert [str(warning.message) for warning in told] == [
        "fastnn: the native backend is missing, training is many times slower; fastnn info says why"
    ]
    assert told[0].filename == __file__


def test_who_chose_a_backend_or_only_asks_hears_nothing(monkeypatch):
    lose(monkeypatch, "cython", "not compiled")
    assert ran(backend="numba") == "numba"
    fastnn.set_backend("numpy")
    assert ran() == "numpy"
    monkeypatch.setattr(_kernels, "_default", None)
    monkeypatch.setenv("FASTNN_BACKEND", "numba")
    assert ran() == "numba"
    monkeypatch.delenv("FASTNN_BACKEND")
    assert (fastnn.get_backend(), fastnn.available_backends()) == ("numba", ["numba", "numpy"])


def test_why_the_native_backend_was_not_built_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_kernels, "_loaded", {})
    monkeypatch.setattr(_kernels, "MODULES", _kernels.MODULES | {"cython": "fastnn._kernels.nowhere"})
    assert "No module named 'fastnn._kernels.nowhere'" in _kernels.why_not("cython")
    monkeypatch.setattr(_kernels, "_loaded", {})
    monkeypatch.setattr(_kernels, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / _kernels.NOTE).write_text("CompileError: command 'cc'\nfailed")
    fastnn.show_config()
    assert "it could not be built: CompileError: command 'cc' failed); install" in capsys.readouterr().out


# -- wrong names ------------------------------------------------------------------------------------


def test_an_unknown_name_lists_the_right_ones():
    for call in (fastnn.set_backend, lambda name: fastnn.use_backend(name).__enter__(), lambda name: ran(backend=name)):
        with pytest.raises(
            ValueError, match=r"unknown backend 'nunba'.*did you mean 'numba'.*auto, cython, numba, numpy"
        ):
            call("nunba")
        with pytest.raises(TypeError, match="backend must be a name, got 3"):
            call(3)


# -- third parties ----------------------------------------------------------------------------------


class EntryPoint:
    """As much of an entry point as the dispatcher may use; loading is counted."""

    def __init__(self, name, module=None, error=None):
        self.name, self.module, self.error, self.loads = name, module, error, 0

    def load(self):
        self.loads += 1
        if self.error:
            raise self.error
        return self.module


@pytest.fixture
def other(monkeypatch):
    """Entry points of other packages, by hand."""
    points = [EntryPoint("other", backend()), EntryPoint("broken", error=ImportError("needs a moon"))]
    points += [
        EntryPoint("wrong", error=AttributeError("module has no attribute")),
        EntryPoint("half", types.ModuleType("h")),
    ]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda *, group: points if group == "fastnn.backends" else []
    )
    return {point.name: point for point in points}


def test_a_third_party_is_loaded_when_named_and_once(other):
    assert ran() == "cython"
    assert fastnn.available_backends() == ["cython", "numba", "numpy"]
    assert [point.loads for point in other.values()] == [0, 0, 0, 0]
    for _ in range(2):
        assert ran(backend="other") == "other"
    with fastnn.use_backend("other"):
        assert ran() == "other"
    assert other["other"].loads == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("broken", "needs a moon"), ("wrong", "no attribute"), ("half", "supports")]
)
def test_a_third_party_that_does_not_load_is_an_error_with_the_reason(other, name, reason):
    with pytest.raises(BackendError, match=f"'{name}'.*{reason}"):
        ran(backend=name)


def test_third_parties_are_in_the_list_of_names(other, capsys):
    with pytest.raises(ValueError, match="auto, broken, cython, half, numba, numpy, other, wrong"):
        ran(backend="x")
    _kernels._loaded["cython"] = BackendError("backend 'cython' is missing (test)")
    fastnn.show_config()
    assert "other   of another package, loaded when named" in capsys.readouterr().out
    assert other["other"].loads == 0


# -- configuration ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("isa", "told"), [("avx512", "avx512_bf16, avx512_vnni"), ("avx2", "avx_vnni"), ("neon", None)]
)
def test_show_config_names_the_instructions_that_the_set_in_use_takes(monkeypatch, capsys, isa, told):
    native = pytest.importorskip("fastnn._kernels.native.native")
    monkeypatch.setitem(_kernels._loaded, "cython", native)
    monkeypatch.setattr(native, "isa", lambda: isa)
    monkeypatch.setattr(native, "extras", lambda: list(native.EXTRAS))
    fastnn.show_config()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  with ")]
    assert lines == ([] if told is None else [f"  with {told}"])


def test_show_config_says_what_there_is_and_why_not(monkeypatch, capsys):
    lose(monkeypatch, "cython", "not compiled")
    lose(monkeypatch, "numba", "not installed")
    fastnn.show_config()
    out = capsys.readouterr().out
    for part in (
        fastnn.__version__,
        np.__version__,
        "in use: numpy",
        "not compiled",
        "not installed",
        "available",
        "threads",
    ):
        assert part in out
