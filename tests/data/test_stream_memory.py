"""A fit on a file ten times as large as the memory that it may take."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
ROWS = 2_621_440


@pytest.mark.stream
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA and /proc are Linux's")
def test_a_file_of_ten_times_the_memory_trains_with_a_flat_peak_and_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    import larger_than_memory as bench

    path = str(tmp_path / "rows.parquet")
    bench.write(path, ROWS)
    runs = [bench.memory(path, ROWS, epochs=3) for _ in range(2)]
    assert runs[0]["crc"] == runs[1]["crc"]
    for run in runs:
        assert max(run["peaks"]) < 2 * run["window"]
        assert run["peaks"][-1] < 1.15 * run["peaks"][1]  # the first epoch does not yet reach all
