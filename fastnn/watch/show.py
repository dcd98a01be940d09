"""From a fit to the messages on the board.

The thread that trains stores one number between two native calls, and a copy of weights when a picture is due. A
thread of this module makes messages of them, four times a second at most and only while a page is connected.

Design: curves are read from ``model.history``, whose lists only grow, so that the thread that trains copies nothing.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.threads import alone
from fastnn._base.types import Config
from fastnn.watch.board import Board
from fastnn.watch.curves import Curves
from fastnn.watch.filters import Filters
from fastnn.watch.messages import Clock, setup
from fastnn.watch.plane import Painter, Plane

if TYPE_CHECKING:
    from fastnn.models import Model

PERIOD = 0.25  # seconds between two messages
REST = 100  # times as long as a picture took, nothing is painted
LONGEST_REST = 5.0  # seconds; the first picture may have had to wait for a compiler


def painter_of(plane: Plane | None, model: Model) -> Painter | Filters | None:
    """What paints a model of two inputs whose rows are known, or one of images."""
    if plane is not None and Painter.fits(model):
        return Painter(plane, model)
    return Filters(model) if Filters.fits(model) else None


class Show:
    """One fit on a board: what is known of it, and the thread that makes messages while a page is connected."""

    def __init__(
        self,
        board: Board,
        model: Model,
        params: Config,
        settings: dict[str, str],
        plane: Plane | None,
        open_ended: bool = False,
    ):
        self.board, self.model, self.clock = board, model, Clock(params, open_ended)
        self.history = model.history
        self.curves = Curves(self.clock.first + 1)
        self.done, self.asked, self.over = 0, False, False
        self.stays = False  # whether pages may come that have not seen the fit
        self.params: np.ndarray | None = None
        self.painter = painter_of(plane, model)
        for kind in (Painter, Filters):
            board.remove(kind.topic)
        self.settings = settings
        self._post_setup()
        self.paint()
        self.post("training")
        self.thread = threading.Thread(target=self._run, name="fastnn-watch", daemon=True)
        self.thread.start()

    def _post_setup(self) -> None:
        described: dict[str, object] = dict.fromkeys((Painter.described_as, Filters.described_as))
        if self.painter:
            described[self.painter.described_as] = self.painter.describe()
        self.board.post("setup", setup(self.model, self.clock.params, self.settings) | described)

    def settle(self, model: Model) -> None:
        """Show another model of the same layers and rows, which was trained before, in place of the last one."""
        self.end()
        if model is not self.model:
            self.model, self.history, self.curves = model, model.history, Curves(self.clock.first + 1)
            self.done = len(self.history.epoch) * self.clock.steps
            self._post_setup()
            self.paint()

    def post(self, phase: str, note: str = "", results: dict[str, str] | None = None) -> None:
        """Post the state of the fit."""
        done = self.done
        self.curves.update(self.history.history, done // (self.clock.steps or done + 1))
        state = self.clock.message(done, over=self.over)
        words: dict[str, object] = {"phase": phase, "note": note, "results": list((results or {}).items())}
        kept = getattr(self.history, "kept_epoch", None) if self.over else None
        words["mark"] = self.curves.mark(self.history.history, kept)
        self.board.post("state", state | words | {"curves": self.curves.message()})

    def hand_over(self) -> None:
        """Give what the picture that was asked for is painted of; the thread that trains calls it."""
        if self.asked and self.painter:
            self.params, self.asked = self.painter.taken(self.model), False

    def paint(self, params: np.ndarray | None = None) -> None:
        """Post the picture of these parameters, or of the model's, if there is one and somebody to see it."""
        if self.painter and (self.board.readers or self.stays):
            shown = self.painter.taken(self.model) if params is None else params
            self.board.post(self.painter.topic, self.painter.paint(shown))

    def end(self) -> None:
        """Return when the thread has ended; nothing is posted any more except by the caller."""
        if not self.over:
            self.over = True
            self.board.wake()
            self.thread.join()
            self.done = max(self.done, len(self.history.epoch) * self.clock.steps)  # an error tells no more
            self.paint()

    def _run(self) -> None:
        """Post while somebody looks; the first time at once, for what is on the board may be old."""
        posted, rested = -1, 0.0
        with alone():  # the other processors are the training's
            while self.board.wait(lambda: self.over or self.board.readers > 0) and not self.over:
                if self.done != posted:
                    posted = self.done
                    self.post("training")
                rested = self._paint_if_due(rested)
                self.board.wait(lambda: self.over, PERIOD)

    def _paint_if_due(self, rested: float) -> float:
        """Paint what the fit has handed over, and ask for more when there has been rest enough; returns until when."""
        params, began = self.params, time.monotonic()
        if params is not None:
            self.params = None
            self.paint(params)
            took = time.monotonic() - began
            rested = began + took + min(REST * took, LONGEST_REST)
        if self.painter and not self.asked and time.monotonic() >= rested:
            self.asked = True
        return rested
