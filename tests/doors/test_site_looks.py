"""The site that ``make docs`` has built, in a browser: it asks nobody else for anything, searches, fits a phone, and is
readable in light and dark."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import browsing

SITE = Path(__file__).resolve().parents[2] / "build" / "docs"
PAGES = (
    *("index.html", "search.html", "tutorials/2_xor.html", "how_it_works/index.html", "gallery/draw_training.html"),
    *("reference/activations.html", "reference/layers_core.html", "reference/losses.html", "benchmarks.html"),
)
COLOURS = """[...document.querySelectorAll("p, h1, .sig-name, .drawing text")].slice(0, 40).map(
    element => getComputedStyle(element)[element.tagName == "text" ? "fill" : "color"])"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built (make docs)")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def visit(browser, place: str) -> None:
    browser.requests.clear()
    browser.faults.clear()
    browser.open(place)
    browser.wait("document.readyState == 'complete'")
    hosts = {urlsplit(request).netloc for request in browser.requests if not request.startswith("data:")}
    assert hosts == {urlsplit(place).netloc}
    assert not [fault for fault in browser.faults if "favicon" not in fault]


def brightness(colour: str) -> float:
    red, green, blue = (float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


@pytest.mark.long
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_can_be_read(browser, address, width, dark):
    browser.look(width, 900, dark=dark)
    for page in PAGES:
        visit(browser, f"{address}/{page}")
        assert browser.ask("document.documentElement.scrollWidth") <= width, page
        behind = brightness(browser.ask("getComputedStyle(document.body).backgroundColor"))
        assert behind < 0.3 if dark else behind > 0.7
        assert all(abs(brightness(colour) - behind) > 0.3 for colour in browser.ask(COLOURS)), page


@pytest.mark.long
def test_search_finds_pages_and_names(browser, address):
    browser.look(1280, 900)
    for words, page in (("vanishing", "tutorials/"), ("EarlyStopping", "reference/callbacks")):
        visit(browser, f"{address}/search.html?q={words}")
        browser.wait("document.querySelectorAll('ul.search li a').length > 0")
        found = browser.ask("[...document.querySelectorAll('ul.search li a')].map(link => link.href)")
        assert any(page in link for link in found), found


@pytest.mark.long
def test_formulas_and_drawings_are_there(browser, address):
    visit(browser, f"{address}/reference/activations.html")
    assert browser.ask("document.querySelectorAll('math').length") >= 28
    assert browser.ask("document.querySelectorAll('.curve svg').length") == 26
    visit(browser, f"{address}/how_it_works/index.html")
    assert browser.ask("document.querySelectorAll('.drawing svg').length") == 2
