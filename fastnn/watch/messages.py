"""What the page is told of a fit: once what stays, then how far it has come."""

from __future__ import annotations

import collections
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.model import Sequential

WINDOW = 2.0  # seconds over which the speed is taken


def setup(model: Sequential, params: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """The layers, and how they are trained; ``params`` are those of a callback, ``settings`` words to put first."""
    layout = model.layout
    layers = []
    for index, layer in enumerate(layout.layers):
        count = sum(v.size for v in layout.variables if v.layer == index)
        activation = getattr(getattr(layer, "activation", None), "name", "")
        shape = _shape(layout.shapes[index + 1])
        layers.append([layer.name or type(layer).__name__, shape, f"{count:,}", activation])
    told = settings | {
        "input": _shape(layout.shapes[0]),
        "parameters": f"{model.count_params():,} in {model.dtype.name}",
        "loss": str(getattr(model.loss, "name", model.loss)),
        "optimizer": _optimizer(model.compiled_optimizer.config()),
        "learning rate": _value(model.compiled_optimizer.config()["learning_rate"]),
        "batch": f"{params['batch_size']:,} of {params['n_samples']:,} rows, {params['steps']:,} updates an epoch",
        "backend": str(model.backend_),
        "seed": str(model.seed),
    }
    return {"layers": layers, "settings": list(told.items())}


def _shape(shape: tuple[int, ...]) -> str:
    return " by ".join(map(str, shape))


def _optimizer(config: dict[str, Any]) -> str:
    others = {key: value for key, value in config.items() if key not in ("name", "learning_rate")}
    told = [f"{key} {_value(value)}" for key, value in others.items() if value is not None and value is not False]
    return f"{config['name']} ({', '.join(told)})" if told else str(config["name"])


def _value(value: Any) -> str:
    if isinstance(value, dict):  # a schedule
        told = [f"{key} {_value(v)}" for key, v in value.items() if key != "name" and v is not None]
        return f"{value['name']} ({', '.join(told)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


class Clock:
    """How far a fit has come, how fast it goes and how long it may take; ``params`` are those of a callback."""

    def __init__(self, params: dict[str, Any]):
        self.params, self.first = params, params["initial_epoch"]
        self.began = time.monotonic()
        self.ended: float | None = None
        self._seen = collections.deque([(self.began, 0)])

    def message(self, done: int, over: bool = False) -> dict[str, Any]:
        """Numbers for ``done`` updates: over the last seconds while the fit runs, over all when it is ``over``."""
        now, steps = self.ended or time.monotonic(), max(1, self.params["steps"])
        self.ended = now if over else None
        while len(self._seen) > 1 and now - self._seen[1][0] > WINDOW:
            self._seen.popleft()
        then, before = (self.began, 0) if over else self._seen[0]
        self._seen.append((now, done))
        speed = (done - before) / max(now - then, 1e-9)
        total = max(0, self.params["epochs"] - self.first) * steps
        return {
            "epoch": self.first + done // steps,
            "epochs": self.params["epochs"],
            "share": done / total if total else 1.0,
            "within": done % steps / steps,
            "seconds": round(now - self.began, 3),
            "left": round((total - done) / speed, 3) if speed and not over else None,
            "speed": round(speed / steps * self.params["n_samples"], 1),
        }
