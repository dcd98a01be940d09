"""A model that several ranks train together: that all have the same one, and begin with the same bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastnn import _kernels
from fastnn._base.arguments import shown
from fastnn._engine import bookmark
from fastnn._engine.distribution import Distribution
from fastnn._engine.prepare import Arguments
from fastnn._version import __version__
from fastnn.models.checkpoints import described_optimizer
from fastnn.models.description import describe
from fastnn.models.resuming import comparable
from fastnn.models.texts import as_text_has

ROUNDING = "the rounding of kernels (FASTNN_ISA=portable everywhere makes it one)"
HOW = {"fused": "fused multiply-add", "portable": "that of portable kernels"}

if TYPE_CHECKING:
    from types import ModuleType

    from fastnn._engine.fit import Fit
    from fastnn.models.fitting import Fitting


class Distributed(Protocol):
    """What ``fit`` takes, which is a :class:`fastnn.distributed.DataParallel`."""

    @property
    def distribution(self) -> Distribution: ...


def checked(distribution: Distributed) -> Distribution:
    """What ``fit`` was given; ``TypeError`` for something else."""
    found = getattr(distribution, "distribution", None)
    if not isinstance(found, Distribution):
        raise TypeError(f"distribution must be a fastnn.distributed.DataParallel or None, got {shown(distribution)}")
    return found


def begin(model: Fitting, distribution: Distribution, arguments: Arguments, batch_size: int) -> Arguments:
    """Have the seed, weights, optimiser's state and counters of the first rank, and its time limit.

    Raises
    ------
    ValueError
        ranks differ in something; the message names it.
    """
    distribution.fits += 1
    if distribution.comm.size == 1:
        return arguments
    state, optimizer = model.state, model.compiled_optimizer
    marked = arguments.marked
    distribution.check_same(
        {
            "the version of fastnn": __version__,
            "shards": distribution.shards,
            "dtype": model.dtype_policy,
            "the layers": comparable(as_text_has(describe(model, 2))["items"]),
            "the optimizer": described_optimizer(model),
            "the place to go on from": None if marked is None else sorted(marked["run"].items()),
            "batch_size": batch_size,
            "epochs": (arguments.initial_epoch, arguments.epochs),
            "steps_per_epoch": arguments.pace.steps_per_epoch,
            "time_limit": "none" if arguments.time_limit is None else "some",
            "checkpoint_every": arguments.saving and arguments.saving.every,
            "callbacks": [type(callback).__name__ for callback in arguments.callbacks],
        }
    )
    counters = int(state.epoch), int(state.step), int(state.calls)
    limit = None if arguments.time_limit is None else float(arguments.time_limit)
    told = distribution.told_by_first(int(model.seed), state.slots is not None, limit, *counters)
    seed, has_slots, limit, state.epoch, state.step, state.calls = told
    if seed != model.seed:
        model.seed = seed
    distribution.of_first(state.params)
    if has_slots:
        if state.slots is None:
            state.slots = np.zeros((optimizer.n_slots, len(state.params)), state.params.dtype)
        for slot in state.slots:
            distribution.of_first(slot)
    else:
        state.slots = None
    return replace(arguments, time_limit=limit)


def check(distribution: Distribution, fit: Fit) -> None:
    """Raise ``ValueError`` where ranks have other data, or another backend."""
    if distribution.comm.size == 1:  # a look at all data would be for nothing
        return
    told = {"the backend": fit.trainer.backend.__name__.rpartition(".")[2], **bookmark.what_trains(fit)}
    told |= {ROUNDING: HOW[_kernels.rounding("cython")]} if fit.trainer.backend is _native() else {}
    distribution.check_same(told | {"validation": fit.validate is not None})


def _native() -> ModuleType | None:
    """The native backend, None where it is not there."""
    return None if _kernels.why_not("cython") else _kernels.load("cython")
