"""Definitions are found under every spelling of their names that users of Keras write."""

from __future__ import annotations

import pytest

from fastnn import activations, initializers, losses, metrics, optimizers, regularizers, schedules
from fastnn._base import arguments

TABLES = {
    "activation": (activations.ACTIVATIONS, activations.ALIASES, activations.get),
    "initializer": (initializers.INITIALIZERS, initializers.ALIASES, initializers.get),
    "loss": (losses.LOSSES, losses.ALIASES, losses.get),
    "metric": (metrics.METRICS, metrics.ALIASES, metrics.get),
    "optimizer": (optimizers.OPTIMIZERS, {}, optimizers.get),
    "regularizer": (regularizers.NAMED, {}, regularizers.get),
    "schedule": (schedules.SCHEDULES, {}, None),
}


def spellings(name: str) -> list[str]:
    camel = "".join(part.capitalize() for part in name.split("_"))
    return [name, camel, name.upper(), name.replace("_", "")]


@pytest.mark.parametrize("kind", TABLES)
def test_every_spelling_of_a_name_finds_its_definition(kind):
    table, aliases, _ = TABLES[kind]
    for name, record in (table | {alias: table[name] for alias, name in aliases.items()}).items():
        for spelling in spellings(name):
            assert arguments.lookup(kind, spelling, table, aliases) is record, spelling


@pytest.mark.parametrize("kind", TABLES)
def test_no_two_definitions_share_a_spelling(kind):
    table, aliases, _ = TABLES[kind]
    meant = {(arguments.squeezed(name), name) for name in table}
    meant |= {(arguments.squeezed(alias), name) for alias, name in aliases.items()}
    assert len({spelling for spelling, _ in meant}) == len(meant)


@pytest.mark.parametrize(
    ("kind", "came", "wanted"),
    [
        ("initializer", "HeNormal", "he_normal"),
        ("initializer", "GlorotUniform", "glorot_uniform"),
        ("regularizer", "L2", "l2"),
        ("regularizer", "L1L2", "l1_l2"),
        ("loss", "KLDivergence", "kl_divergence"),
        ("loss", "MSE", "mse"),
        ("optimizer", "AdamW", "adamw"),
        ("optimizer", "RMSprop", "rmsprop"),
        ("activation", "LeakyReLU", "leaky_relu"),
        ("activation", "HardSwish", "hard_swish"),
    ],
)
def test_the_names_of_keras_classes_are_names(kind, came, wanted):
    get = TABLES[kind][2]
    assert repr(get(came)) == repr(get(wanted))


@pytest.mark.parametrize(
    "name", ["AUC", "MSE", "Accuracy", "BinaryAccuracy", "F1Score", "R2Score", "RootMeanSquaredError"]
)
def test_a_metric_keeps_the_name_it_was_given(name):
    assert metrics.get(name).name == name


@pytest.mark.parametrize("came", ["he normal", "he_norml", "", 3, None, ["adam"], {"a": 1}])
def test_what_is_no_spelling_of_a_name_is_refused_with_the_names(came):
    with pytest.raises(ValueError, match=r"unknown initializer .*he_normal"):
        arguments.lookup("initializer", came, initializers.INITIALIZERS)
