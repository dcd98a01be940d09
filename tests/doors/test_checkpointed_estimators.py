"""Estimators and the command line go on from checkpoints, and end as without a break."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from broken_fits import Break, Broken

import fastnn
from fastnn import cli, optimizers

sklearn = pytest.importorskip("sklearn")
from fastnn.sklearn import MLPClassifier, MLPRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5))
Y = X[:, 0] + 0.1 * RNG.normal(size=120)
KINDS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "n_iter_no_change": 2},
    "inverse scaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "lbfgs": {"solver": optimizers.LBFGS()},
    "dropout": {"dropout": 0.2, "dtype": "float32"},
}


def learned(estimator):
    """All that an estimator has learned."""
    names = ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_")
    records = {name: getattr(estimator, name, None) for name in names}
    return records, [w.tobytes() for w in (*estimator.coefs_, *estimator.intercepts_)]


@pytest.mark.parametrize(
    ("kind", "every"),
    [  # without --long each kind one way
        pytest.param(kind, every, marks=() if (i + j) % 2 == 0 else pytest.mark.long)
        for i, kind in enumerate(KINDS)
        for j, every in enumerate((1, "1 epoch"))
    ],
)
def test_an_estimator_goes_on(kind, every, tmp_path):
    def made(at=None, **told):
        callbacks = [Break(at)]
        arguments = {
            "hidden_layer_sizes": (8,),
            "max_iter": 30,
            "batch_size": 25,
            "random_state": 1,
            "callbacks": callbacks,
        }
        return MLPRegressor(**arguments | KINDS[kind] | told)

    whole, path = learned(made().fit(X, Y)), tmp_path / "run.safetensors"
    told = {"checkpoint": path, "checkpoint_every": every}
    for at in (7, 23):
        with pytest.raises(Broken):
            made(at, **told).fit(X, Y)
        assert fastnn.load(path).step > 0
        assert learned(made(**told).fit(X, Y)) == whole
        path.unlink()


def test_other_rows_are_refused_as_those_of_another_fold(tmp_path):
    told = {"checkpoint": tmp_path / "run.safetensors", "max_iter": 2, "random_state": 1, "tol": 0.0}
    MLPClassifier(**told).fit(X[:60], Y[:60] > 0)
    with pytest.raises(ValueError, match="digest of all rows"):
        MLPClassifier(**told).fit(X[60:], Y[60:] > 0)


def test_what_cannot_be_repeated_is_refused(tmp_path):
    with pytest.raises(ValueError, match="needs a random_state"):
        MLPRegressor(checkpoint=tmp_path / "x.safetensors", early_stopping=True).fit(X, Y)
    with pytest.raises(ValueError, match="cannot go on from a checkpoint"):
        MLPRegressor(checkpoint=tmp_path / "x.safetensors", solver="lbfgs").fit(X, Y)


# -- the command line -----------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    rows = "\n".join(",".join(f"{v:.4f}" for v in (*x, y)) for x, y in zip(X, Y, strict=True))
    (tmp_path / "rows.csv").write_text("a,b,c,d,e,y\n" + rows + "\n")
    return tmp_path / "rows.csv"


def run(*arguments):
    return cli.main([str(argument) for argument in arguments])


def test_the_command_goes_on(table, tmp_path, monkeypatch, capsys):
    train = ["train", table, "--target", "y", "--network", "mlp", "--seed", 3, "--out"]
    assert run(*train, tmp_path / "whole.safetensors") == 0
    path, again = tmp_path / "run.safetensors", tmp_path / "again.safetensors"
    monkeypatch.chdir(tmp_path)
    arguments = [*train, again, "--checkpoint", path, "--checkpoint-every", 40]
    assert run(*arguments, "--time-limit", 0.05) == 0
    assert not again.exists() or fastnn.load(path).step > 0
    assert run(*arguments, "--resume") == 0
    assert path.exists()
    np.testing.assert_array_equal(fastnn.load(again).params, fastnn.load(tmp_path / "whole.safetensors").params)
    files = sorted(name.name for name in tmp_path.glob("run*.safetensors"))
    assert files == ["run.2.safetensors", "run.safetensors"]  # two weight decays were tried
    assert run(*[a for a in arguments if a not in ("--seed", 3)], "--resume") == 0  # the seed is the checkpoint's
    assert "seed 3" in capsys.readouterr().out


def test_options_without_a_file_are_an_error(table, capsys):
    for option in (["--resume"], ["--checkpoint-every", "1 epoch"]):
        assert run("train", table, "--target", "y", *option) == 1
        assert "need --checkpoint" in capsys.readouterr().err
    assert run("train", table, "--checkpoint", "x.safetensors", "--checkpoint-every", "5 moons") == 2


@pytest.mark.long
def test_a_killed_command_goes_on(table, tmp_path):
    arguments = ["train", table, "--target", "y", "--seed", "3", "--epochs", "400"]
    assert run(*arguments, "--out", tmp_path / "whole.safetensors") == 0
    command = [sys.executable, "-m", "fastnn", *map(str, arguments), "--out", str(tmp_path / "again.safetensors")]
    command += ["--checkpoint", str(tmp_path / "run.safetensors"), "--checkpoint-every", "1 update", "--resume"]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not os.path.exists(tmp_path / "run.safetensors") and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (
        subprocess.run([*command, "--checkpoint-every", "1 hour"], stdout=subprocess.DEVNULL, check=True).returncode
        == 0
    )
    np.testing.assert_array_equal(
        fastnn.load(tmp_path / "again.safetensors").params, fastnn.load(tmp_path / "whole.safetensors").params
    )
