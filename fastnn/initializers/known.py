"""Initialisers by their names, and how what a user wrote becomes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastnn import initializers
from fastnn._base import lazy
from fastnn._base.arguments import lookup, shown
from fastnn.initializers.base import Initializer


def _made(kind: str, *arguments: object) -> Callable[[], Initializer]:
    """What makes an initialiser of a class."""
    return lambda: getattr(initializers, kind)(*arguments)


INITIALIZERS: Mapping[str, Initializer] = lazy.Table(
    {
        "zeros": _made("Zeros"),
        "ones": _made("Ones"),
        "constant": _made("Constant"),
        "identity": _made("Identity"),
        "random_uniform": _made("RandomUniform"),
        "random_normal": _made("RandomNormal"),
        "truncated_normal": _made("TruncatedNormal"),
        "orthogonal": _made("Orthogonal"),
        "variance_scaling": _made("VarianceScaling"),
        "glorot_uniform": _made("VarianceScaling", 1.0, "fan_avg", "uniform"),
        "glorot_normal": _made("VarianceScaling", 1.0, "fan_avg", "truncated_normal"),
        "he_uniform": _made("VarianceScaling", 2.0, "fan_in", "uniform"),
        "he_normal": _made("VarianceScaling", 2.0, "fan_in", "truncated_normal"),
        "lecun_uniform": _made("VarianceScaling", 1.0, "fan_in", "uniform"),
        "lecun_normal": _made("VarianceScaling", 1.0, "fan_in", "truncated_normal"),
    }
)
ALIASES = {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"}
_CLASSES = (
    *("Constant", "Zeros", "Ones", "Identity", "RandomUniform", "RandomNormal", "TruncatedNormal", "Orthogonal"),
    *("VarianceScaling", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
)
CLASSES: Mapping[str, type[Initializer]] = lazy.table(initializers.__name__, {name: name for name in _CLASSES})


def get(initializer: object) -> Initializer:
    """Turn what a user wrote (name, object, class, configuration) into an initialiser.

    Parameters
    ----------
    initializer : a name such as ``"he_normal"``, a class, an object, or a configuration.

    >>> from fastnn import initializers
    >>> initializers.get("glorot_uniform")
    VarianceScaling(mode='fan_avg', distribution='uniform')
    """
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, type) and initializer in CLASSES.values():
        found: Initializer = initializer()
        return found
    if isinstance(initializer, dict) and "class_name" in initializer:
        return lookup("initializer", initializer["class_name"], CLASSES)(**initializer.get("config", {}))
    if isinstance(initializer, dict):
        kind = type(lookup("initializer", initializer.get("name"), INITIALIZERS))
        return kind(**{k: v for k, v in initializer.items() if k != "name"})
    if isinstance(initializer, str):
        return lookup("initializer", initializer, INITIALIZERS, ALIASES)
    raise TypeError(f"an initializer must be a name or an object of fastnn.initializers, got {shown(initializer)}")
