"""Loggers against the real packages: what TensorBoard and MLflow read back is what the history holds."""

from __future__ import annotations

import gc
import sys

import numpy as np
import pytest
from models import model_of, regression

import fastnn
from fastnn.callbacks import LambdaCallback, MLflowLogger, TensorBoard, TensorBoardLogger, listens


def test_tensorboard_reads_back_the_history(rng, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    x, y = regression(rng)
    model, logger = model_of(metrics=["mae"]), TensorBoardLogger(tmp_path / "logs")
    history = model.fit(x, y, epochs=5, initial_epoch=2, validation_split=0.2, callbacks=[logger], verbose=0)
    read = 0
    for run, prefix in (("train", ""), ("validation", "val_")):
        events = accumulator.EventAccumulator(str(tmp_path / "logs" / run))
        events.Reload()
        assert sorted(events.Tags()["scalars"]) == ["epoch_loss", "epoch_mae"]
        for name in ("loss", "mae"):
            scalars = events.Scalars(f"epoch_{name}")
            assert [s.step for s in scalars] == history.epoch == [2, 3, 4]
            assert [s.value for s in scalars] == [np.float32(v) for v in history.history[prefix + name]]
            read += len(scalars)
    assert read == 12


def test_tensorboard_has_every_epoch_that_was_whole_when_a_fit_fails(rng, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def fail(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    logger, model = TensorBoardLogger(tmp_path), model_of()
    fit = {"epochs": 5, "callbacks": [logger, LambdaCallback(on_epoch_end=fail)], "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model.fit(*regression(rng), **fit)
    events = accumulator.EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    assert [s.step for s in events.Scalars("epoch_loss")] == [0, 1, 2]
    model.fit(*regression(rng), epochs=1, callbacks=[logger], verbose=0)
    assert logger.writers == {}


def events_of(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance=dict.fromkeys(("scalars", "histograms"), 0))
    events.Reload()
    return events


def test_tensorboard_of_keras_writes_updates_speeds_and_histograms(rng, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    x, y = regression(rng)
    model = model_of(metrics=["mae"])
    board = TensorBoard(tmp_path, histogram_freq=2, write_graph=False, write_steps_per_second=True, update_freq=2)
    history = model.fit(x, y, epochs=4, batch_size=10, validation_split=0.2, callbacks=[board], verbose=0)
    events = events_of(tmp_path / "train")
    for name in ("batch_loss", "batch_mae", "batch_steps_per_second"):
        assert [s.step for s in events.Scalars(name)] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert [s.value for s in events.Scalars("batch_loss")][1::2] == [np.float32(v) for v in history.history["loss"]]
    assert all(s.value > 0 for s in events.Scalars("epoch_steps_per_second"))
    assert len(events.Scalars("epoch_loss")) == 4
    for name, weights in zip(model.weight_names(), model.get_weights(), strict=True):
        kept = events.Histograms(f"{name}/histogram")
        assert [h.step for h in kept] == [1, 3]
        assert kept[-1].histogram_value.num == sum(kept[-1].histogram_value.bucket) == weights.size
    assert events_of(tmp_path / "validation").Tags()["scalars"] == ["epoch_loss", "epoch_mae"]


def test_tensorboard_makes_no_update_a_call_unless_asked():
    assert not listens(TensorBoard("logs"), "on_train_batch_end")
    assert listens(TensorBoard("logs", update_freq="batch"), "on_train_batch_end")


@pytest.mark.parametrize(
    "argument",
    [
        *({name: True} for name in ("write_images", "histogram_freq", "update_freq")),
        *({"profile_batch": (2, 5)}, {"profile_batch": 2}, {"embeddings_freq": 1}, {"embeddings_metadata": "m.tsv"}),
        *({"update_freq": 0}, {"update_freq": "step"}, {"histogram_freq": -1}),
    ],
    ids=str,
)
def test_tensorboard_refuses_what_it_cannot_do(argument):
    with pytest.raises((ValueError, TypeError), match=next(iter(argument))):
        TensorBoard("logs", **argument)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Address of an empty store of runs in a file; making its tables takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/runs.db"


@pytest.fixture
def mlflow(store, tmp_path, monkeypatch):
    """MLflow on a local store, its telemetry off and every connection refused."""

    def refuse(self, address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("sqlalchemy", reason="MLflow keeps runs in a file through sqlalchemy")
    module = pytest.importorskip("mlflow")
    before = module.get_tracking_uri()
    module.set_tracking_uri(store)
    yield module
    module.set_tracking_uri(before)


def histories(mlflow, run_id: str) -> dict[str, list[tuple[int, float]]]:
    client = mlflow.MlflowClient()
    names = client.get_run(run_id).data.metrics
    return {name: sorted((m.step, m.value) for m in client.get_metric_history(run_id, name)) for name in names}


@pytest.mark.filterwarnings("ignore")  # the packages' own, of which there are many
class TestMLflow:
    """Runs of a store in a file, read back by MLflow's client."""

    def test_a_run_of_its_own(self, rng, mlflow):
        x, y = regression(rng)
        model, logger = model_of(metrics=["mae"]), MLflowLogger("houses", "first")
        history = model.fit(x, y, epochs=3, validation_split=0.2, callbacks=[logger], verbose=0)
        run = mlflow.MlflowClient().get_run(logger.run_id)
        assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
        assert mlflow.get_experiment(run.info.experiment_id).name == "houses"
        wanted = {name: list(enumerate(values)) for name, values in history.history.items()}
        assert histories(mlflow, logger.run_id) == wanted
        assert len(wanted) == 4
        for name, value in {"epochs": "3", "batch_size": "32", "optimizer.name": "adam", "seed": "3"}.items():
            assert run.data.params[name] == value
        assert mlflow.active_run() is None
        before = logger.run_id
        model.fit(x, y, epochs=1, callbacks=[logger], verbose=0)
        assert logger.run_id != before

    def test_the_run_that_is_active_is_logged_to_and_left_open(self, rng, mlflow):
        logger, model = MLflowLogger(), model_of()
        with mlflow.start_run() as run:
            for epochs in (2, 3):  # a parameter keeps its first value
                model.fit(*regression(rng), epochs=epochs, callbacks=[logger], verbose=0)
            assert logger.run_id == run.info.run_id == mlflow.active_run().info.run_id
        found = mlflow.MlflowClient().get_run(run.info.run_id)
        assert (found.info.status, found.data.params["epochs"]) == ("FINISHED", "2")
        assert {step for step, _ in histories(mlflow, run.info.run_id)["loss"]} == {0, 1, 2}

    def test_a_fit_that_fails_leaves_a_failed_run(self, rng, mlflow):
        def fail(epoch, logs):
            raise RuntimeError("mine")

        def fit() -> str:
            logger = MLflowLogger()
            with pytest.raises(RuntimeError, match="mine"):
                model_of().fit(*regression(rng), callbacks=[logger, LambdaCallback(on_epoch_end=fail)], verbose=0)
            return logger.run_id

        run_id = fit()
        gc.collect()
        assert mlflow.MlflowClient().get_run(run_id).info.status == "FAILED"
        assert mlflow.active_run() is None

    def test_models_that_are_trained_together_have_a_run_each(self, rng, mlflow):
        models = [model_of(seed=seed) for seed in range(3)]
        fastnn.fit_many(models, *regression(rng), epochs=2, callbacks=[MLflowLogger("many")], n_threads=2)
        client = mlflow.MlflowClient()
        runs = client.search_runs([client.get_experiment_by_name("many").experiment_id])
        assert sorted(run.data.params["seed"] for run in runs) == ["0", "1", "2"]
        assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize(
    ("logger", "package"), [(TensorBoardLogger("logs"), "tensorboard"), (MLflowLogger(), "mlflow")]
)
def test_a_package_that_is_missing_is_named_before_any_update(rng, monkeypatch, logger, package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    model = model_of()
    with pytest.raises(ImportError, match=rf"install the extra fastnn-native\[{package}\]"):
        model.fit(*regression(rng), callbacks=[logger], verbose=0)
    assert model.step == 0
