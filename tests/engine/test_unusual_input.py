"""Arguments that only look unusual: whatever NumPy turns into numbers gives the bits of its plain copy."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression, weights_of

from fastnn.layers import Dense

X, Y = regression(np.random.default_rng(1), n=20)
CLASSES = np.arange(20) % 3


def _misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    assert not raw.flags.aligned
    return raw


def _mapped(array, tmp_path):
    path = tmp_path / f"{array.shape}"
    np.ascontiguousarray(array).tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


UNUSUAL = {
    "column order": lambda a, path: np.asfortranarray(a),
    "every second": lambda a, path: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a, path: a[::-1].copy()[::-1],
    "transposed": lambda a, path: np.ascontiguousarray(a.T).T,
    "read-only": lambda a, path: _read_only(a),
    "big-endian": lambda a, path: a.astype(a.dtype.newbyteorder(">")),
    "misaligned": lambda a, path: _misaligned(a),
    "misaligned and read-only": lambda a, path: _read_only(_misaligned(a)),
    "float64": lambda a, path: a.astype(np.float64),
    "list": lambda a, path: a.tolist(),
    "list of arrays": lambda a, path: list(a),
    "memory map": _mapped,
    "subclass": lambda a, path: np.ma.masked_array(a),
    "broadcast": lambda a, path: np.broadcast_to(a, a.shape),
}
NARROW = {"float16": np.float16, "int8": np.int8, "uint64": np.uint64, "bool": np.bool_, "longdouble": np.longdouble}


@EVERY_BACKEND
@pytest.mark.parametrize("case", [*UNUSUAL, *NARROW])
def test_every_form_of_the_same_numbers_gives_the_same_bits(name, case, tmp_path):
    x, y, weight = X, Y, np.abs(X[:, 0])
    turn = UNUSUAL.get(case)
    if turn is None:
        x, y, weight = (np.clip(np.round(a * 2), 0, 1).astype(np.float32) for a in (x, y, weight))

        def turn(a, path):
            return a.astype(NARROW[case])

    plain, unusual = model_of(name=name), model_of(name=name)
    plain.fit(x, y, epochs=2, sample_weight=weight, validation_data=(x, y), verbose=0)
    forms = [turn(a, tmp_path) for a in (x, y, weight)]
    unusual.fit(*forms[:2], epochs=2, sample_weight=forms[2], validation_data=forms[:2], verbose=0)
    assert weights_of(unusual).tobytes() == weights_of(plain).tobytes()
    assert unusual.history.history == plain.history.history
    assert unusual.predict(forms[0]).tobytes() == plain.predict(x).tobytes()
    unusual.set_weights([turn(w, tmp_path) for w in plain.get_weights()] if case in UNUSUAL else plain.get_weights())
    assert unusual.evaluate(*forms[:2], sample_weight=forms[2]) == plain.evaluate(x, y, sample_weight=weight)


@EVERY_BACKEND
@pytest.mark.parametrize(
    "kind", [np.int8, np.uint64, np.float32, np.float64, np.dtype(">i4"), list, "column", "strided"]
)
def test_every_form_of_class_indices_gives_the_same_bits(name, kind):
    models = [model_of(Dense(3, "softmax"), name=name, loss="sparse_categorical_crossentropy") for _ in range(2)]
    forms = {list: CLASSES.tolist, "column": lambda: CLASSES[:, None], "strided": lambda: np.repeat(CLASSES, 2)[::2]}
    given = forms[kind]() if kind in forms else CLASSES.astype(kind)
    models[0].fit(X, CLASSES, verbose=0)
    models[1].fit(X, given, verbose=0)
    assert weights_of(models[0]).tobytes() == weights_of(models[1]).tobytes()


@EVERY_BACKEND
def test_a_users_arrays_are_never_written(name):
    x, y, weight = X.copy(), Y.copy(), np.ones(20, np.float32)
    copies = [a.copy() for a in (x, y, weight)]
    model = model_of(name=name)
    model.fit(x, y, epochs=3, sample_weight=weight, validation_split=0.3, verbose=0)
    model.evaluate(x, y, sample_weight=weight)
    model.predict(x)
    for array, copy in zip((x, y, weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
