"""What a user sees of an object at a prompt: one short line, which makes the object again where that can be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

import numpy as np
import pytest
from models import model_of, regression
from spaces import space

import fastnn
from fastnn import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
    tables,
)
from fastnn._base.reprs import WIDTH, brief, cut
from fastnn._engine import predictor
from fastnn._kernels import reference
from fastnn.tables import features, target

REQUIRED = {  # arguments of the definitions that have no default
    "Activation": ("elu",),
    **dict.fromkeys(
        ("AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D"), (0.5,)
    ),
    **dict.fromkeys(("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D"), (8, 3)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose"), (8, 3)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), (3,)),
    "Dense": (64,),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), (8,)),
    **dict.fromkeys(("Embedding", "MultiHeadAttention"), (9, 4)),
    "PositionEmbedding": (16,),
    "Bidirectional": (layers.LSTM(8),),
    "TimeDistributed": (layers.Dense(8),),
    "Dot": (1,),
    "Dropout": (0.5,),
    "Input": ((28, 28),),
    "InputLayer": ((28, 28),),
    "Lambda": (np.square,),
    "ParametricActivation": ("mish",),
    "Permute": ((2, 1),),
    "RandomCrop": (3, 4),
    "RandomRotation": (0.1,),
    "RandomTranslation": (0.1, 0.2),
    "RandomZoom": (0.1,),
    "RepeatVector": (3,),
    "Rescaling": (0.5,),
    "Reshape": ((4, -1),),
    "ExponentialDecay": (0.1, 100, 0.5),
    "StepDecay": (0.1, 100),
    "PiecewiseConstantDecay": ((10, 20), (0.1, 0.2, 0.3)),
    "PolynomialDecay": (0.1, 1000),
    "InverseTimeDecay": (0.1, 1000, 0.5),
    "CosineDecay": (0.1, 1000),
    "CosineDecayRestarts": (0.1, 1000),
    "CosineLog": (0.1, 1000),
    "FlatCosine": (0.1, 1000),
    "BackupAndRestore": ("backup",),
    "ModelCheckpoint": ("best-{epoch}.safetensors",),
    "CSVLogger": ("log.csv",),
    "LearningRateScheduler": (lambda epoch, rate: rate,),
    "CustomLoss": (max,),
    "MeanMetricWrapper": (np.hypot,),
}
ABSTRACT = (
    "Definition",
    "Edge",
    "Reading",
    "Initializer",
    "Layer",
    "LearningRate",
    "LearningRateSchedule",
    "Optimizer",
    "Schedule",
)
MODULES = (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
SPACE = space(*MODULES, features, target)


def made_of(module) -> dict[str, object]:
    """An object of every public class and factory of a module, and every record it lists."""
    found: dict[str, object] = {}
    package = module.__name__
    for name, value in space(module).items():
        own = getattr(value, "__module__", "").startswith(package)
        maker = inspect.isclass(value) or (inspect.isfunction(value) and value.__name__[0].isupper())
        if own and maker and name[0] != "_" and name not in ABSTRACT and not name.endswith("Code"):
            if name in ("Metric", "LossRecord", "CustomLoss", "Activation") and module is not layers:
                continue  # records, which the tables below hold
            found[name] = value(*REQUIRED.get(name, ()))
        if isinstance(value, Mapping) and name.isupper():
            found |= {
                f"{name}[{key!r}]": record
                for key, record in value.items()
                if not isinstance(record, str | type | int | Mapping)
            }
    return found


DEFINITIONS = {
    f"{module.__name__}.{name}": made
    for module in MODULES
    for name, made in made_of(module).items()
    if not inspect.isroutine(made)
}


def check_line(shown: str) -> None:
    assert 0 < len(shown) <= WIDTH
    assert "\n" not in shown
    assert not re.search(r"0x[0-9a-f]{4}|object at|array\(|<factory>|\[[-\d. ]{30}", shown), shown


def test_the_walk_finds_the_definitions():
    assert len(DEFINITIONS) > 90
    for name in ("layers.Dense", "optimizers.Adam", "callbacks.EarlyStopping", "losses.Huber", "metrics.TopK"):
        assert f"fastnn.{name}" in DEFINITIONS


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_shows_itself_in_a_line(name):
    made = DEFINITIONS[name]
    shown = repr(made)
    check_line(shown)
    assert type(made).__name__.lower() in shown.lower() or shown.startswith("<")


SHOWN_AS_CALLS = (
    layers.Layer,
    optimizers.Optimizer,
    schedules.Schedule,
    initializers.Initializer,
    regularizers.L1L2,
    metrics.Definition,
)
CALLS = {name: made for name, made in DEFINITIONS.items() if isinstance(made, SHOWN_AS_CALLS)}
CHANGED = [
    layers.Dense(8, "elu", kernel_initializer="he_normal", kernel_regularizer="l2", name="first"),
    layers.Dense(8, activations.get("elu", alpha=0.5), input_shape=(4,)),
    layers.Dense(8, kernel_initializer=initializers.RandomUniform(-1.0, 1.0), use_bias=False),
    optimizers.Adam(0.05, beta_1=0.8, clipnorm=1.0, form="keras"),
    optimizers.SGD(schedules.CosineDecay(0.1, 1000, warmup_target=0.2, warmup_steps=10), momentum=0.9, nesterov=True),
    optimizers.SGD(np.float32(0.5), momentum=np.float64(0.25)),
    optimizers.LBFGS(history_size=5),
    schedules.PiecewiseConstantDecay([5], [1.0, 0.5]),
    schedules.StepDecay(0.1, 100, 0.5),
    regularizers.L1(0.5),
    initializers.VarianceScaling(2.0, distribution="uniform"),
]


@pytest.mark.parametrize("made", [*CALLS.values(), *CHANGED], ids=repr)
def test_a_call_that_is_shown_makes_the_same_object(made):
    shown = repr(made)
    check_line(shown)
    if "<activation" in shown:  # the activation of that slope has no name of its own
        shown = re.sub(r"<activation (\w+)\((.*?)\)>", r"activations.get('\1', \2)", shown)
    space = {**SPACE, "activations": activations, "square": np.square, **vars(inspect.getmodule(type(made)))}
    assert eval(shown, space).config() == made.config()


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (layers.Dense(64, "relu", input_shape=(20,)), "Dense(units=64, activation='relu', input_shape=(20,))"),
        (layers.Dense(1, kernel_initializer="he_normal"), "Dense(units=1, kernel_initializer='he_normal')"),
        (optimizers.Adam(), "Adam()"),
        (optimizers.SGD(0.1, momentum=0.9), "SGD(learning_rate=0.1, momentum=0.9)"),
        (schedules.CosineDecay(0.1, 500), "CosineDecay(0.1, 500)"),
        (losses.Huber(0.5), "<loss huber(delta=0.5)>"),
        (losses.get(lambda t, y: (t - y) ** 2), "<loss function <lambda>>"),
        (activations.get("elu", alpha=0.5), "<activation elu(alpha=0.5)>"),
        (metrics.get("acc"), "ResolvedAccuracy(name='acc')"),
        (metrics.TopK(3), "TopK(k=3)"),
        (metrics.Precision(0.75), "Precision(thresholds=0.75)"),
        (metrics.AUC(curve="PR", name="area"), "AUC(curve='PR', name='area')"),
        (metrics.Precision(), "Precision()"),
        (metrics.get(np.hypot), "<metric function hypot>"),
        (regularizers.L2(), "L2()"),
        (callbacks.EarlyStopping("val_accuracy", patience=3), "EarlyStopping(monitor='val_accuracy', patience=3)"),
        (callbacks.ModelCheckpoint("m", save_freq=5), "ModelCheckpoint('m', save_freq=5)"),
        (callbacks.LambdaCallback(on_epoch_end=print), "LambdaCallback(on_epoch_end=...)"),
        (callbacks.LearningRateScheduler(np.sin), "LearningRateScheduler(sin)"),
        (callbacks.ProgressBar(), "ProgressBar()"),
        (callbacks.History(), "<History of 0 epochs>"),
    ],
)
def test_what_is_shown(made, shown):
    assert repr(made) == shown


def test_models_and_what_they_give(rng):
    x, y = regression(rng)
    model = fastnn.Sequential([layers.Dense(2)])
    assert repr(model) == "<Sequential of 1 layer, not built>"
    model = model_of(metrics=["mae"])
    history = model.fit(x, y, epochs=2, verbose=0)
    seen = [model, history, model.plan, model.prediction_plan(), model.layout, model.predictor()]
    seen += [
        predictor.Predictor(model.prediction_plan(), "numpy", reference, model.state),
        model.layout.variables[0],
        *model.layers,
        model.optimizer,
        model.loss,
    ]
    seen += [variable.parameter for variable in model.layout.variables]
    seen += [operation for layer in model.layers for operation in layer.operations((4,))]
    for made in seen:
        check_line(repr(made))
    assert repr(model.predictor()) == repr(
        predictor.Predictor(model.prediction_plan(), "numpy", reference, model.state)
    ).replace("on numpy", f"on {model.backend}")
    assert re.fullmatch(r"<History of 2 epochs: loss [\d.]+, mae [\d.]+>", repr(history))
    assert str(model.plan).startswith("plan: training, batch 32")


def test_the_native_predictor_shows_itself():
    from fastnn import _kernels

    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    made = model_of(name="cython").predictor()
    assert type(made).__module__ == "fastnn._kernels.native.native"
    assert repr(made) == "<Predictor (4,) -> (1,), float32, on cython>"


def test_tables_and_encodings():
    many = [f"city number {i}" for i in range(300)]
    columns = {"age": tables.Numbers(np.arange(600.0)), "city": tables.table.column_from_values(many * 2)}
    table = tables.Table(columns, "people.csv")
    fitted, _ = tables.fit_features(table)
    labels = tables.fit_classes("city", columns["city"])
    made = tables.Encoding(fitted, labels)
    seen = [
        table,
        *columns.values(),
        fitted,
        *fitted.features,
        labels,
        tables.fit_quantity("age", columns["age"]),
        made,
    ]
    seen += [features.Pixels((28, 28)), features.CategoryFeature("city", tuple(many), True, False)]
    for one in seen:
        check_line(repr(one))
    assert repr(table) == "<Table people.csv: 600 rows, 2 columns age, city>"
    assert repr(columns["city"]) == "<Text of 600 rows, 300 values, 0 gaps>"
    assert repr(features.NumberFeature("age", 1.0, 2.0, False)) == "NumberFeature('age', 1.0, 2.0, False)"


def test_a_callback_of_a_user_shows_what_it_was_given():
    class Mine(callbacks.Callback):
        def __init__(self, every, file=None, rows=()):
            self.every, self.file, self.rows = every, file, rows

    check_line(repr(Mine(5, object(), np.zeros((100, 100)))))
    assert repr(Mine(5, rows=np.zeros((100, 100)))) == "Mine(5, rows=<array (100, 100) float64>)"
    assert repr(callbacks.Callback()) == "Callback()"


def test_long_lines_are_cut_in_the_middle():
    assert cut("x" * 120) == "x" * 120
    assert len(cut("x" * 121)) == 120
    assert brief(object()) == "<object>"
    assert brief(list(range(100))) == "[0, 1, 2, 3, ...]"
