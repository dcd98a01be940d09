"""Callbacks of a few lines: hooks from functions, and two that only ask ``fit`` for something."""

from __future__ import annotations

from collections.abc import Callable

from fastnn.callbacks.base import Callback

Hook = Callable[..., object] | None
HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Hooks from functions, by their names: ``on_epoch_end=lambda epoch, logs: ...``.

    Hooks at epochs and batches get a number and ``logs``, those at the beginning and end of training ``logs`` alone.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : None or functions ``f(epoch, logs)``.
    on_train_begin, on_train_end : None or functions ``f(logs)``.
    on_train_batch_begin, on_train_batch_end : None or functions ``f(batch, logs)``.
    **hooks : functions for other hooks by name, such as ``on_test_end``.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import LambdaCallback
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> tell = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, f"{logs['loss']:.3f}"))
    >>> history = model.fit(np.ones((4, 1)), np.ones(4), epochs=2, callbacks=[tell])
    0 1.000
    1 0.922
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **hooks: Hook,
    ):
        hooks |= {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, hook in hooks.items():
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback knows {', '.join(HOOKS)}, got {name!r}")
            if hook is not None and not callable(hook):
                raise TypeError(f"{name} must be a function, got {hook!r}")
            if hook is not None:
                setattr(self, name, hook)

    def __repr__(self) -> str:
        return f"LambdaCallback({', '.join(f'{name}=...' for name in HOOKS if name in vars(self))})"


class TerminateOnNaN(Callback):
    """End the fit quietly when the loss is not finite, where it would raise ``DivergenceError``.

    The model goes back to weights from before that epoch either way, and the history's last values are NaN.
    ``raise_error=True`` is as without the callback.

    Parameters
    ----------
    raise_error : whether :class:`fastnn.DivergenceError` is raised, else training ends quietly.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.callbacks import TerminateOnNaN
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> x = np.full((4, 1), 1e18)
    >>> history = model.fit(x, x, epochs=9, callbacks=[TerminateOnNaN()])
    >>> len(history.epoch) < 9, bool(np.isfinite(model.params).all())
    (True, True)
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error


class ProgressBar(Callback):
    """Asks for the bar whatever ``verbose`` says; same as ``verbose=1``."""

    writes = True
