"""What a model does with models inside it that wait for it, before and after its layers get their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.models.network import Network


def have_policy(whole: Network, models: Sequence[Any]) -> None:
    """Have those that have no weights yet take the dtype of the model around them."""
    for model in models:
        if model.waits:
            model.take_policy(whole)


def settle(whole: Network, models: Sequence[Any]) -> None:
    """Have those be built, the innermost first."""
    for model in reversed(models):
        if model.waits:
            model.settle_inside(whole)


def take_down(models: Sequence[Network]) -> None:
    """Have models that were built together be as before: none has the parameters of another one that is gone."""
    for model in models:
        model.take_down()
    for model in models:
        model.leave_empty_store()
