"""How many processors count: the fast ones, as each system tells it."""

from __future__ import annotations

import os

import pytest

from fastnn._base import processors

ALL = frozenset(range(8))


def told(folder, files: dict[str, object]):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return folder


def capacities(*sizes) -> dict:
    return {f"system/cpu/cpu{n}/cpu_capacity": size for n, size in enumerate(sizes)}


@pytest.mark.parametrize(
    ("files", "allowed", "counts"),
    [
        ({}, ALL, ALL),
        (capacities(*[446] * 4, *[1024] * 4), ALL, {4, 5, 6, 7}),  # big.LITTLE
        (capacities(*[250] * 4, *[760] * 3, 1024), ALL, {4, 5, 6, 7}),  # and one that is faster still
        (capacities(*[446] * 4, *[1024] * 4), frozenset({0, 1}), {0, 1}),  # bound to the slow ones
        (capacities(*[1024] * 8), ALL, ALL),
        (capacities(*[1024] * 7, "x"), ALL, ALL),
        ({"cpu_core/cpus": "0-3,6", "cpu_atom/cpus": "4-5,7"}, ALL, {0, 1, 2, 3, 6}),  # Intel's hybrids
        ({"cpu_core/cpus": "0-3", "cpu_atom/cpus": "4-7"}, frozenset({5, 6}), {5, 6}),
        ({"cpu_core/cpus": ""}, ALL, ALL),
    ],
)
def test_what_linux_tells(tmp_path, files, allowed, counts):
    assert processors.fast(allowed, told(tmp_path, files)) == counts


def record(efficiency: int, size: int = 32) -> bytes:
    return processors.CPU_SET.pack(size, 0, 256, 0, 0, 0, 0, 0, efficiency, 0, 0, 0).ljust(size, b"\0")


def test_what_windows_tells():
    assert processors.fast_of_sets(b"".join(map(record, (0, 1, 1, 0, 1)))) == 3
    assert processors.fast_of_sets(record(0) * 4) == 4
    assert processors.fast_of_sets(record(1, 40) + record(0, 40)) == 1, "records may grow"
    assert processors.fast_of_sets(b"") == 0


def test_this_machine():
    assert 1 <= processors.count() <= (os.cpu_count() or 1)
