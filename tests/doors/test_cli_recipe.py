"""``fastnn train`` without numbers: it ends by itself, keeps the best epoch and says so, on 5 rows and on a million."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_cli import run, train, value

import fastnn
from fastnn import callbacks, cli, plot
from fastnn.cli.fit import Plateaus, Rows, Trained, choose, fit_all, row_losses
from fastnn.cli.recipe import LEAST_UPDATES, MOST_UPDATES, PATIENCE, choose_recipe
from fastnn.layers import Dense
from fastnn.plot.curves import Curves


def arguments(*options: object):
    return cli.parser().parse_args(["train", "x.csv", *map(str, options)])


def table(path: Path, random, n: int, noise: float, n_columns: int = 4) -> Path:
    """Numbers, and a target that is the first of them and noise."""
    x = random.normal(size=(n, n_columns))
    y = x[:, 0] + noise * random.normal(size=n)
    names = [f"x{i}" for i in range(n_columns)]
    rows = "".join(",".join(map(repr, [*a, b])) + "\n" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    path.write_text(",".join([*names, "y"]) + "\n" + rows)
    return path


def noisy_fit(random, stop: Plateaus, n: int = 60) -> tuple[fastnn.Sequential, tuple, callbacks.History]:
    """A fit that soon learns its rows by heart."""
    x, y = random.normal(size=(2 * n, 8)), random.normal(size=2 * n)
    model = fastnn.Sequential([Dense(64, "relu", input_shape=(8,)), Dense(1)], seed=1)
    model.compile(fastnn.optimizers.Adam(0.01), "mse")
    held_out = x[n:], y[n:]
    return model, held_out, model.fit(x[:n], y[:n], epochs=1000, validation_data=held_out, callbacks=[stop])


@pytest.mark.parametrize("n_rows", [5, 100, 3_000, 30_000, 1_000_000])
def test_waits_count_updates_on_few_rows_and_epochs_on_many(n_rows):
    recipe = choose_recipe(arguments(), n_rows, held_out=True)
    steps = -(-n_rows // recipe.batch_size)
    assert recipe.patience * steps >= PATIENCE
    assert recipe.least * steps >= LEAST_UPDATES
    assert recipe.patience >= 5
    assert 100 <= recipe.epochs <= max(100, MOST_UPDATES)
    assert recipe.epochs > 5 * recipe.patience
    assert len(recipe.decays) == (2 if n_rows <= 5000 else 1)


def test_what_is_given_goes_before_what_is_chosen():
    recipe = choose_recipe(
        arguments("--batch-size", 7, "--patience", 3, "--epochs", 50, "--weight-decay", 0.1), 100, True
    )
    assert (recipe.batch_size, recipe.patience, recipe.epochs, recipe.least) == (7, 3, 50, 0)
    assert recipe.decays == (0.1,)
    fixed = choose_recipe(arguments("--epochs", 50), 100, True)
    assert (fixed.batch_size, fixed.patience, fixed.epochs) == (32, None, 50)
    assert choose_recipe(arguments("--optimizer", "sgd"), 100, True).decays == (None,)


def test_the_best_epoch_is_kept_and_the_history_and_the_curve_know_it(rng):
    stop = Plateaus(patience=5, falls=2)
    model, held_out, history = noisy_fit(rng, stop)
    losses = history.history["val_loss"]
    assert model.evaluate(*held_out) == pytest.approx(min(losses), rel=1e-5)
    assert history.kept_epoch == stop.best_epoch == int(np.argmin(losses))
    assert len(losses) < 100
    curves = Curves(model)
    assert curves.kept == history.kept_epoch
    pytest.importorskip("matplotlib")
    labels = [line.get_label() for line in plot.history(history).lines]
    assert f"kept: epoch {history.kept_epoch + 1}" in labels


def test_a_kept_epoch_that_is_not_the_best_is_the_one_that_is_marked():
    pytest.importorskip("matplotlib")
    history = callbacks.History()
    history.extend(range(3), {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 1.0, 2.0]})
    assert "best: epoch 2" in [line.get_label() for line in plot.history(history).lines]
    history.kept_epoch = 2
    labels = [line.get_label() for line in plot.history(history).lines]
    assert "kept: epoch 3" in labels
    assert "best: epoch 2" not in labels


def test_early_stopping_tells_the_history_what_it_restored(rng):
    x, y = rng.normal(size=(60, 8)), rng.normal(size=60)
    model = fastnn.Sequential([Dense(64, "relu", input_shape=(8,)), Dense(1)], seed=1)
    model.compile("adam", "mse")
    stop = callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    history = model.fit(x, y, epochs=200, validation_split=0.5, callbacks=[stop])
    assert history.kept_epoch == stop.best_epoch == int(np.argmin(history.history["val_loss"]))


def test_the_rate_falls_from_the_best_weights_before_the_fit_ends(rng):
    rates = []
    stop = Plateaus(patience=4, least=10, falls=2)
    stop.end_of_epoch = stop.on_epoch_end

    def look(epoch, logs=None):
        stop.end_of_epoch(epoch, logs)
        rates.append(stop.model.optimizer.learning_rate)

    stop.on_epoch_end = look
    model, _, history = noisy_fit(rng, stop)
    assert sorted(set(rates), reverse=True) == pytest.approx([0.01, 0.003, 0.0009])
    assert rates[:8] == [0.01] * 8  # not before the least number of epochs
    assert len(history.epoch) >= 10 + 4 + 4
    assert model.stop_training


def test_a_sure_network_does_not_train_for_ever():
    x = np.concatenate([np.full(30, -1.0), np.full(30, 1.0)]).reshape(-1, 1)
    y = (x[:, 0] > 0).astype(int)
    model = fastnn.Sequential([Dense(16, "relu", input_shape=(1,)), Dense(1, "sigmoid")], seed=1)
    model.compile(fastnn.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=5000, validation_data=(x, y), callbacks=[Plateaus(20)])
    assert len(history.epoch) < 1000


def test_ctrl_c_keeps_the_best_epoch_so_far(rng):
    x, y = rng.normal(size=(80, 3)), rng.normal(size=80)

    def build(decay):
        model = fastnn.Sequential([Dense(8, "relu", input_shape=(3,)), Dense(1)], seed=1)
        model.compile(fastnn.optimizers.Adam(0.01), "mse")
        return model

    def interrupt(epoch, logs=None):
        if epoch == 12:
            raise KeyboardInterrupt

    watch = callbacks.LambdaCallback(on_epoch_end=interrupt)
    recipe = choose_recipe(arguments(), 60, held_out=True)
    trained = fit_all(build, recipe, Rows(x[:60], y[:60], None, (x[60:], y[60:])), arguments(), watch)
    (only,) = trained
    assert only.interrupted
    assert only.model.evaluate(x[60:], y[60:]) == pytest.approx(only.loss, rel=1e-5)


def test_the_more_decayed_network_is_chosen_unless_the_other_is_clearly_better(rng):
    def candidates(apart: float) -> list[Trained]:
        noise = rng.normal(size=(2, 50))
        noise -= noise.mean(axis=1, keepdims=True)
        losses = 1 + 0.1 * noise + [[apart], [0.0]]
        return [Trained(None, decay, 0, float(row.mean()), row) for decay, row in zip((0.0, 2.0), losses, strict=True)]

    assert choose(candidates(-0.5)).decay == 0.0
    assert choose(candidates(-0.001)).decay == 2.0
    assert choose(candidates(+0.5)).decay == 2.0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_of_rows_have_the_mean_that_evaluate_tells(rng, n_classes):
    x, y = rng.normal(size=(40, 3)), rng.integers(0, n_classes, 40)
    last = Dense(1, "sigmoid") if n_classes == 2 else Dense(n_classes, "softmax")
    model = fastnn.Sequential([Dense(8, "relu", input_shape=(3,)), last], seed=1)
    model.compile("adam", "binary_crossentropy" if n_classes == 2 else "sparse_categorical_crossentropy")
    assert row_losses(model, (x, y)).mean() == pytest.approx(model.evaluate(x, y), rel=1e-5)
    weights = rng.random(40)
    weighted = model.evaluate(x, y, sample_weight=weights)
    assert row_losses(model, (x, y, weights)).mean() == pytest.approx(weighted, rel=1e-5)


class TestCommand:
    """From the shell."""

    def test_epochs_alone_trains_as_many_and_keeps_the_last(self, rng, tmp_path, capsys):
        path = table(tmp_path / "t.csv", rng, 80, noise=3.0)
        out = train(capsys, path, "--target", "y", "--seed", 1, "--epochs", 150, "--out", tmp_path / "m")
        assert "trained 150 epochs" in out
        assert re.search(r"kept epoch 150, the last; .* was lowest in epoch \d+: .* \(--patience keeps the best\)", out)

    def test_by_itself_it_says_which_epoch_it_kept_and_info_knows(self, rng, tmp_path, capsys):
        path = table(tmp_path / "t.csv", rng, 80, noise=3.0)
        out = train(capsys, path, "--target", "y", "--seed", 1, "--network", "mlp", "--out", tmp_path / "m")
        kept = re.search(r"kept epoch (\d+), of the lowest validation loss, ([\d.]+); weight decay", out)
        assert int(kept.group(1)) < int(re.search(r"trained (\d+) epochs", out).group(1))
        assert value(out.split("held-out rows:")[1], "loss") == pytest.approx(float(kept.group(2)), rel=1e-3)
        assert f"epoch {kept.group(1)} kept" in run(capsys, "info", tmp_path / "m")[1]

    def test_the_held_out_rows_choose_between_weight_decays(self, tmp_path, capsys):
        random = np.random.default_rng(4)
        noisy = table(tmp_path / "noisy.csv", random, 150, noise=2.0, n_columns=10)
        out = train(capsys, noisy, "--target", "y", "--seed", 1, "--network", "mlp", "--out", tmp_path / "m")
        assert float(re.search(r"weight decay (\S+) \(with", out).group(1)) > 0
        x = random.uniform(-1, 1, (150, 2))
        exact = tmp_path / "exact.csv"
        exact.write_text("a,b,y\n" + "".join(f"{a},{b},{np.sin(3 * a) * b}\n" for a, b in x.tolist()))
        out = train(capsys, exact, "--target", "y", "--seed", 1, "--network", "mlp", "--out", tmp_path / "m")
        assert "weight decay 0 (with" in out
        assert value(out, "r2") > 0.8

    @pytest.mark.parametrize(
        "text",
        [
            "a,y\n1,2.5\n2,3.5\n3,1.5\n4,0.5\n5,1.0\n",
            "a,y\n1,u\n2,v\n3,u\n4,v\n5,u\n",
            "a,y\n1,u\n2,v\n",
            "a,y\n" + "1,u\n" * 30 + "2,v\n",
            "a,y\n" + "".join(f"{i},{i}.5\n" for i in range(30)),
            "a,y\n" + "".join(f"{'p' if i % 2 else 'q'},c{i % 15}\n" for i in range(30)),
        ],
        ids=["few: numbers", "few: classes", "few: two rows", "rare class", "one column", "many classes"],
    )
    def test_tiny_and_lopsided_tables_train(self, tmp_path, capsys, text, request):
        path = tmp_path / "t.csv"
        path.write_text(text)
        out = train(capsys, path, "--target", "y", "--seed", 1, "--time-limit", 1, "--out", tmp_path / "m")
        assert ("too few to hold some out" in out) == ("few:" in request.node.name)
        assert run(capsys, "evaluate", tmp_path / "m", path)[0] == 0

    def test_patience_without_held_out_rows_is_refused(self, rng, tmp_path, capsys):
        path = table(tmp_path / "t.csv", rng, 50, noise=1.0)
        code, _, err = run(capsys, "train", path, "--target", "y", "--validation", 0, "--patience", 3)
        assert (code, err.count("\n")) == (1, 1)
        assert "--patience needs held-out rows" in err

    def test_full_batches_of_lbfgs_end_by_themselves(self, rng, tmp_path, capsys):
        path = table(tmp_path / "t.csv", rng, 100, noise=0.1)
        out = train(capsys, path, "--target", "y", "--seed", 1, "--optimizer", "lbfgs", "--out", tmp_path / "m")
        assert value(out, "r2") > 0.9
