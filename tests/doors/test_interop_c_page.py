"""What docs/interop_c.md shows runs, and its C compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from c_compilers import STRICT, checked, needs, run

from fastnn import _kernels

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "interop_c.md").read_text(encoding="utf-8")
CYTHON = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="there is no native backend")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def ran(*words: str) -> dict:
    """The names that the blocks of Python leave; those with one of the words are left out."""
    names: dict = {}
    for block in blocks("python"):
        if not any(word in block for word in words):
            exec(compile(block, "docs/interop_c.md", "exec"), names)
    return names


@CYTHON
@needs("gcc")
def test_the_python_runs_and_what_it_writes_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ran("numba")
    assert names["f"].signature in PAGE
    assert (names["y"] == names["predict"](names["x"])).all()
    assert "all numbers are right" in checked("gcc", tmp_path / "iris", "iris")
    classify = next(block for block in blocks("c") if "iris.h" in block)
    (tmp_path / "iris" / "classify.c").write_text(classify)
    run("gcc", *STRICT, "-Wno-unused-but-set-variable", "-c", "classify.c", cwd=tmp_path / "iris")


@CYTHON
@pytest.mark.numba
@pytest.mark.skipif(_kernels.why_not("numba") is not None, reason="there is no Numba")
def test_the_numba_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ran()
    assert names["best"](names["x"], names["y"]) == names["predict"](names["x"]).argmax()
