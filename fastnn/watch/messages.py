"""What the page is told of a fit: once what stays, then how far it has come."""

from __future__ import annotations

import collections
import re
import time
from typing import TYPE_CHECKING

from fastnn.models.summary import kind_of

if TYPE_CHECKING:
    from fastnn._base.types import Config
    from fastnn.models.model import Model

WINDOW = 2.0  # seconds over which the speed is taken


def setup(model: Model, params: Config, settings: dict[str, str]) -> dict[str, object]:
    """The layers, and how they are trained; ``params`` are those of a callback, ``settings`` words to put first."""
    layers = []
    for item in model.layers:
        activation = getattr(getattr(item, "activation", None), "name", "")
        shapes = ", ".join(_shape(edge.sizes) for edge in model.graph.edges_of(item))
        layers.append([item.given_name or kind_of(item), shapes, f"{item.count_params():,}", activation])
    told = settings | {
        "input": ", ".join(map(_shape, model.layout.input_shapes)),
        "parameters": f"{model.count_params():,} in {model.dtype.name}",
        "loss": ", ".join(_words(loss.name) for loss in model.losses if loss is not None),
        "optimizer": _optimizer(model.compiled_optimizer.config()),
        "learning rate": _rate(model.compiled_optimizer.config()["learning_rate"]),
        "batch": _batches(params),
        "backend": str(model.backend_),
        "seed": str(model.seed),
    }
    return {"layers": layers, "settings": list(told.items())}


def _batches(params: dict[str, object]) -> str:
    """Rows and updates; of a fit on batches that come as they are nobody may know either."""
    rows = f"{params['batch_size']:,} of {params['n_samples']:,} rows" if params["n_samples"] else "as they come"
    return f"{rows}, {params['steps']:,} updates an epoch" if params["steps"] else rows


def _shape(shape: tuple[int, ...]) -> str:
    return " by ".join(map(str, shape))


def _optimizer(config: dict[str, object]) -> str:
    others = {key: value for key, value in config.items() if key not in ("name", "learning_rate")}
    told = [
        f"{_words(key)} {_told(value)}" for key, value in others.items() if value is not None and value is not False
    ]
    return f"{config['name']} ({', '.join(told)})" if told else str(config["name"])


def _told(value: object) -> str:
    """An argument: a number, a schedule, or factors by name."""
    if isinstance(value, dict) and not isinstance(value.get("name"), str):
        return ", ".join(f"{name} {factor:g}" for name, factor in value.items())
    return _rate(value)


def _rate(stored: object) -> str:
    """A learning rate, or how it changes."""
    if not isinstance(stored, dict):
        return _value(stored)
    if stored["name"] == "CosineDecay" and stored["warmup_target"] is None:
        first, last = stored["initial_learning_rate"], stored["initial_learning_rate"] * stored["alpha"]
        return f"{first:g}, falling along a cosine to {last:g} over {stored['decay_steps']:,} updates"
    name = _words(re.sub("(?<=[a-z])(?=[A-Z])", "_", stored["name"]).lower())
    told = [f"{_words(key)} {_value(value)}" for key, value in stored.items() if key != "name" and value is not None]
    return f"{name} ({', '.join(told)})"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


class Clock:
    """How far a fit has come, how fast it goes and how long it may take; ``params`` are those of a callback.

    Of a fit that is ``open_ended`` nobody knows how long it takes: None stands for what follows from its last epoch.
    """

    def __init__(self, params: Config, open_ended: bool = False):
        self.open_ended = open_ended
        self.params, self.first = params, params["initial_epoch"]
        self.began = time.monotonic()
        self.ended: float | None = None
        self._seen = collections.deque([(self.began, 0)])

    @property
    def steps(self) -> int:
        """Updates of an epoch; 0 as long as nobody knows."""
        return self.params["steps"] or 0

    def message(self, done: int, over: bool = False) -> dict[str, object]:
        """Numbers for ``done`` updates: over the last seconds while the fit runs, over all when it is ``over``."""
        now, steps = self.ended or time.monotonic(), self.params["steps"] or done + 1
        is_open = self.open_ended or not self.params["steps"]
        n_rows = self.params["n_samples"] or steps * self.params["batch_size"]
        self.ended = now if over else None
        while len(self._seen) > 1 and now - self._seen[1][0] > WINDOW:
            self._seen.popleft()
        then, before = (self.began, 0) if over else self._seen[0]
        self._seen.append((now, done))
        speed = (done - before) / max(now - then, 1e-9)
        total = max(0, self.params["epochs"] - self.first) * steps
        return {
            "epoch": self.first + done // steps,
            "epochs": None if self.open_ended else self.params["epochs"],
            "share": None if is_open else done / total if total else 1.0,
            "within": done % steps / steps,
            "seconds": round(now - self.began, 3),
            "left": round((total - done) / speed, 3) if speed and not over and not is_open else None,
            "speed": round(speed / steps * n_rows, 1),
        }
