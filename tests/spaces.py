"""What modules have by name, also what they load when it is asked for: the space in which reprs are evaluated; and
which kinds of operations users' models have."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastnn._ops import KINDS

OF_PREDICTORS = {"dense_int8", "conv_int8", "dense_bf16"}  # of predictors alone, see test_int8.py and test_bf16.py
OF_POLICIES = {"round_bf16"}  # of mixed_bfloat16; exports of it compute in float32
OF_MODELS = set(KINDS) - OF_PREDICTORS - OF_POLICIES


def space(*modules: ModuleType) -> dict[str, Any]:
    """All names of these modules, without those that begin with an underscore."""
    return {name: getattr(module, name) for module in modules for name in dir(module) if name[0] != "_"}
