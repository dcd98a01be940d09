"""One object in the hands of many threads: results are right or refused by name, whichever call comes between.

Where ``test_many_threads.py`` has all threads do the same, here they do different things to what they share.
"""

from __future__ import annotations

import subprocess
import sys

import at_once
import numpy as np
import pytest
from at_once import THREADS, all_true, together
from models import model_of, regression

import fastnn
from fastnn import Sequential, _kernels
from fastnn.layers import Dense, Input, SimpleRNN

ROUNDS = 40
NATIVE = "numpy" if _kernels.why_not("cython") else "cython"
BOTH = pytest.mark.parametrize("name", sorted({"numpy", NATIVE}))


@pytest.fixture(autouse=True)
def many_turns():
    with at_once.many_turns():
        yield


def refused(found: list, *words: str) -> list:
    """What threads found, without errors that say one of these words."""
    left = [one for one in found if not (isinstance(one, RuntimeError) and any(word in str(one) for word in words))]
    assert not [one for one in left if isinstance(one, Exception)], left
    return left


@BOTH
def test_a_predictor_takes_other_numbers_of_rows_in_each_thread(rng, name):
    predict = model_of(Dense(16, "tanh"), Dense(3), name=name).predictor()
    x = [rng.normal(size=(1 + 11 * i, 4)).astype(np.float32) for i in range(THREADS)]
    right = [predict(part).copy() for part in x]
    all_true(together(lambda i: all(np.array_equal(predict(x[i]), right[i]) for _ in range(ROUNDS * 5))))


@BOTH
def test_a_model_that_no_thread_has_built(rng, name):
    x = rng.normal(size=(5, 4)).astype(np.float32)
    right = Sequential([Dense(4, "tanh"), Dense(2)], seed=1, backend=name).predict(x)
    for _ in range(ROUNDS // 4):
        model = Sequential([Dense(4, "tanh"), Dense(2)], seed=1, backend=name)
        all_true(together(lambda i, model=model: np.array_equal(model.predict(x), right)))


def test_models_that_threads_make_around_the_same_layers(rng):
    x = rng.normal(size=(5, 4)).astype(np.float32)
    for _ in range(ROUNDS // 4):
        base = Sequential([Input((4,)), Dense(6, "tanh")], seed=1, backend=NATIVE)
        inner = base.predict(x)

        def around(i, base=base):
            model = Sequential([Input((4,)), *base.layers, Dense(2 + i)], backend=NATIVE)
            return model, base.predict(x)

        made = together(around)
        assert all(isinstance(one, tuple) for one in made), made
        for model, seen in made:
            assert model.store is base.store
            np.testing.assert_array_equal(seen, inner)
            kernel, bias = model.get_weights()[2:]
            np.testing.assert_allclose(model.predict(x), inner @ kernel + bias, atol=1e-5)


def test_predictions_while_another_thread_moves_the_parameters(rng):
    """Layers behind those of another model: their numbers stand elsewhere in the vector of both."""
    x = rng.normal(size=(5, 4)).astype(np.float32)
    for _ in range(ROUNDS // 2):
        first, base = (Sequential([Input((4,)), Dense(4, "tanh")], seed=seed, backend=NATIVE) for seed in (1, 2))
        right = base.predict(x)

        def work(i, first=first, base=base, right=right):
            if i == 0:
                return Sequential([Input((4,)), *first.layers, *base.layers], backend=NATIVE).store is first.store
            return all(np.array_equal(base.predict(x), right) for _ in range(10))

        all_true(together(work))


@BOTH
def test_predictions_while_another_thread_trains(rng, name):
    """A rate of 0 leaves the weights alone, so what is not refused has the bits from before."""
    x, y = regression(rng)
    model = model_of(Dense(16, "tanh"), Dense(1), name=name, optimizer=fastnn.optimizers.SGD(0.0))
    predict, right = model.predictor(), model.predict(x)

    def work(i):
        if i == 0:
            return all(model.fit(x, y, epochs=3, verbose=0) is not None for _ in range(ROUNDS // 4))
        call = (predict, model.predict, lambda rows: model.activations(rows)["dense_1"])[i % 3]
        return all(np.array_equal(call(x), right) for _ in range(ROUNDS))

    all_true(refused(together(work), "being trained by another thread"))


def test_a_plan_cache_that_all_threads_fill(rng):
    """More batch sizes than it keeps, so that one thread empties it while others take from it."""
    x, y = regression(rng)
    model, single = model_of(name=NATIVE, metrics=["mae"]), {}
    for size in range(1, 25):
        single[size] = model.evaluate(x, y, batch_size=size)

    def work(i):
        sizes = [1 + (7 * i + k) % 24 for k in range(ROUNDS // 2)]
        return all(np.allclose(model.evaluate(x, y, batch_size=size), single[size], rtol=1e-5) for size in sizes)

    all_true(together(work))


@BOTH
def test_steps_resets_and_states_of_one_sequence(rng, name):
    """Sequences of other numbers at once come between, and nothing is read or written beside their states."""
    predict = Sequential([Input((None, 2)), SimpleRNN(8)], seed=1, backend=name).predictor()
    x = rng.normal(size=(40, 2)).astype(np.float32)

    def work(i):
        for turn in range(ROUNDS * 2):
            try:
                if i % 4 == 0:
                    predict.reset(1 + (turn + i) % 40)
                elif i % 4 == 1:
                    predict.state = {key: np.zeros((3, 8)) for key in predict.state}
                else:
                    count = 1 + (3 * turn + i) % 40
                    assert predict.step(x[:count]).shape == (count, 8)
            except (ValueError, RuntimeError) as error:
                if not any(word in str(error) for word in ("reset()", "numbers of sequences", "two threads step")):
                    raise
        return True

    all_true(together(work))
    predict.reset(40)
    found = predict.step(x)
    alone = Sequential([Input((None, 2)), SimpleRNN(8)], seed=1, backend=name).predictor()
    np.testing.assert_array_equal(found, alone.step(x))


def test_gradients_and_updates_of_one_model(rng):
    """Gradients are those of the weights before or after an update; of updates at the same time some are refused."""
    x, y = regression(rng)
    model = model_of(name=NATIVE, optimizer=fastnn.optimizers.SGD(0.0))
    right = np.concatenate([np.ravel(part) for part in model.gradients(x, y)[1]])
    zeros = np.zeros(model.count_params(), np.float32)
    began = model.step

    def work(i):
        done = 0
        for _ in range(ROUNDS):
            try:
                if i % 2:
                    found = np.concatenate([np.ravel(part) for part in model.gradients(x, y)[1]])
                    np.testing.assert_array_equal(found, right)
                else:
                    model.apply_gradients(zeros)
                    done += 1
            except RuntimeError as error:
                if "being trained" not in str(error):
                    raise
        return done

    found = together(work)
    assert all(isinstance(one, int) for one in found), found
    assert model.step - began == sum(found) > 0


def test_a_default_backend_that_changes(rng):
    x = rng.normal(size=(5, 4)).astype(np.float32)
    model = Sequential([Input((4,)), Dense(6, "tanh"), Dense(2)], seed=1)
    right = model.predict(x, backend="numpy")

    def work(i):
        if i:
            return all(np.allclose(model.predict(x), right, atol=1e-5) for _ in range(ROUNDS))
        for turn in range(ROUNDS * 10):
            fastnn.set_backend(("numpy", NATIVE, "auto")[turn % 3])
        return True

    try:
        all_true(together(work))
    finally:
        fastnn.set_backend("auto")


def test_a_file_that_some_write_and_others_read(rng, tmp_path):
    path, models = tmp_path / "model.safetensors", [model_of(name=NATIVE, seed=i) for i in range(3)]
    kernels = [model.get_weights()[0] for model in models]
    models[0].save(path)

    def work(i):
        for turn in range(5):
            if i % 2:
                models[turn % 3].save(path)
                continue
            found = fastnn.load(path).get_weights()[0]
            if not any(np.array_equal(found, kernel) for kernel in kernels):
                return False
        return True

    all_true(together(work))


def test_fit_many_trains_each_as_alone(rng):
    x, y = regression(rng, 120)
    models, alone = ([model_of(name=NATIVE, seed=i) for i in range(THREADS)] for _ in range(2))
    fastnn.fit_many(models, x, y, epochs=4, n_threads=THREADS, verbose=0)
    for model, other in zip(models, alone, strict=True):
        other.fit(x, y, epochs=4, verbose=0)
        np.testing.assert_array_equal(model.params, other.params)


def test_seeds_that_follow_from_one_are_given_once():
    fastnn.utils.set_random_seed(5)
    try:
        found = together(lambda i: [Sequential([Dense(1)]).seed for _ in range(ROUNDS)])
    finally:
        fastnn._base.random._given = None
    assert sorted(seed for seeds in found for seed in seeds) == [5 + i for i in range(THREADS * ROUNDS)]


FIRST_USES = """
import sys
sys.path.insert(0, sys.argv[1])
from at_once import all_true, many_turns, together
import fastnn

def work(i):
    names = [name for name in fastnn.__all__ if name not in ("sklearn", "tabular", "interop", "distributed", "plot")]
    turned = names[i:] + names[:i]
    for name in turned if i % 2 else reversed(turned):
        getattr(fastnn, name)
    for package in (fastnn.layers, fastnn.metrics, fastnn.losses, fastnn.optimizers, fastnn.callbacks):
        listed = list(package.__all__)
        for name in listed[i:] + listed[:i]:
            assert getattr(package, name) is getattr(package, name)
    from fastnn._ops import OPS
    from fastnn.layers.known import LAYERS
    from fastnn.metrics.known import METRICS
    kept = [[table[key] for key in table] for table in (OPS, LAYERS, METRICS)]
    assert all(table[key] is was for table, all_ in zip((OPS, LAYERS, METRICS), kept) for key, was in zip(table, all_))
    model = fastnn.Sequential([fastnn.layers.Dense(2, input_shape=(3,))], seed=1)
    model.compile("adam", "mse")
    model.fit([[0.0, 1, 2]] * 5, [[0.0, 1]] * 5, verbose=0)
    return True

with many_turns():
    all_true(together(work))
if hasattr(sys, "_is_gil_enabled") and "free-threading" in sys.version:
    assert not sys._is_gil_enabled()
"""


def test_what_all_threads_of_a_new_program_ask_for_first():
    folder = str(at_once.__file__).rpartition("at_once")[0]
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USES, folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
