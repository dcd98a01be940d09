"""Which policies go together: a model's ``dtype``, its layers' and those of models inside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arrays import MIXED, policy_of

if TYPE_CHECKING:
    from fastnn._base.types import Config, Policy
    from fastnn.layers.base import Layer
    from fastnn.models.network import Network


def check_layer(policy: Policy, dtype: np.dtype, layer: Layer) -> None:
    """``ValueError`` for a layer that was given another dtype than the model's ``dtype``, or has weights of another.

    In ``mixed_bfloat16`` one of float32 rounds nothing.
    """
    if layer.dtype is not None and not layer.states_input:
        own = policy_of(layer.dtype)
        if own != policy and (policy, own) != (MIXED, "float32"):
            raise ValueError(f"{layer!r} was given dtype={layer.dtype!r}; the model has {policy}, give it dtype=")
    had = None if layer.place is None else layer.place.holder.params.dtype
    if had is not None and had != dtype:
        raise ValueError(
            f"{layer!r} has weights of {had}, and the model has {dtype}; give it dtype={had.name!r}, or "
            "copy.copy(layer), which has none"
        )


def check_models(policy: Policy, inner: Iterable[Network]) -> None:
    """``ValueError`` for a model inside that would compute otherwise than by itself."""
    for item in inner:
        if item.dtype_policy != policy:
            raise ValueError(f"{item!r} has the dtype {item.dtype_policy}, and the model that it is put into {policy}")


def stored(policy: Policy) -> str | Config:
    """A policy as ``get_config`` gives it: the name of a dtype, or Keras 3's record of a policy."""
    if policy != MIXED:
        return policy
    told = {"class_name": "DTypePolicy", "config": {"name": policy}, "registered_name": None}
    return {"module": "keras", **told}
