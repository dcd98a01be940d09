"""Several networks for one table, each on other rows: trained side by side, each kept at its best epoch.

Design: a time limit cuts epochs before the training begins, by what an epoch takes here, so that the learning rate
falls to its end within the limit. A fit that is merely stopped (rejected) ends at a rate far too high.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.threads import get_num_threads
from fastnn._workers.threads import side_by_side
from fastnn.errors import DivergenceError
from fastnn.layers import Embedding
from fastnn.models.model import Model
from fastnn.tables.features import Encoded
from fastnn.tables.target import Classes, Target
from fastnn.tabular.balancing import fold_scales, part_of
from fastnn.tabular.best import Best, row_errors
from fastnn.tabular.greedy import row_losses
from fastnn.tabular.limits import Beside, Turn
from fastnn.tabular.networks import network, prepare
from fastnn.tabular.relevance import scale_by_relevance
from fastnn.tabular.settings import Settings

if TYPE_CHECKING:
    from fastnn.tabular.team import Team, Tell, Threads

PROBE_UPDATES = 12  # by which the time of an epoch is told
SPARE = 0.9  # of the time limit is planned with
UNIT_COST = 20.0  # products that a unit's activation and dropout take as long as
UPDATE_COST = 1e5  # products that a layer's update takes as long as, beside those of its weights

# Of each row a number, by whether there are classes, what a network says and the targets.
Measure = Callable[[bool, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rows:
    """Encoded rows: ``x`` an array or a list of them, ``y`` ``(n,)`` encoded, ``weights`` ``(n,)`` or None.

    Parameters
    ----------
    x : encoded rows ``(n, width)``, of several inputs a list.
    y : encoded targets.
    weights : None or ``(n,)``, how much each row counts.
    """

    x: Encoded
    y: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Rows:
        """These rows alone."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(part_of(self.x, rows), self.y[rows], weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of a row in each array."""
        return tuple(part.shape[1] for part in (self.x if isinstance(self.x, list) else [self.x]))


def _passes(member: Member) -> float:
    """Rows of an epoch, in rows learned from."""
    return len(member.learns) + len(member.held) / 3


@dataclass
class Member:
    """A network as it is to be trained, and then as it was.

    Parameters
    ----------
    settings : hyperparameters of the network.
    seed : whole number in [0, 2**64) that fixes what is drawn; None for the model's seed.
    model : the trained network, None before.
    loss : on the rows held out, of the epoch that is kept.

    Attributes
    ----------
    learns, held : rows that it learns from, and those that say which epoch is best (none: the last one is kept).
    output : what it says of the rows held, ``(len(held), n_out)``.   loss : its validation loss there.
    kept, n_epochs, n_updates : the epoch whose weights it has, from 0, and how many were trained, of how many updates.
    seconds : that training took.
    trial, fold : which of several settings it has, and the fold that is held.
    share : how much it counts in the mean, None for as much as each other.
    """

    settings: Settings
    seed: int
    learns: np.ndarray
    held: np.ndarray
    model: Model | None = None
    output: np.ndarray | None = None
    loss: float = np.inf
    kept: int = -1
    n_epochs: int = 0
    n_updates: int = 0
    seconds: float = 0.0
    trial: int = 0
    fold: int = 0
    share: float | None = None


@dataclass(frozen=True)
class Bag:
    """What all members of a table share: its rows, its target, and the numbers of its embedded categories.

    Parameters
    ----------
    rows : encoded rows and targets.
    target : how the target is encoded.
    n_ids : of each input, codes of its embedded categories, None for numbers.
    backend : name of a backend, or None for the one in use.
    n_threads : at most so many threads; None as :func:`fastnn.set_num_threads` says.
    blocks : how many numbers each column is encoded as, where columns count by what they tell of the target.
    searching : whether a network that diverges has lost and the others go on, else its error is raised.
    team : who trains them in place of threads that end with the call, see :mod:`fastnn.tabular.team`.
    beside : what the last network took beside its updates.
    """

    rows: Rows
    target: Target
    n_ids: tuple[int | None, ...] = (None,)
    backend: str | None = None
    n_threads: int | None = None
    blocks: tuple[int, ...] = ()
    searching: bool = False  # a network that diverges has lost, and the others go on
    team: Team | Threads | None = None
    beside: Beside = field(default_factory=Beside)

    def train(
        self,
        members: Sequence[Member],
        time_limit: float | None = None,
        tell: Callable[[Member], None] | None = None,
    ) -> tuple[list[Member], bool]:
        """Train the members; those that have an epoch, and whether Ctrl-C ended it, which leaves what there is.

        ``tell`` is called with each member that is done. ``KeyboardInterrupt`` is raised on where none is.
        """
        n_threads = self.n_at_once
        deadline = None if time_limit is None else time.monotonic() + time_limit
        if deadline is not None:
            members = self._affordable(members, deadline, n_threads)
        tasks = [lambda i=i: self.train_one(members, i, n_threads, deadline, tell) for i in range(len(members))]
        interrupted = False
        try:
            if self.team:
                self.team.train(self, members, deadline, tell)
            else:
                side_by_side(tasks, n_threads, range(len(members)))
        except KeyboardInterrupt:
            interrupted = True
            if not any(member.kept >= 0 for member in members):
                raise
        trained = [member for member in members if member.kept >= 0]
        return [member for member in trained if member.n_epochs] or trained, interrupted

    @property
    def n_at_once(self) -> int:
        """Networks that are trained at a time."""
        return self.team.n if self.team else self.n_threads or get_num_threads()

    def affordable(self, member: Member, time_limit: float) -> float:
        """How many networks like this one can be trained for all of their epochs in a time."""
        each = self._seconds_a_row(member) * _passes(member) * member.settings.epochs
        return SPARE * time_limit * self.n_at_once / each

    def _affordable(self, members: Sequence[Member], deadline: float, n_threads: int) -> list[Member]:
        """Members with as many epochs as the time allows, by what some updates of the first one take.

        Where there are not all epochs, each member has the same part of its own.
        """
        began, rounds = time.monotonic(), -(-len(members) // min(n_threads, len(members)))
        a_unit = self._seconds_a_row(members[0]) / self._work(members[0])
        each = SPARE * (deadline - time.monotonic()) / rounds - (time.monotonic() - began) / 2
        full = sum(self._work(m) * _passes(m) * m.settings.epochs for m in members) / len(members)
        part = each / (a_unit * full)
        made = []
        for member in members:
            epochs = min(member.settings.epochs, max(1, int(member.settings.epochs * part)))
            made.append(replace(member, settings=replace(member.settings, epochs=epochs)))
        return made

    def _work(self, member: Member) -> float:
        """What a row costs one of these networks, beside the others: its products, and the rest in units of them."""
        widths = [sum(self.rows.widths), *member.settings.hidden, self.target.n_out]
        products = sum(a * b for a, b in pairwise(widths))
        return products + UNIT_COST * sum(widths[1:]) + UPDATE_COST * len(widths) / member.settings.batch_size

    def _seconds_a_row(self, member: Member) -> float:
        """What training takes for a row, by the faster of two short ones."""
        settings = replace(member.settings, epochs=1)
        learned = self.rows.take(member.learns[: PROBE_UPDATES * settings.batch_size])
        model = network(settings, self.rows.widths, self.n_ids, self.target, member.seed)
        model.backend = self.backend
        prepare(model, settings, self.target, 2 * PROBE_UPDATES, learned.x, member.seed)
        took = []
        for _ in range(2):
            began = time.monotonic()
            model.fit(learned.x, learned.y, batch_size=settings.batch_size, verbose=0)
            took.append(time.monotonic() - began)
        return min(took) / len(learned)

    def train_one(self, members: Sequence[Member], i: int, n_threads: int, deadline: float | None, tell: Tell) -> None:
        """Train one; a limit that is over leaves out all but the first."""
        turn = Turn(self.beside)
        if deadline is not None:
            if i and not turn.fits(deadline):
                return
            rounds = -(-(len(members) - i) // n_threads)
            own = self._work(members[i]) * len(members[i:]) / sum(map(self._work, members[i:]))
            if i or members[i].settings.epochs > 1:  # there is a network with an epoch, however short the time
                turn.end = turn.began + (deadline - turn.began) * min(1.0, max(1.0, own) / rounds)
        try:
            self._fit(members[i], turn)
        except DivergenceError:
            if not self.searching:
                raise
        members[i].seconds = turn.over()
        if tell:
            tell(members[i])

    def _fit(self, member: Member, turn: Turn) -> None:
        learned, held, settings = self.rows.take(member.learns), self.rows.take(member.held), member.settings
        scales = scale_by_relevance(self.blocks, isinstance(self.target, Classes), learned, held)
        steps = settings.epochs * math.ceil(len(learned) / settings.batch_size)
        model = network(settings, self.rows.widths, self.n_ids, self.target, member.seed)
        model.backend = self.backend
        prepare(model, settings, self.target, steps, learned.x, member.seed)
        best = Best(lambda: self._mean(row_errors, model.predict(held.x), held), settings.patience, settings.cycle_ends)
        member.model = model
        try:
            model.fit(
                learned.x,
                learned.y,
                batch_size=settings.batch_size,
                epochs=settings.epochs,
                sample_weight=learned.weights,
                callbacks=[best] if len(held) else [],
                time_limit=turn.limit(),
                verbose=0,
            )
        finally:
            turn.updated()
            self._keep(member, best, held, scales)

    def _keep(self, member: Member, best: Best, held: Rows, scales: np.ndarray | None) -> None:
        """Give the network its best epoch, ask it what it says of the rows held, and have it take unscaled ones."""
        model = self._at_best(member, best, len(held) > 0, lambda: self.rows.take(member.learns))
        if model and len(held):
            member.output = model.predict(held.x)
            member.loss = self._mean(row_losses, member.output, held)
        if model:
            fold_scales(model, scales)

    def _at_best(self, member: Member, best: Best, is_judged: bool, learned: Callable[[], Rows]) -> Model | None:
        """The network at its best epoch, of those that were judged or at its last one; None where there is none."""
        model = member.model
        assert model is not None
        if best.weights:
            model.set_weights(best.weights)
        elif not model.epoch or is_judged:
            return None
        member.kept = best.epoch if best.weights else model.epoch - 1
        member.n_epochs, member.n_updates = model.epoch, model.step
        zero_untrained(model, learned(), self.n_ids)
        return model

    def _mean(self, measure: Measure, output: np.ndarray, rows: Rows) -> float:
        """The mean over rows, by their weights, of what a measure says of each."""
        each = measure(isinstance(self.target, Classes), output, rows.y)
        weights = None if rows.weights is None or not rows.weights.any() else rows.weights
        return float(np.average(each, weights=weights))


def zero_untrained(model: Model, learned: Rows, n_ids: Sequence[int | None]) -> None:
    """Vectors of codes that no row had are zero, and not the random ones that they began as."""
    for layer in model.layers:
        if isinstance(layer, Embedding):
            codes = learned.x[n_ids.index(layer.input_dim)] if isinstance(learned.x, list) else learned.x
            (vectors,) = layer.get_weights()
            vectors[np.setdiff1d(np.arange(len(vectors)), codes.astype(np.int64))] = 0.0
            layer.set_weights([vectors])
