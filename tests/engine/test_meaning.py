"""Fits that would run to their end and learn little: outputs that mean something else to their loss are warnings."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from models import model_of, regression

from fastnn import Input, Model, Sequential, losses
from fastnn.layers import Average, Dense, Dropout, Lambda

X, _ = regression(np.random.default_rng(1), n=20)
CLASSES = np.arange(20) % 3


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_a_softmax_over_one_number_is_a_warning(loss):
    with pytest.warns(UserWarning, match=r"softmax over one number, which is always 1.*sigmoid") as told:
        model_of(Dense(1, "softmax"), loss=loss).fit(X, CLASSES % 2, verbose=0)
    assert [one.filename for one in told] == [__file__]


MISMATCHED = {  # last layer, loss, what is told
    "any number as a share": (Dense(1), "binary_crossentropy", "any number .*activation='sigmoid'.*from_logits=True"),
    "any number as shares": (Dense(3), "sparse_categorical_crossentropy", "activation='softmax'.*from_logits=True"),
    "relu as a share": (Dense(1, "relu"), "binary_crossentropy", "the output is a relu, which is cut off"),
    "tanh as a share": (Dense(1, "tanh"), "binary_focal_crossentropy", "the output is a tanh, which is cut off"),
    "logarithms as shares": (Dense(3, "log_softmax"), "sparse_categorical_crossentropy", "a log_softmax"),
    "a softmax twice": (
        Dense(3, "softmax"),
        losses.SparseCategoricalCrossentropy(from_logits=True),
        r"takes logits \(from_logits=True\), and the output is a softmax already",
    ),
    "a sigmoid twice": (Dense(1, "sigmoid"), losses.BinaryCrossentropy(from_logits=True), "is a sigmoid already"),
}


@pytest.mark.parametrize("case", MISMATCHED)
def test_an_output_that_its_loss_takes_for_something_else_is_a_warning(case):
    last, loss, words = MISMATCHED[case]
    with pytest.warns(UserWarning, match=words) as told:
        model_of(last, loss=loss).fit(X, CLASSES % 2, verbose=0)
    assert [one.filename for one in told] == [__file__]


def test_a_warning_of_several_outputs_says_of_which():
    x = Input((X.shape[1],))
    model = Model(x, [Dense(1, "sigmoid", name="good")(x), Dense(1, name="bad")(x)], backend="numpy")
    model.compile("sgd", "binary_crossentropy")
    with pytest.warns(UserWarning, match=r"^output 'bad': the loss binary_crossentropy takes shares") as told:
        model.fit(X, [CLASSES % 2, CLASSES % 2], verbose=0)
    assert len(told) == 1


def shares_of_shares():
    x = Input((X.shape[1],))
    return Model(x, Average()([Dense(1, "sigmoid")(x), Dense(1, "hard_sigmoid")(x)]), backend="numpy")


RIGHT = {  # models whose output may be a share, with their losses
    "shares": (lambda: model_of(Dense(1, "sigmoid")), "binary_crossentropy"),
    "logits": (lambda: model_of(Dense(3)), losses.SparseCategoricalCrossentropy(from_logits=True)),
    "shares before dropout": (lambda: Sequential([Dense(1, "sigmoid", input_shape=X.shape[1:]), Dropout(0.5)]), "bce"),
    "a mean of shares": (shares_of_shares, "binary_crossentropy"),
    "a measure": (lambda: Sequential([Dense(1, input_shape=X.shape[1:]), Lambda(abs, lambda x, dy: dy)]), "bce"),
    "a hinge of any number": (lambda: model_of(Dense(1)), "hinge"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_an_output_that_may_be_what_its_loss_wants_is_none(case):
    make, loss = RIGHT[case]
    model = make()
    model.compile("sgd", loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, CLASSES % 2, verbose=0)
