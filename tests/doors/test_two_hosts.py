"""Two hosts train one model over a cable: how much they send, and what happens when it is cut."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.two_hosts import missing, two_hosts

TESTS = Path(__file__).parents[1]
TRAINS = 10_000_000  # bytes that a host has sent when it trains: where a cable is cut while MPI begins, MPI waits on

pytest.importorskip("mpi4py", reason="mpi4py is not installed: pip install 'fastnn-native[mpi]'", exc_type=ImportError)
pytestmark = [pytest.mark.mpi, pytest.mark.long]


@pytest.fixture
def hosts(tmp_path):
    if why := missing():
        pytest.skip(why)
    with two_hosts(tmp_path) as made:
        yield made


def told(**more):
    return {**os.environ, "PYTHONPATH": str(TESTS.parent), "FASTNN_NUM_THREADS": "1", **more}


def test_each_step_sends_gradients_and_parameters_once(hosts):
    """Of ``p`` ranks each sends ``(p - 1) / p`` of its gradients and ``p - 1`` times its slice of the parameters."""
    sent = []
    for rounds in (5, 25):
        before = hosts.sent(1)
        done = subprocess.run(
            hosts.mpi(TESTS / "mpi_job.py", "bandwidth", 512, rounds),
            capture_output=True,
            text=True,
            env=told(),
            check=True,
        )
        sent.append(hosts.sent(1) - before)
    n_bytes = int(done.stdout.split()[-1])
    a_step = (sent[1] - sent[0]) / 20
    assert a_step == pytest.approx(2 * (2 - 1) / 2 * n_bytes, rel=0.1)


def test_the_bits_are_those_of_one_host(hosts, tmp_path):
    over = subprocess.run(
        hosts.mpi(TESTS / "mpi_job.py", "resumed", tmp_path / "two.safetensors", n=4),
        capture_output=True, text=True, env=told(), check=True,
    )  # fmt: skip
    from tests.doors.test_mpi import job, lines

    assert over.stdout.splitlines() == lines(job(1, "resumed", tmp_path / "one.safetensors"))


def test_a_cable_that_is_cut_ends_all_ranks(hosts):
    """Each names the other; mpiexec itself, whose own connection is as dead, waits on until somebody ends it."""
    words = hosts.mpi(TESTS / "mpi_job.py", "bandwidth", 1024, 100000)
    env = told(JOB_TIMEOUT="3")
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        assert ended(lambda: hosts.sent(1) > TRAINS, 60)
        hosts.cut()
        assert ended(lambda: not hosts.running("mpi_job.py bandwidth"), 20)
    finally:
        hosts.kill()
        said = job.communicate(timeout=10)[0]
    assert job.returncode != 0
    assert "has waited 3 seconds for rank 1" in said


def test_what_started_the_job_ends_with_it_where_a_host_is_gone(hosts):
    """``python -m fastnn.distributed`` ends mpiexec, which alone would wait on."""
    options = f"--mpiexec={' '.join(hosts.options(1))}"
    words = [sys.executable, "-m", "fastnn.distributed", "-n", 2, f"'{options}'"]
    words += [TESTS / "mpi_job.py", "bandwidth", 1024, 100000]
    job = subprocess.Popen(
        hosts.command(0, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=told(JOB_TIMEOUT="3"),
    )
    try:
        assert ended(lambda: hosts.sent(1) > TRAINS, 60)
        hosts.cut()
        code = job.wait(timeout=60)
    finally:
        hosts.kill()
        said = job.communicate(timeout=10)[0]
    assert code == 1
    assert "has waited 3 seconds for rank 1" in said
    assert "mpiexec waits for a host that is gone, and is ended" in said


def ended(is_so, seconds):
    """Whether something has come true within some seconds."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()
