"""The code of every page runs as it stands there, and what runs a page finds what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import blocks
import pytest

FILES = (*blocks.ROOT.glob("*.md"), *(blocks.ROOT / "docs").rglob("*.md"))
MADE = ("gallery", "programs", "reference", "repository")  # by a build of the site
PAGES = sorted(page for page in FILES if page.parent.name not in MADE)
READ = {page: blocks.blocks_of(page.read_text(encoding="utf-8")) for page in PAGES}


def case(page: Path):
    """A page as a case, which waits for ``--long`` where all its blocks do."""
    waits = all(block.long for block in READ[page] if block.runs)
    numba = [pytest.mark.numba] if any("import numba" in block.text for block in READ[page]) else []
    return pytest.param(page, id=str(page.relative_to(blocks.ROOT)), marks=[pytest.mark.long] * waits + numba)


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize("page", [case(page) for page in PAGES if any(block.runs for block in READ[page])])
def test_the_blocks_of_a_page_run(page, request, tmp_path, monkeypatch, no_figures_left):
    if missing := blocks.needs(page):
        pytest.skip(f"{', '.join(missing)} is missing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    blocks.run(page, request.config.getoption("--long"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_every_block_says_what_it_is(page):
    for block in READ[page]:
        here = f"line {block.line}"
        directive = block.language.startswith("{")
        assert directive or block.language in (*blocks.RUN, *blocks.SHOWN), f"{here}: {block.language!r} is no language"
        assert "code" not in block.language, f"{here}: a code host shows plain fences alone"
        if "not run" in block.markers:
            assert block.language in blocks.RUN, f"{here}: a block of {block.language} does not run anyway"
            assert len(block.markers["not run"].split()) >= 3, f"{here}: the reason why it is not run is too short"


def test_blocks_share_names_a_folder_and_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """# Page

<!-- python
import dataclasses
x = 3
-->

```python
@dataclasses.dataclass
class Point:
    x: int

print(Point(x))
```

<!-- output -->
```text
Point(...)
```

- in a list

  ```python
  >>> x + 1
  4

  ```

<!-- file: in/a.csv -->
```text
a,b
```

```sh
cat in/a.csv
python -c 'print(5)' | tee made
```

<!-- output -->
```text
a,b
5
```

```python
import pathlib
assert pathlib.Path("made").read_text() == "5\\n"
```

<!-- not run: the package index is far away -->
```sh
exit 1
```

<!-- long -->
```python
x = 4
print(x)
```

<!-- output -->
```text
4
```

```python
open(str(x), "w").close()
```
"""
    page = written(tmp_path, text)
    blocks.run(page)
    assert (tmp_path / "3").exists()
    blocks.run(page, long=True)
    assert (tmp_path / "4").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```python\n1 / 0\n```", "division by zero"),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```", "the page says"),
        ("```python\n>>> 1 + 1\n3\n```", "Expected:\n    3\nGot:\n    2"),
        ("```sh\nfalse | cat\n```", "a command ended with 1"),
        ("```sh\n$ true\n```", "no prompts"),
        ("<!-- not run -->\n```python\n```", r"<!-- not run: \.\.\. -->"),
        ("<!-- long: it takes long -->\n```python\n```", "<!-- long -->"),
        ("text\n```python\n1 / 1", "line 2: the block that begins here has no end"),
        ("<!-- long from here -->\n```python\n```\ntext\n```python\n1 / 0\n```\n", "division by zero"),
    ],
)
def test_what_is_wrong_is_found_and_where(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = written(tmp_path, text)
    with pytest.raises((blocks.BlockError, ZeroDivisionError), match=message) as caught:
        blocks.run(page, long=True)
    assert "page.md, line" in "".join(getattr(caught.value, "__notes__", ["page.md, line"]))
    if "from here" in text:
        blocks.run(page)


def test_a_traceback_shows_the_line_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        blocks.run(written(tmp_path, "# Page\n\n```python\nx = 0\n1 / x\n```\n"))
    assert caught.traceback[-1].lineno + 1 == 5


def test_a_page_says_what_it_needs(tmp_path):
    page = written(tmp_path, "<!-- needs: numpy, sh, no_such_package -->\n")
    assert blocks.needs(page) == ["no_such_package"]
