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
