"""What a fit shows: nothing unasked in a file, lines where they are asked for, one line in a terminal or a notebook."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest
from models import model_of, regression

from fastnn import callbacks
from fastnn.callbacks import progress, screens

if sys.platform != "win32":
    import fcntl
    import pty
    import termios


def test_nothing_is_shown_where_nobody_looks(rng, capfd):
    x, y = regression(rng)
    for verbose in ("auto", 0):
        model_of().fit(x, y, epochs=3, verbose=verbose, validation_data=(x, y))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [{"verbose": 1}, {"verbose": 0, "callbacks": [callbacks.ProgressBar()]}])
def test_a_file_gets_plain_lines_when_asked(rng, capfd, arguments):
    model_of(metrics=["mae"]).fit(*regression(rng), epochs=3, **arguments)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(r"epoch 3/3  loss [\d.]+ mae [\d.]+  [\d,]+ rows/s  in [\d.]+ s\n", err)


def test_verbose_two_is_a_line_an_epoch(rng, capfd):
    x, y = regression(rng)
    model_of().fit(x, y, epochs=5, initial_epoch=2, verbose=2, validation_data=(x, y))
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 3/5", "epoch 4/5", "epoch 5/5"]
    assert all(re.search(r"loss [\d.]+ val_loss [\d.]+", line) for line in lines)
    assert [line.split()[-1] for line in lines] == ["left", "left", "s"]


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_fit_of_no_epochs_shows_nothing(rng, capfd, verbose):
    model_of().fit(*regression(rng), epochs=1, initial_epoch=3, verbose=verbose)
    assert capfd.readouterr().err == ""


class Gone:
    """A stream whose reader goes away after some writes."""

    def __init__(self, writes: int, error: Exception, terminal: bool):
        self.left, self.error, self.terminal = writes, error, terminal

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return len(text)

    def flush(self) -> None:
        if self.left < 0:
            raise self.error

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("bar", ["plain", "tqdm"])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("error", [BrokenPipeError(32, "gone"), OSError(28, "full"), ValueError("closed file")])
def test_a_stream_that_is_gone_ends_no_training(rng, monkeypatch, tmp_path, verbose, bar, terminal, error):
    if bar == "plain":
        monkeypatch.setitem(sys.modules, "tqdm", None)
    for writes in (0, 1, 4):
        monkeypatch.setattr(sys, "stderr", Gone(writes, error, terminal))
        keep = callbacks.ModelCheckpoint(tmp_path / "m", verbose=1)
        history = model_of().fit(*regression(rng), epochs=6, verbose=verbose, callbacks=[keep]).history
        assert len(history["loss"]) == 6
        assert not progress._visible


def test_words_of_callbacks_and_a_bar_are_lines_of_their_own(rng, capfd, tmp_path):
    keep = callbacks.ModelCheckpoint(tmp_path / "m", verbose=1)
    model_of().fit(*regression(rng), epochs=2, verbose=1, callbacks=[keep])
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["epoch"] * 3
    assert [line.endswith("/m") for line in lines] == [True, True, False]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Pictures(screens.Screen):
    """A screen that keeps what it is shown."""

    def __init__(self):
        self.shown, self.cleared, self.every = [], 0, 0.0

    def interval(self, elapsed):
        return self.every

    def clear(self):
        self.cleared += 1

    def draw(self, status):
        self.shown.append(status)


@pytest.fixture
def watching(monkeypatch):
    """A clock, and the pictures that a progress draws."""
    pictures, clock = Pictures(), Clock(monkeypatch)
    monkeypatch.setattr(screens, "choose", lambda: pictures)
    return clock, pictures.shown


def test_a_bar_makes_room_for_words_while_it_is_shown(watching, capfd):
    clock, shown = watching
    told = progress.Progress(1, epochs=10, steps=10, rows=320)
    screen = screens.choose()
    progress.say("before")
    clock.now += 1.0
    told.update(1, {})
    progress.say("while")
    told.close(2, {})
    progress.say("after")
    assert (screen.cleared, len(shown)) == (1, 2)
    assert capfd.readouterr().err == "before\nwhile\nafter\n"


def test_a_bar_is_not_drawn_for_every_epoch(watching):
    clock, shown = watching
    told = progress.Progress(1, epochs=1000, steps=1, rows=32)
    screens.choose().every = screens.Terminal().interval(0.0)
    for done in range(1000):
        clock.now += 0.001
        told.update(done, {})
    assert 5 <= len(shown) <= 10


def test_the_time_left_leaves_out_the_first_look(watching):
    """The first updates may hold the compilation of kernels."""
    clock, shown = watching
    told = progress.Progress(1, epochs=10, steps=10, rows=320)
    for seconds, done in ((20.0, 1), (1.0, 11), (1.0, 21)):
        clock.now += seconds
        told.update(done, {"loss": 1.0})
    assert shown[-1].clock == "7.9 s left"
    assert shown[-1].speed == "320 rows/s"


def test_the_time_left_of_a_fit_that_goes_on_counts_its_own_epochs(watching):
    clock, shown = watching
    told = progress.Progress(1, epochs=10, steps=4, rows=100, first=90)
    for done in (4, 8, 12):
        clock.now += 30.0
        told.update(done, {})
    assert (shown[-1].head, shown[-1].clock, shown[-1].share) == ("epoch 93/100", "3:30 left", 0.3)


def test_a_long_epoch_shows_its_share_and_values_before_its_end(watching):
    clock, shown = watching
    told = progress.Progress(1, epochs=1, steps=1000, rows=32000)
    for done in (10, 250):
        clock.now += 60.0
        told.update(done, {}, lambda: {"loss": 0.5})
    assert (shown[-1].head, shown[-1].values) == ("epoch 1/1 (25%)", ("loss 0.5000",))


def test_a_short_epoch_shows_no_share(watching):
    clock, shown = watching
    told = progress.Progress(1, epochs=1000, steps=10, rows=320)
    for done in (10, 235):
        clock.now += 0.5
        told.update(done, {})
    assert shown[-1].head == "epoch 24/1000"


def test_the_last_picture_is_where_training_ended(watching):
    clock, shown = watching
    told = progress.Progress(1, epochs=10, steps=4, rows=100)
    for done in (4, 8):
        clock.now += 40.0
        told.update(done, {})
    told.close(12, {"loss": 0.25})
    assert (shown[-1].head, shown[-1].clock, shown[-1].share) == ("epoch 3/10", "in 1:20", 0.3)


def test_lines_in_a_file_become_rare():
    screen, elapsed, lines = screens.Screen(), 0.0, 0
    while elapsed < 3600:
        elapsed += screen.interval(elapsed)
        lines += 1
    assert lines < 120
    assert screen.interval(1e9) == 60


STATUS = screens.Status(0.5, "epoch 12/100", "3:05 left", ("loss 0.1234", "val_loss 0.2345"), "12,345 rows/s")


def test_what_has_no_room_goes_bar_and_speed_first():
    shown = {columns: STATUS.fitted(columns) for columns in range(5, 130)}
    for columns, (left, width, right) in shown.items():
        assert len("  ".join(part for part in (left, "-" * width, right) if part)) <= columns
    assert shown[129] == ("epoch 12/100", 40, "3:05 left  loss 0.1234 val_loss 0.2345  12,345 rows/s")
    assert shown[80][1:] == (11, "3:05 left  loss 0.1234 val_loss 0.2345  12,345 rows/s")
    assert shown[70][1:] == (0, "3:05 left  loss 0.1234 val_loss 0.2345  12,345 rows/s")
    assert shown[60][1:] == (0, "3:05 left  loss 0.1234 val_loss 0.2345")
    assert shown[39] == ("epoch 12/100", 0, "3:05 left  loss 0.1234")
    assert shown[24] == ("epoch 12/100", 0, "3:05 left")
    assert shown[15] == ("epoch 12/100", 0, "")
    assert shown[5] == ("epoch", 0, "")


@pytest.mark.parametrize(("encoding", "drawn"), [("utf-8", "███▌    "), ("ascii", "###....."), (None, "###.....")])
def test_a_bar_is_drawn_in_what_the_encoding_has(monkeypatch, encoding, drawn):
    class Stream:
        pass

    Stream.encoding = encoding
    monkeypatch.setattr(sys, "stderr", Stream())
    assert screens.bar(0.4375, 8) == drawn
    assert [len(screens.bar(share / 100, 8)) for share in range(101)] == [8] * 101


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.12345, "0.1235"), (1e-5, "1.000e-05"), (float("nan"), "nan"), (123456.0, "1.235e+05")]
    + [("word", "word"), (7, "7.0000"), (None, "None")],
)
def test_values_show_what_they_are(value, text):
    assert progress.shown(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.44, "9.4 s"), (9.97, "10 s"), (59.7, "1:00"), (3661, "1:01:01"), (99 * 3600, "4 d 3 h")],
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


SCRIPT = """
import sys
import numpy as np
import fastnn
from fastnn import callbacks
from fastnn.layers import Dense

if sys.argv[1] == "plain":
    sys.modules["tqdm"] = None
rng = np.random.default_rng(0)
x = rng.normal(size=(100, 4))
model = fastnn.Sequential([Dense(4, "tanh", input_shape=(4,)), Dense(1)], seed=1, backend="numpy")
model.compile("adam", "mse", metrics=["mae"])
verbose = sys.argv[2] if sys.argv[2] == "auto" else int(sys.argv[2])
long = sys.argv[3] == "long"
stop = callbacks.EarlyStopping("loss", patience=1, min_delta=9, verbose=1)
heard = [stop, callbacks.LearningRateScheduler(lambda epoch: 0.25, verbose=1)] if sys.argv[3] == "stop" else []
limit = 0.4 if long and verbose == 1 else 1.6  # a bar comes by itself after a second
model.fit(x, x[:, 0], epochs=10**6 if long else 3, time_limit=limit, verbose=verbose, callbacks=heard)
print("done")
"""


PLAIN = pytest.mark.parametrize("bar", ["plain", pytest.param("tqdm", marks=pytest.mark.long)], indirect=True)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
class TestTerminal:
    """A fit in a process whose stderr is a pseudo-terminal."""

    @staticmethod
    def run(*arguments: str, columns: int = 120, encoding: str = "utf-8") -> list[str]:
        """What the script writes, in pieces that each begin at the first column; none may reach the last one."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        command = [sys.executable, "-c", SCRIPT, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment)
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(ours)
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, b"done\n"), shown.decode()
        pieces = re.split(r"[\r\n]+", shown.decode())
        if columns:
            assert max(map(len, pieces)) < columns
        return [piece.rstrip() for piece in pieces if piece.strip()]

    @pytest.fixture(params=["tqdm", "plain"])
    def bar(self, request):
        """With tqdm and without."""
        if request.param == "tqdm":
            pytest.importorskip("tqdm")
        return request.param

    def test_the_last_line_says_all(self, bar):
        last = self.run(bar, "1", "short")[-1]
        assert re.fullmatch(r"epoch 3/3  █+  in [\d.]+ s  loss [\d.]+ mae [\d.]+  [\d,]+ rows/s", last)

    def test_a_bar_appears_by_itself_after_a_second(self, bar):
        pieces = self.run(bar, "auto", "long")
        assert 3 < len(pieces) < 40
        assert all(re.match(r"epoch \d+/1000000 ", piece) for piece in pieces)
        assert " left  loss" in pieces[0]
        assert pieces[-1].count("  in 1.") == 1, "the bar ends where training ended"

    @PLAIN
    def test_a_short_fit_shows_nothing_by_itself(self, bar):
        assert self.run(bar, "auto", "short") == []

    @PLAIN
    def test_a_narrow_terminal_loses_words_and_never_wraps(self, bar):
        pieces = self.run(bar, "1", "long", columns=40)
        assert all(re.match(r"epoch \d+/1000000", piece) for piece in pieces)
        assert not any("rows/s" in piece for piece in pieces)

    @PLAIN
    def test_a_terminal_without_a_size_counts_as_eighty_columns(self, bar):
        assert "rows/s" in self.run(bar, "1", "short", columns=0)[-1]

    def test_a_terminal_of_ascii_gets_ascii(self, bar):
        pieces = self.run(bar, "1", "long", encoding="ascii")
        assert all(piece.isascii() for piece in pieces)

    def test_words_of_callbacks_are_lines_of_their_own(self, bar):
        pieces = self.run(bar, "1", "stop")
        *words, last = [piece for piece in pieces if "rows/s" not in piece]
        assert words == ["epoch 1: learning rate 0.25", "epoch 2: learning rate 0.25"]
        assert last == "stopped at epoch 2: loss has not improved"
        assert pieces[-2].startswith("epoch 2/3 "), "the bar ends where training ended"


CELLS = """
import numpy as np, sys
import fastnn
from fastnn.layers import Dense
x = np.random.default_rng(0).normal(size=(100, 4))
model = fastnn.Sequential([Dense(4, "tanh", input_shape=(4,)), Dense(1)], seed=1)
model.compile("adam", "mse")
# cell
h = model.fit(x, x[:, 0], epochs=10**6, time_limit=1.6)
# cell
h = model.fit(x, x[:, 0], epochs=3)
# cell
h = model.fit(x, x[:, 0], epochs=2, verbose=2)
# cell
print(sorted(name for name in sys.modules if name.startswith(("ipywidgets", "tqdm"))))
"""


def test_a_notebook_keeps_one_display():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS.split("# cell\n")]
    book = nbclient.NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=60).execute()
    bar, nothing, lines, modules = (cell.outputs for cell in book.cells[1:])
    assert [output.output_type for output in bar] == ["display_data"]
    assert re.match(r"<div><progress value=\"0.\d+\" max=\"1\".*in 1\.\d s</div>", bar[0].data["text/html"])
    assert nothing == []
    assert {output.name for output in lines} == {"stdout"}
    assert [line.split("  ")[0] for line in "".join(o.text for o in lines).splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert modules[0].text == "[]\n"
