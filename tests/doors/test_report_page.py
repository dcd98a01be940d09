"""The page of a report: well-formed, of itself alone, and obeying nothing that a file says."""

from __future__ import annotations

import html.parser
import re

import numpy as np
import pytest
from browser import browsing

from fastnn.tables import Encoding, Numbers, Table, Text, fit_features
from fastnn.tables.target import Classes, Quantity
from fastnn.tabular.report import make_report
from fastnn.tabular.report.charts import dependence_chart
from fastnn.tabular.report.svg import Chart, text, ticks

VOID = {"meta", "br", "hr", "img", "input", "link"}
EVIL = '"><script>alert(1)</script>&amp;'
ODD = [EVIL, "a\x1b[31m\u202eb", "</style></title>", "' onload='x", "{0} %s $a_b$", "", " ", "\x00"]


class Checker(html.parser.HTMLParser):
    """Tags that open are closed in turn; keeps names of tags and attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def checked(page: str) -> Checker:
    """The page, which has to be well-formed and to need nothing else."""
    found = Checker()
    found.feed(page)
    found.close()
    assert found.open == []
    assert not {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "xlink:href", "action")]
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?:|url\(|@import|//[a-z]", page)
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    links = [attributes["href"][1:] for _, attributes in found.tags if "href" in attributes]
    assert sorted(ids) == sorted(links)
    return found


def odd_table(n: int = 60) -> Table:
    """A table whose names and values are what no page shall obey."""
    random = np.random.default_rng(0)
    values = tuple(sorted(ODD))
    columns = {name or "empty": Numbers(random.normal(size=n)) for name in ODD}
    return Table(columns | {"texts": Text(random.integers(-1, len(values), n).astype(np.int32), values)}, EVIL)


@pytest.mark.parametrize("labels", [ODD[:2], ODD[:5]])
def test_names_and_labels_are_shown_and_not_obeyed(labels):
    table = odd_table()
    encoding = Encoding(fit_features(table)[0], Classes(EVIL, labels))
    n_out = encoding.target.n_out
    weights = np.random.default_rng(1).normal(size=(encoding.features.width, n_out))

    def predict(x):
        z = np.exp(x @ weights)
        return z / (1 + z) if n_out == 1 else z / z.sum(axis=1, keepdims=True)

    y = np.arange(60) % len(labels)
    report = make_report(
        predict, encoding, table, y, training=(table, y), baselines=False, cross_validated=[{"auc": 0.5}] * 2
    )
    found = checked(report.html())
    shown = "".join(found.words)
    assert '"><script>alert(1)</script>' in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\x00" not in shown
    told = "\n".join(report.text())
    assert not {c for c in told if not c.isprintable() and c != "\n"}


def test_the_page_of_numbers_is_well_formed():
    table = odd_table()
    encoding = Encoding(fit_features(table)[0], Quantity(EVIL, 5.0, 2.0))
    report = make_report(lambda x: x[:, :1] + x[:, -1:], encoding, table, np.linspace(-2, 2, 60))
    found = checked(report.html())
    for part in ("scores", "residuals", "importance", "dependence", "worst"):
        assert any(attributes.get("id") == part for _, attributes in found.tags)
    assert any(tag == "svg" for tag, _ in found.tags)


def test_very_many_classes_and_columns_stay_a_page_that_can_be_read():
    n, n_classes = 200, 60
    random = np.random.default_rng(0)
    table = Table({f"x{i}": Numbers(random.normal(size=n)) for i in range(50)})
    encoding = Encoding(fit_features(table)[0], Classes("y", [f"class {k}" for k in range(n_classes)]))
    weights = random.normal(size=(50, n_classes))

    def predict(x):
        z = np.exp(x @ weights - (x @ weights).max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)

    report = make_report(predict, encoding, table, random.integers(0, n_classes, n))
    page = report.html()
    checked(page)
    assert len(page) < 600_000
    assert len(report.roc) == 12


@pytest.mark.long
def test_a_browser_shows_the_page_asks_for_nothing_and_finds_no_fault(tmp_path):
    table = odd_table()
    encoding = Encoding(fit_features(table)[0], Classes(EVIL, ODD[:3]))
    y = np.arange(60) % 3
    report = make_report(
        lambda x: np.full((len(x), 3), 1 / 3) + 0.01 * x[:, :1] * [1, -1, 0], encoding, table, y, training=(table, y)
    )
    report.save(tmp_path / "r.html")
    outside = """[...document.querySelectorAll("svg text")].filter(text => {
        const box = text.getBoundingClientRect(), all = text.closest("svg").getBoundingClientRect();
        return box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1;
    }).map(text => text.textContent)"""
    with browsing(tmp_path / "chromium") as browser:
        for width, dark in ((1200, False), (400, True)):
            browser.look(width, 900, dark=dark)
            browser.open((tmp_path / "r.html").as_uri())
            browser.wait("document.readyState === 'complete' && document.querySelector('#worst') !== null")
            assert browser.ask("document.documentElement.scrollWidth") <= width
            assert browser.ask(outside) == []
            page = browser.ask("getComputedStyle(document.body).backgroundColor")
            assert page == ("rgb(18, 22, 28)" if dark else "rgb(255, 255, 255)")
        assert browser.faults == []
        assert {address.rpartition("/")[2] for address in browser.requests} == {"r.html"}


def test_a_report_is_written_whole(tmp_path):
    table = odd_table(20)
    encoding = Encoding(fit_features(table)[0], Quantity("y", 5.0, 2.0))
    report = make_report(lambda x: x[:, :1], encoding, table, np.linspace(-2, 2, 20))
    report.save(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == report.html()
    with pytest.raises(OSError, match="missing"):
        report.save(tmp_path / "missing" / "r.html")


def test_texts_are_cut_and_escaped():
    assert text("<a href='x'>") == "&lt;a href=&#x27;x&#x27;&gt;"
    assert text("") == ""
    assert len(text("x" * 10_000)) == 60


@pytest.mark.parametrize("ends", [(0, 1), (-3.2e-7, 9e-7), (5e8, 6e8), (-1, 1e6), (0.1, 0.10001), (1e-300, 2e-300)])
def test_ticks_are_round_and_inside(ends):
    found = ticks(ends)
    assert 2 <= len(found) <= 8
    slack = 1e-6 * (ends[1] - ends[0])
    assert all(ends[0] - slack <= value <= ends[1] + slack for value, _ in found)
    assert len({name for _, name in found}) == len(found) or ends == (0.1, 0.10001)


@pytest.mark.parametrize("ends", [(2.0, 2.0), (0.0, 0.0), (float("nan"), 1.0), (1.0, -1.0), (1e300, 1e300)])
def test_charts_of_nothing_are_charts(ends):
    chart = Chart(ends, ends, "x", "y")
    chart.line([0, float("nan"), 1], [0, 1, float("inf")], "c0", "a")
    chart.points([0, 2], [2, float("nan")], "c1")
    chart.bars([0, 1, 2], [1, 0], "c0")
    drawn = chart.svg("t")
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_a_gap_is_a_value_of_its_own_in_a_dependence():
    found = {"grid": ["a", None], "mean": np.array([[0.2], [0.4]]), "individual": np.array([[[0.1], [0.3]]])}
    assert "(gap)" in dependence_chart("x", found, "y", ["yes"])
