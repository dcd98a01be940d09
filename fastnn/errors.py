"""The errors of fastnn's own; everything else is ``ValueError`` or ``TypeError``."""


class BackendError(RuntimeError):
    """A backend that was named is missing or cannot run the plan; the message says why."""


class DivergenceError(ArithmeticError):
    """The loss was not finite. The model keeps its last finite weights.

    Attributes
    ----------
    epoch : the epoch, from 1, in which it happened.
    """

    def __init__(self, message: str, epoch: int = 0):
        super().__init__(message)
        self.epoch = epoch
