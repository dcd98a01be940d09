"""``fit_many`` on ``mpi4py.futures``: equal bits, the data in a file that the workers map."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from models import model_of, regression

pytest.importorskip("mpi4py", reason="the extra mpi is not installed")
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
pytestmark = [pytest.mark.mpi, pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")]

SCRIPT = """
import sys
import numpy as np
from mpi4py.futures import MPIPoolExecutor
import fastnn
from models import model_of, regression

if __name__ == "__main__":
    models = [model_of(name=None, n_in=20, seed=seed) for seed in range(6)]
    data = regression(np.random.default_rng(1), n=500, n_in=20)
    with MPIPoolExecutor(2) as executor:
        histories = fastnn.fit_many(models, *data, epochs=3, validation_split=0.2, executor=executor)
    assert [len(history.epoch) for history in histories] == [3] * 6
    np.savez(sys.argv[1], *[np.concatenate([w.ravel() for w in model.get_weights()]) for model in models])
"""


@pytest.mark.long
def test_a_pool_of_mpi_trains_to_the_same_bits(tmp_path):
    tests = str(Path(__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])}
    (tmp_path / "job.py").write_text(SCRIPT)
    words = [MPIEXEC, "-n", "3", sys.executable, "-m", "mpi4py.futures", "job.py", "found.npz"]
    made = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert made.returncode == 0, made.stderr
    found = np.load(tmp_path / "found.npz")
    data = regression(np.random.default_rng(1), n=500, n_in=20)
    for seed, name in enumerate(found.files):
        model = model_of(name=None, n_in=20, seed=seed)
        model.fit(*data, epochs=3, validation_split=0.2, verbose=0)
        np.testing.assert_array_equal(found[name], np.concatenate([w.ravel() for w in model.get_weights()]))
    assert len(found.files) == 6
