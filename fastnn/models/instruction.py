"""How a model is trained, as files and configurations hold it: optimiser, losses, metrics; and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastnn import metrics as metric_definitions
from fastnn._base import users_line
from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn._base.types import Config, Stored
from fastnn.models.texts import as_text_has

if TYPE_CHECKING:
    from fastnn.metrics.base import Metric
    from fastnn.models.fitting import Fitting
    from fastnn.models.model import Model


def described_training(model: Fitting) -> dict[str, object] | None:
    """How a compiled model is trained, as JSON can hold it; of several outputs, lists with an entry for each."""
    if model.optimizer is None:
        return None
    described = {
        "optimizer": model.optimizer.config(),
        "loss": _each(model.loss),
        "metrics": _each(model.metrics),
        "weighted_metrics": _each(model.weighted_metrics),
    }
    if model.loss_weights is not None:
        described["loss_weights"] = model.loss_weights
    if model.dropout_schedule is not None:
        described["dropout_schedule"] = model.dropout_schedule.config()
    return described


def _each(came: Stored) -> object:
    """Configurations of definitions in lists, and in lists of them."""
    if isinstance(came, list):
        return [_each(inner) for inner in came]
    return None if came is None else came.config()


def train_as(model: Model, stored: Stored, custom: Mapping[str, object]) -> None:
    """Compile a model as it is stored; not where a loss or schedule of the user's own is not given again."""
    optimizer, schedule = stored["optimizer"], own_schedule(stored["optimizer"])
    if schedule:
        if schedule not in custom:
            return
        optimizer = optimizer | {"learning_rate": custom[schedule]}
    several, loss = isinstance(stored["loss"], list), stored["loss"]
    losses = loss if several else [loss]
    if any(name not in custom for name in map(_own, losses) if name is not None):
        return
    losses = [one if (name := _own(one)) is None else custom[name] for one in losses]
    model.compile(
        optimizer=optimizer,
        loss=losses if several else losses[0],
        metrics=_metrics("metrics", stored, custom, several),
        weighted_metrics=_metrics("weighted_metrics", stored, custom, several),
        loss_weights=stored.get("loss_weights"),
        dropout_schedule=stored.get("dropout_schedule"),
    )


def as_stored(made: dict[str, object] | None, stored: dict[str, object]) -> Config:
    """How a model was made to train, in the words of the file where parts are the user's own, or missing for that."""
    losses = stored["loss"] if isinstance(stored["loss"], list) else [stored["loss"]]
    made = dict(stored) if made is None else dict(made)
    if any(map(_own, losses)):  # under the name that it has now
        made["loss"] = stored["loss"]
    if own_schedule(stored["optimizer"]):
        made["optimizer"] = stored["optimizer"]
    for name in ("metrics", "weighted_metrics"):
        made[name] = _meant(stored[name])
    return made


def _own(loss: object) -> str | None:
    """The name of a loss of the user's own, None for all others."""
    return loss.get("custom") if isinstance(loss, dict) else None


def own_schedule(optimizer: object) -> str | None:
    """The name of a user's own schedule that a stored optimiser follows, else None."""
    rate = optimizer.get("learning_rate") if isinstance(optimizer, dict) else None
    return rate.get("custom") if isinstance(rate, dict) else None


def _metrics(
    name: str, stored: dict[str, object], custom: Mapping[str, object], several: bool
) -> list[Metric] | list[list[Metric]]:
    """The metrics of a file; of the user's own only those that are given again."""
    entries = listed(name, stored[name], "metrics")
    if not several:
        return _known(name, entries, custom)
    return [_known(name, entry, custom) for entry in entries]


def _known(name: str, stored: Stored, custom: Mapping[str, object]) -> list[Metric]:
    found = []
    for config in listed(name, stored, "metrics"):
        if not isinstance(config, dict):
            raise TypeError(f"a metric must be an object, got {shown(config)}")
        own = config.get("custom")
        if own is None or own in custom:
            found.append(metric_definitions.get(config, custom))
            continue
        if not isinstance(own, str):
            raise TypeError(f"a metric of a user's own must have a name, got {shown(own)}")
        users_line.warn(
            f"the model was saved with a metric of your own, {shown(own)}, and goes on without it; "
            f"custom_objects={{{shown(own)}: ...}} of the same call keeps it"
        )
    return found


def _meant(stored: Stored) -> object:
    """Configurations of the metrics that configurations make, as a file would have them."""
    if isinstance(stored, list):
        return [_meant(inner) for inner in stored]
    return as_text_has(metric_definitions.get(stored).config()) if "class" in stored else stored


def train_alike(model: Model, other: Model) -> None:
    """Compile a model as another one is, if it is, with an optimiser of its own."""
    if other.optimizer is None:
        return
    model.compile(
        optimizer=other.optimizer,
        loss=other.loss,
        metrics=other.metrics,
        weighted_metrics=other.weighted_metrics,
        loss_weights=other.loss_weights,
        dropout_schedule=other.dropout_schedule,
    )
