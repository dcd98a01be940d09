"""What the built library does to make a fault of its own harmless, as its headers say it."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from fastnn import _kernels

pytestmark = [
    pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not built"),
    pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf (of binutils) is missing"),
]


@pytest.fixture(scope="module")
def library() -> str:
    path = _kernels.load("cython").__file__
    if "_asan_" in _read("-s", path) or "__tsan_" in _read("-s", path):
        pytest.skip("a build with sanitizers is no release")
    return path


def _read(what: str, path: str) -> str:
    return subprocess.run(["readelf", "-W", what, path], capture_output=True, text=True, check=True).stdout


def test_no_path_of_the_machine_that_built_it_is_searched(library):
    assert not re.search(r"RPATH|RUNPATH", _read("-d", library))


def test_what_is_resolved_is_resolved_at_once_and_never_written_again(library):
    assert "GNU_RELRO" in _read("-l", library)
    assert re.search(r"BIND_NOW|Flags: NOW", _read("-d", library))


def test_no_memory_is_both_written_and_run(library):
    segments = _read("-l", library)
    assert re.search(r"GNU_STACK.*\sRW\s", segments), "the stack runs nothing"
    assert not re.search(r"^\s+LOAD.*\sRWE\s", segments, re.MULTILINE)
    assert "TEXTREL" not in _read("-d", library)


def test_stacks_and_copies_are_guarded(library):
    wanted = _read("-s", library)
    assert "__stack_chk_fail" in wanted
    assert re.search(r"__mem(cpy|set|move)_chk", wanted), "none of FORTIFY"


def test_one_function_is_seen_from_outside(library):
    symbols = _read("--dyn-syms", library)
    seen = [
        line.split()[-1]
        for line in symbols.splitlines()
        if re.search(r"\b(GLOBAL|WEAK)\b", line) and " UND " not in line
    ]
    assert seen == ["PyInit_native"]
