"""Successive halving: many settings trained shortly, the better third for three times as long, and so on.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016).

Design: a setting is trained anew in each round, not on from where it was: its learning rate falls to its end within the
epochs of the round, and a rate that has fallen is no start for more epochs.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fastnn.tabular.bag import Member
from fastnn.tabular.samplers import Sampler
from fastnn.tabular.search import Search
from fastnn.tabular.settings import Settings
from fastnn.tabular.trials import Trial

FACTOR = 3  # of settings that go on, and of epochs
LAST = 8  # settings at most that are trained for all epochs on one fold


def rounds(n: int, epochs: int) -> list[tuple[int, int]]:
    """Settings and epochs of each round.

    >>> rounds(50, 128), rounds(4, 128)
    ([(50, 14), (17, 42), (6, 128)], [(4, 128)])
    """
    sizes = [n]
    while sizes[-1] > LAST:
        sizes.append(-(-sizes[-1] // FACTOR))
    return [(size, max(1, epochs // FACTOR ** (len(sizes) - 1 - i))) for i, size in enumerate(sizes)]


@dataclass
class Halving:
    """A search while it runs.

    Attributes
    ----------
    search : folds, and how the best are trained on all of them.
    sampler, n_trials, n_finalists : settings, how many of them, and how many at the end.
    run : the digest in its table.   done : what is known by trial and round, to which it adds.
    save, say : called with all trials when one is finished, and with lines of progress.
    """

    search: Search
    sampler: Sampler
    n_trials: int
    n_finalists: int
    run: str
    done: dict[tuple[int, int], Trial]
    save: Callable[[list[Trial]], None]
    say: Callable[[str], None]
    candidates: list[Settings] = field(default_factory=list)
    networks: dict[int, Member] = field(default_factory=dict)  # of the last round that has any, finished ones
    interrupted: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def go(self, time_limit: float | None) -> list[Member]:
        """Run all rounds, and the best settings on all folds; the members of the model, with their shares."""
        end = None if time_limit is None else time.monotonic() + time_limit
        epochs, n_folds = self.search.choice.settings.epochs, self.search.choice.n_folds
        plan = rounds(self.n_trials, epochs)
        n_best = min(self.n_finalists, plan[-1][0])
        work = [size * each for size, each in plan] + [n_best * n_folds * epochs]
        going: list[int] = []
        for i, (size, each) in enumerate(plan):
            limit = None if end is None else max(1e-3, (end - time.monotonic()) * work[i] / sum(work[i:]))
            going = self._first(each, limit) if i == 0 else self._round(i, going[:size], each, limit)
            if self.interrupted:
                return self._so_far(n_best)
            self._tell_round(i, len(plan), each, going)
        return self._finish(going[:n_best], len(plan) - 1, end)

    def _tell_round(self, i: int, n: int, epochs: int, going: list[int]) -> None:
        best = self.done[going[0], i]
        self.say(
            f"round {i + 1} of {n}: {len(going)} settings, {epochs} epochs; best validation loss {best.loss:.4g}, "
            f"of trial {best.trial} ({in_words(best.settings)})"
        )

    def _first(self, epochs: int, time_limit: float | None) -> list[int]:
        """The round of all settings, in the sampler's batches."""
        end = None if time_limit is None else time.monotonic() + time_limit
        while len(self.candidates) < self.n_trials and not self.interrupted:
            left = self.n_trials - len(self.candidates)
            n = min(left, self.sampler.batch or left)
            asked, first = self.sampler.ask(n), len(self.candidates)
            self.candidates += asked
            trials = list(range(first, first + n))
            limit = None if end is None else max(1e-3, (end - time.monotonic()) * n / left)
            self._round(0, trials, epochs, limit)
            self.sampler.tell([self.done[t, 0].loss if (t, 0) in self.done else math.inf for t in trials])
        return self._ranked(0, range(len(self.candidates)))

    def _round(self, i: int, trials: list[int], epochs: int, time_limit: float | None) -> list[int]:
        """Train what is not done; trials by their loss."""
        todo = [trial for trial in trials if (trial, i) not in self.done]
        if i:
            before, self.networks = self.networks, {}
        if todo:
            planned = [self.search.member(replace(self.candidates[t], epochs=epochs), t, 0) for t in todo]
            try:
                _, self.interrupted = self.search.bag.train(planned, time_limit, lambda member: self._done(member, i))
            except KeyboardInterrupt:
                if not (self.networks or (i and before)):
                    raise
                self.interrupted = True
        if i and not self.networks:
            self.networks = before if self.interrupted else {}
        return self._ranked(i, trials)

    def _ranked(self, i: int, trials: range | list[int]) -> list[int]:
        known = [self.done[trial, i] for trial in trials if (trial, i) in self.done]
        return [each.trial for each in sorted(known, key=lambda each: (each.loss, each.trial))]

    def _done(self, member: Member, i: int) -> None:
        """Note a finished network; called from the threads that train."""
        loss = member.loss if member.kept >= 0 and math.isfinite(member.loss) else math.inf
        trial = Trial(self.run, member.trial, i, loss, member.kept + 1, round(member.seconds, 3), member.settings)
        with self.lock:
            self.done[member.trial, i] = trial
            if loss < math.inf:
                self.networks[member.trial] = member
            self.save(self.table())

    def table(self) -> list[Trial]:
        """All trials, round by round."""
        return [self.done[key] for key in sorted(self.done, key=lambda key: (key[1], key[0]))]

    def _so_far(self, n_best: int) -> list[Member]:
        """A model of the best networks there are."""
        if not self.networks:
            raise KeyboardInterrupt
        best = sorted(self.networks.values(), key=lambda member: (member.loss, member.trial))[:n_best]
        return self._shared(self.search.weighted(best), max(i for _, i in self.done))

    def _finish(self, best: list[int], i: int, end: float | None) -> list[Member]:
        """Train the best on all folds, those of an earlier run on the first one again."""
        best = [trial for trial in best if self.done[trial, i].loss < math.inf]
        if not best:
            raise ValueError("every setting diverged: there is no model; look at the target for extreme values")
        trained = [self.networks[trial] for trial in best if trial in self.networks]
        again = [self.done[t, i] for t in best if t not in self.networks]
        untrained = [self.search.member(each.settings, each.trial, 0) for each in again]
        self.say(f"the best {len(best)} are trained on {self.search.choice.n_folds} folds each")
        limit = None if end is None else max(1e-3, end - time.monotonic())
        members, self.interrupted = self.search.finish(trained, self.candidates, limit, None, untrained)
        return self._shared(members, i)

    def _shared(self, members: list[Member], i: int) -> list[Member]:
        """Note how much each trial counts."""
        for key, trial in self.done.items():
            share = sum(m.share or 0.0 for m in members if m.trial == key[0] and key[1] == i)
            self.done[key] = replace(trial, share=round(share, 6))
        self.save(self.table())
        return members


def in_words(settings: Settings) -> str:
    """Settings in a line."""
    return (
        f"{'-'.join(map(str, settings.hidden))} {settings.activation}, dropout {settings.dropout:.2g}, "
        f"rate {settings.learning_rate:.2g}, decay {settings.weight_decay:.2g}, batch {settings.batch_size}"
    )
