"""Who listens to a call, and that all of them hear all of it, whatever one of them raises.

Design: a hook reaches every callback before an error of one of them is raised, so that a file is closed and weights are
restored though another callback failed. To stop at the first error (rejected) leaves the others in the middle.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, cast

from fastnn.callbacks.base import Callback, listens

if TYPE_CHECKING:
    from fastnn.callbacks.base import Model


class Errors:
    """Steps that are all taken, each in a ``with`` block: the first error is raised in the end, others are its notes.

    >>> errors = Errors()
    >>> with errors:
    ...     raise ValueError("first")
    >>> with errors:
    ...     raise TypeError("second")
    >>> try:
    ...     errors.raise_first()
    ... except ValueError as error:
    ...     print(error, error.__notes__)
    first ["(then TypeError('second') was raised)"]
    """

    def __init__(self) -> None:
        self.first: BaseException | None = None

    def __enter__(self) -> Errors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[True]:
        if self.first is None:
            self.first = error
        elif error is not None and error is not self.first:
            self.first.add_note(f"(then {error!r} was raised)")
        return True

    def raise_first(self) -> None:
        """Raise the first error, if there was one."""
        first, self.first = self.first, None
        if first is None:
            return
        try:
            raise first
        finally:
            del first  # its traceback holds this frame


class Listeners:
    """The callbacks of one call of ``fit``, ``evaluate`` or ``predict``.

    Attributes
    ----------
    callbacks, told : all of them, and those that are told: on ranks other than the first, not what writes.
    """

    def __init__(self, callbacks: Iterable[Callback] = (), is_first: bool = True):
        self.callbacks = tuple(callbacks)
        self.told = self.callbacks if is_first else tuple(one for one in self.callbacks if not one.writes)

    def introduce(self, model: object, params: dict[str, object]) -> None:
        """Tell each callback its model and the numbers of the call."""
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(cast("Model", model))  # as all are that callbacks are told of

    def hear(self, *hooks: str) -> bool:
        """Whether any of them has one of these hooks."""
        return any(listens(callback, *hooks) for callback in self.callbacks)

    def tell(self, hook: str, *arguments: object) -> None:
        """Call a hook of all; the first error is raised when all have been called."""
        errors = Errors()
        for callback in self.told:
            with errors:
                getattr(callback, hook)(*arguments)
        errors.raise_first()


SILENT = Listeners()  # of calls that nobody listens to
