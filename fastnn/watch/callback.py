"""The callback that shows a fit on a page: when the page opens and ends, and what the thread that trains hands over.

Design: ``on_progress`` is the only hook in a fit, for it changes nothing in how the fit runs. Hooks at epochs
(rejected) would make every epoch a native call of its own.
"""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from fastnn._base.arguments import integer
from fastnn.callbacks import Callback, Logs
from fastnn.watch.board import Board
from fastnn.watch.plane import Plane
from fastnn.watch.server import PORT, Server
from fastnn.watch.show import Show

if TYPE_CHECKING:
    from fastnn.models.model import Model


class Watch(Callback):
    """Show a fit on a live page, ``http://127.0.0.1:8470/``, which this machine only can open.

    Of a model that reads images by a 2D convolution the page shows that layer's filters, too.
    The page ends with the fit and keeps what it shows. As a context manager it ends with the block: it then shows
    several fits one after another, tells how an error or Ctrl-C ended them, and takes results by :meth:`tell`.

    Parameters
    ----------
    port : the first that is tried; when it is busy, the next ones are. 0 takes any that is free.
    plane : for a network of two inputs, the rows to draw, with what the network says all around them.
    settings : words for the page's table of settings, by name.
    verbose : 1 writes the address to stderr.

    >>> from fastnn.watch import Plane, Watch
    >>> with Watch(plane=Plane(x, y, columns=("age", "height"))) as watch:                 # doctest: +SKIP
    ...     model.fit(x, y, epochs=1000, callbacks=watch)
    ...     watch.tell({"on new rows": str(model.evaluate(x_new, y_new))})
    """

    writes = True

    def __init__(
        self, port: int = PORT, *, plane: Plane | None = None, settings: dict[str, str] | None = None, verbose: int = 1
    ):
        self.port = integer("port", port, low=0)
        if self.port > 65535:
            raise ValueError(f"port must be at most 65535, got {port}")
        if plane is not None and not isinstance(plane, Plane):
            raise TypeError(f"plane must be a fastnn.watch.Plane, got {plane!r}")
        self.plane, self.settings, self.verbose = plane, dict(settings or {}), verbose
        self._forget()

    def _forget(self) -> None:
        self._server: Server | None = None
        self._show: Show | None = None
        self._block = False
        self._results: dict[str, str] = {}
        self._phase = "finished"

    def __getstate__(self) -> dict[str, object]:
        """A copy has a page of its own."""
        running = ("_server", "_show", "_block", "_results", "_phase")
        return {name: value for name, value in vars(self).items() if name not in running}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._forget()

    @property
    def address(self) -> str | None:
        """Where the page is; None before and after."""
        return self._server.address if self._server else None

    def tell(self, results: dict[str, str], phase: str = "finished", model: Model | None = None) -> None:
        """In a ``with`` block: ``results``, words for the page's end, by name, ``phase``, what it calls that end.

        The page then shows the fit of ``model``, one of those of the block on the same rows; None for the last one.
        """
        self._results, self._phase = self._results | results, phase
        if model is not None and self._show:
            self._show.settle(model)

    def finish(self) -> None:
        """In a ``with`` block: no fit follows, so the page shows the end, also to those who open it later."""
        if self._show:
            self._show.stays = True
            self._show.end()
            self._show.paint()
            self._show.post(self._phase, "", self._results)

    def serve(self, seconds: float | None = None) -> None:
        """In a ``with`` block: :meth:`finish`, and keep the page until Ctrl-C, or for so many seconds.

        Parameters
        ----------
        seconds : how long; None until Ctrl-C.
        """
        self.finish()
        with contextlib.suppress(KeyboardInterrupt):
            deadline = None if seconds is None else time.monotonic() + seconds
            while deadline is None or time.monotonic() < deadline:
                time.sleep(0.1 if deadline is None else min(0.1, max(0.0, deadline - time.monotonic())))

    # -- hooks ----------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the page, or show this fit on the one that is open."""
        if self._server is None:
            self._open()
        assert self._server is not None
        if self._show:
            self._show.end()
        self._show = Show(
            self._server.board, self.model, self.params, self.settings, self.plane, open_ended=self.open_ended
        )

    def on_progress(self, done: int, logs: Logs | None = None) -> None:
        """Note how far the fit is."""
        if self._show is not None:
            self._show.done = done
            self._show.hand_over()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Show the last state; outside a ``with`` block the page ends here."""
        if not self._block:
            self.close("failed" if self.model.history.failed else None)
        elif self._show:
            self._show.end()
            self._show.post("trained")

    # -- the page -------------------------------------------------------------------------------

    def _open(self) -> None:
        self._server = Server(Board(), self.port)
        if self.port and self._server.port != self.port:
            print(f"note: port {self.port} is busy, {self._server.port} is free", file=sys.stderr)
        if self.verbose:
            print(f"watch the training at {self.address}", file=sys.stderr)

    def close(self, phase: str | None = None, note: str = "") -> None:
        """End the page, with the words ``phase`` and ``note``: it keeps what it shows, its server goes."""
        server, show = self._server, self._show
        if server is not None:
            if show:
                show.end()
                show.post(phase or self._phase, note, self._results)
            self._forget()
            server.stop()

    def __enter__(self) -> Watch:
        self.close()
        self._block = True
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif isinstance(error, KeyboardInterrupt):
            self.close("interrupted")
        else:
            self.close("failed", " ".join(str(error).split()))
