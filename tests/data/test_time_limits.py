"""Time limits of networks of tables: what is begun, and how long each may take, by a clock that the test moves."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fastnn.data.arrow import CsvOptions, Tables
from fastnn.data.encoding import learn
from fastnn.data.files import find_files
from fastnn.tables import FeatureOptions
from fastnn.tabular import Options, bag, choices, limits, stream_fitting, streamed
from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.settings import Settings

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.stream
N = 300
READY, STRETCH, ASKED = 0.3, 0.02, 0.2  # seconds: before the updates, of some of them, and behind them


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


def example(folder):
    """Rows of a file, and what a first pass finds."""
    rows = np.random.default_rng(1).standard_normal((N, 3))
    text = ["a,b,y", *(",".join(f"{value:.4f}" for value in row) for row in rows)]
    (folder / "rows.csv").write_text("\n".join(text) + "\n")
    tables = Tables(find_files(str(folder / "rows.csv")), CsvOptions())
    return tables, learn(tables, ["a", "b"], "y", "regress", lambda sample: FeatureOptions(), n_rows=N)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (bag, limits, stream_fitting):
        monkeypatch.setattr(module, "time", made)
    return made


class Slow(Bag):
    """Networks that need some time to be made ready and to be asked, and stop one stretch behind their limit."""

    def _affordable(self, members, deadline, n_threads):
        return members

    def _fit(self, member, turn):
        clock, began = bag.time, bag.time.now
        clock.now += READY
        limit = turn.limit()
        clock.now += STRETCH if limit is None else max(STRETCH, limit + STRETCH)
        turn.updated()
        clock.now += ASKED
        member.kept, member.n_epochs, member.n_updates = 0, 1, 1
        BEGUN.append((began, clock.now))


BEGUN: list[tuple[float, float]] = []


@pytest.mark.parametrize("n_members", [1, 2, 3, 8, 40])
@pytest.mark.parametrize("time_limit", [0.4, 1.0, 3.0])
def test_no_network_begins_that_the_one_before_says_cannot_end(clock, n_members, time_limit):
    BEGUN.clear()
    x = np.zeros((50, 2), np.float32)
    made = Slow(Rows(x, x[:, 0]), SimpleNamespace(n_out=1), n_threads=1)
    rows = np.arange(50)
    members = [Member(Settings(epochs=9), i, rows, rows[:0]) for i in range(n_members)]
    deadline = clock.now + time_limit
    trained, _ = made.train(members, time_limit)
    assert len(trained) == len(BEGUN) >= 1
    for begins, _ends in BEGUN[1:]:
        assert deadline - begins > READY + ASKED
    first_ends = BEGUN[0][1]
    assert clock.now <= max(first_ends, deadline + 2 * STRETCH)
    assert first_ends <= max(deadline + STRETCH + ASKED, BEGUN[0][0] + READY + 2 * STRETCH + ASKED)
    if n_members == 1 and time_limit > READY:
        assert clock.now == pytest.approx(deadline + STRETCH + ASKED)  # nobody said what to ask it takes
    elif time_limit == 3.0 and n_members > 1:
        assert clock.now == pytest.approx(deadline, abs=READY + ASKED)  # the time is used


def test_a_turn_leaves_what_the_one_before_took_behind_its_updates(clock):
    beside = limits.Beside()
    first = limits.Turn(beside, clock.now + 5.0)
    clock.now += READY
    assert first.limit() == pytest.approx(5.0 - READY)
    clock.now += 4.0
    first.updated()
    clock.now += ASKED
    assert first.over() == pytest.approx(4.0 + READY + ASKED)
    assert beside.seconds == pytest.approx(READY + ASKED)
    second = limits.Turn(beside, clock.now + 5.0)
    assert not second.fits(clock.now + READY)
    assert second.fits(clock.now + 1.0)
    clock.now += READY
    assert second.limit() == pytest.approx(5.0 - READY - ASKED)
    clock.now += 10.0
    assert limits.Turn(beside, clock.now - 1.0).limit() == limits.LEAST
    assert limits.Turn(beside).limit() is None


def test_the_limit_of_a_stream_counts_from_before_its_rows_are_read(clock, tmp_path, monkeypatch):
    tables, learned = example(tmp_path)
    told = []

    def slow_rows(*given):
        clock.now += 2.0
        return rows(*given)

    def train(self, members, time_limit=None, tell=None):
        told.append(time_limit)
        raise KeyboardInterrupt

    rows = stream_fitting._rows
    monkeypatch.setattr(stream_fitting, "_rows", slow_rows)
    monkeypatch.setattr(streamed.StreamBag, "train", train)
    choice = choices.choose("quick", N, True, 1)
    for limit in (7.0, 1.0, None):
        with pytest.raises(KeyboardInterrupt):
            stream_fitting.fit_stream(tables, learned, choice, Options(seed=1, time_limit=limit))
    assert told == [pytest.approx(5.0), limits.LEAST, None]
