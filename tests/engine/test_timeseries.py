"""Windows over a series: the bits of windows that were copied, from every call, and never copied as a whole."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused, state_of, weights_of
from networks import draw

import fastnn
from fastnn import Sequential
from fastnn._base.sparse import take_rows
from fastnn._kernels.contract import Rows
from fastnn.layers import Conv1D, Dense, Flatten, GlobalAveragePooling1D, Input
from fastnn.utils import Windows, timeseries

LENGTH = 12
GROUPS = np.repeat(["b", "a", "short", "c"], [60, 45, 5, 90])
KINDS = {
    "every step": {},
    "strides": {"stride": 3},
    "apart": {"stride": LENGTH},
    "farther apart": {"stride": 17},
    "groups": {"groups": GROUPS},
    "groups in strides": {"groups": GROUPS, "stride": 5, "horizon": 3},
}


def windows_of(rng, kind: str, features: int = 2) -> Windows:
    """Windows of the kind, with a target of their own."""
    x = draw(rng, (200, features))
    return timeseries(x, x[:, 0] * 0.5, length=LENGTH, **KINDS[kind])


def by_hand(x, y, groups=None, *, length, stride=1, horizon=1, targets=1):
    """Windows and targets, one after the other, as the docstring has them."""
    groups, made, told = np.zeros(len(x)) if groups is None else groups, [], []
    for name in dict.fromkeys(groups.tolist()):
        own = np.flatnonzero(groups == name)
        for i in range(0, len(own), stride):
            first = i + length - 1 + horizon
            if first + targets <= len(own):
                made.append(x[own[i : i + length]])
                answers = y[own[first : first + targets]]
                told.append(answers if targets > 1 else answers[0])
    return np.array(made), np.array(told)


def convolution(name="numpy", dtype="float32", features=2, length=LENGTH, optimizer="adam") -> Sequential:
    """A compiled model over windows; with ``length`` None, of any length."""
    last = Flatten() if length else GlobalAveragePooling1D()
    layers = [Input((length, features)), Conv1D(4, 3, activation="tanh"), last, Dense(1)]
    model = Sequential(layers, seed=3, backend=name, dtype=dtype)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


# -- which windows there are ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [{}, {"horizon": 0}, {"horizon": 4}, {"targets": 3}], ids=str)
def test_windows_and_targets_are_those_of_the_formula(rng, kind, more):
    told = {"length": LENGTH, **KINDS[kind], **more}
    for x, y in ((draw(rng, (200, 3)), draw(rng, (200, 2))), (np.arange(200), None)):
        windows, (made, answers) = timeseries(x, y, **told), by_hand(x, x if y is None else y, **told)
        assert (len(windows), windows.x.shape, windows.y.shape) == (len(made), made.shape, answers.shape)
        np.testing.assert_array_equal(np.asarray(windows.x), made)
        np.testing.assert_array_equal(windows.y, answers)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_those_of_an_array(rng, kind):
    windows = windows_of(rng, kind)
    whole, n = np.asarray(windows.x), len(windows)
    for rows in (
        *(slice(0, n), slice(3, 9), slice(9, 3), slice(-4, None), slice(None, None, 2), slice(1, 8, 3)),
        *(slice(None, None, -1), np.array([5, 0, -1, 5]), np.arange(n) % 3 == 0, slice(n, None)),
    ):
        assert isinstance(windows[rows], Windows)
        np.testing.assert_array_equal(np.asarray(windows[rows].x), whole[rows])
        np.testing.assert_array_equal(windows[rows].y, windows.y[rows])
    np.testing.assert_array_equal(np.asarray(windows[2:][1:9][::2].x), whole[2:][1:9][::2])
    np.testing.assert_array_equal(windows[-2][0], whole[-2])
    assert windows[-2][1] == windows.y[-2]
    with pytest.raises(IndexError):
        windows[n]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_by_their_indices_are_written_out(rng, kind, dtype):
    rows = windows_of(rng, kind).x
    rows = type(rows)(rows.values.astype(dtype), rows.length, rows.stride, rows.starts)
    for chosen in (np.arange(len(rows)), rng.integers(0, len(rows), 2 * len(rows)), np.arange(0)):
        out = np.full((len(chosen), rows.n_columns), np.nan, dtype)
        take_rows(rows, chosen.astype(np.int32), out)
        assert out.tobytes() == np.asarray(rows)[chosen].tobytes()


def test_steps_may_have_any_shape_and_dtype(rng):
    film = rng.integers(0, 255, (9, 4, 5, 1), dtype=np.uint8)
    windows = timeseries(film, length=3)
    assert (windows.x.shape, windows.x.dtype, windows.y.shape) == ((6, 3, 4, 5, 1), np.uint8, (6, 4, 5, 1))
    np.testing.assert_array_equal(np.asarray(windows.x)[4], film[4:7])


def test_a_view_of_the_series_is_all_that_is_kept():
    x = np.arange(50.0)
    windows = timeseries(x, length=5)
    assert np.shares_memory(windows.x.values, x)
    assert np.shares_memory(windows.y, x)
    assert np.shares_memory(windows[10:20].x.values, x)


# -- what users call --------------------------------------------------------------------------------


def everything(model, windows, x, weight) -> list:
    """Fit, evaluate, predict, gradients: all numbers that come back for rows ``x``."""
    y, n = windows.y, len(weight) // 2
    kept: list = [model.fit(x, y, 7, 2, verbose=0, sample_weight=weight, validation_data=(x[:n], y[:n])).history]
    kept.append(model.fit(x, y, 7, 1, verbose=0, validation_split=0.3, shuffle=False).history)
    kept.append(model.fit(x, y, 7, 1, verbose=0, steps_per_epoch=2).history)
    kept += [model.evaluate(x, y, sample_weight=weight), model.predict(x).tobytes(), model(x).tobytes()]
    kept += [model.train_on_batch(x, y), model.test_on_batch(x, y), model.predict(x[1:5]).tobytes()]
    kept += [model(x, training=True).tobytes(), model.gradients(x, y)[1].flat.tobytes()]
    return [*kept, weights_of(model).tobytes()]


@EVERY_BACKEND
@pytest.mark.covering
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [LENGTH, None])
def test_every_call_gives_what_copied_windows_give(rng, name, kind, length, dtype):
    windows = windows_of(rng, kind)
    weight = rng.random(len(windows))
    results = [
        everything(convolution(name, dtype.name, length=length), windows, x, weight)
        for x in (windows.x, np.asarray(windows.x))
    ]
    assert results[0] == results[1]


@pytest.mark.single
@EVERY_BACKEND
def test_several_blocks_a_batch_give_what_copied_windows_give(rng, name):
    x = draw(rng, 750)
    results = []
    for groups in (None, np.repeat([1, 2], [250, 500])):
        windows = timeseries(x, length=64, groups=groups)
        for rows in (windows.x, np.asarray(windows.x)):
            model = Sequential([Input((64,)), Dense(40, "relu"), Dense(600), Dense(1)], seed=1, backend=name)
            model.compile("adam", "mse")
            model.fit(rows, windows.y, 600, 1, verbose=0)
            assert model.plan.header["block_rows"] < 600
            results.append((weights_of(model).tobytes(), model.predict(rows).tobytes()))
    assert results[0] == results[1]
    assert results[2] == results[3]


@EVERY_BACKEND
def test_lbfgs_and_a_callback_for_batches_take_windows(rng, name):
    windows, told = windows_of(rng, "groups"), []
    for x in (windows.x, np.asarray(windows.x)):
        losses: list = []
        hook = fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs, to=losses: to.append(logs["loss"]))
        convolution(name, dtype_on(name)).fit(x, windows.y, 16, 2, verbose=0, callbacks=[hook])
        model = convolution(name, dtype_on(name), optimizer="lbfgs")
        losses += model.fit(x, windows.y, epochs=2, verbose=0).history["loss"]
        told.append([*losses, model.evaluate(x, windows.y, callbacks=[fastnn.callbacks.Callback()])])
    assert told[0] == told[1]


def test_windows_bring_their_targets(rng):
    windows = windows_of(rng, "every step")
    one, other = convolution(), convolution()
    history = one.fit(windows[:150], validation_data=windows[150:], epochs=2, verbose=0)
    expected = other.fit(
        windows.x[:150], windows.y[:150], validation_data=(windows.x[150:], windows.y[150:]), epochs=2, verbose=0
    )
    assert history.history == expected.history
    assert one.evaluate(windows) == other.evaluate(windows.x, windows.y)
    assert one.predict(windows).tobytes() == other.predict(windows.x).tobytes()
    assert one.gradients(windows)[0] == other.gradients(windows.x, windows.y)[0]
    assert one.evaluate(windows, np.zeros(len(windows))) == one.evaluate(windows.x, np.zeros(len(windows)))


def test_a_model_takes_its_input_shape_from_windows():
    windows = timeseries(np.sin(np.arange(100.0)), length=7)
    model = Sequential([Dense(3), Dense(1)], seed=1, backend="numpy")
    model.compile("sgd", "mse")
    model.fit(windows, verbose=0)
    assert model.input_shape == (None, 7)


@EVERY_BACKEND
def test_a_series_that_is_no_feature_axis_goes_into_a_model_that_has_one(name):
    windows = timeseries(np.sin(np.arange(100.0)), length=LENGTH)
    one, other = (convolution(name, dtype_on(name), features=1) for _ in range(2))
    one.fit(windows, verbose=0)
    other.fit(np.asarray(windows.x)[..., None], windows.y, verbose=0)
    assert weights_of(one).tobytes() == weights_of(other).tobytes()


def test_batches_may_be_windows(rng):
    windows, told = windows_of(rng, "groups"), []
    for x in (windows.x, np.asarray(windows.x)):
        model = convolution()
        model.fit([(x[i : i + 20], windows.y[i : i + 20]) for i in range(0, 100, 20)], epochs=2, verbose=0)
        told.append(weights_of(model).tobytes())
    assert told[0] == told[1]


@EVERY_BACKEND
def test_many_models_share_windows(rng, name):
    windows, results = windows_of(rng, "every step"), []
    for x in (windows.x, np.asarray(windows.x)):
        models = [convolution(name, dtype) for dtype in (dtype_on(name), "float64")]
        fastnn.fit_many(models, x, windows.y, 16, 2, validation_split=0.2, n_threads=2)
        results.append([(weights_of(model).tobytes(), model.history.history) for model in models])
    assert results[0] == results[1]


def test_recurrent_layers_take_windows(rng):
    windows = windows_of(rng, "groups in strides")
    results = []
    for x in (windows.x, np.asarray(windows.x)):
        layers = [Input((None, 2)), fastnn.layers.GRU(3), Dense(1)]
        model = Sequential(layers, seed=1, backend="numpy")
        model.compile("adam", "mse")
        model.fit(x, windows.y, verbose=0)
        results.append(weights_of(model).tobytes())
    assert results[0] == results[1]


def test_the_end_of_a_rising_series_is_held_out_without_a_warning():
    windows = timeseries(np.arange(200.0) / 200, length=LENGTH)
    convolution(features=1).fit(windows, validation_split=0.2, verbose=0)


# -- memory -----------------------------------------------------------------------------------------


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("groups", [False, True])
def test_windows_are_never_copied_as_a_whole(name, groups):
    """So many numbers of float32 would take 41 MB; the series takes 0.2, and the reference 4 to shuffle its rows."""
    x = np.sin(np.arange(40_000, dtype=np.float32))
    windows = timeseries(x, length=256, groups=np.arange(len(x)) // 20_000 if groups else None)
    model = Sequential([Input((256,)), Dense(1)], seed=1, backend=name)
    model.compile("sgd", "mse")
    warm = windows[:2000]
    model.fit(warm, batch_size=1000, verbose=0, validation_split=0.1), model.predict(warm)
    tracemalloc.start()
    try:
        model.fit(windows, batch_size=1000, verbose=0, validation_split=0.1)
        model.evaluate(windows)
        model.predict(windows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_the_series_is_converted_once_and_its_windows_are_not(rng):
    windows = timeseries(draw(rng, 1000), length=100)
    (rows,) = convolution(features=1, length=None).rows_of(windows)
    assert (rows.values.nbytes, rows.dtype, rows.shape) == (4 * len(windows.x.values), np.float32, (900, 100))
    assert len(Rows((rows,)).part(slice(5, 9))) == 4


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        ({"x": np.zeros(10), "length": 10}, ValueError, ("length 10 with horizon 1", "11 steps", "10")),
        ({"x": np.zeros(10), "length": 9, "horizon": 2, "targets": 2}, ValueError, ("targets 2", "12 steps")),
        ({"x": np.zeros(0), "length": 1}, ValueError, ("2 steps", "0")),
        ({"x": np.zeros(9), "length": 4, "groups": [0, 0, 0, 1, 1, 1, 2, 2, 2]}, ValueError, ("longest", "5 steps")),
        ({"x": [1.0, np.nan, 2.0], "length": 1}, ValueError, ("x must be finite", "nan", "(1,)")),
        ({"x": np.ones(3), "y": [1, 2, np.inf], "length": 1}, ValueError, ("y must be finite", "inf", "(2,)")),
        ({"x": np.ones(3), "y": np.ones(4), "length": 1}, ValueError, ("steps", "3 and 4")),
        ({"x": np.ones((3, 0)), "length": 1}, ValueError, ("no columns", "(3, 0)")),
        ({"x": ["a", "b"], "length": 1}, TypeError, ("x must hold real numbers",)),
        ({"x": np.ones(3), "length": 0}, ValueError, ("length", "0")),
        ({"x": np.ones(3), "length": 1.5}, TypeError, ("length", "1.5")),
        ({"x": np.ones(3), "length": 1, "stride": 0}, ValueError, ("stride", "0")),
        ({"x": np.ones(3), "length": 1, "horizon": -1}, ValueError, ("horizon", "-1")),
        ({"x": np.ones(3), "length": 1, "targets": 0}, ValueError, ("targets", "0")),
        ({"x": np.ones(3), "length": 1, "groups": [1, 1]}, ValueError, ("groups", "(3,)", "(2,)")),
        ({"x": np.ones(5), "length": 1, "groups": list("aabba")}, ValueError, ("'a' begins again", "step 4")),
        ({"x": timeseries(np.ones(5), length=2), "length": 1}, TypeError, ("x must be a series", "windows")),
    ],
)
def test_what_makes_no_windows_is_refused_with_what_is_wanted(told, error, words):
    refused(lambda: timeseries(**told), error, words)


def test_models_refuse_windows_of_another_shape_and_stay_as_they_are(rng):
    windows, model = windows_of(rng, "every step"), convolution()
    before = state_of(model)
    other = timeseries(draw(rng, (60, 3)), length=LENGTH)
    large = timeseries(np.full((60, 2), 1e300), length=LENGTH)
    refused(lambda: model.fit(other, verbose=0), ValueError, ("(n, 12, 2)", "(48, 12, 3)"))
    refused(lambda: model.fit(windows.x, windows.y[1:], verbose=0), ValueError, ("188", "187"))
    refused(lambda: model.fit(windows[:0], verbose=0), ValueError, ("empty",))
    refused(lambda: model.predict(large), ValueError, ("the series of x must be finite", "1e+300", "(0, 0)"))
    refused(lambda: model.fit(windows.x, verbose=0), TypeError, ("y is missing",))
    assert state_of(model) == before
    assert model.predict(windows[:0]).shape == (0, 1)


def test_where_arrays_are_wanted_windows_say_how_to_copy_them(rng):
    windows, model = windows_of(rng, "every step"), convolution()
    refused(lambda: model.fit(windows.x, windows.x, verbose=0), TypeError, ("y must be a dense array", "np.asarray"))
    with pytest.raises(TypeError, match=r"np\.asarray\(windows\.x\)"):
        np.asarray(windows)


def test_an_embedding_refuses_a_series_of_other_numbers():
    windows = timeseries(np.arange(40) % 9, length=5)
    model = Sequential([Input((5,)), fastnn.layers.Embedding(8, 2), Flatten(), Dense(1)], seed=1, backend="numpy")
    refused(lambda: model.predict(windows), ValueError, ("the series of x", "0 to 7", "8 at (8,)"))


def test_windows_show_what_they_are(rng):
    windows = windows_of(rng, "groups")
    assert repr(windows) == "<159 windows (12, 2) with targets ()>"
    assert repr(windows.x) == "<159 windows (12, 2) of a series (200, 2), float64>"
