"""The README's jobs run as they stand there, each in at most ten lines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
JOBS = README[README.index("## Six common jobs") : README.index("## Estimators for scikit-learn")]
BLOCKS = re.findall(r"```(python)?\n(.*?)```", JOBS, re.DOTALL)


def test_there_are_six_jobs_of_at_most_ten_lines():
    assert len(BLOCKS) == 6
    assert max(len(text.splitlines()) for _, text in BLOCKS) <= 10


@pytest.mark.filterwarnings("ignore::UserWarning")  # ConvergenceWarning; its name would be imported
def test_the_jobs_run(rng, tmp_path, monkeypatch):
    pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.chdir(tmp_path)
    x, x_test = rng.normal(size=(400, 20)), rng.normal(size=(50, 20))
    named = {"np": np, "x": x, "x_test": x_test, "z": np.sin(x[:, 0])}
    named |= {"y": (x[:, 0] > 0).astype(int), "y_test": (x_test[:, 0] > 0).astype(int)}
    for kind, text in BLOCKS:
        if kind == "python":
            exec(compile(text, "README.md", "exec"), named)
    assert named["low"].shape == named["mean"].shape == (50,)
    assert (tmp_path / "curves.png").exists()


def test_the_graph_of_the_readme_trains(rng):
    text = README[README.index("**Graphs** are written") :]
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    named = {"a": rng.normal(size=(40, 3)), "b": rng.normal(size=(40, 3))}
    named |= {"prices": rng.normal(size=40), "kinds": np.arange(40) % 4}
    exec(compile(code, "README.md", "exec"), named)
    assert set(named["model"].history.history) == {"loss", "price_loss", "kind_loss", "kind_accuracy"}
