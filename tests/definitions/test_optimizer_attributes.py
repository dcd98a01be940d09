"""What users do with optimisers and schedules beside training: set, read, copy, store; and what is refused."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from models import model_of, regression, weights_of

import fastnn
from fastnn import callbacks, constraints, initializers, optimizers, regularizers
from fastnn.optimizers import SGD, Adam, AdamW, Ftrl, schedules


class HalfEveryStep(schedules.LearningRateSchedule):
    """As in Keras: a rate for one step."""

    def __init__(self, first=0.1):
        self.first = first

    def __call__(self, step):
        return self.first * 0.5**step


def test_a_rate_is_a_float_that_can_be_assigned():
    optimizer = Adam(0.5)
    rate, kept = optimizer.learning_rate, optimizer.learning_rate
    rate.assign(0.25)
    assert (rate, float(rate), rate.numpy(), f"{rate:.3f}", repr(rate), 2 * rate, rate / 2) == (
        *(0.25, 0.25, 0.25, "0.250", "0.25", 0.5, 0.125),
    )
    assert optimizer.learning_rate == 0.25
    assert kept == 0.5, "a rate that was read stays what it was"
    assert isinstance(rate.numpy(), np.float64)
    assert type(rate * 1) is float
    assert json.dumps([optimizer.learning_rate]) == "[0.25]"
    optimizer.learning_rate = np.float32(2)
    assert (optimizer.learning_rate, optimizer.config()["learning_rate"]) == (2.0, 2.0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_has_a_rate_of_its_own(duplicate):
    optimizer = Adam(0.5, name="mine")
    again = duplicate(optimizer)
    again.learning_rate.assign(0.1)
    assert (optimizer.learning_rate, again.learning_rate, again.name) == (0.5, 0.1, "mine")
    assert type(duplicate(optimizer.learning_rate)) is float


def test_an_assigned_rate_acts_on_the_next_fit(rng):
    x, y = regression(rng)
    model = model_of(name="numpy", optimizer="sgd")
    model.optimizer.learning_rate.assign(0.0)
    before = weights_of(model)
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(weights_of(model), before)


def test_another_optimizer_begins_anew_within_a_fit_as_between_two(rng):
    x, y = regression(rng)
    models = [model_of(optimizer=SGD(0.01, momentum=0.9)) for _ in range(2)]

    def exchange(epoch, logs):
        if epoch == 1:
            models[0].optimizer = Adam(0.01)

    models[0].fit(x, y, epochs=4, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=exchange)])
    models[1].fit(x, y, epochs=2, verbose=0)
    models[1].optimizer = Adam(0.01)
    models[1].fit(x, y, epochs=2, verbose=0)
    assert weights_of(models[0]).tobytes() == weights_of(models[1]).tobytes()
    assert models[0].step == models[1].step


def test_own_schedules_give_a_rate_a_step(rng):
    x, y = regression(rng)
    own, table = (
        model_of(optimizer=SGD(HalfEveryStep())),
        model_of(optimizer=SGD(schedules.ExponentialDecay(0.1, 1, 0.5))),
    )
    for model in (own, table):
        model.fit(x, y, batch_size=10, verbose=0)
    np.testing.assert_allclose(weights_of(own), weights_of(table), rtol=1e-6)
    with pytest.raises(TypeError, match="replace it"):
        own.optimizer.learning_rate.assign(0.1)


def test_files_name_own_schedules(rng, tmp_path):
    x, y = regression(rng)
    model = model_of(optimizer=SGD(HalfEveryStep()))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    alone = fastnn.load(tmp_path / "m.safetensors")
    assert alone.optimizer is None
    np.testing.assert_array_equal(alone.predict(x, backend="numpy"), model.predict(x))
    again = fastnn.load(tmp_path / "m.safetensors", custom_objects={"HalfEveryStep": HalfEveryStep()})
    assert again.optimizer.learning_rate(1) == 0.05


def test_arguments_stand_in_the_order_of_keras():
    assert SGD(0.1, 0.9, True) == SGD(0.1, momentum=0.9, nesterov=True)
    assert Adam(0.1, 0.8, 0.9, 1e-3, True) == Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3, amsgrad=True)
    assert AdamW(0.1, 0.2, 0.8) == AdamW(0.1, weight_decay=0.2, beta_1=0.8)
    assert optimizers.Adagrad(0.1, 0.5) == optimizers.Adagrad(0.1, initial_accumulator_value=0.5)


@pytest.mark.parametrize("made", [Adam(0.1, amsgrad=True, name="x"), SGD(schedules.CosineDecay(0.1, 9)), Ftrl(beta=1)])
def test_configurations_of_keras_make_the_same_optimizer(made):
    config = json.loads(json.dumps(made.get_config()))
    again = optimizers.get({"module": "keras.optimizers", "class_name": type(made).__name__, "config": config})
    assert again == made
    assert again.name == made.name
    assert type(made).from_config(config) == made


def test_a_file_of_the_form_before_trains_on_in_it():
    stored = {"name": "adam", "learning_rate": 0.1, "weight_decay": None, "clipvalue": None, "clipnorm": None}
    stored |= {"global_clipnorm": None, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "form": "paper"}
    assert optimizers.get(stored) == Adam(0.1, form="paper")
    assert optimizers.get(stored | {"name": "adamw"}).form == "paper"
    assert Adam().form == AdamW().form == "keras"


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: setattr(Adam(), "learning_rte", 1), AttributeError, "did you mean 'learning_rate'"),
        (lambda: setattr(Adam(), "lr", 1), AttributeError, "learning_rate"),
        (lambda: Adam().lr, AttributeError, "learning_rate"),
        (lambda: Adam().iterations, AttributeError, "model.step"),
        (lambda: setattr(Adam(), "use_ema", True), AttributeError, "use_ema"),
        (lambda: setattr(schedules.CosineDecay(0.1, 9), "decay_step", 3), AttributeError, "decay_steps"),
        (lambda: Adam(use_ema=True), ValueError, "use_ema"),
        (lambda: Adam(ema_momentum=0.9), ValueError, "ema_momentum"),
        (lambda: Adam(loss_scale_factor=2.0), ValueError, "float32"),
        (lambda: Adam(gradient_accumulation_steps=4), ValueError, "batch_size"),
        (lambda: Adam(name=3), TypeError, "name"),
        (lambda: Adam(amsgrad="yes"), TypeError, "amsgrad"),
        (lambda: SGD(nesterov=1), TypeError, "nesterov"),
        (lambda: Ftrl(learning_rate_power=-0.3), ValueError, "learning_rate_power"),
        (lambda: setattr(regularizers.L2(), "l2", 0.5), AttributeError, "give it l2=0.5"),
        (lambda: setattr(initializers.HeNormal(), "seed", 5), AttributeError, "give it seed=5"),
        (lambda: setattr(constraints.MaxNorm(), "max_value", 3), AttributeError, "give it max_value=3"),
        (lambda: setattr(constraints.MaxNorm(), "max", 3), AttributeError, "max_value"),
        (lambda: type("Own", (Adam,), {}), TypeError, "compiled"),
        (lambda: type("Own", (regularizers.L2,), {}), TypeError, "custom loss"),
        (lambda: type("Own", (initializers.Zeros,), {}), TypeError, "set_weights"),
        (lambda: schedules.CosineDecay(0.1, 9, 0.0, 0.2), TypeError, "name"),
        (lambda: schedules.CosineDecayRestarts(0.1, 9, t_mul=0.5), ValueError, "t_mul"),
        (lambda: SGD(schedules.LearningRateSchedule()).learning_rates(0, 1), NotImplementedError, "__call__"),
        (lambda: SGD(HalfEveryStep(-1.0)).learning_rates(0, 1), ValueError, "HalfEveryStep"),
    ],
)
def test_what_would_not_act_is_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize(
    "came", ["l2", "L2", regularizers.L2, regularizers.l2(0.01), {"class_name": "L2", "config": {}}]
)
def test_penalties_in_every_spelling(came):
    made = regularizers.get(came)
    assert isinstance(made, regularizers.L2)
    assert made == regularizers.L1L2(l2=0.01)
    assert hash(made) == hash(regularizers.L1L2(l2=0.01))
    assert made(np.array([[1.0, 2.0]])) == 0.05


@pytest.mark.parametrize("name", initializers.CLASSES)
def test_initializers_by_class_and_by_the_configuration_of_keras(name):
    kind = initializers.CLASSES[name]
    assert initializers.get(kind) == initializers.get({"class_name": name, "config": {}}) == kind()
    assert initializers.get(kind().config()) == kind()
    assert initializers.get(name) == kind()


def test_a_seed_of_an_initializer_takes_the_place_of_the_models():
    for kind in (initializers.HeNormal, initializers.RandomUniform, initializers.Orthogonal):
        own = kind(seed=7)
        np.testing.assert_array_equal(own((4, 3), 1, 0), kind()((4, 3), 7, 0))
        np.testing.assert_array_equal(own((4, 3), 1, 0), own((4, 3), 2, 0))
        assert initializers.get(own.config()) == own


@pytest.mark.parametrize("kind", optimizers.OPTIMIZERS.values())
def test_whether_updates_are_on_all_rows_is_said_by_the_class_alone(kind):
    made = kind()
    assert made.full_batch is (kind is optimizers.LBFGS)
    assert "full_batch" not in f"{made!r} {made.get_config()} {made.config()} {vars(made)}"
    with pytest.raises(AttributeError, match="full_batch"):
        made.full_batch = True


def test_what_is_excluded_from_the_decay_is_a_factor_by_name():
    with pytest.raises(AttributeError, match="give weight_decay_factors="):
        AdamW().exclude_from_weight_decay(var_names=["bias"])
