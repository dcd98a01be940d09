"""``fastnn train --watch``, from the shell to the end of the process."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pages import Reader, Stuck, get, until

import fastnn
from fastnn import cli
from fastnn.cli.arguments import WATCH_PORT
from fastnn.cli.prepare import prepare
from fastnn.watch import server
from fastnn.watch.command import open_browser, plane_of, serve

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("weight <b>x</b>", "height, m", "<script>alert(1)</script>")


def write_table(path: Path, kind: str) -> Path:
    """Two columns of numbers and a target of text or numbers, with names that are no HTML."""
    random = np.random.default_rng(1)
    across, up = random.normal(50, 10, 300), random.normal(-2, 0.1, 300)
    inside = (across - 50) ** 2 / 100 + (up + 2) ** 2 * 100 < 1
    target = np.where(inside, "<img src=x>", "out") if kind == "classes" else 1000 + across * up
    quoted = ",".join(f'"{name}"' for name in NAMES)
    rows = [f"{a},{b},{c}" for a, b, c in zip(across, up, target, strict=True)]
    path.write_text("\n".join([quoted, *rows]) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    """A table of classes."""
    return write_table(tmp_path / "table.csv", "classes")


@contextlib.contextmanager
def training(table: Path, *options: object, backend: str = "numpy") -> Iterator[tuple[subprocess.Popen, int, str]]:
    """A block in which ``fastnn train --watch`` runs: the process, the port, and what it had printed by then."""
    command = [sys.executable, "-W", "error", "-m", "fastnn", "train", str(table), "--target", NAMES[2], "--seed", "1"]
    command += ["--out", str(table.with_name("m.safetensors")), *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FASTNN_BACKEND": backend}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        try:
            printed = ""
            while not (
                found := re.search(r"^watch the training at http://127\.0\.0\.1:(\d+)/\n", printed, re.MULTILINE)
            ):
                printed += (line := process.stdout.readline())
                assert line, process.stderr.read()
            yield process, int(found.group(1)), printed
        finally:
            process.kill()


def test_the_page_follows_the_command_and_ends_with_it(table):
    with training(table, "--watch", 0, "--epochs", 10**7, "--time-limit", 2) as (process, port, printed):
        reader, stuck = Reader(port), Stuck(port)
        assert get(port).status == 200
        assert get(port, Host="evil.example").status == 403
        events = list(reader.events())
        out, err = process.communicate(timeout=60)
        stuck.close()
    assert (process.returncode, err) == (0, "")
    assert printed.startswith("watch the training at")  # before anything is read
    assert "network: 2 - 64 - 32 - 1" in out
    setup = dict(events)["setup"]
    assert setup["plane"]["columns"] == list(NAMES[:2])
    assert setup["plane"]["labels"] == ["<img src=x>", "out"]
    points = np.array(setup["plane"]["points"])
    assert 30 < points[:, 0].mean() < 70
    assert -2.5 < points[:, 1].mean() < -1.5
    assert dict(setup["settings"])["data"] == "table.csv, 240 rows of 2 columns, task classify"
    assert sum(name == "picture" for name, _ in events) >= 2  # while it ran, and when it was over
    name, last = events[-1]
    assert (name, last["phase"]) == ("state", "finished")
    assert set(last["curves"]["series"]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert re.search(rf"trained {last['epoch']} epochs", out)
    ((where, told),) = last["results"]
    assert f"{where}: {told}" in out


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT as a terminal does")
def test_ctrl_c_ends_as_without_a_page_and_is_told(table):
    with training(table, "--watch", 0, "--epochs", 10**7) as (process, port, _):
        events = Reader(port).events()
        while next(events)[1].get("epoch", 0) < 2:
            pass
        process.send_signal(signal.SIGINT)
        last = list(events)[-1][1]
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted: the model is kept" in out
    assert last["phase"] == "interrupted"
    assert last["results"]
    assert table.with_name("m.safetensors").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT as a terminal does")
@pytest.mark.long
def test_the_page_stays_for_its_seconds_or_until_ctrl_c(table):
    options = ("--watch", 0, "--watch-seconds", 600, "--epochs", 3)
    with training(table, *options) as (process, port, _):
        while "the page stays" not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
        assert table.with_name("m.safetensors").exists()
        last = dict(Reader(port).events_now())  # of a page that was opened when all was over
        assert last["state"]["phase"] == "finished"
        assert last["state"]["mark"]["word"] == "kept"
        assert last["state"]["mark"]["epoch"] == 3
        assert last["picture"]["classes"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    with training(table, "--watch", 0, "--watch-seconds", 0.2, "--epochs", 3) as (process, _, _):
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1].endswith("for 0.2 s or until Ctrl-C")


@pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX")
def test_on_a_terminal_the_page_stays_until_ctrl_c(table, monkeypatch, capsys):
    served: list[float | None] = []
    watch = SimpleNamespace(address="http://x/", serve=served.append, finish=lambda: None)
    for there in (False, True):
        monkeypatch.setattr("fastnn.watch.command.on_terminal", lambda there=there: there)
        serve(watch, None)
    serve(watch, 2.0)
    assert served == [None, 2.0]
    assert capsys.readouterr().out.splitlines()[0] == "the page stays at http://x/ until Ctrl-C"


def test_open_opens_the_address_in_the_browser(table, tmp_path):
    told = tmp_path / "told"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}\n')
    browser.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER", f"{browser} %s")
        with training(table, "--watch", 0, "--open", "--watch-seconds", 600, "--epochs", 2) as (_, port, _):
            until(lambda: told.exists() and told.read_text())
    assert told.read_text() == f"http://127.0.0.1:{port}/\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a browser")
def test_without_a_browser_the_address_is_told(monkeypatch, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    open_browser("http://x/")
    assert "open http://x/ yourself" in capsys.readouterr().err


def test_of_several_fits_the_page_ends_with_the_one_that_was_kept(tmp_path):
    path = write_table(tmp_path / "table.csv", "numbers")
    with training(path, "--watch", 0, backend=fastnn.get_backend()) as (process, port, _):
        events = list(Reader(port).events())
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    kept = re.search(r"kept epoch (\d+), of the lowest validation loss, (\S+); weight decay (\S+)", out)
    last = events[-1][1]
    assert last["epochs"] is None  # nobody knew how many
    assert (last["mark"]["word"], last["mark"]["epoch"]) == ("kept", int(kept.group(1)))
    assert last["mark"]["values"]["val_loss"] == pytest.approx(float(kept.group(2)), rel=1e-3)


@pytest.mark.parametrize("option", [("--open",), ("--watch-seconds", "3")])
def test_options_of_the_page_need_the_page(table, capsys, option):
    assert cli.main(["train", str(table), "--target", NAMES[2], *option, "--out", str(table) + ".m"]) == 1
    assert "need --watch" in capsys.readouterr().err


def test_a_divergence_ends_with_its_one_line(table):
    options = ("--watch", 0, "--epochs", 10**6, "--optimizer", "sgd", "--learning-rate", 1e5, "--activation", "linear")
    with training(table, *options) as (process, port, _):
        with contextlib.suppress(OSError):  # the end may come first
            Reader(port)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(r"fastnn: training diverged: the loss is not finite [^\n]+\n", err)


@pytest.mark.long
def test_a_busy_port_is_told_on_stderr(table):
    with (
        training(table, "--watch", 0, "--epochs", 10**7) as (_, busy, _),
        training(table, "--watch", busy, "--epochs", 2) as (process, port, _),
    ):
        _, err = process.communicate(timeout=60)
    assert port > busy
    assert err == f"note: port {busy} is busy, {port} is free\n"
    assert process.returncode == 0


def test_all_ports_busy_is_one_line_before_training(table, capsys, monkeypatch):
    monkeypatch.setattr(server, "PORTS", 1)
    made = server.Server(server.Board(), 0)
    arguments = ["train", str(table), "--target", NAMES[2], "--watch", str(made.port), "--out", "never"]
    code = cli.main(arguments)
    made.stop()
    out, err = capsys.readouterr()
    assert code == 1
    assert err == f"fastnn: all ports from {made.port} to {made.port} are busy; name another one\n"
    assert "trained" not in out


@pytest.mark.parametrize("port", ["65536", "-1", "x", "80.5"])
def test_a_wrong_port_is_wrong_usage(table, capsys, port):
    assert cli.main(["train", str(table), "--target", NAMES[2], f"--watch={port}"]) == 2
    assert "must be a port" in capsys.readouterr().err


def test_data_after_the_option_is_told_how_to_stand(table, capsys):
    assert cli.main(["train", "--watch", str(table)]) == 2
    assert "DATA stands before --watch" in capsys.readouterr().err


def test_the_port_is_the_servers_own_and_help_names_it(capsys):
    assert WATCH_PORT == server.PORT
    assert cli.parser().parse_args(["train", "digits", "--watch"]).watch == server.PORT
    assert cli.parser().parse_args(["train", "digits"]).watch is None
    cli.main(["train", "--help"])
    assert f"default {server.PORT}" in capsys.readouterr().out


def test_without_the_option_no_server_is_loaded(table):
    code = (
        "import sys; from fastnn.cli import main; main(sys.argv[1:]); "
        "print(sorted({'http.server', 'fastnn.watch'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "train", str(table), "--target", NAMES[2], "--epochs", "1"]
    out = str(table.with_name("m.safetensors"))
    done = subprocess.run([*command, "--out", out], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


class TestPlane:
    """Which tables have one."""

    def plane(self, path: Path, *options: str):
        from fastnn.cli.data import read_source

        arguments = cli.parser().parse_args(["train", str(path), "--target", "t", *options])
        prepared = prepare(read_source(str(path), "train", "t"), arguments, 1)
        return plane_of(prepared.encoding, prepared.x, prepared.y)

    def test_numbers_are_told_in_their_own_units(self, tmp_path, capsys):
        random = np.random.default_rng(2)
        rows = np.column_stack([random.normal(1e3, 5, 200), random.uniform(-1, 0, 200), random.normal(7, 3, 200)])
        path = tmp_path / "t.csv"
        path.write_text("a,b,t\n" + "".join(f"{a!r},{b!r},{c!r}\n" for a, b, c in rows.tolist()))
        plane = self.plane(path, "--validation", "0")
        (a, spread_a), (b, spread_b) = plane.units
        raw = np.column_stack([a + spread_a * plane.x[:, 0], b + spread_b * plane.x[:, 1]])
        assert np.allclose(raw, rows[:, :2], rtol=1e-5, atol=1e-5)
        mean, spread = plane.target_unit
        assert np.allclose(mean + spread * plane.y, rows[:, 2])
        assert (plane.columns, plane.target, plane.labels) == (("a", "b"), "t", None)

    @pytest.mark.parametrize(
        "line",
        ["{i},{i},{i},{c}", "{i},red{c},{c}", "{i},{c}", "{i},7,{c}", "{i},,{c}"],
        ids=["three", "text", "one", "constant", "empty"],
    )
    def test_others_have_none(self, tmp_path, capsys, line):
        names = ["a", "b", "d"][: line.count(",")]
        lines = [",".join([*names, "t"])] + [line.format(i=i, c=i % 2) for i in range(40)]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(lines) + "\n")
        assert self.plane(path) is None

    def test_gaps_take_the_place_of_a_third_input(self, tmp_path, capsys):
        path = tmp_path / "t.csv"
        path.write_text("a,t\n" + "".join(f"{'' if i % 5 == 0 else i},{i % 2}\n" for i in range(40)))
        assert self.plane(path) is None
        assert self.plane(write_two(path)) is not None

    def test_images_have_none(self, capsys):
        from fastnn.cli.data import read_source

        arguments = cli.parser().parse_args(["train", "digits"])
        prepared = prepare(read_source("digits", "train", None), arguments, 1)
        assert plane_of(prepared.encoding, prepared.x, prepared.y) is None


def write_two(path: Path) -> Path:
    path.write_text("a,b,t\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40)))
    return path
