"""Factors of learning rate and weight decay by name: each variable moves as by an optimiser with these numbers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from broken_fits import fitted, state_of
from models import EVERY_BACKEND

import fastnn
from fastnn import Input, Model, Sequential, optimizers
from fastnn._base.threads import limited
from fastnn.layers import Dense, Dropout, Embedding, Flatten, Scale
from fastnn.models.cloning import clone_model
from fastnn.optimizers import OPTIMIZERS, SGD, Adam, AdamW

N = 24
RATES = {"scale": 6.0, "hidden/bias": 0.1, "out": 0.5, "out/kernel": 2.0}
DECAYS = {"hidden/bias": 0.0, "scale": 3.0}
EXPECTED = {
    "scale/scale": (6.0, 3.0),
    "hidden/kernel": (1.0, 1.0),
    "hidden/bias": (0.1, 0.0),
    "out/kernel": (2.0, 1.0),
    "out/bias": (0.5, 1.0),
}
KINDS = [kind for kind in OPTIMIZERS.values() if kind is not optimizers.LBFGS]


def rows(seed=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, 4)), rng.normal(size=(N, 2))


def build(optimizer, backend=None, dtype="float64", units=5):
    layers = [Scale(name="scale"), Dense(units, "tanh", name="hidden"), Dense(2, name="out")]
    model = Sequential([Input((4,)), *layers], seed=3, backend=backend, dtype=dtype)
    model.compile(optimizer, "mse")
    return model


def gradients_of(optimizer, **more):
    """Weights after three updates by given gradients, variable by variable."""
    model = build(optimizer, **more)
    model.set_weights([w + 0.3 for w in model.get_weights()])
    rng = np.random.default_rng(2)
    for _ in range(3):
        model.apply_gradients([rng.normal(size=w.shape) for w in model.get_weights()])
    return dict(zip(EXPECTED, model.get_weights(), strict=True))


@EVERY_BACKEND
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_variable_moves_as_by_an_optimizer_with_its_numbers(name, kind):
    rate, decay = 0.03, 0.2
    made = kind(rate, weight_decay=decay, learning_rate_factors=RATES, weight_decay_factors=DECAYS)
    got = gradients_of(made, backend=name)
    for variable, (factor, of_decay) in EXPECTED.items():
        alone = gradients_of(kind(rate * factor, weight_decay=decay * of_decay), backend=name)
        np.testing.assert_array_equal(got[variable], alone[variable], err_msg=variable)


@EVERY_BACKEND
@pytest.mark.parametrize("units", [5, 300])  # the wide one is updated op by op in native code
def test_fit_equals_the_loop_of_updates(name, units):
    x, y, dtype = *rows(), "float32" if name == "cython" else "float64"
    told = {"learning_rate_factors": RATES, "weight_decay_factors": DECAYS}
    fit, loop = (build(AdamW(0.01, 0.1, **told), name, dtype, units) for _ in range(2))
    fit.fit(x, y, epochs=3, batch_size=N, shuffle=False)
    for _ in range(3):
        loop.apply_gradients(loop.gradients(x, y)[1])
    for got, right in zip(fit.get_weights(), loop.get_weights(), strict=True):
        np.testing.assert_allclose(got, right, rtol=0, atol=1e-12 if dtype == "float64" else 3e-6)


@EVERY_BACKEND
def test_factors_of_one_change_no_bit(name):
    x, y = rows()
    plain = build(AdamW(0.01), name)
    ones = build(AdamW(0.01, learning_rate_factors={"out": 1.0}, weight_decay_factors={"scale": 1}), name)
    for model in (plain, ones):
        model.fit(x, y, epochs=2, batch_size=8)
    np.testing.assert_array_equal(ones.params, plain.params)
    assert ones.plan.spans.tolist() == plain.plan.spans.tolist()
    assert len(plain.plan.spans) == 1


@pytest.mark.parametrize("units", [5, 300])
def test_any_number_of_threads_gives_the_same_bits(units):
    x, y = rows()
    found = []
    for threads in (1, 2):
        with limited(threads):
            model = build(Adam(0.01, learning_rate_factors=RATES), "cython", units=units)
            model.fit(x, y, epochs=2, batch_size=8)
        found.append(model.params.copy())
    np.testing.assert_array_equal(*found)


def test_spans_join_where_factors_are_equal():
    model = build(Adam(learning_rate_factors=RATES, weight_decay_factors=DECAYS))
    spans = model.plan.spans
    assert spans["group"].tolist() == [0, 1, 2, 3, 4]
    same = build(Adam(learning_rate_factors={"scale": 2.0, "out": 2.0})).plan.spans
    assert same["group"].tolist() == [0, 1, 0]
    assert same["rate"].tolist() == [2.0, 1.0, 2.0]
    assert same["last"][:-1].tolist() == same["first"][1:].tolist()


@EVERY_BACKEND
def test_a_factor_of_nothing_leaves_weights_alone(name):
    x, y = rows()
    model = build(SGD(0.1, weight_decay=0.5, learning_rate_factors={"hidden": 0.0}), name)
    before = model.get_weights()
    model.fit(x, y, epochs=1, batch_size=8)
    same = [bool((a == b).all()) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [False, True, True, False, False]


@EVERY_BACKEND
def test_tables_of_embeddings_and_frozen_layers(name):
    """Embeddings are updated piece by piece, and what is frozen makes gaps between spans."""
    x, y = np.random.default_rng(1).integers(0, 900, (N, 3)), np.zeros(N)

    def made(rate, factors):
        parts = [Dropout(0.2), Dense(3, name="still"), Dense(1, name="out")]
        parts = [Input((3,)), Embedding(900, 40, name="table"), Flatten(), *parts]
        model = Sequential(parts, seed=3, backend=name, dtype="float64")
        model.get_layer("still").trainable = False
        model.compile(SGD(rate, learning_rate_factors=factors), "mse")
        model.fit(x, y, epochs=1, batch_size=N)  # one update, so that each variable's is its own
        return model.get_weights()

    got, right = made(0.1, {"table": 4.0}), made(0.4, {"out": 0.25})
    for a, b in zip(got, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_inside_models_are_named_by_their_paths():
    inner = Sequential([Input((4,)), Dense(3, name="first")], name="inner")
    inputs = Input((4,))
    model = Model(inputs, Dense(2, name="out")(inner(inputs)))
    model.compile(SGD(0.1, learning_rate_factors={"inner": 2.0, "inner/first/bias": 3.0}), "mse")
    assert sorted(model.plan.spans["rate"].tolist()) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("argument", ["learning_rate_factors", "weight_decay_factors"])
@pytest.mark.parametrize("name", ["hiden", "hidden/kernels", "hid", "dropout", "hidden/"])
def test_names_that_there_are_not_are_refused(argument, name):
    with pytest.raises(ValueError, match=f"{argument} names '{name}'.*scale, hidden, out"):
        build(Adam(**{argument: {name: 2.0}}))
    late = Sequential([Dense(2, name="out")])
    late.compile(Adam(**{argument: {name: 2.0}}), "mse")
    with pytest.raises(ValueError, match=argument):
        late.fit(*rows(), verbose=0)
    model = build("adam")
    with pytest.raises(ValueError, match=argument):
        model.optimizer = Adam(**{argument: {name: 2.0}})
    assert model.optimizer == Adam()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Adam(learning_rate_factors=3.0), TypeError, "learning_rate_factors must be a dict"),
        (lambda: Adam(learning_rate_factors={"a": -1}), ValueError, r"learning_rate_factors\['a'\]"),
        (lambda: Adam(weight_decay_factors={"a": "x"}), TypeError, r"weight_decay_factors\['a'\]"),
        (lambda: Adam(weight_decay_factors={3: 1.0}), TypeError, "keys"),
        (lambda: optimizers.LBFGS(learning_rate_factors={"a": 2.0}), ValueError, "LBFGS"),
        (lambda: Adam(learning_rate_factors={"a": 2}).learning_rate_factors.update(b=1), TypeError, "as a whole"),
    ],
)
def test_wrong_factors_are_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_more_groups_than_there_is_room_for_are_refused():
    model = Sequential([Input((4,)), *(Dense(1, name=f"d{i}") for i in range(257))])
    model.compile(SGD(learning_rate_factors={f"d{i}": i / 256 for i in range(257)}), "mse")
    with pytest.raises(ValueError, match="256 different pairs"):
        model.fit(rows()[0], np.zeros(N), verbose=0)


def test_files_copies_and_configurations_have_them(tmp_path):
    made = AdamW(0.01, learning_rate_factors=RATES, weight_decay_factors=DECAYS)
    model = build(made)
    model.save(tmp_path / "m.safetensors")
    again = fastnn.load(tmp_path / "m.safetensors")
    copies = [
        again.optimizer,
        copy.deepcopy(model).optimizer,
        pickle.loads(pickle.dumps(model)).optimizer,
        optimizers.get(made),
        AdamW.from_config(made.get_config()),
        optimizers.get(made.config()),
    ]
    assert all(other == made and other.learning_rate_factors == RATES for other in copies)
    twin = clone_model(model)
    twin.compile(model.optimizer, "mse")
    assert twin.optimizer == made
    assert not {"learning_rate_factors", "weight_decay_factors"} & {*Adam().config(), *Adam().get_config()}
    given = dict(RATES)
    made.learning_rate_factors = given
    given["scale"] = 9.0
    assert made.learning_rate_factors == RATES
    made.learning_rate_factors = {}
    assert made.learning_rate_factors is None


def test_names_that_models_chose_are_kept_in_files(tmp_path):
    """A layer of another model has a name from there, which a file alone would not give it."""
    whole = Sequential([Input((4,)), Dense(4), Dense(4), Dense(2)])
    part = Sequential([Input((4,)), whole.layers[2]], seed=1)
    part.compile(SGD(0.1, learning_rate_factors={"dense_2/bias": 2.0}), "mse")
    part.save(tmp_path / "part.safetensors")
    again = fastnn.load(tmp_path / "part.safetensors")
    for model in (part, again):
        model.fit(*rows(), batch_size=8, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[1], part.get_weights()[1])


def test_factors_set_between_fits_act():
    x, y = rows()
    model = build(SGD(0.1))
    model.fit(x, y, epochs=1, batch_size=8)
    model.optimizer.learning_rate_factors = {"hidden": 0.0, "scale": 0.0}
    before = model.get_weights()
    model.fit(x, y, epochs=1, batch_size=8)
    assert [bool((a == b).all()) for a, b in zip(before, model.get_weights(), strict=True)] == [1, 1, 1, 0, 0]


def test_checkpoints_go_on_with_them(tmp_path):
    path = str(tmp_path / "run.safetensors")
    plain = {"batch_size": 8, "epochs": 3}

    def made():
        return build(Adam(0.01, learning_rate_factors=RATES))

    whole = state_of(fitted(made, rows, **plain))
    for at in (1, 3, 5):
        fitted(made, rows, path, at=at + 1, **plain)
        assert state_of(fitted(made, rows, path, **plain)) == whole
        (tmp_path / "run.safetensors").unlink()
    fitted(made, rows, path, at=3, **plain)
    with pytest.raises(ValueError, match="another optimizer"):
        fitted(lambda: build(Adam(0.01)), rows, path, **plain)
