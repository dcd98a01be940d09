"""Edges of a graph with numbers: what Keras' tensors do, as layers that scale."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model
from fastnn.layers import Dense, Rescaling

MADE = {
    "h + 1": lambda h: h + 1,
    "1 + h": lambda h: 1 + h,
    "h - 0.25": lambda h: h - 0.25,
    "1 - h": lambda h: 1 - h,
    "-h": lambda h: -h,
    "h * 3": lambda h: h * 3,
    "a number of NumPy's * h": lambda h: np.float32(2) * h,
    "a whole number of NumPy's - h": lambda h: np.int64(2) - h,
    "h / 4": lambda h: h / 4,
    "several": lambda h: 2 * (1 - h / 2) - h,
    "h * h + 1": lambda h: h * h + 1,
    "abs(h)": abs,
    "h ** 2": lambda h: h**2,
    "how far from": lambda h: abs(h - (h + 1) ** 2),
}


@pytest.mark.parametrize("name", MADE)
def test_numbers_are_added_and_multiplied_as_of_arrays(rng, name):
    x = Input((3,))
    h = Dense(4, "tanh")(x)
    model = Model(x, [h, MADE[name](h)])
    plain, made = model.predict(rng.normal(size=(5, 3)))
    np.testing.assert_allclose(made, MADE[name](plain), rtol=1e-6, atol=1e-7)


def test_gradients_go_through_them(rng):
    x = Input((3,))
    h = Dense(4, "tanh")(x)
    by_numbers, by_layers = Model(x, 1 - h / 2), Model(x, Rescaling(-1, 1)(Rescaling(0.5)(h)))
    data = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    for model in (by_numbers, by_layers):
        model.compile("adam", "mse")
    (loss, grads), (same, others) = (model.gradients(*data) for model in (by_numbers, by_layers))
    assert loss == same
    assert all(map(np.array_equal, grads, others))


def test_gradients_of_a_measure_and_a_square(rng):
    x = Input((3,))
    model = Model(x, abs(x - 0.5) + x**2)
    data = rng.normal(size=(6, 3))
    slopes = model.gradients(data, dy=np.ones((6, 3)), wrt="inputs")
    np.testing.assert_allclose(slopes, np.sign(data - 0.5) + 2 * data, rtol=1e-5)


@pytest.mark.parametrize("made", [lambda h: h[:, ::2], lambda h: h[:, [0, 1]], lambda h: h**3, lambda h: h**0.5])
def test_other_slices_and_powers_say_what_computes_them(made):
    with pytest.raises(TypeError, match=r"Lambda\(function, gradient=...\) computes what you like"):
        made(Dense(2)(Input((3,))))


def test_they_are_saved_with_the_graph(rng, tmp_path):
    x = Input((3,))
    model, data = Model(x, 1 - Dense(2)(x) * 0.5), rng.normal(size=(4, 3))
    model.save(tmp_path / "m.safetensors")
    assert np.array_equal(fastnn.load(tmp_path / "m.safetensors").predict(data), model.predict(data))


@pytest.mark.parametrize("bad", [True, "2", np.ones(2), [1.0], None, 1j], ids=repr)
def test_other_things_are_refused(bad):
    h = Dense(2)(Input((3,)))
    for made in (lambda: h + bad, lambda: bad * h, lambda: bad - h, lambda: h / bad):
        with pytest.raises(TypeError, match="goes with another edge or a number"):
            made()


def test_division_by_zero_is_an_error():
    with pytest.raises(ZeroDivisionError, match="divided by 0"):
        Input((3,)) / 0
