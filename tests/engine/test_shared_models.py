"""One model in many threads, processes and interpreters, and a program that ends while it trains."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, model_of

from fastnn.layers import Dense

N_THREADS = 16
LONG = pytest.mark.long
MORE = [pytest.param(name, marks=LONG) for name in ("forkserver", "loky")]
TRAINED = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, fastnn
from fastnn.layers import Dense

X = np.random.default_rng(0).random((600, 20), np.float32)

def model(backend):
    made = fastnn.Sequential([Dense(64, "tanh", input_shape=(20,)), Dense(3)], seed=1, backend=backend)
    made.compile("adam", "mse")
    return made

def trained(backend, epochs=2):
    made = model(backend)
    made.fit(X, X[:, :3], epochs=epochs, batch_size=150, verbose=0)
    return made

def bits(backend):
    return trained(backend).params.tobytes() + trained(backend).predict(X).tobytes()
"""


def run(code: str, *arguments: str, folder=None, seconds: float = 120) -> subprocess.CompletedProcess:
    """A program of its own, with ``TRAINED`` as the module ``trained_in`` where it is imported from a folder."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd=folder,
        check=False,
    )


def native_or_numpy() -> str:
    from fastnn import _kernels

    return "numpy" if _kernels.why_not("cython") else "cython"


@pytest.fixture
def folder(tmp_path):
    """A folder with the module ``trained_in``, which other processes import."""
    (tmp_path / "trained_in.py").write_text(TRAINED)
    return tmp_path


@EVERY_BACKEND
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_predictions_of_sixteen_threads_equal_serial_ones(rng, name, count):
    model = model_of(Dense(16, "tanh"), Dense(3), name=name, dtype=dtype_on(name))
    predict = model.predictor()
    rows = [rng.normal(size=(1 + i % 5, 4)).astype(model.dtype) for i in range(N_THREADS)]
    right = [(model.predict(x), model.activations(x)["dense_1"]) for x in rows]
    wrong, start = [], threading.Barrier(N_THREADS)

    def work(x, expected):
        try:
            start.wait(60)
            for i in range(count):
                found = (model.predict, predict, model, model.predict_on_batch)[i % 4](x)
                if not np.array_equal(found, expected[0]):
                    wrong.append(found)
        except Exception as error:
            wrong.append(error)

    workers = [threading.Thread(target=work, args=pair) for pair in zip(rows, right, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_fork_in_a_fork_trains_and_predicts(folder):
    done = run(
        """
        import os, sys
        from trained_in import bits
        right = bits(sys.argv[1])
        def child(deeper):
            pid = os.fork()
            if pid:
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            code = 1
            try:
                code = 0 if bits(sys.argv[1]) == right and (not deeper or child(deeper - 1) == 0) else 2
            finally:
                os._exit(code)
        assert child(1) == 0
        assert bits(sys.argv[1]) == right
        """,
        native_or_numpy(),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", *MORE])
def test_other_processes_get_the_same_bits(method, folder):
    if method == "loky":
        pytest.importorskip("joblib")
        code = """
        from joblib import Parallel, delayed
        found = Parallel(n_jobs=2, backend="loky")(delayed(bits)(sys.argv[1]) for _ in range(3))
        """
    else:
        code = f"""
        import multiprocessing
        with multiprocessing.get_context({method!r}).Pool(2) as pool:
            found = pool.map(bits, [sys.argv[1]] * 3)
        """
    code = f"import sys\nfrom trained_in import bits\nright = bits(sys.argv[1])\n{textwrap.dedent(code)}"
    done = run(f"{code}\nassert found == [right] * 3", native_or_numpy(), folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_models_go_to_other_processes_as_pickles(folder):
    done = run(
        """
        import sys, multiprocessing
        from trained_in import trained, X
        model = trained(sys.argv[1])
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = pool.map(model.predict, [X[:5], X[5:9]])
        assert (found[0] == model.predict(X[:5])).all() and (found[1] == model.predict(X[5:9])).all()
        """,
        native_or_numpy(),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr


SUBINTERPRETER = """
import sys
import fastnn
from trained_in import bits
right = bits(sys.argv[1])
code = "import sys; sys.path[:0] = %r; from trained_in import bits; open('bits', 'wb').write(bits(%r))"
import _xxsubinterpreters as interpreters
made = interpreters.create()
try:
    interpreters.run_string(made, code % (sys.path, sys.argv[1]))
except interpreters.RunFailedError as error:
    print("refused:", error)
else:
    assert open("bits", "rb").read() == right
    print("the same bits")
interpreters.destroy(made)
assert bits(sys.argv[1]) == right, "the main interpreter goes on"
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons have other interfaces for subinterpreters")
def test_a_subinterpreter_works_or_says_no(folder):
    """NumPy warns of subinterpreters, or does not load in them; nothing crashes, and the main one goes on."""
    done = run(SUBINTERPRETER, native_or_numpy(), folder=folder)
    assert done.returncode == 0, done.stderr
    assert "the same bits" in done.stdout or "refused: <class 'ImportError'>" in done.stdout, done.stdout


@pytest.mark.parametrize("ends", ["returns", pytest.param("sys.exit(0)", marks=LONG)])
@pytest.mark.parametrize("what", [pytest.param("fit", marks=LONG), "fit_many", pytest.param("predict", marks=LONG)])
def test_a_program_ends_while_its_daemon_threads_are_at_work(what, ends, folder):
    calls = {
        "fit": "trained(sys.argv[1], 10**6)",
        "fit_many": "fastnn.fit_many([model(sys.argv[1]) for _ in range(3)], X, X[:, :3], epochs=10**6, n_threads=2)",
        "predict": "[made.predict(X) for _ in iter(int, 1)]",
    }
    done = run(
        f"""
        import sys, threading, time
        import fastnn
        from trained_in import X, model, trained
        made = trained(sys.argv[1])
        for _ in range(3):
            threading.Thread(target=lambda: {calls[what]}, daemon=True).start()
        time.sleep(0.3)
        {ends if ends != "returns" else "pass"}
        """,
        native_or_numpy(),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr
