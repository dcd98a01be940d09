"""What a fit shows: nothing unasked in a file, lines where they are asked for, a bar in a terminal."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest
from models import model_of, regression

from fastnn import callbacks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
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
    assert re.fullmatch(r"epoch 3/3  loss [\d.]+ mae [\d.]+  [\d,]+ rows/s  0 s left\n", err)


def test_verbose_two_is_a_line_an_epoch(rng, capfd):
    x, y = regression(rng)
    model_of().fit(x, y, epochs=5, initial_epoch=2, verbose=2, validation_data=(x, y))
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 3/5", "epoch 4/5", "epoch 5/5"]
    assert all(re.search(r"loss [\d.]+ val_loss [\d.]+", line) for line in lines)


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_fit_of_no_epochs_shows_nothing_strange(rng, capfd, verbose):
    model_of().fit(*regression(rng), epochs=1, initial_epoch=3, verbose=verbose)
    assert "-" not in capfd.readouterr().err


SCRIPT = """
import sys
import numpy as np
import fastnn
from fastnn import callbacks
from fastnn.layers import Dense

if sys.argv[1] == "plain":
    sys.modules["tqdm"] = sys.modules["tqdm.auto"] = None
rng = np.random.default_rng(0)
x = rng.normal(size=(100, 4))
model = fastnn.Sequential([Dense(4, "tanh", input_shape=(4,)), Dense(1)], seed=1, backend="numpy")
model.compile("adam", "mse")
verbose = sys.argv[2] if sys.argv[2] == "auto" else int(sys.argv[2])
model.fit(x, x[:, 0], epochs=10**6 if sys.argv[3] == "long" else 3, time_limit=1.6, verbose=verbose)
print("done")
"""


def run_in_terminal(*arguments: str) -> str:
    """What the script writes to a pseudo-terminal on stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))
    try:
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=theirs)
    finally:
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
    return shown.decode()


class TestTerminal:
    """``verbose="auto"`` and 1 on a terminal."""

    def test_a_bar_with_tqdm(self):
        pytest.importorskip("tqdm")
        shown = run_in_terminal("tqdm", "1", "short")
        assert re.search(r"100%.*3(\.0)?/3", shown)
        assert "loss" in shown
        assert "rows/s" in shown
        assert shown.endswith("\n")

    def test_one_line_that_is_rewritten_without_tqdm(self):
        shown = run_in_terminal("plain", "1", "short")
        lines = shown.rstrip("\r\n").split("\n")
        assert len(lines) == 1
        assert "\repoch 3/3  loss" in shown

    def test_a_bar_appears_by_itself_after_a_second(self):
        shown = run_in_terminal("plain", "auto", "long")
        assert shown.count("\repoch ") > 3
        assert "s left" in shown

    def test_a_short_fit_shows_nothing_by_itself(self):
        assert run_in_terminal("plain", "auto", "short") == ""
