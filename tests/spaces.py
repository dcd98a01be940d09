"""What modules have by name, also what they load when it is asked for: the space in which reprs are evaluated."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def space(*modules: ModuleType) -> dict[str, Any]:
    """All names of these modules, without those that begin with an underscore."""
    return {name: getattr(module, name) for module in modules for name in dir(module) if name[0] != "_"}
