"""Functions, losses and classes of the user as metrics of a model, and metric objects on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression
from tolerance import assert_close

import fastnn
from fastnn import Sequential, callbacks, losses, metrics
from fastnn.layers import Dense


def largest_error(target, prediction):
    return np.abs(target - prediction).max()


def row_error(target, prediction):
    return np.abs(target - prediction)


class Bias(metrics.Metric):
    rises = False

    def __init__(self, name="bias", scale=1.0):
        super().__init__(name=name)
        self.scale = scale
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_variable(())

    def update_state(self, y_true, y_pred, sample_weight=None):
        weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
        self.total.assign_add(self.scale * (weight * (y_pred - y_true)[:, 0]).sum())
        self.count.assign(self.count + weight.sum())

    def result(self):
        return self.total / self.count

    def get_config(self):
        return {"name": self.name, "scale": self.scale}


@pytest.mark.single
@EVERY_BACKEND
def test_functions_and_subclasses_see_all_rows_of_an_epoch(rng, name):
    x, y = regression(rng)
    weight = rng.uniform(0.5, 2, len(x)).astype(np.float32)
    chosen = {"metrics": [largest_error, row_error, Bias()], "weighted_metrics": [row_error, Bias(scale=2.0)]}
    model = Sequential([Dense(1, input_shape=(4,))], seed=1, backend=name)
    model.compile("sgd", "mse", **chosen)
    history = model.fit(
        x, y, epochs=2, batch_size=16, sample_weight=weight, validation_data=(x, y, weight), verbose=0
    ).history
    logs = model.evaluate(x, y, sample_weight=weight, return_dict=True)
    error = model.predict(x).astype(np.float64) - y.reshape(-1, 1)
    right = {
        "largest_error": np.abs(error).max(),
        "row_error": np.abs(error).mean(),
        "bias": error.mean(),
        "weighted_row_error": np.average(np.abs(error[:, 0]), weights=weight),
        "weighted_bias": 2 * np.average(error[:, 0], weights=weight),
    }
    assert list(logs) == ["loss", *right]
    for key, value in right.items():
        assert_close(logs[key], value, np.float32, 100, magnitude=1.0)
        assert history[f"val_{key}"][-1] == logs[key]
        assert len(history[key]) == 2


def test_values_of_several_outputs_have_names_of_their_own(rng):
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    model = Sequential([Dense(3, "softmax", input_shape=(4,))], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["F1Score", metrics.AUC(average=None, name="area")])
    stop = callbacks.EarlyStopping("val_F1Score_1", patience=5)
    history = model.fit(x, y, epochs=2, validation_data=(x, y), callbacks=[stop], verbose=0).history
    names = ["loss", "F1Score_0", "F1Score_1", "F1Score_2", "area_0", "area_1", "area_2"]
    assert list(history) == names + [f"val_{name}" for name in names]
    assert (stop.best, stop.sign) == (max(history["val_F1Score_1"]), 1.0)


def test_logs_of_batches_leave_out_what_needs_the_whole_epoch(rng):
    x, y = regression(rng)
    seen = {"batch": set(), "test": set(), "epoch": set()}
    listener = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen["batch"].update(logs),
        on_epoch_end=lambda epoch, logs: seen["epoch"].update(logs),
    )
    model = model_of(metrics=["mae", largest_error])
    model.fit(x, y, epochs=2, callbacks=[listener], verbose=0)
    assert seen["batch"] == {"loss", "mae"}
    assert seen["epoch"] == {"loss", "mae", "largest_error"}


def test_a_function_of_one_number_cannot_be_weighted(rng):
    x, y = regression(rng)
    model = Sequential([Dense(1, input_shape=(4,))], seed=1)
    model.compile("sgd", "mse", weighted_metrics=[largest_error])
    with pytest.raises(ValueError, match="a value for each row"):
        model.evaluate(x, y, sample_weight=np.ones(len(x)))


@pytest.mark.parametrize(
    ("metric", "words"),
    [(lambda t, p: "high", "numbers"), (metrics.Mean(), "values"), (metrics.AUC, "made first"), (5, "names")],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_is_no_metric_is_refused_by_name(rng, metric, words):
    x, y = regression(rng)
    model = Sequential([Dense(1, input_shape=(4,))], seed=1)

    def use():
        model.compile("sgd", "mse", metrics=[metric])
        model.evaluate(x, y)

    with pytest.raises(TypeError, match=words):
        use()


def test_subclasses_say_what_they_lack():
    class Nameless(metrics.Metric):
        def __init__(self):
            pass

    with pytest.raises(TypeError, match="super"):
        metrics.get(Nameless())
    for use in (lambda m: m.update_state([1.0], [1.0]), lambda m: m.result()):
        with pytest.raises(NotImplementedError, match="Metric must define"):
            use(metrics.Metric())


def test_numbers_of_numpy_are_arguments_of_metrics(rng):
    chosen = [metrics.Precision(np.float32(0.25)), metrics.F1Score("macro", np.float64(0.5)), metrics.TopK(np.int64(2))]
    model = Sequential([Dense(3, "sigmoid", input_shape=(4,))], seed=1)
    model.compile("sgd", "binary_crossentropy", metrics=[*chosen, metrics.Recall(average=None)])
    logs = model.evaluate(rng.normal(size=(9, 4)), rng.integers(0, 2, (9, 3)), return_dict=True)
    assert model.metrics_names == list(logs)


@pytest.mark.parametrize("loss", ["huber", "log_cosh", losses.Pinball(0.9), losses.Huber(0.5)], ids=str)
def test_losses_are_metrics_by_name_and_as_objects(rng, loss):
    x, y = regression(rng)
    model = Sequential([Dense(1, input_shape=(4,))], seed=1)
    model.compile("sgd", loss, metrics=[loss])
    value, metric = model.evaluate(x, y)
    assert_close(metric, value, np.float32, 100)


def test_own_metrics_come_back_from_a_file_when_they_are_given(rng, tmp_path):
    x, y = regression(rng)
    model = Sequential([Dense(1, input_shape=(4,))], seed=1)
    model.compile("sgd", "mse", metrics=["mae", largest_error, Bias(scale=3.0)], weighted_metrics=["r2"])
    path = tmp_path / "model.safetensors"
    model.evaluate(x, y)
    model.save(path)
    again = fastnn.load(path, custom_objects={"largest_error": largest_error, "Bias": Bias})
    assert again.evaluate(x, y, return_dict=True) == model.evaluate(x, y, return_dict=True)
    with pytest.warns(UserWarning, match=r"custom_objects") as told:
        without = fastnn.load(path)
    assert {key for key in ("largest_error", "Bias") if any(key in str(w.message) for w in told)} == {
        "largest_error",
        "Bias",
    }
    assert list(without.evaluate(x, y, return_dict=True)) == ["loss", "mae", "r2"]


def test_functions_on_arrays_give_a_value_a_row(rng):
    t, y = rng.random((5, 3)), rng.random((5, 3))
    np.testing.assert_allclose(metrics.mae(t, y), np.abs(t - y).mean(1))
    np.testing.assert_allclose(metrics.mean_squared_error(t, y), ((t - y) ** 2).mean(1))
    assert metrics.mse([1.0, 2.0], [1.0, 4.0]) == 2.0
    assert metrics.mae([[1.0], [2.0]], [1.0, 4.0]) == 1.0
    np.testing.assert_array_equal(metrics.binary_accuracy([1, 1, 0], [0.9, 0.1, 0.1]), [1, 0, 1])
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy([[1], [0]], [[0.1, 0.9], [0.2, 0.8]]), [1, 0])
    np.testing.assert_array_equal(metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]), [1, 0])
    np.testing.assert_array_equal(
        metrics.top_k_categorical_accuracy([[0, 0, 1]], [[0.3, 0.5, 0.2]], k=np.int64(2)), [0]
    )
    np.testing.assert_allclose(
        metrics.sparse_categorical_crossentropy([1, 0], [[0.25, 0.75], [0.5, 0.5]]), -np.log([0.75, 0.5])
    )


def test_metrics_of_sequences_count_every_position(rng):
    y, t = rng.random((6, 4, 3)), rng.integers(0, 3, (6, 4))
    accuracy = metrics.SparseCategoricalAccuracy()
    weight = rng.integers(1, 4, 6)
    right = np.average((y.argmax(-1) == t).mean(1), weights=weight)
    assert accuracy(t, y, sample_weight=weight) == pytest.approx(right)
