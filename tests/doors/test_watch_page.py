"""The live page in a real browser: what it draws, how it follows a fit and ends with it, and whom it asks."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest
from browser import Browser, browsing
from models import classes, model_of, regression
from test_watch_command import NAMES, training, write_table

import fastnn
from fastnn.callbacks import Callback
from fastnn.layers import Dense
from fastnn.watch import Plane, Watch
from fastnn.watch.board import Board
from fastnn.watch.server import Server

CURVES = "[...document.querySelectorAll('.chart path')].map(p => p.getAttribute('d'))"
EPOCH = "parseInt(document.querySelector('#tiles dd')?.textContent.replace(/,/g, ''))"
OVER = "!['', 'training', 'trained'].includes(document.body?.dataset.phase ?? '')"
COLOURS = """(() => {
  const canvas = document.querySelector('#plane canvas'), pen = canvas.getContext('2d');
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data, found = new Set();
  for (let i = 0; i < data.length; i += 4) found.add((data[i] >> 4) << 8 | (data[i + 1] >> 4) << 4 | data[i + 2] >> 4);
  return found.size;
})()"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """One browser for all tests of this file."""
    with browsing(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(chromium):
    """The browser on an empty page, wide and light; at the end nothing was wrong and only the server was asked."""
    chromium.look(1280, 900)
    chromium.open("about:blank")
    chromium.wait("location.href == 'about:blank'")
    chromium.requests.clear()
    chromium.faults.clear()
    yield chromium
    chromium.ask("1")
    assert not chromium.faults
    assert {address.split("/", 3)[2].split(":")[0] for address in chromium.requests} <= {"127.0.0.1"}
    assert {address.split("/", 3)[3] for address in chromium.requests} <= {"", "events"}


def until_over(page: Browser) -> None:
    page.wait(OVER)
    page.wait("document.querySelector('#results td, #note') !== null")


@pytest.mark.parametrize("kind", ["classes", pytest.param("numbers", marks=pytest.mark.long)])
def test_a_command_is_followed_from_its_first_epochs_to_its_results(page, tmp_path, kind):
    table = write_table(tmp_path / "table.csv", kind)
    with training(table, "--watch", 0, "--epochs", 10**7, "--time-limit", 4) as (process, port, _):
        page.open(f"http://127.0.0.1:{port}/")
        page.wait(f"{CURVES}.length == 4")
        first, epoch = page.ask(CURVES), page.ask(EPOCH)
        page.wait(f"{EPOCH} > {epoch} && {CURVES}[0] != {first[0]!r}")
        page.wait(f"{COLOURS} > 20")
        assert page.text("#phase") == "training"
        assert page.ask("document.querySelector('#bar').value") < 1
        page.wait(OVER)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert page.text("#phase") == "finished"
    assert page.text("#results td") in out
    assert page.ask(EPOCH) == int(out.split("trained ")[1].split()[0].replace(",", ""))
    assert page.ask(f"{CURVES}.every(d => !d.includes('NaN'))")
    assert page.ask("document.querySelector('#bar').value") == 1
    assert page.text("#plane h2") == NAMES[2]
    assert page.ask("document.querySelectorAll('#plane b, #plane img, #plane script').length") == 0
    assert page.text("#layers td:nth-child(2)") == "Dense"
    assert "table.csv" in page.text("#settings")
    page.ask("new Promise(done => setTimeout(done, 1500))")  # the server is gone; nobody asks for it again
    assert len([address for address in page.requests if address.endswith("/events")]) == 1
    assert page.text("#phase") == "finished"


def test_what_is_under_the_mouse_is_told(page, rng):
    x, y = classes(rng, n=200, n_in=2)
    model = model_of(Dense(8, "tanh"), Dense(3, "softmax"), n_in=2, loss="sparse_categorical_crossentropy")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    plane = Plane(x, y, columns=("a<b>", "b"), labels=["<u>u</u>", "v", "w"], units=((10.0, 2.0), (0.0, 1.0)))
    with Watch(0, plane=plane, verbose=0) as watch:
        page.open(watch.address)
        page.wait("document.querySelector('#phase')?.textContent == 'waiting for the training to begin'")
        history = model.fit(x, y, epochs=50, validation_split=0.2, callbacks=watch)
        page.wait("document.body?.dataset.phase == 'trained'")
        assert page.text("#phase") == "trained"
    until_over(page)
    box = page.place(".chart svg")
    page.point(box["right"] - 4, box["y"] + 50)
    told = page.text(".chart .tip").split("\n")
    assert told[0] == "epoch 50"
    for line, name in zip(told[1:], ("loss", "val_loss"), strict=True):
        assert math.isclose(float(line.split()[1]), history.history[name][-1], rel_tol=1e-3)
    page.point(box["x"] + 2, box["y"] + 50)
    assert page.text(".chart .tip").startswith("epoch 1\n")
    page.point(1, 1)
    assert page.ask("document.querySelector('.chart .tip').hidden")

    box = page.place("#plane canvas")
    page.point(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    across, up, label = page.text("#plane .tip").split("\n")
    at = [(float(across.split()[1]) - 10) / 2, float(up.split()[1])]
    scores = model.predict(np.array([at], np.float32))[0]
    assert across.startswith("a<b> ")
    if np.sort(scores)[-1] - np.sort(scores)[-2] > 0.2:
        assert label == "output " + plane.labels[int(scores.argmax())]


def test_a_log_scale_can_be_chosen_where_there_is_one(page, rng):
    x, y = regression(rng)
    model = model_of()
    model.compile("adam", "mse", metrics=["r2"])
    with Watch(0, verbose=0) as watch:
        page.open(watch.address)
        model.fit(x, y, epochs=30, callbacks=watch)
    until_over(page)
    assert page.ask("[...document.querySelectorAll('.chart input')].map(i => i.disabled)") == [False, True]
    before = page.ask(CURVES)
    page.click(".chart input")
    page.wait(f"{CURVES}[0] != {before[0]!r}")
    assert page.ask(CURVES)[1] == before[1]
    page.click(".chart input")
    page.wait(f"{CURVES}[0] == {before[0]!r}")


def state(**more) -> dict:
    """A message as the server sends it, of a fit that goes on."""
    curves = {"epochs": [1, 2, 3, 4], "stride": 1, "series": {"loss": [4.0, 3.0, 2.0, 1.0]}}
    numbers = {"epoch": 4, "epochs": 10, "share": 0.4, "within": 0.0, "seconds": 3.0, "left": 5.0, "speed": 1234.5}
    return numbers | {"phase": "training", "note": "", "results": [], "curves": curves} | more


SETUP = {"layers": [["Dense", "1", "2", "relu"]], "settings": [["seed", "1"]], "plane": None}


@pytest.fixture
def board(page):
    """The board of a page that is open."""
    server = Server(Board(), 0)
    server.board.post("setup", SETUP)
    page.open(server.address)
    yield server.board
    server.board.post("state", state(phase="finished"))
    server.stop()


@pytest.mark.parametrize(("word", "epochs"), [("best", 10), ("kept", None)])
def test_a_ring_marks_the_epoch(page, board, word, epochs):
    series = {"loss": [4.0, 3.0, 2.0], "val_loss": [4.0, 2.5, 3.5], "rate_now": [1.0, 1.0, 1.0]}
    mark = {"epoch": 2, "word": word, "values": {"loss": 3.0, "val_loss": 2.5}}
    curves = {"epochs": [1, 2, 3], "stride": 1, "series": series}
    board.post("state", state(epoch=3, epochs=epochs, share=epochs and 0.3, left=None, curves=curves, mark=mark))
    page.wait("document.querySelectorAll('circle.mark').length == 1")  # of the loss; the other has no such value
    assert page.ask("document.querySelector('text.mark').textContent") == f"{word} epoch: 2"
    tiles = page.text("#tiles")
    assert f"{word} epoch" in tiles
    assert "loss, validation" in tiles
    assert "rate now" in tiles
    assert page.ask("document.querySelector('#bar').hidden") == (epochs is None)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ([1.0], r"M[\d. ]+h0"),
        ([None], ""),
        ([], ""),
        ([1.0, None, 2.0, 3.0], r"M[\d. ]+h0M[\d. ]+h0L[\d. ]+"),
        ([0.0, 0.0, 0.0], r"M[\d. ]+h0(L[\d. ]+){2}"),
        ([5e300, -5e300], r"M[\d. ]+h0L[\d. ]+"),
        ([1e-300, 0.0], r"M[\d. ]+h0L[\d. ]+"),
    ],
)
def test_odd_curves_are_drawn(page, board, values, path):
    epochs = list(range(1, len(values) + 1))
    board.post("state", state(curves={"epochs": epochs, "stride": 1, "series": {"loss": values}}))
    page.wait(f"{CURVES}.length == 1")
    for _ in range(2):
        (drawn,) = page.ask(CURVES)
        assert page.ask(f"/^({path})$/.test({drawn!r})"), drawn
        page.click(".chart input")
    box = page.place(".chart svg")
    page.point(box["x"] + 100, box["y"] + 50)
    assert page.ask("document.querySelector('.chart .tip').hidden") == (not values)
    if values:
        assert page.text(".chart .tip").startswith("epoch ")


def test_a_picture_stands_upright(page, board):
    plane = {"columns": ["a", "b"], "target": "t", "low": [0, 10], "high": [1, 30], "labels": ["none", "here"]}
    board.post("setup", SETUP | {"plane": plane | {"points": [], "scale": [0, 1]}})
    encoded = {name: base64.b64encode(bytes(values)).decode() for name, values in
               {"classes": [1, 0, 0, 0], "sure": [255] * 4}.items()}  # fmt: skip
    board.post("picture", {"side": 2} | encoded)
    board.post("state", state())
    page.wait(f"{CURVES}.length == 1")
    box, frame = page.place("#plane canvas"), page.ask("plane.frame")
    pen = "document.querySelector('#plane canvas').getContext('2d')"
    for x, y, label in ((0.1, 0.1, "here"), (0.9, 0.1, "none"), (0.1, 0.9, "none"), (0.9, 0.9, "none")):
        at = [
            frame["left"] + x * (frame["right"] - frame["left"]),
            frame["bottom"] + y * (frame["top"] - frame["bottom"]),
        ]
        red, _, blue = page.ask(f"[...{pen}.getImageData({at[0]}, {at[1]}, 1, 1).data.slice(0, 3)]")
        assert (red > blue) == (label == "here")
        page.point(box["x"] + at[0], box["y"] + at[1])
        a, b, t = page.text("#plane .tip").split("\n")
        assert t == f"t {label}"
        assert abs(float(a.split()[1]) - x) < 0.01
        assert abs(float(b.split()[1]) - (10 + 20 * y)) < 0.2


PIXELS = """(() => {
  const canvas = document.querySelector('#filters canvas'), pen = canvas.getContext('2d');
  return [canvas.width, canvas.height, ...%s.map(([x, y]) =>
    [...pen.getImageData(x * canvas.width / canvas.clientWidth, y * canvas.height / canvas.clientHeight, 1, 1).data])];
})()"""


@pytest.mark.parametrize("depth", [1, 3])
def test_filters_stand_in_rows_as_small_pictures(page, board, depth):
    filters = {"title": "<b>c</b>: 3 filters", "count": 3, "height": 2, "width": 2, "depth": depth, "columns": 2}
    board.post("setup", SETUP | {"filters": filters})
    one = [1, 128, 128, 255] + 4 * [128] + [255, 1, 128, 128]
    values = one if depth == 1 else [v for v in one for v in (v, 128, 1)]
    board.post("filters", {"most": 0.5, "values": base64.b64encode(bytes(values)).decode()})
    board.post("state", state())
    page.wait("document.querySelector('#filters canvas')?.clientHeight > 0 && filters.values")
    assert page.text("#filters h2") == "<b>c</b>: 3 filters"
    size = 36  # of a weight, at most; the gap is .15 of a picture, 2 * .15 * 36
    step = 2.3 * size
    places = [(size / 2, size / 2), (size * 1.5, size * 1.5), (step + 10, 10), (10, step + 10), (step + 10, step + 10)]
    _, height, *seen = page.ask(PIXELS % [list(place) for place in places])
    assert abs(height / page.ask("devicePixelRatio") - 4.3 * size) <= 1
    low, high, zero, third, none = seen
    if depth == 1:
        assert low[0] > low[2]  # orange below zero, blue above
        assert high[2] > high[0]
        assert third == high
        assert zero[:3] == page.ask(
            "parts(getComputedStyle(document.documentElement).getPropertyValue('--back').trim())"
        )
        assert page.text("#filters .dots").split() == ["-0.5", "0.5"]
    else:
        assert (low, high, zero) == ([1, 128, 1, 255], [255, 128, 1, 255], [128, 128, 1, 255])
        assert page.text("#filters .dots") == "mid grey is 0, full colour ±0.5"
    assert none[3] == 0
    board.post("setup", SETUP)
    page.wait("document.querySelector('#filters').hidden")


def test_filters_of_a_fit_are_drawn(page, rng):
    conv = fastnn.layers.Conv2D(20, 5, input_shape=(12, 12, 1))
    model = fastnn.Sequential([conv, fastnn.layers.Flatten(), Dense(2, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    with Watch(0, verbose=0) as watch:
        page.open(watch.address)
        page.wait("document.querySelector('#phase')?.textContent == 'waiting for the training to begin'")
        model.fit(rng.normal(size=(64, 12, 12, 1)), rng.integers(0, 2, 64), epochs=3, callbacks=watch)
    until_over(page)
    page.wait("filters.values")
    assert page.text("#filters h2") == "conv2d: 20 filters"
    assert page.ask("filters.values.length") == 500
    assert page.ask(COLOURS.replace("#plane", "#filters")) > 20


def test_progress_within_a_long_epoch_is_shown(page, board):
    empty = {"epochs": [], "stride": 1, "series": {}}
    board.post("state", state(epoch=0, epochs=3, within=0.5, share=0.1667, left=None, curves=empty))
    page.wait("document.querySelector('#tiles')?.innerText.includes('50 %')")
    assert page.text("#tiles dd").split() == ["0", "of", "3"]
    assert math.isclose(page.ask("document.querySelector('#bar').value"), 0.1667)


def test_names_are_text_and_never_html(page, board):
    evil = "<img src=x onerror='document.title=1'>"
    board.post("setup", {"layers": [[evil] * 4], "settings": [[evil, evil]], "plane": None})
    board.post(
        "state",
        state(note=evil, results=[[evil, evil]], curves={"epochs": [1], "stride": 1, "series": {evil: [1.0]}}),
    )
    page.wait(f"{CURVES}.length == 1")
    assert page.ask("document.querySelectorAll('img').length") == 0
    for place in (".chart h2", "#tiles div:nth-child(4) dt", "#layers td:nth-child(2)", "#settings th", "#results td"):
        assert page.text(place) == evil


def test_ten_thousand_epochs_are_few_points(page, rng):
    x, y = regression(rng, n=8)
    with Watch(0, verbose=0) as watch:
        page.open(watch.address)
        model_of(name=fastnn.get_backend()).fit(x, y, epochs=10_000, callbacks=watch)
    until_over(page)
    assert page.ask(EPOCH) == 10_000
    assert 250 < page.ask(CURVES)[0].count("L") <= 500
    box = page.place(".chart svg")
    page.point(box["right"] - 4, box["y"] + 50)
    assert page.text(".chart .tip").startswith("epoch 10,000\n")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_every_width_and_both_schemes(page, board, width, dark):
    page.look(width, 800, dark=dark)
    plane = {
        "columns": ["a rather long name of a column " * 4, "b"], "target": "t", "low": [0, 0], "high": [1e6, 1e-6],
        "points": [[0.5, 0, 1]], "labels": [f"a label {i}" for i in range(40)], "scale": [0, 1],
    }  # fmt: skip
    filters = {"title": "a long title " * 9, "count": 64, "height": 2, "width": 2, "depth": 1, "columns": 64}
    board.post("setup", SETUP | {"plane": plane, "filters": filters})
    board.post("filters", {"most": 1.0, "values": base64.b64encode(bytes(256)).decode()})
    board.post("state", state(epoch=10**7, epochs=10**8, left=86400.0, note="words " * 30))
    page.wait(f"{CURVES}.length == 1")
    assert page.ask("document.documentElement.scrollWidth") <= width
    colours = "(c => [c.color, c.backgroundColor].map(t => t.match(/\\d+/g).reduce((a, b) => a + +b, 0)))"
    ink, paper = page.ask(f"{colours}(getComputedStyle(document.body))")
    assert (ink > paper) == dark
    assert abs(ink - paper) > 500


def test_a_server_that_dies_is_told_and_not_asked_for_ever(page):
    server = Server(Board(), 0)
    server.board.post("setup", SETUP)
    server.board.post("state", state())
    page.open(server.address)
    page.wait(f"{CURVES}.length == 1")
    server.stop()
    page.wait("document.querySelector('#note')?.textContent == 'this is the last that was heard'")
    assert page.text("#phase") == "connection lost"
    assert page.ask("tries") == 4
    assert page.ask(CURVES)
    asked = len(page.requests)
    page.ask("new Promise(done => setTimeout(done, 1000))")
    assert len(page.requests) == asked
    assert all("ERR_CONNECTION_REFUSED" in fault for fault in page.faults)
    page.faults.clear()


def test_a_server_that_comes_back_is_found_again(page):
    first = Server(Board(), 0)
    first.board.post("setup", SETUP)
    first.board.post("state", state())
    page.open(first.address)
    page.wait(f"{EPOCH} == 4")
    first.stop()
    page.wait("document.querySelector('#note')?.textContent == 'trying again'")
    second = Server(Board(), first.port)
    second.board.post("setup", SETUP)
    second.board.post("state", state(epoch=5, phase="finished"))
    page.wait(f"{EPOCH} == 5 && {OVER}")
    second.stop()
    page.faults.clear()  # of the moment between


def test_a_page_opened_while_epochs_run_long_shows_how_far_they_are(page, rng):
    x, y = regression(rng, n=64)
    model = model_of()

    class Slow(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                page.open(watch.address)
                page.wait("document.querySelector('#tiles')?.innerText.includes('this epoch')")

    with Watch(0, verbose=0) as watch:
        model.fit(x, y, batch_size=8, callbacks=[watch, Slow()])
    until_over(page)
    assert page.text("#tiles dd").split() == ["1", "of", "1"]
