"""Stateful layers: a batch begins where the one before ended, in training, evaluation and prediction alike."""

from __future__ import annotations

import copy
from collections import namedtuple

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on
from oracles import keras_library, torch_library, torch_states
from tolerance import assert_close

import fastnn
from fastnn import Model, Sequential, _kernels, layers
from fastnn._plan.compile import MAX_BLOCK
from fastnn.callbacks import LambdaCallback
from fastnn.errors import BatchError, DivergenceError
from fastnn.layers import GRU, LSTM, Bidirectional, Dense, Input, SimpleRNN
from fastnn.optimizers import SGD

ROWS, STEPS, FEATURES, UNITS, CHUNKS = 3, 4, 2, 5, 4
RECURRENT = pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU])
Case = namedtuple("Case", "x y whole")


@pytest.fixture
def case(rng) -> Case:
    """Long sequences ``whole``, cut into chunks: those of all rows first, then the next ones."""
    whole = rng.normal(size=(ROWS, CHUNKS * STEPS, FEATURES))
    x = np.concatenate(np.split(whole, CHUNKS, axis=1))
    return Case(x, rng.normal(size=(len(x), 2)), whole)


def network(*stack, backend="cython", **told):
    model = Sequential([Input((STEPS, FEATURES)), *stack, Dense(2)], seed=3, backend=backend, dtype="float64", **told)
    model.compile(SGD(0.2), "mse")
    return model


def deep(backend="cython"):
    """One layer behind another."""
    first = LSTM(UNITS, stateful=True, return_sequences=True)
    return network(first, Bidirectional(GRU(UNITS, stateful=True)), backend=backend)


def trained(model, case, **more):
    model.fit(case.x, case.y, **({"batch_size": ROWS, "epochs": 3, "shuffle": False, "verbose": 0} | more))
    return model.get_weights()


# -- what it computes ---------------------------------------------------------------------------


@EVERY_BACKEND
@RECURRENT
def test_chunk_after_chunk_is_the_whole_sequence(name, kind, case):
    told = {"return_sequences": True, "recurrent_initializer": "glorot_uniform"}
    model = network(kind(UNITS, stateful=True, **told), backend=name)
    plain = Sequential([Input((None, FEATURES)), kind(UNITS, **told), Dense(2)], seed=3, backend=name, dtype="float64")
    found = np.concatenate(np.split(model.predict(case.x, batch_size=ROWS), CHUNKS), axis=1)
    np.testing.assert_array_equal(found, plain.predict(case.whole))


@EVERY_BACKEND
@RECURRENT
def test_training_goes_on_from_batch_to_batch_as_in_pytorch_with_states_detached(name, kind, case):
    torch = torch_library()
    model = network(kind(UNITS, stateful=True), backend=name)
    weights = [torch.tensor(w, requires_grad=True) for w in model.get_weights()]
    optimizer = torch.optim.SGD(weights, 0.2)
    state = (torch.zeros(ROWS, UNITS, dtype=torch.float64),) * 2
    for _ in range(3):
        for x, y in zip(np.split(case.x, CHUNKS), np.split(case.y, CHUNKS), strict=True):
            state = tuple(each.detach() for each in state)
            state = torch_states(torch, kind, torch.tensor(x), state, *weights[:3])
            loss = ((state[0] @ weights[3] + weights[4] - torch.tensor(y)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for own, right in zip(trained(model, case), weights, strict=True):
        assert_close(own, right.detach().numpy(), np.float64)
    for own, right in zip(model.layers[0].states, state, strict=False):
        assert_close(own, right.detach().numpy(), np.float64)


@pytest.mark.numba
def test_every_backend_trains_to_the_same_weights_and_states(case):
    here = [name for name in ("numpy", "numba", "cython") if _kernels.why_not(name) is None]
    reference, *others = [(trained(model, case), model) for model in map(deep, here)]
    assert others
    for weights, model in others:
        for own, right in zip(weights, reference[0], strict=True):
            assert_close(own, right, np.float64)
        for layer, right in zip(model.layers[:2], reference[1].layers, strict=False):
            for one, two in zip(layer.states, right.states, strict=True):
                assert_close(one, two, np.float64)


@EVERY_BACKEND
def test_the_bits_are_those_of_one_thread(name, rng):
    x, y, found = rng.normal(size=(150, 9, 4)), rng.normal(size=(150, 2)), []
    before = fastnn.get_num_threads()
    for threads in (1, 2, 5):
        fastnn.set_num_threads(threads)
        stack = [Input((9, 4)), LSTM(33, stateful=True), Dense(2)]
        model = Sequential(stack, seed=3, dtype=dtype_on(name), backend=name)
        model.compile("adam", "mse")
        found.append(trained(model, Case(x, y, None), batch_size=75) + [model.predict(x, batch_size=75)])
    fastnn.set_num_threads(before)
    for other in found[1:]:
        assert all(map(np.array_equal, found[0], other))


@EVERY_BACKEND
def test_evaluation_and_prediction_go_on_too(name, case):
    model = deep(name)
    x, y = case.x[:ROWS], case.y[:ROWS]
    first, second = model.predict(x), model.predict(x)
    assert not np.allclose(first, second)
    model.reset_states()
    assert model.evaluate(x, y) == pytest.approx(np.square(first - y).mean(), abs=1e-12)
    assert_close(model(x), second, np.float64)
    model.reset_states()
    both = model.predict(np.concatenate([x, x]), batch_size=ROWS)
    np.testing.assert_array_equal(both, np.concatenate([first, second]))
    model.reset_states()
    assert model.evaluate(case.x, case.y, batch_size=ROWS) == pytest.approx(_of_chunks(model, case), abs=1e-12)


def _of_chunks(model, case):
    model.reset_states()
    parts = [model(part) for part in np.split(case.x, CHUNKS)]
    return np.square(np.concatenate(parts) - case.y).mean()


def test_validation_goes_on_where_training_ended_as_in_keras(case):
    model, other = deep(), deep()
    history = model.fit(
        case.x, case.y, batch_size=ROWS, shuffle=False, verbose=0, validation_data=(case.x[:ROWS], case.y[:ROWS])
    )
    trained(other, case, epochs=1)
    assert history.history["val_loss"] == [other.evaluate(case.x[:ROWS], case.y[:ROWS])]
    np.testing.assert_array_equal(model.layers[0].states[0], other.layers[0].states[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_keras_predicts_the_same_and_keeps_the_same_states(case):
    keras = keras_library()
    told = {"units": UNITS, "stateful": True}
    stack = [keras.layers.Input(batch_shape=(ROWS, STEPS, FEATURES)), keras.layers.LSTM(**told, return_sequences=True)]
    stack += [keras.layers.Bidirectional(keras.layers.GRU(**told)), keras.layers.Dense(2)]
    theirs, own = keras.Sequential(stack), deep()
    own.build((STEPS, FEATURES))
    own.set_weights(theirs.get_weights())
    for part in np.split(case.x.astype("float32"), CHUNKS):
        np.testing.assert_allclose(own.predict(part), theirs.predict(part, verbose=0), atol=2e-6)
    for mine, right in zip(own.layers[:2], theirs.layers, strict=False):
        for one, two in zip(mine.states, right.states, strict=True):
            np.testing.assert_allclose(one, two.numpy(), atol=2e-6)
    assert len(own.get_weights()) == len(theirs.get_weights())
    assert own.count_params() == theirs.count_params()


@EVERY_BACKEND
def test_own_loops_go_on_as_fit_does(name, case):
    model, other = deep(name), deep(name)
    weights = trained(model, case, epochs=1)
    for x, y in zip(np.split(case.x, CHUNKS), np.split(case.y, CHUNKS), strict=True):
        other.apply_gradients(other.gradients(x, y)[1])
    for one, two in zip(weights, other.get_weights(), strict=True):
        assert_close(one, two, np.float64)


def test_gradients_behind_a_forward_pass_are_of_what_it_began_with(case):
    model, other = deep(), deep()
    x, dy = case.x[:ROWS], np.ones((ROWS, 2))
    for each in (model, other):
        each.predict(case.x[ROWS : 2 * ROWS])
    model(x, training=True)
    by_inputs = model.gradients(x, dy=dy, wrt="inputs")
    grads, states = model.gradients(x, dy=dy), model.layers[0].states
    np.testing.assert_array_equal(by_inputs, other.gradients(x, dy=dy, wrt="inputs"))
    np.testing.assert_array_equal(grads.flat, other.gradients(x, dy=dy).flat)
    np.testing.assert_array_equal(states, other.layers[0].states)


def test_masked_steps_leave_what_is_remembered(case):
    model = network(layers.Masking(), GRU(UNITS, stateful=True))
    model.predict(case.x[:ROWS])
    before = model.layers[1].states
    model.predict(np.zeros((ROWS, STEPS, FEATURES)))
    np.testing.assert_array_equal(model.layers[1].states, before)


def test_lengths_may_differ_from_batch_to_batch(case):
    told = {"seed": 3, "dtype": "float64"}
    model, plain = (
        Sequential([Input((None, FEATURES)), LSTM(UNITS, return_sequences=True, stateful=stateful), Dense(2)], **told)
        for stateful in (True, False)
    )
    parts = np.split(case.whole, [1, 4, 13], axis=1)
    found = np.concatenate([model.predict(part) for part in parts], axis=1)
    np.testing.assert_array_equal(found, plain.predict(case.whole))


def test_batches_that_come_one_by_one_go_on(case):
    model, other = deep(), deep()
    batches = list(zip(np.split(case.x, CHUNKS), np.split(case.y, CHUNKS), strict=True))
    model.fit(batches, epochs=3, verbose=0, shuffle=False)
    for one, two in zip(trained(other, case), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    for each in (model, other):
        each.reset_states()
    np.testing.assert_array_equal(model.predict(x for x, _ in batches), other.predict(case.x, batch_size=ROWS))


# -- whose states they are ----------------------------------------------------------------------


def test_states_reset_by_a_callback_begin_the_next_epoch(case):
    model, seen = deep(), []
    callback = LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(model.layers[0].states))
    reset = LambdaCallback(on_epoch_end=lambda epoch, logs: model.layers[0].reset_states())
    trained(model, case, callbacks=[callback, reset])
    assert not np.any(seen[1:])


def test_a_frozen_layer_remembers(case):
    model = deep()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    trained(model, case, epochs=1)
    assert np.any(model.layers[0].states)


def test_models_that_share_a_layer_share_what_it_remembers(case):
    x = Input((STEPS, FEATURES))
    h = LSTM(UNITS, stateful=True, name="memory")(x)
    one, other = Model(x, Dense(1)(h), seed=1), Model(x, h, seed=1)
    first = other.predict(case.x[:ROWS])
    one.predict(case.x[:ROWS])
    assert not np.allclose(other.predict(case.x[:ROWS]), first)


def test_copies_and_files_begin_with_zeros_and_stay_stateful(case, tmp_path):
    model = deep()
    first = model.predict(case.x[:ROWS])
    model.save(tmp_path / "model.safetensors")
    for other in (copy.deepcopy(model), fastnn.load(tmp_path / "model.safetensors")):
        np.testing.assert_array_equal(other.predict(case.x[:ROWS]), first)
        assert np.any(other.layers[0].states)


def test_predictors_and_activations_begin_with_zeros(case):
    model = network(LSTM(UNITS, stateful=True))
    first = model.predict(case.x[:ROWS])
    f = model.predictor()
    np.testing.assert_array_equal(f(case.x[:ROWS]), first)
    np.testing.assert_array_equal([f.step(step) for step in case.x[0]][-1], first[0])
    np.testing.assert_array_equal(model.activations(case.x[:ROWS])["dense"], first)


def test_a_fit_that_diverged_leaves_no_state(case):
    model = deep()
    model.compile(SGD(1e300), "mse")
    with pytest.raises(DivergenceError):
        trained(model, case)
    assert not np.any(model.layers[0].states)


# -- rows of batches ----------------------------------------------------------------------------


def test_an_input_may_state_the_rows_of_batches(case, tmp_path):
    stated = Input(batch_shape=(ROWS, STEPS, FEATURES))
    model = Sequential([stated, LSTM(UNITS, stateful=True), Dense(2)], seed=1)
    model.compile("sgd", "mse")
    model.fit(case.x, case.y, shuffle=False, verbose=0)
    assert model.step == CHUNKS
    model.reset_states()
    assert len(model.predict(case.x)) == len(case.x)
    model.save(tmp_path / "model.safetensors")
    assert fastnn.load(tmp_path / "model.safetensors").batch_rows == ROWS
    assert Sequential.from_config(model.get_config()).batch_rows == ROWS


def test_batches_of_other_sizes_are_refused_and_nothing_changes(case):
    model = deep()
    trained(model, case, epochs=1)
    weights, states = model.get_weights(), model.layers[0].states
    calls = {
        "a batch has 2 rows": lambda: model.predict(case.x[:2]),
        "remembers those of 3 rows": lambda: model.evaluate(case.x[:4], case.y[:4], batch_size=2),
        "reset_states": lambda: trained(model, case, batch_size=4),
    }
    for words, call in calls.items():
        with pytest.raises(ValueError, match=words):
            call()
    for one, two in zip(weights + states, model.get_weights() + model.layers[0].states, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("chunks", [0, 1])
def test_no_rows_give_no_predictions_and_leave_what_is_remembered(case, chunks):
    model, same, none, begun = deep(), deep(), case.x[:0], []
    for each in [model, same] * chunks:
        each.predict(case.x[:ROWS])
    heard = LambdaCallback(on_predict_begin=lambda logs: begun.append("so"))
    for made in model.predict(none), model.predict(none, callbacks=[heard]), model(none), model(none, training=True):
        assert made.shape == (0, 2)
    assert begun
    np.testing.assert_array_equal(model.predict(case.x[ROWS:]), same.predict(case.x[ROWS:]))


def test_a_batch_as_large_as_a_block_goes_on_beside_predictors(rng):
    model, x = deep(), rng.normal(size=(MAX_BLOCK, STEPS, FEATURES))
    afresh = model.predictor()(x)
    np.testing.assert_array_equal(model.predict(x, batch_size=MAX_BLOCK), afresh)
    assert np.all(model.predict(x, batch_size=MAX_BLOCK) != afresh)


def test_rows_that_make_no_equal_batches_are_refused(case):
    with pytest.raises(ValueError, match="12 rows make batches of 5 and one of 2"):
        trained(deep(), case, batch_size=5)
    with pytest.raises(BatchError, match=r"batch 2 .*as many rows as the first, 3; got 2"):
        deep().fit(iter([(case.x[:3], case.y[:3]), (case.x[:2], case.y[:2])]), verbose=0)


def test_what_would_not_follow_is_told(case):
    with pytest.warns(UserWarning, match="shuffle=False"):
        trained(deep(), case, shuffle=True)
    with pytest.warns(UserWarning, match="shuffle=False"):
        deep().fit([(case.x[:ROWS], case.y[:ROWS])] * 2, verbose=0)
    model = deep()
    model.compile("lbfgs", "mse")
    with pytest.raises(ValueError, match="L-BFGS"):
        trained(model, case)
    layer, x = GRU(UNITS, stateful=True), Input((STEPS, FEATURES))
    with pytest.raises(ValueError, match="stateful and called twice"):
        Model(x, {"one": layer(x), "two": layer(x)})
