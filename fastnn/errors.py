"""The errors of fastnn's own; everything else is ``ValueError`` or ``TypeError``."""


class BackendError(RuntimeError):
    """A backend that was named is missing or cannot run the plan; the message says why.

    >>> import fastnn
    >>> isinstance(fastnn.BackendError("why"), RuntimeError)
    True
    """


class NotReadyError(ValueError, AttributeError):
    """The model is not built or not compiled yet; the message says what to call. ``hasattr`` then says no.

    >>> from fastnn import Sequential
    >>> hasattr(Sequential(), "input_shape")
    False
    """


class DivergenceError(ArithmeticError):
    """The loss was not finite. The model goes back to weights from before that epoch.

    Parameters
    ----------
    message : what it says.
    epoch : number of the epoch.

    Attributes
    ----------
    epoch : the epoch, from 1, in which it happened.

    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> try:
    ...     history = model.fit([[1e18]], [1.0], epochs=9)
    ... except fastnn.DivergenceError as error:
    ...     print(error)  # doctest: +ELLIPSIS
    the loss is not finite in epoch ...
    """

    def __init__(self, message: str, epoch: int = 0):
        super().__init__(message)
        self.epoch = epoch


class BatchError(ValueError):
    """A batch of a generator, or of another iterable, could not be had or could not be used; the message says which.

    What the iterable itself raised is the ``__cause__``. The model keeps what it has learned until then.

    Parameters
    ----------
    message : what it says.
    batch : number of the batch.
    epoch : number of the epoch.

    Attributes
    ----------
    batch : the batch, from 1 in its epoch.
    epoch : the epoch, from 1; None in ``evaluate`` and ``predict``.

    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(1,))], seed=1)
    >>> model.compile("sgd", "mse")
    >>> try:
    ...     history = model.fit(([[1.0]] * rows, [1.0] * rows) for rows in (2, 2, 0))
    ... except fastnn.BatchError as error:
    ...     print(error)
    batch 3 of epoch 1: x is empty; at least one row is needed
    """

    def __init__(self, message: str, batch: int = 0, epoch: int | None = None):
        super().__init__(message)
        self.batch, self.epoch = batch, epoch


class DistributedError(RuntimeError):
    """A rank of a job has failed, or does something else than the others; the message names it.

    >>> from fastnn.distributed import DistributedError, DistributedTimeout
    >>> isinstance(DistributedTimeout("rank 1 stands still"), DistributedError)
    True
    """


class DistributedTimeout(DistributedError):
    """A rank of a job has not been heard of for longer than the timeout; the message names it."""
