"""The dispatcher: which backend runs a plan, and why another one does not.

Precedence: the argument of a model or call, the ``use_backend`` block, ``set_backend``, the variable
``FASTNN_BACKEND`` (read once for each plan: to ask the system takes 2 us), then "auto". A backend that was named and
cannot run raises ``BackendError``; "auto" takes the first of :data:`PREFERENCE` that is there and supports the plan.

Design: a backend is a module with the functions of ``contract.py`` and nothing registers itself;
modules are imported when first wanted, so ``import fastnn`` loads neither Numba nor the C code. What few
programs need (entry points, logging) is imported where it is used: it would be a third of fastnn's import time.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING

from fastnn._base import users_line
from fastnn._base.arguments import unknown_name
from fastnn.errors import BackendError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from fastnn._plan.plan import Plan

PREFERENCE = ("cython", "numba", "numpy")
MODULES = {
    "cython": "fastnn._kernels.native.native",
    "numba": "fastnn._kernels.numba.backend",
    "numpy": "fastnn._kernels.reference",
}
HOW_TO_GET = {
    "cython": "install fastnn-native anew where there is a C compiler; pip install -v shows what the compiler says",
    "numba": "install the extra fastnn-native[numba]",
}
ISAS = ("portable", "avx2", "avx512", "neon")
GROUP = "fastnn.backends"
NOTE = "native_missing.txt"  # that setup.py leaves when it could not build the native backend
SLOW = "fastnn: the native backend is missing, training is many times slower; fastnn info says why"

_loaded: dict[str, ModuleType | BackendError] = {}
_told: set[str] = set()
_default: str | None = None
_block: ContextVar[str | None] = ContextVar("fastnn_backend", default=None)


def check_name(name: object) -> str:
    """A backend's name, or ``ValueError`` with the names there are."""
    if not isinstance(name, str):
        raise TypeError(f"backend must be a name, got {name!r}")
    if name != "auto" and name not in MODULES and name not in third_party():
        raise unknown_name("backend", name, ("auto", *MODULES, *third_party()))
    return name


def third_party() -> dict[str, EntryPoint]:
    """Backends of other distributions by name; none is imported here."""
    from importlib.metadata import entry_points

    return {e.name: e for e in entry_points(group=GROUP)}


def set_backend(name: str) -> None:
    """Choose the backend of all models that name none; "auto" goes back to choosing.

    Parameters
    ----------
    name : name of a backend, or ``"auto"``.
    """
    global _default
    _default = check_name(name)


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Choose the backend inside a ``with`` block (of this thread or task alone).

    Parameters
    ----------
    name : name of a backend, or ``"auto"``.

    >>> import fastnn
    >>> with fastnn.use_backend("numpy"):
    ...     fastnn.get_backend()
    'numpy'
    """
    token = _block.set(check_name(name))
    try:
        yield
    finally:
        _block.reset(token)


def asked(argument: str | None = None) -> str:
    """The name in force: argument, block, default, environment, "auto"."""
    for name in (argument, _block.get(), _default):
        if name is not None:
            return check_name(name)
    name = os.environ.get("FASTNN_BACKEND") or "auto"
    try:
        return check_name(name)
    except ValueError as error:
        raise ValueError(f"FASTNN_BACKEND: {error}") from None


def load(name: str) -> ModuleType:
    """Import a backend once; ``BackendError`` with the reason when it is not there."""
    if name not in _loaded:
        _loaded[name] = _import(name)
    found = _loaded[name]
    if isinstance(found, BackendError):
        raise found
    return found


def why_not(name: str) -> str | None:
    """None when a backend can be loaded, else the reason."""
    try:
        load(name)
    except BackendError as error:
        return str(error)
    return None


def available_backends() -> list[str]:
    """Backends that can run here, in order of preference."""
    return [name for name in PREFERENCE if why_not(name) is None]


def select(plan: Plan, argument: str | None = None) -> tuple[str, ModuleType]:
    """The backend that runs ``plan``: its name and module.

    Raises
    ------
    BackendError
        a backend was named and is missing or does not support the plan.
    """
    told = argument if argument is not None else _block.get() or _default
    # To choose takes as long as a small prediction.
    found = plan.chosen.get(told) if told is None or type(told) is str else None
    if found is None or _loaded.get(found[0]) is not found[1]:
        found = plan.chosen[told] = _select(plan, asked(argument))
    return found


def _select(plan: Plan, name: str) -> tuple[str, ModuleType]:
    if name != "auto":
        module = load(name)
        reason = _fault(name, plan)
        if reason:
            raise BackendError(f"backend {name!r} cannot run this model: {reason}")
        return name, module
    for candidate in PREFERENCE:
        reason = why_not(candidate) or _fault(candidate, plan)
        if reason is None:
            return candidate, load(candidate)
        if reason not in _told:
            _told.add(reason)
            _log("backend %r is passed over: %s", candidate, reason)
            if candidate == "cython" and why_not(candidate):
                users_line.warn(SLOW)
    raise BackendError("no backend supports this model")


def _fault(name: str, plan: Plan) -> str | None:
    """What ``supports`` says; a backend is asked once for each plan."""
    if name not in plan.faults:
        plan.faults[name] = load(name).supports(plan)
    return plan.faults[name]


def _log(message: str, *arguments: object) -> None:
    from logging import getLogger

    getLogger("fastnn").info(message, *arguments)


def get_backend() -> str:
    """Name of the backend that a model without one of its own would use now."""
    name = asked()
    return name if name != "auto" else available_backends()[0]


def wanted_isa() -> str:
    """The instruction set that ``FASTNN_ISA`` asks for, "" for the best."""
    isa = os.environ.get("FASTNN_ISA", "")
    if isa and isa not in ISAS:
        raise ValueError(f"FASTNN_ISA: {unknown_name('instruction set', isa, ISAS)}")
    return isa


def rounding(name: str) -> str:
    """How a backend rounds: of the native one, all instruction sets but ``portable`` have the same bits.

    Parameters
    ----------
    name : of a backend that is there.
    """
    if name != "cython":
        return name
    return "portable" if load("cython").isa() == "portable" else "fused"


def _complete(module: ModuleType) -> ModuleType:
    from fastnn._kernels.contract import FUNCTIONS

    lacking = [name for name in FUNCTIONS if not hasattr(module, name)]
    if lacking:
        raise ImportError(f"it lacks {', '.join(lacking)}")
    return module


def _not_built(name: str) -> str | None:
    """Why the build left no native backend, when it did."""
    if name != "cython":
        return None
    try:
        with open(os.path.join(os.path.dirname(__file__), "native", NOTE), encoding="utf-8", errors="replace") as file:
            return f"it could not be built: {' '.join(file.read(2000).split())}"
    except OSError:
        return None


def _import(name: str) -> ModuleType | BackendError:
    isa = wanted_isa() if name == "cython" else ""
    try:
        module = importlib.import_module(MODULES[name]) if name in MODULES else _complete(third_party()[name].load())
    except Exception as error:  # a broken installation of another package must not stop "auto"
        hint = f"; {HOW_TO_GET[name]}" if name in HOW_TO_GET else ""
        return BackendError(f"backend {name!r} is missing ({_not_built(name) or error}){hint}")
    if name == "cython":
        try:
            module.use_isa(isa)
        except ValueError as error:
            raise ValueError(f"FASTNN_ISA: {error}") from None
    return module
