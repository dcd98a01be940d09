"""The model that folding makes: what it keeps of its original, and predictors of it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from folds import assert_same, chain, folded, rows_for, trained
from models import EVERY_BACKEND, dtype_on, regression

import fastnn
from fastnn import Input, Sequential, utils
from fastnn.layers import GRU, BatchNormalization, Conv1D, Conv2D, Dense, Flatten, ReLU


def net(dtype="float32", **more):
    layers = Conv2D(4, 3, use_bias=False, kernel_regularizer="l2"), BatchNormalization(), ReLU(), Flatten(), Dense(2)
    return chain(*layers, BatchNormalization(name="out"), shape=(5, 5, 1), dtype=dtype, **more)


def test_a_folded_model_has_the_name_seed_dtype_and_metadata_and_is_compiled(rng):
    model = net("float64", name="mine")
    model.metadata = {"made": "by hand"}
    model.layers[0].trainable = False
    model.compile("rmsprop", "mae", metrics=["mse"])
    made = folded(rng, model)
    assert (made.name, made.seed, made.dtype, made.backend) == ("mine", model.seed, model.dtype, "numpy")
    assert made.metadata == {"made": "by hand"}
    assert made.metadata is not model.metadata
    assert (type(made.optimizer), made.loss, made.step) == (type(model.optimizer), model.loss, 0)
    assert [layer.trainable for layer in made.layers] == [False, True, True, True, True]
    made.fit(*(rng.normal(size=(8, *shape)) for shape in ((5, 5, 1), (2,))), verbose=0)


def test_penalties_and_constraints_of_weights_that_are_no_more_are_gone(rng):
    first, last = Dense(3, kernel_constraint="non_neg", activity_regularizer="l1"), Dense(2, kernel_regularizer="l2")
    made = folded(rng, chain(first, BatchNormalization(), last, shape=(4,)))
    assert (made.layers[0].kernel_constraint, made.layers[0].activity_regularizer.l1) == (None, 0)
    assert made.layers[1].kernel_regularizer.l2 > 0


def test_a_folded_model_is_copied_pickled_and_saved(rng, tmp_path):
    made = folded(rng, net())
    x = rows_for(rng, made)[0]
    made.save(tmp_path / "model.safetensors")
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), fastnn.load(tmp_path / "model.safetensors")):
        assert_same([other.predict(x)], [made.predict(x)], "float32")
        assert (other.output_names, len(other.layers)) == (["out"], len(made.layers))


def test_folding_draws_no_seed_and_training_the_one_leaves_the_other(rng):
    utils.set_random_seed(5)
    model = Sequential([Dense(3, input_shape=(4,)), BatchNormalization()], backend="numpy")
    made = utils.fold(model)
    assert Sequential().seed == 6
    x, y = regression(rng, n_out=3)
    before = made.predict(x)
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert (made.predict(x) == before).all()


def test_what_is_no_built_model_is_refused():
    with pytest.raises(TypeError, match="fold takes a Sequential or a Model, got 3"):
        utils.fold(3)
    with pytest.raises(fastnn.errors.NotReadyError, match="input_shape"):
        utils.fold(Sequential([Dense(3)]))


# -- predictors -----------------------------------------------------------------------------------------


@EVERY_BACKEND
def test_a_folded_predictor_gives_what_the_model_gives_and_does_not_follow_it(rng, name):
    dtype = dtype_on(name)
    model = trained(rng, net(dtype))
    model.backend = name
    x = rng.normal(size=(6, 5, 5, 1)).astype(dtype)
    f, follows, expected = model.predictor(fold=True), model.predictor(), model.predict(x)
    assert_same([f(x), f(x[0])], [expected, expected[0]], dtype)
    assert follows(x).tobytes() == expected.tobytes()
    model.set_weights([w * 0 for w in model.get_weights()])
    assert_same([f(x)], [expected], dtype)
    assert not follows(x).any()


@EVERY_BACKEND
def test_a_folded_predictor_goes_step_by_step(rng, name):
    layers = [Conv1D(4, 3, padding="causal"), BatchNormalization(), GRU(3, return_sequences=True), BatchNormalization()]
    model = trained(rng, Sequential([Input((None, 2)), *layers, Dense(2)], backend=name, seed=1, dtype=dtype_on(name)))
    x = rng.normal(size=(6, 2)).astype(dtype_on(name))
    f, expected = model.predictor(fold=True), model.predictor()(x)
    assert_same([f(x), np.stack([f.step(row) for row in x])], [expected] * 2, dtype_on(name))


def test_a_predictor_takes_fold_as_yes_or_no(rng):
    with pytest.raises(TypeError, match="fold must be True or False"):
        net().predictor(fold="yes")
