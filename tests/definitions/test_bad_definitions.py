"""Models and definitions with wrong arguments: one error each, where the argument is given."""

from __future__ import annotations

import numpy as np
import pytest
from models import model_of, refused, regression, state_of

import fastnn
from fastnn import Sequential, activations, callbacks, initializers, layers, losses, optimizers, regularizers, schedules
from fastnn.errors import NotReadyError
from fastnn.layers import Dense

X, Y = regression(np.random.default_rng(1), n=20)

WRONG_MODEL = {
    "dtype name": (lambda: Sequential(dtype="float16"), ValueError, ("dtype", "float32", "float64", "float16")),
    "dtype word": (lambda: Sequential(dtype="double precision"), ValueError, ("dtype", "float32", "double precision")),
    "dtype None": (lambda: Sequential(dtype=None), ValueError, ("dtype", "float32", "None")),
    "dtype swapped": (lambda: Sequential(dtype=">f4"), ValueError, ("dtype", "float32", ">f4")),
    "seed negative": (lambda: Sequential(seed=-1), ValueError, ("seed", "at least 0", "-1")),
    "seed large": (lambda: Sequential(seed=2**64), ValueError, ("seed", "2**64")),
    "seed text": (lambda: Sequential(seed="a"), TypeError, ("seed", "whole number", "'a'")),
    "backend": (lambda: Sequential(backend="cuda"), ValueError, ("backend", "'cuda'", "cython", "numba", "numpy")),
    "layer alone": (lambda: Sequential(Dense(3)), TypeError, ("layers", "list", "Dense")),
    "layers text": (lambda: Sequential("Dense"), TypeError, ("layers", "list", "'Dense'")),
    "layer class": (lambda: Sequential([Dense]), TypeError, ("layers", "Dense")),
    "build nothing": (lambda: Sequential().build((3,)), NotReadyError, ("no layers",)),
    "build unknown": (lambda: Sequential([Dense(2)]).build(), NotReadyError, ("input", "not known", "input_shape")),
    "build batch": (lambda: Sequential([Dense(2)]).build((None, None)), ValueError, ("Dense", "length", "None")),
    "build open": (lambda: Sequential([Dense(2)]).build((None, None, None)), ValueError, ("input_shape", "None")),
    "build empty": (lambda: Sequential([Dense(2)]).build(()), ValueError, ("input_shape", "()")),
    "build other": (lambda: model_of().build((5,)), ValueError, ("input_shape", "(5,)", "(4,)")),
    "pop": (lambda: Sequential().pop(), ValueError, ("no layer",)),
    "count": (lambda: Sequential([Dense(2)]).count_params(), NotReadyError, ("input", "not known")),
    "only a shape": (lambda: Sequential([layers.Input((3,))]).predict(X[:, :3]), NotReadyError, ("no layer", "Dense")),
    "fit": (lambda: Sequential([Dense(1)]).fit(X, Y), NotReadyError, ("not compiled", "compile(")),
    "evaluate": (lambda: Sequential([Dense(1)]).evaluate(X, Y), NotReadyError, ("not compiled", "compile(")),
    "predict batch": (lambda: model_of().predict(X, batch_size=0), ValueError, ("batch_size", "at least 1", "0")),
    "predict backend": (lambda: model_of().predict(X, backend="x"), ValueError, ("backend", "'x'", "numpy")),
    "evaluate batch": (lambda: model_of().evaluate(X, Y, "32"), TypeError, ("batch_size", "whole number", "'32'")),
    "evaluate weight": (lambda: model_of().evaluate(X, Y, sample_weight=[1]), ValueError, ("sample_weight", "(20,)")),
    "units zero": (lambda: Dense(0), ValueError, ("units", "at least 1", "0")),
    "units negative": (lambda: Dense(-3), ValueError, ("units", "at least 1", "-3")),
    "units float": (lambda: Dense(3.0), TypeError, ("units", "whole number", "3.0")),
    "activation": (lambda: Dense(3, "rellu"), ValueError, ("activation", "'rellu'", "relu")),
    "activation number": (lambda: Dense(3, 5), TypeError, ("activation", "5")),
    "initializer": (lambda: Dense(3, kernel_initializer="he"), ValueError, ("initializer", "'he'", "he_normal")),
    "initializer kind": (lambda: Dense(3, bias_initializer=0), TypeError, ("initializer", "0")),
    "regularizer": (lambda: Dense(3, kernel_regularizer="l3"), ValueError, ("regularizer", "'l3'", "l2")),
    "regularizer kind": (lambda: Dense(3, kernel_regularizer=0.1), TypeError, ("regularizer", "0.1")),
    "penalty": (lambda: regularizers.L2(-1), ValueError, ("l2", "[0, inf)", "-1")),
    "input_shape": (lambda: Dense(3, input_shape=(0,)), ValueError, ("input_shape", "at least 1", "(0,)")),
    "input_dim": (lambda: Dense(3, input_dim=0), ValueError, ("input_dim", "at least 1", "0")),
    "Input": (lambda: layers.Input(None), ValueError, ("shape", "tuple", "None")),
    "Input later": (lambda: Sequential([Dense(2, input_dim=3), layers.Input((3,))]), ValueError, ("first", "(3,)")),
    "dropout": (lambda: layers.Dropout(1.0), ValueError, ("rate", "[0, 1)", "1.0")),
    "reshape": (lambda: Sequential([layers.Reshape((5,), input_shape=(4,))]), ValueError, ("(5,)", "4 numbers")),
    "reshape twice": (lambda: layers.Reshape((-1, -1)), ValueError, ("target_shape", "one -1")),
    "slope": (lambda: activations.get("leaky_relu", negative_slope="a"), TypeError, ("negative_slope", "'a'")),
    "rate": (lambda: optimizers.Adam(-0.1), ValueError, ("learning_rate", "[0, inf)", "-0.1")),
    "rate NaN": (lambda: optimizers.SGD(float("nan")), ValueError, ("learning_rate", "nan")),
    "rate text": (lambda: optimizers.SGD("0.1"), TypeError, ("learning_rate", "number", "'0.1'")),
    "beta": (lambda: optimizers.Adam(beta_1=1.0), ValueError, ("beta_1", "[0, 1)", "1.0")),
    "beta text": (lambda: optimizers.Adam(beta_1="0.9"), TypeError, ("beta_1", "number", "'0.9'")),
    "epsilon": (lambda: optimizers.Adam(epsilon=0), ValueError, ("epsilon", "(0, inf)", "0")),
    "momentum": (lambda: optimizers.SGD(momentum=-1), ValueError, ("momentum", "[0, 1]", "-1")),
    "clips": (lambda: optimizers.Adam(clipnorm=1, clipvalue=1), ValueError, ("clipvalue", "clipnorm", "one of")),
    "clip": (lambda: optimizers.Adam(clipnorm=0), ValueError, ("clipnorm", "(0, inf)", "0")),
    "form": (lambda: optimizers.Adam(form="x"), ValueError, ("form", "paper", "keras", "'x'")),
    "history": (lambda: optimizers.LBFGS(history_size=0), ValueError, ("history_size", "at least 1", "0")),
    "lbfgs clip": (lambda: optimizers.LBFGS(clipnorm=1.0), ValueError, ("LBFGS", "clipping")),
    "decay": (lambda: schedules.ExponentialDecay(0.1, 0, 0.9), ValueError, ("decay_steps", "(0, inf)", "0")),
    "boundaries": (lambda: schedules.PiecewiseConstantDecay([5, 5], [1, 2, 3]), ValueError, ("boundaries", "rise")),
    "values": (lambda: schedules.PiecewiseConstantDecay([5], [1]), ValueError, ("values", "one more")),
    "delta": (lambda: losses.Huber(0), ValueError, ("delta", "(0, inf)", "0")),
    "gamma": (lambda: losses.BinaryFocalCrossentropy(gamma=-1), ValueError, ("gamma", "[0, inf)", "-1")),
    "gamma text": (lambda: losses.SparseCategoricalFocalCrossentropy(gamma="2"), TypeError, ("gamma", "number", "'2'")),
    "quantiles": (lambda: losses.Pinball((0.9, 0.1)), ValueError, ("quantile", "rise", "(0.9, 0.1)", "sort")),
    "quantile in a list": (lambda: losses.Pinball([0.1, 1.5]), ValueError, ("quantile", "(0, 1)", "1.5")),
    "quantile": (lambda: losses.Pinball(1), ValueError, ("quantile", "(0, 1)", "1")),
    "scale": (lambda: initializers.VarianceScaling(0), ValueError, ("scale", "(0, inf)", "0")),
    "mode": (lambda: initializers.VarianceScaling(mode="x"), ValueError, ("mode", "'x'", "fan_in")),
    "uniform": (lambda: initializers.RandomUniform("a"), TypeError, ("minval", "number", "'a'")),
    "normal": (lambda: initializers.RandomNormal(stddev=-1), ValueError, ("stddev", "[0, inf)", "-1")),
    "truncated": (lambda: initializers.TruncatedNormal(np.nan), ValueError, ("mean", "nan")),
    "constant": (lambda: initializers.Constant([1]), TypeError, ("value", "number", "[1]")),
    "gain": (lambda: initializers.Orthogonal(np.inf), ValueError, ("gain", "inf")),
    "patience": (lambda: callbacks.EarlyStopping(patience=-1), ValueError, ("patience", "at least 0", "-1")),
    "mode of monitor": (lambda: callbacks.EarlyStopping(mode="up"), ValueError, ("mode", "auto", "'up'")),
    "factor": (lambda: callbacks.ReduceLROnPlateau(factor=1.0), ValueError, ("factor", "[0, 1)", "1.0")),
    "hook": (lambda: callbacks.LambdaCallback(on_end=print), TypeError, ("on_train_end", "'on_end'")),
    "schedule function": (lambda: callbacks.LearningRateScheduler(5), TypeError, ("schedule", "f(epoch", "5")),
    "schedule arguments": (lambda: callbacks.LearningRateScheduler(lambda: 1), TypeError, ("(epoch)", "()")),
    "schedule object": (
        lambda: callbacks.LearningRateScheduler(schedules.Constant(0.1)),
        TypeError,
        ("function", "Constant(", "optimizer"),
    ),
    "hook value": (lambda: callbacks.LambdaCallback(on_epoch_end=5), TypeError, ("on_epoch_end", "5")),
    "threshold": (lambda: fastnn.metrics.Precision("a"), TypeError, ("threshold", "number", "'a'")),
    "k": (lambda: fastnn.metrics.TopK(0), ValueError, ("k", "at least 1", "0")),
    "threads": (lambda: fastnn.set_num_threads(0), ValueError, ("n", "at least 1", "0")),
}


@pytest.mark.parametrize("case", WRONG_MODEL)
def test_wrong_arguments_of_models_and_definitions(case):
    refused(*WRONG_MODEL[case])


@pytest.mark.parametrize(
    "layer", [Dense(2, bias_initializer="orthogonal"), layers.Reshape((5,)), layers.Input((9,)), "Dense"], ids=repr
)
def test_a_layer_that_cannot_be_added_changes_nothing(layer):
    model = model_of()
    model.fit(X, Y, verbose=0)
    before = state_of(model)
    with pytest.raises((ValueError, TypeError)):
        model.add(layer)
    assert state_of(model) == before


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize("trained", [False, True])
def test_an_output_whose_width_does_not_fit_the_quantiles(call, trained):
    x, y = regression(np.random.default_rng(1), n=20, n_out=4)
    model = model_of(Dense(4), loss="mse")
    if trained:
        model.fit(x, y, verbose=0)
    model.compile("adam", losses.Pinball((0.1, 0.5, 0.9)))
    before = state_of(model)
    words = ("pinball", "3 values of quantile", "multiple of 3", "got 4", "Dense(3)")
    refused(lambda: getattr(model, call)(x, y), ValueError, words)
    assert state_of(model) == before


def test_an_output_that_does_not_fit_leaves_a_model_waiting_for_its_shape():
    x, y = regression(np.random.default_rng(1), n=20, n_out=4)
    model = Sequential([Dense(4)], seed=1, backend="numpy")
    model.compile("adam", losses.Pinball((0.1, 0.5, 0.9)))
    before = state_of(model)
    refused(lambda: model.fit(x, y), ValueError, ("multiple of 3", "got 4"))
    assert state_of(model) == before
    assert not model.built
