"""The fits of ``fastnn train``: one for each weight decay of the recipe, of which the best is kept."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import fastnn
from fastnn._base.types import Config, DataLike
from fastnn.callbacks import Callback
from fastnn.cli.recipe import Recipe
from fastnn.tables.scores import LEAST

LEAST_GAIN, LEAST_FALL = 1e-3, 1e-4  # share of the loss, and nats of a log loss, that count as better for the waiting
FALL = 0.3  # of the rate, times


class Plateaus(Callback):
    """Keep the epoch of the lowest validation loss; end where that has stopped falling.

    After ``patience`` epochs without a clearly lower loss the weights go back to the best ones and the learning rate
    falls; after ``falls`` of these the next such wait ends the fit. No wait ends before the epoch ``least``. A log loss
    must fall by some nats: where all rows are right it falls towards 0 for ever by being surer of them.
    """

    open_ended = True
    remembers = ("best", "best_epoch", "reference", "wait", "fallen", "weights")

    def __init__(self, patience: int, least: int = 0, falls: int = 0):
        self.patience, self.least, self.falls = patience, least, falls
        self.best, self.best_epoch = float("inf"), -1
        self.reference, self.wait, self.fallen = float("inf"), 0, 0
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {})["val_loss"]
        if loss < self.best:
            self.best, self.best_epoch, self.weights = loss, epoch, self.model.get_weights()
        self.wait += 1
        nats = LEAST_FALL if "accuracy" in (logs or {}) else 0.0
        if loss < self.reference - max(LEAST_GAIN * abs(self.reference), nats) or self.reference == np.inf:
            self.reference, self.wait = loss, 0
        if self.wait >= self.patience and epoch + 1 >= self.least:
            self._end_wait()

    def _end_wait(self) -> None:
        if self.fallen >= self.falls:
            self.model.stop_training = True
            return
        self.fallen, self.wait = self.fallen + 1, 0
        if self.weights:
            self.model.set_weights(self.weights)
        self.model.optimizer.learning_rate *= FALL

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.restore()

    def restore(self) -> None:
        """Give the model the weights of the best epoch, if there is one."""
        if self.weights:
            self.model.set_weights(self.weights)
            self.model.history.kept_epoch = self.best_epoch


@dataclass
class Trained:
    """A model as it was trained; ``kept`` is the epoch (from 0) whose weights it has, ``loss`` its validation loss."""

    model: fastnn.Model
    decay: float | None
    kept: int
    loss: float
    row_losses: np.ndarray
    interrupted: bool = False


@dataclass
class Rows:
    """What ``fit`` takes: rows, targets, weights, and held-out rows."""

    x: DataLike  # a stream where y is None
    y: np.ndarray | None
    weights: np.ndarray | None
    validation: tuple[DataLike, ...] | None


def fit_all(
    build: Callable[[float | None], fastnn.Model],
    recipe: Recipe,
    rows: Rows,
    arguments: argparse.Namespace,
    watch: Callback | None,
) -> list[Trained]:
    """Train a model for each weight decay; the chosen one first. Ctrl-C ends all, and leaves what there is by then."""
    deadline = None if arguments.time_limit is None else time.monotonic() + arguments.time_limit
    trained: list[Trained] = []
    for index, decay in enumerate(recipe.decays):
        left = None
        if deadline is not None:
            left = max(1e-3, deadline - time.monotonic()) / (len(recipe.decays) - index)
        trained.append(_fit(build(decay), decay, recipe, rows, left, watch, checkpoint_of(arguments, index)))
        if trained[-1].interrupted:
            break
    chosen = choose(trained)
    return [chosen, *(each for each in trained if each is not chosen)]


def checkpoint_of(arguments: argparse.Namespace, index: int = 0) -> dict[str, object]:
    """What ``fit`` is told of checkpoints; each of several fits has a file of its own, ``run.2.safetensors``."""
    if arguments.checkpoint is None:
        return {}
    stem, ending = os.path.splitext(arguments.checkpoint)
    path = f"{stem}.{index + 1}{ending}" if index else arguments.checkpoint
    return {
        "checkpoint": path,
        "checkpoint_every": arguments.checkpoint_every or "1 epoch",
        "resume": "auto" if arguments.resume else False,
    }


def choose(trained: list[Trained]) -> Trained:
    """The one of the most decay that is within a standard error of the lowest validation loss.

    A few held-out rows that all are right, or nearly, say nothing: there the network of smaller weights is the safer.
    The error is that of the mean difference over the rows, which is far smaller than that of either loss.
    """
    best = min(trained, key=lambda each: each.loss)
    for each in sorted(trained, key=lambda each: -(each.decay or 0.0)):
        apart = each.row_losses - best.row_losses
        if not len(apart) or apart.mean() <= apart.std() / np.sqrt(len(apart)):
            return each
    return best


def row_losses(model: fastnn.Model, validation: tuple[DataLike, ...] | None) -> np.ndarray:
    """The loss of each held-out row, ``(n,)``, as it counts by its weight: squared error, or log loss."""
    if validation is None:
        return np.zeros(0)
    x, y, *weights = validation
    output = model.predict(x).astype(np.float64)
    if y.dtype.kind == "f":
        losses = ((output - y.reshape(output.shape)) ** 2).mean(axis=1)
    else:
        shares = output if output.shape[1] > 1 else np.hstack([1 - output, output])
        losses = -np.log(np.maximum(shares[np.arange(len(y)), y], LEAST))
    found: np.ndarray = losses * weights[0] if weights else losses
    return found


def _fit(
    model: fastnn.Model,
    decay: float | None,
    recipe: Recipe,
    rows: Rows,
    limit: float | None,
    watch: Callback | None,
    checkpoint: Config,
) -> Trained:
    stop = None if recipe.patience is None else Plateaus(recipe.patience, recipe.least, recipe.falls)
    interrupted = False
    try:
        model.fit(
            rows.x,
            rows.y,
            batch_size=None if rows.y is None else recipe.batch_size,
            epochs=recipe.epochs,
            validation_data=rows.validation,
            sample_weight=rows.weights,
            time_limit=limit,
            callbacks=[callback for callback in (stop, watch) if callback is not None],
            verbose=1 if sys.stderr.isatty() else "auto",  # a person sees the bar from the start
            **checkpoint,
        )
    except KeyboardInterrupt:
        interrupted = True
    assert model.history is not None
    if stop is None or stop.best_epoch < 0:
        model.history.kept_epoch = len(model.history.epoch) - 1
        losses = model.history.history.get("val_loss", [])
        loss = losses[-1] if losses else np.inf
        return Trained(model, decay, model.history.kept_epoch, loss, np.zeros(0), interrupted)
    stop.restore()
    return Trained(model, decay, stop.best_epoch, stop.best, row_losses(model, rows.validation), interrupted)
