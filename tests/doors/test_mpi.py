"""Processes that MPI has started train one model: the same bits, and one end for all when one of them fails."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastnn import _kernels

TESTS = Path(__file__).parents[1]
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")

pytest.importorskip("mpi4py", reason="mpi4py is not installed: pip install 'fastnn-native[mpi]'", exc_type=ImportError)
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec: pip install 'fastnn-native[mpi]'"),
]


def job(n, *words, timeout=120, **env):
    """A finished job of so many processes, with its seconds."""
    began = time.monotonic()
    command = [MPIEXEC, "-n", str(n), sys.executable, str(TESTS / "mpi_job.py"), *map(str, words)]
    told = {**os.environ, "PYTHONPATH": str(TESTS.parent), "FASTNN_NUM_THREADS": "1", **env}
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=told, check=False)
    done.seconds = time.monotonic() - began
    return done


def lines(done):
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.long
def test_any_number_of_processes_gives_the_same_bits():
    alone = lines(job(1, "fits"))
    assert len(alone) == 36
    for n in (2, 3, 4):
        assert lines(job(n, "fits")) == alone


def test_a_checkpoint_goes_on_on_another_number_of_processes(tmp_path):
    whole = lines(job(1, "resumed", tmp_path / "whole.safetensors"))
    killed = job(2, "resumed", tmp_path / "broken.safetensors", 7, 1)
    assert killed.returncode != 0
    assert lines(job(3, "resumed", tmp_path / "broken.safetensors")) == whole


@pytest.mark.long
def test_killed_at_any_step_the_job_ends_and_goes_on(tmp_path):
    """Fifty times: kill -9 to one of four processes at a random step; resumed on 3, 2 and 1 the bits are the same."""
    draws, whole = random.Random(5), lines(job(1, "resumed", tmp_path / "whole.safetensors"))
    for i in range(50):
        path = tmp_path / f"{i}.safetensors"
        killed = job(4, "resumed", path, draws.randint(1, 23), draws.randint(0, 3))
        assert killed.returncode != 0
        assert killed.seconds < 60  # it takes some 3; what waits for ever takes more
        if i % 5 == 0:
            for n in (3, 2, 1):
                again = tmp_path / f"{i}-{n}.safetensors"
                if path.exists():
                    shutil.copy(path, again)
                assert lines(job(n, "resumed", again)) == whole


def test_a_process_that_stands_still_is_named(tmp_path):
    done = job(3, "resumed", tmp_path / "m.safetensors", 4, 1, int(signal.SIGSTOP), JOB_TIMEOUT="2")
    assert done.returncode != 0
    assert "DistributedTimeout" in done.stderr
    assert "for rank 1," in done.stderr
    assert done.seconds < 60


@pytest.mark.parametrize("where", ["1", "all"])
def test_an_error_of_one_ends_all_and_is_told_once(where):
    done = job(3, "raises", where)
    assert done.returncode != 0
    assert done.seconds < 60
    assert "failed: ZeroDivisionError: of the user's own" in done.stderr
    if where == "1":
        assert done.stderr.count("Traceback") == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("data", "ranks differ in digest of all rows"),
        ("rows", "ranks differ in"),
        ("dtype", "ranks differ in dtype: rank 0 has float32, and rank 1 float64"),
        ("batch_size", "ranks differ in batch_size: rank 0 has 16, and rank 1 17"),
        ("shards", "ranks differ in shards: rank 0 has 4, and rank 1 5"),
    ],
)
def test_ranks_that_differ_are_told_so_at_the_start(what, words):
    done = job(2, "differs", what)
    assert done.returncode != 0
    assert words in done.stderr
    assert done.stderr.count("Traceback") == 1


def on_sets(*sets, words=("resumed",)):
    """A finished job with a process of each of these instruction sets."""
    command = [MPIEXEC]
    for isa in sets:
        process = [sys.executable, str(TESTS / "mpi_job.py"), *map(str, words)]
        command += [*([":"] if len(command) > 1 else []), "-n", "1", "-env", "FASTNN_ISA", isa, *process]
    env = {**os.environ, "PYTHONPATH": str(TESTS.parent), "FASTNN_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)


def instruction_sets():
    """Those that run here, the fused ones and others."""
    if _kernels.why_not("cython") is not None:
        pytest.skip("the native backend is not there")
    runs = [name for name, _, is_here in _kernels.load("cython").isas() if is_here]
    return [name for name in runs if name != "portable"], runs


def test_ranks_of_several_instruction_sets_have_the_bits_of_one(tmp_path):
    fused, _ = instruction_sets()
    if len(fused) < 2:
        pytest.skip(f"of the instruction sets with equal bits this processor has {', '.join(fused) or 'none'} alone")
    whole = lines(job(1, "resumed", tmp_path / "one.safetensors", FASTNN_ISA=fused[0]))
    assert lines(on_sets(*fused, words=("resumed", tmp_path / "all.safetensors"))) == whole
    assert lines(on_sets(*fused[::-1], words=("resumed", tmp_path / "turned.safetensors"))) == whole


@pytest.mark.long
def test_portable_ranks_are_alike(tmp_path):
    """Portable kernels have no fused multiply-add, and bits of their own."""
    if "portable" not in instruction_sets()[1]:
        pytest.skip("portable kernels are of x86-64")
    alone = lines(job(1, "resumed", tmp_path / "one.safetensors", FASTNN_ISA="portable"))
    assert lines(on_sets("portable", "portable", words=("resumed", tmp_path / "two.safetensors"))) == alone


def test_ranks_that_round_otherwise_are_refused(tmp_path):
    fused, runs = instruction_sets()
    if "portable" not in runs:
        pytest.skip("portable kernels are of x86-64")
    for isa in fused[:1]:
        done = on_sets(isa, "portable", words=("resumed", tmp_path / "mixed.safetensors"))
        assert done.returncode != 0
        assert "ranks differ in the rounding of kernels (FASTNN_ISA=portable everywhere makes it one)" in done.stderr
        assert "rank 0 has fused multiply-add, and rank 1 that of portable kernels" in done.stderr
        assert not (tmp_path / "mixed.safetensors").exists()


def test_more_ranks_than_shards_are_refused():
    done = job(3, "bandwidth", 8, 1, JOB_SHARDS="2")
    assert done.returncode != 0
    assert "3 ranks cannot share 2 shards" in done.stderr


def test_the_command_trains_on_several_processes(tmp_path):
    """One model, written and told of once, with the bits of one process."""
    told = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    made = []
    for n in (1, 2):
        out = tmp_path / f"{n}.safetensors"
        words = [
            "train",
            "digits",
            "--hidden",
            "16",
            "--epochs",
            "3",
            "--seed",
            "4",
            "--shards",
            "4",
            "--out",
            str(out),
        ]
        command = [sys.executable, "-m", "fastnn.distributed", "-n", str(n), "fastnn", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=told, check=True, timeout=120)
        assert done.stdout.count("wrote ") == 1
        made.append(out)
    import fastnn

    first, second = (fastnn.load(path).get_weights() for path in made)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_a_command_without_shards_is_refused_on_several_processes(tmp_path):
    command = [MPIEXEC, "-n", "2", sys.executable, "-m", "fastnn", "train", "digits", "--out", str(tmp_path / "m")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(TESTS.parent)}, check=False
    )
    assert done.returncode != 0
    assert "give --shards 16" in done.stderr


@pytest.mark.long
def test_workers_of_a_job_train_the_networks_of_a_table(tmp_path):
    import fastnn

    rows = "".join(f"{i % 17},{i % 5},{'yes' if i % 17 > 8 else 'no'}\n" for i in range(300))
    (tmp_path / "a.csv").write_text("a,b,y\n" + rows)
    words = ["train", tmp_path / "a.csv", "--target", "y", "--cv", 2, "--seed", 1, "--out"]
    found, told = [], {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    job = [MPIEXEC, "-n", "3", sys.executable]
    starts = [
        ([sys.executable], []),
        (job, ["--workers", "mpi"]),
        ([*job, "-m", "mpi4py.futures"], ["--workers", "mpi"]),
    ]
    for n, (start, more) in enumerate(starts):
        out = tmp_path / f"{n}.safetensors"
        command = [*start, "-m", "fastnn", *map(str, words), str(out), *more]
        done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.count("wrote ") == done.stdout.count("task: ") == 1  # workers say nothing
        found.append(fastnn.load(out).get_weights())
    assert all((a == b).all() and (a == c).all() for a, b, c in zip(*found, strict=True))
    refused = subprocess.run(
        [
            *job,
            "-m",
            "fastnn",
            "train",
            tmp_path / "a.csv",
            "--target",
            "c",
            "--workers",
            "mpi",
            "--out",
            tmp_path / "c",
        ],
        env=told,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert refused.returncode != 0
    assert refused.stderr.count("has no column 'c'") == 1
