"""What a callback is: hooks that do nothing, of which a fit calls those that somebody has overridden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastnn._base.listing import Listed
from fastnn._base.reprs import call_of

if TYPE_CHECKING:
    from fastnn._base.types import Argument, Outputs
    from fastnn.models.model import Model as Model


Logs = dict[str, float]


State = dict[str, Any]  # what a checkpoint keeps of a callback, and what a call tells it: numbers, texts, lists, arrays


class Callback(Listed):
    """Base of all callbacks; ``self.model`` and ``self.params`` are set before training begins.

    Hooks get ``logs``, a dict of numbers by name (loss and metrics so far), ``epoch``, the number of the epoch, and
    ``batch``, that of the batch within it, both from 0 on. Setting ``self.model.stop_training = True`` ends the fit
    before its next update (``stop_evaluating`` and ``stop_predicting`` end those after the batch at hand). Learning
    rates, other numbers of the optimiser and weights that a hook sets are those of the next update. What is put into
    ``logs`` at an epoch's end is seen by the callbacks after this one, and recorded in the history. A hook that raises
    ends the call, when all callbacks have had the same hook.

    Attributes
    ----------
    open_ended : True for a callback that ends fits, so that ``epochs`` is but a bound: progress tells no share of it.
    remembers : names of attributes that checkpoints keep, and a fit that goes on sets.
    writes : True for a callback that writes to files or a screen and changes nothing: of several ranks one has it.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import Callback
    >>> from fastnn.layers import Dense
    >>> class Norm(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         logs["norm"] = float(np.abs(self.model.get_weights()[0]).sum())
    >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> history = model.fit(x, [0.0, 1.0], epochs=3, callbacks=[Norm()])
    >>> list(history.history), len(history.history["norm"])
    (['loss', 'norm'], 3)
    """

    if TYPE_CHECKING:
        model: Argument[Model | None, Model]
    else:
        model = None
    params: State
    open_ended = False  # whether this callback ends fits, so that their last epoch is but a bound
    remembers: tuple[str, ...] = ()  # attributes that checkpoints keep
    writes = False  # whether it writes to files or a screen and changes nothing: of several ranks only the first has it

    def set_model(self, model: Model) -> None:
        """Told the model before the first hook.

        Parameters
        ----------
        model : the model of this fit, which :attr:`model` is from now on.
        """
        self.model = model

    def set_params(self, params: State) -> None:
        """Told the numbers of the call (``epochs``, ``steps`` ...) before the first hook.

        Parameters
        ----------
        params : ``"epochs"``, ``"steps"`` of an epoch, and ``"verbose"``.
        """
        self.params = params

    def get_state(self) -> State:
        """What a checkpoint keeps of this callback, so that a fit can go on from there: the attributes that its class
        names in ``remembers``. Numbers, texts, lists, dicts by text, and arrays of float32 or float64.
        """
        return {name: getattr(self, name) for name in self.remembers}

    def set_state(self, state: State) -> None:
        """Go on with what :meth:`get_state` gave; called behind ``on_train_begin`` of a fit that goes on.

        Parameters
        ----------
        state : what ``get_state`` gave, as JSON keeps it.
        """
        if state.keys() != set(self.remembers):
            raise ValueError(
                f"{type(self).__name__} remembers {', '.join(self.remembers) or 'nothing'}, and the checkpoint has "
                f"{', '.join(state) or 'nothing'} of it"
            )
        for name, value in state.items():
            setattr(self, name, value)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Once after the last epoch, whatever ended the fit; ``logs`` are those of the last epoch.

        ``model.history.failed`` tells whether it was an error.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch ``epoch`` (from 0)."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch, also one that ended early; ``logs`` holds loss, metrics and their ``val_`` twins."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before batch ``batch`` of the epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; ``logs`` holds the epoch's running loss and metrics."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of :meth:`on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of :meth:`on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation, of validation data in a fit too."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation; ``logs`` holds loss and metrics."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before batch ``batch`` of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation; ``logs`` holds running values."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before batch ``batch`` of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Outputs] | None = None) -> None:
        """After a batch of a prediction; ``logs["outputs"]`` are its predictions."""

    def on_progress(self, done: int, logs: Logs | None = None) -> None:
        """Between native calls: ``done`` updates of this fit have run; ``logs`` are those of the last whole epoch."""

    def __repr__(self) -> str:
        return call_of(self)


SYNONYMS = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def listens(callback: Callback, *hooks: str) -> bool:
    """Whether a callback overrides one of the hooks, in its class or by itself.

    Parameters
    ----------
    callback : a callback.
    *hooks : names of the hooks that are asked about.
    """
    kind = type(callback)
    hooks += tuple(SYNONYMS[hook] for hook in hooks if hook in SYNONYMS)
    return any(getattr(kind, hook) is not getattr(Callback, hook) or hook in vars(callback) for hook in hooks)


def check(callbacks: object) -> list[Callback]:
    """A user's callbacks as a list.

    Parameters
    ----------
    callbacks : a callback, a list of them, or None.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"callbacks must be a list of objects of fastnn.callbacks, got {callbacks!r}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be objects of fastnn.callbacks.Callback, got {callback!r}")
    return list(callbacks)


CallbacksLike = Callback | Sequence[Callback] | None
"""A callback, several, or none."""
