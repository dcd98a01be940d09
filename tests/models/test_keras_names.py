"""What programs written for Keras find under the names they know, and what they are told where nothing acts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from models import model_of, refused, regression

import fastnn
from fastnn import Sequential, activations, layers
from fastnn.errors import NotReadyError
from fastnn.layers import Dense, Input

X, Y = regression(np.random.default_rng(1), n=20)
LAZY = ("backend", "datasets", "plot", "sklearn", "tables", "utils", "watch")

# -- modules ----------------------------------------------------------------------------------------


def test_modules_come_when_they_are_wanted():
    script = (
        "import sys, fastnn\n"
        f"names = {LAZY!r}\n"
        "assert not [n for n in names if f'fastnn.{n}' in sys.modules]\n"
        "assert set(names) <= set(dir(fastnn))\n"
        "fastnn.utils.to_categorical, fastnn.models.load_model, fastnn.datasets.load_digits, fastnn.plot.history\n"
        "assert 'matplotlib' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_that_are_not_there_say_what_is():
    with pytest.raises(AttributeError, match="did you mean 'Sequential'"):
        _ = fastnn.Sequentail
    with pytest.raises(AttributeError, match="Conv2D share a kernel among places"):
        _ = layers.LocallyConnected2D
    with pytest.raises(AttributeError, match=r"dir\(fastnn.layers\) lists what there is"):
        _ = layers.Quantum


# -- utils, backend, models, data sets --------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "n", "rows"),
    [
        ([0, 2, 1], None, [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ([[0], [1]], None, [[1, 0], [0, 1]]),
        (np.array([1.0, 0.0]), 3, [[0, 1, 0], [1, 0, 0]]),
        ([[0, 1], [1, 1]], 2, [[[1, 0], [0, 1]], [[0, 1], [0, 1]]]),
        (2, 3, [0, 0, 1]),
        ([], 2, np.zeros((0, 2))),
    ],
    ids=repr,
)
def test_one_hot_rows(x, n, rows):
    got = fastnn.utils.to_categorical(x, n)
    np.testing.assert_array_equal(got, rows)
    assert got.shape == np.shape(rows)


def test_one_hot_rows_of_no_classes_are_refused():
    to_categorical = fastnn.utils.to_categorical
    refused(lambda: to_categorical([0, 3], 3), ValueError, ("num_classes", "3"))
    refused(lambda: to_categorical([-1]), ValueError, ("from 0", "-1"))
    refused(lambda: to_categorical([0.5]), ValueError, ("whole numbers", "fractions"))
    refused(lambda: to_categorical(["a"]), TypeError, ("numbers",))


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6]]),
        ({"maxlen": 2, "padding": "post", "truncating": "post", "value": 9}, [[1, 9], [2, 3], [4, 5]]),
        ({"maxlen": 4, "value": 0.5, "dtype": "float32"}, [[0.5] * 3 + [1], [0.5] * 2 + [2, 3], [0.5, 4, 5, 6]]),
    ],
    ids=repr,
)
def test_sequences_get_one_length(arguments, rows):
    padded = fastnn.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], **arguments)
    np.testing.assert_array_equal(padded, rows)
    assert padded.dtype == arguments.get("dtype", "int32")


def test_sequences_of_vectors_and_wrong_arguments():
    pad = fastnn.utils.pad_sequences
    np.testing.assert_array_equal(pad([[[1, 2]], []], maxlen=2), [[[0, 0], [1, 2]], [[0, 0], [0, 0]]])
    refused(lambda: pad([[1]], padding="left"), ValueError, ("padding", "'left'", "pre"))
    refused(lambda: pad([1, 2]), TypeError, ("sequences", "1", "index 0"))
    refused(lambda: pad([[[1, 2]], [[1]]]), ValueError, ("one shape", "(2,)", "(1,)"))


def test_rows_of_norm_one():
    normalize = fastnn.utils.normalize
    np.testing.assert_allclose(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize([[3, 1]], order=1), [[0.75, 0.25]])
    np.testing.assert_allclose(normalize(np.ones((4, 1)), axis=0), np.full((4, 1), 0.5))
    assert normalize([3, 4]).shape == (1, 2)


def test_a_global_seed_repeats_programs():
    def program():
        fastnn.utils.set_random_seed(5)
        first, second = (Sequential([Dense(3, input_shape=(4,))]) for _ in range(2))
        return [first.seed, second.seed], np.random.rand(), first.get_weights()[0]

    import random

    states, from_then_on = (random.getstate(), np.random.get_state()), fastnn._base.random._given
    try:
        (seeds, number, weights), (again, same, equal) = program(), program()
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        fastnn._base.random._given = from_then_on
    assert seeds == again == [5, 6]
    assert number == same
    np.testing.assert_array_equal(weights, equal)
    refused(lambda: fastnn.utils.set_random_seed(2**32), ValueError, ("seed", "2**32"))


def test_the_backend_module_acts_or_refuses():
    assert fastnn.backend.clear_session() is None
    assert fastnn.backend.backend() == fastnn.get_backend()
    fastnn.backend.set_floatx("float32")
    refused(lambda: fastnn.backend.set_floatx("float64"), ValueError, ("Sequential", "dtype='float64'"))


def test_models_are_loaded_without_their_training_and_cloned_without_their_weights(tmp_path):
    model = model_of(name="numpy")
    model.name = "mine"
    model.fit(X, Y, verbose=0)
    fastnn.models.save_model(model, tmp_path / "m.safetensors")
    loaded = fastnn.models.load_model(tmp_path / "m.safetensors", compile=False)
    assert (loaded.optimizer, loaded.loss, loaded.slots, loaded.name) == (None, None, None, "mine")
    np.testing.assert_array_equal(loaded.predict(X, backend="numpy"), model.predict(X))
    clone = fastnn.models.clone_model(model)
    assert (clone.layers, clone.input_shape, clone.loss, clone.step) == (model.layers, (None, 4), model.loss, 0)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_data_sets_come_from_this_machine_alone(name, tmp_path, monkeypatch):
    load = getattr(fastnn.datasets, name).load_data
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"downloads nothing.*load_digits"):
        load()
    (tmp_path / "datasets").mkdir()
    arrays = {"x_train": np.ones((6, 28, 28), np.uint8), "y_train": np.arange(6, dtype=np.uint8)}
    arrays |= {"x_test": np.zeros((2, 28, 28), np.uint8), "y_test": np.array([1, 0], np.uint8)}
    np.savez(tmp_path / "datasets" / f"{name}.npz", **arrays)
    for place in (None, tmp_path / "datasets" / f"{name}.npz"):
        (x_train, y_train), (x_test, y_test) = load(place)
        for got, key in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
            np.testing.assert_array_equal(got, arrays[key])
            assert got.dtype == np.uint8


# -- layers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.ReLU(), [0.0, 0.0, 3.0, 8.0]),
        (layers.ReLU(negative_slope=0.5), [-1.0, 0.0, 3.0, 8.0]),
        (layers.ReLU(max_value=6), [0.0, 0.0, 3.0, 6.0]),
        (layers.LeakyReLU(), [-0.6, 0.0, 3.0, 8.0]),
        (layers.LeakyReLU(0.5), [-1.0, 0.0, 3.0, 8.0]),
        (layers.ELU(), [np.expm1(-2), 0.0, 3.0, 8.0]),
        (layers.ELU(0.5), [0.5 * np.expm1(-2), 0.0, 3.0, 8.0]),
        (layers.Softmax(), np.exp([-2, 0, 3, 8]) / np.exp([-2, 0, 3, 8]).sum()),
        (layers.Identity(), [-2.0, 0.0, 3.0, 8.0]),
    ],
    ids=repr,
)
def test_activations_that_are_layers(layer, expected):
    model = Sequential([Input((4,)), layer, layers.Activation("linear")], dtype="float64", backend="numpy")
    np.testing.assert_allclose(model.predict([[-2.0, 0.0, 3.0, 8.0]]), [expected], rtol=1e-12)
    assert layers.from_config(layer.config()) == layer
    if not isinstance(layer, layers.Identity):
        inside = Sequential([Dense(4, layer, input_shape=(4,))], dtype="float64", backend="numpy")
        inside.set_weights([np.eye(4), np.zeros(4)])
        np.testing.assert_allclose(inside.predict([[-2.0, 0.0, 3.0, 8.0]]), [expected], rtol=1e-12)
        assert inside.layers[0].activation == layer.record


WRONG_LAYER = {
    "cap": (lambda: layers.ReLU(max_value=4), ValueError, ("max_value", "6", "4")),
    "cap and slope": (lambda: layers.ReLU(6, 0.1), ValueError, ("max_value", "negative_slope")),
    "threshold": (lambda: layers.ReLU(threshold=1), ValueError, ("threshold", "0", "1")),
    "slope": (lambda: layers.LeakyReLU(-0.1), ValueError, ("negative_slope", "-0.1")),
    "alpha": (lambda: layers.LeakyReLU(alpha=0.1), TypeError, ("alpha", "negative_slope")),
    "axis": (lambda: layers.Softmax(axis=1), ValueError, ("axis", "-1", "1")),
    "layer as activation": (lambda: Dense(3, Dense(2)), TypeError, ("activation", "Dense")),
    "lora": (lambda: Dense(3, lora_rank=4), TypeError, ("lora_rank", "4")),
    "weights": (lambda: Dense(3, weights=[1]), TypeError, ("weights", "set_weights")),
    "slip": (lambda: Dense(3, unit=3), TypeError, ("'unit'", "did you mean 'units'")),
    "trainable": (lambda: Dense(3, trainable="no"), TypeError, ("trainable", "True or False")),
    "old name": (lambda: Dense(3, init="uniform"), TypeError, ("init", "kernel_initializer")),
    "seed": (lambda: Dense(3, seed=1), TypeError, ("seed", "initializers")),
    "noise": (lambda: layers.GaussianDropout(0.5, noise_shape=(None, 1)), TypeError, ("noise_shape",)),
    "channels": (lambda: layers.Flatten(data_format="channels_first"), TypeError, ("data_format", "last")),
    "batch": (lambda: Input((4,), batch_size="32"), TypeError, ("batch_size", "32")),
    "batch shape": (lambda: Dense(3, batch_input_shape=4), ValueError, ("batch_input_shape", "None", "(None, 20)")),
    "no batch": (lambda: Input(batch_shape=(0, 4)), ValueError, ("batch_shape", "0")),
    "name": (lambda: Dense(3, name=3), TypeError, ("name", "3")),
    "other shape": (
        lambda: Sequential([Dense(2, input_shape=(3,)), Dense(2, input_shape=(3,))]),
        ValueError,
        ("(3,)", "(2,)"),
    ),
    "dtype": (lambda: Sequential([Dense(2, dtype="float64")]), ValueError, ("dtype", "float64", "float32")),
}


@pytest.mark.parametrize("case", WRONG_LAYER)
def test_arguments_of_layers_that_would_not_act_are_refused(case):
    refused(*WRONG_LAYER[case])


def test_arguments_of_layers_that_change_nothing_pass():
    plain = Dense(3, "relu", input_shape=(4,))
    assert plain == Dense(3, "relu", input_shape=(4,), trainable=True, dtype=None, lora_rank=None, autocast=True)
    assert plain == Dense(3, "relu", batch_input_shape=(None, 4), dtype="float32") == Dense(3, "relu", input_dim=4)
    assert layers.InputLayer((4,), sparse=True, batch_size=None) == layers.InputLayer(batch_shape=(None, 4))
    assert Input((4,)).shape == Input(batch_shape=(None, 4)).shape == Input(batch_shape=(9, 4)).shape == (None, 4)
    assert layers.Dropout(0.5, seed=None, input_dim=4) == layers.Dropout(0.5, input_shape=(4,))
    assert layers.InputLayer((4,)) == layers.InputLayer(4)


class WithTrainStep(Sequential):
    def train_step(self, data):
        return {}


class Derived(Dense):
    """A layer of one's own that only fixes arguments."""

    def __init__(self):
        super().__init__(5, "relu")


def test_classes_whose_own_computation_would_not_run_are_refused():
    refused(WithTrainStep, TypeError, ("WithTrainStep.train_step", "never be called", "callbacks"))


def test_a_layer_that_only_fixes_arguments_is_its_base(tmp_path):
    model = Sequential([Derived()], seed=1)
    model.build((None, 4))
    assert model.layers[0].name == "derived"
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "m.safetensors").predict(X), model.predict(X))
    assert repr(model.layers[0]) == "Derived(units=5, activation='relu')"


# -- attributes -------------------------------------------------------------------------------------

RECORDS = [
    (Dense(3), "units", 5, "units=5"),
    (Dense(3), "kernel", 1, "set_weights"),
    (Dense(3), "unit", 5, "did you mean 'units'"),
    (fastnn.losses.get("mse"), "reduction", "sum", "reduction='sum'"),
    (activations.get("elu"), "parameter", 2.0, "parameter=2.0"),
    (fastnn.initializers.get("he_normal"), "scale", 2.0, "scale"),
    (fastnn.regularizers.L2(0.1), "l2", 0.2, "l2=0.2"),
]


@pytest.mark.parametrize(("record", "name", "value", "words"), RECORDS, ids=lambda part: repr(part)[:30])
def test_records_say_how_to_have_another_value(record, name, value, words):
    with pytest.raises(AttributeError) as told:
        setattr(record, name, value)
    assert words in str(told.value)
    assert type(told.value) is AttributeError


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("learning_rate", 0.1, "model.optimizer.learning_rate"),
        ("optimzer", "adam", "did you mean 'optimizer'"),
        ("loss", "mse", "compile"),
        ("layers", [], "add and pop"),
        ("params", np.zeros(3), "set_weights"),
        ("dtype", "float64", "dtype="),
        ("input_shape", (4,), "build"),
        ("plan", None, "cannot be set"),
    ],
)
def test_attributes_of_models_that_would_not_act_are_refused(name, value, words):
    model = model_of()
    with pytest.raises(AttributeError) as told:
        setattr(model, name, value)
    assert words in str(told.value)


def test_attributes_of_models_that_act():
    model = model_of(seed=1)
    model.fit(X, Y, verbose=0)
    model.optimizer = "sgd"
    assert (model.optimizer.config()["name"], model.slots, model.step) == ("sgd", None, 0)
    model.seed, model.name, model.backend = 2, "mine", "numpy"
    twin = model_of(seed=2, optimizer="sgd")
    twin.set_weights(model.get_weights())
    twin.epoch = model.epoch
    for one in (model, twin):
        one.fit(X, Y, epochs=3, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], twin.get_weights()[0])

    class Own(Sequential):
        pass

    own = Own()
    own.note = 3
    own.trainable = False
    assert not own.trainable


@pytest.mark.parametrize(
    "make", [Sequential, lambda: Sequential([Dense(3)]), lambda: Sequential([Input((3,))]), model_of]
)
def test_properties_that_are_not_ready_raise_what_hasattr_hears(make):
    model = make()
    ready = {name for name in dir(type(model)) if hasattr(model, name)}
    assert ("input_shape" in ready) == model.built
    assert ("compiled_optimizer" in ready) == (model.loss is not None)
    if not model.built:
        with pytest.raises(NotReadyError, match="build"):
            _ = model.output_shape


# -- calls ------------------------------------------------------------------------------------------

WRONG_CALL = {
    "nb_epoch": (lambda m: m.fit(X, Y, nb_epoch=3), ("fit", "nb_epoch", "epochs")),
    "slip": (lambda m: m.fit(X, Y, epoch=3), ("'epoch'", "did you mean 'epochs'")),
    "samples": (lambda m: m.fit(X, Y, samples_per_epoch=3), ("samples_per_epoch=3", "steps_per_epoch")),
    "workers": (lambda m: m.fit(X, Y, workers=4), ("workers=4", "arrays")),
    "evaluate": (lambda m: m.evaluate(X, Y, step=1), ("evaluate", "did you mean 'steps'")),
    "predict": (lambda m: m.predict(X, callback=[]), ("predict", "did you mean 'callbacks'")),
    "compile": (lambda m: m.compile("adam", "mse", metric=["mae"]), ("compile", "did you mean 'metrics'")),
    "rate": (lambda m: m.compile("adam", "mse", lr=0.1), ("compile", "lr=0.1", "Adam(learning_rate")),
    "optimizer": (lambda m: fastnn.optimizers.Adam(lr=0.1), ("Adam", "lr=0.1", "learning_rate")),
    "decay": (lambda m: fastnn.optimizers.SGD(0.1, decay=0.1), ("SGD", "decay", "schedule")),
    "optimizer slip": (lambda m: fastnn.optimizers.Adam(learning_rat=0.1), ("did you mean 'learning_rate'",)),
    "trainable": (lambda m: Sequential(trainable="no"), ("trainable", "True or False")),
    "model": (lambda m: Sequential(layer=[]), ("did you mean 'layers'",)),
}


@pytest.mark.parametrize("case", WRONG_CALL)
def test_keyword_arguments_that_would_not_act_are_refused_with_a_word(case):
    call, words = WRONG_CALL[case]
    refused(lambda: call(model_of()), TypeError, words)


def test_keyword_arguments_that_change_nothing_pass():
    model, plain = model_of(), model_of()
    options = {"run_eagerly": True, "jit_compile": False, "steps_per_execution": 8, "auto_scale_loss": False}
    model.compile("adam", "mse", **options)
    plain.compile("adam", "mse")
    quiet = {"workers": 1, "validation_freq": 1, "steps_per_epoch": None, "validation_batch_size": 7}
    model.fit(X, Y, verbose=0, **quiet)
    plain.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], plain.get_weights()[0])
    assert Sequential(trainable=True).trainable
    assert not Sequential([Dense(1)], trainable=False).layers[0].trainable
    for one in (1, [1.0], {"output": 1}):
        model.compile("adam", "mse", loss_weights=one)
    refused(lambda: model.compile("adam", "mse", loss_weights=[1, 2]), ValueError, ("loss_weights", "[1, 2]"))
    refused(lambda: model.compile("adam", "mse", steps_per_execution=0), ValueError, ("steps_per_execution", "0"))


def test_shapes_may_name_the_batch_axis():
    model = Sequential([Dense(3)])
    model.build((None, 4))
    weights = model.get_weights()
    model.build((4,))
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 3))
    sequences = Sequential([Input((6, 4)), Dense(3)])
    assert sequences.output_shape == (None, 6, 3)


def test_summary_takes_the_options_of_keras(capsys):
    model = Sequential([Dense(3, "relu", name="a_long_name_of_a_layer", input_shape=(4,))], name="mine")
    model.summary(line_length=40, expand_nested=True, print_fn=None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Model: "mine"'
    assert max(map(len, lines)) == 40
    refused(lambda: model.summary(positions=[1]), ValueError, ("positions",))
    refused(lambda: model.summary(layer_range=("a", "b")), ValueError, ("layer_range",))
    model.summary(show_trainable=True)


@pytest.mark.parametrize("x", [np.zeros((4, 2)), [np.zeros((4, 2)), np.zeros((4, 2))], {1, 2}])
def test_missing_targets_are_named_with_what_came(x):
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    for call in (model.fit, model.evaluate):
        with pytest.raises(TypeError, match=f"y is missing beside x, a {type(x).__name__}"):
            call(x)


def test_a_list_of_one_array_never_becomes_a_single_row_in_silence():
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    for x in ([X], (X,)):
        refused(lambda x=x: model.fit(x, [Y]), ValueError, ("x is a list of one array", "np.stack"))
    assert not model.built
