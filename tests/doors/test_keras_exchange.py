"""Models to Keras 3 and back, also by its files: the same numbers for every kind of layer, and what cannot travel."""

from __future__ import annotations

import numpy as np
import pytest
from exchange_cases import ALL, OWN, as_list, cases, model_of, outputs_of, rows_for
from oracles import keras_library

import fastnn
from fastnn import Sequential, layers
from fastnn.interop import from_keras, to_keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning"),
]
TOLERANCE = 1e-5
APART = {"random_crops": "Keras' RandomCrop on PyTorch does not crop in prediction"}
REFUSED = ("joined", "attending")  # for a Scale; and Keras loses the scores of a layer's second call


def theirs(model, xs):
    return as_list(model.predict(xs if len(xs) > 1 else xs[0], verbose=0))


def assert_same(made, wanted):
    assert len(made) == len(wanted)
    for y, right in zip(made, wanted, strict=True):
        assert y.shape == right.shape
        np.testing.assert_allclose(y, right, rtol=TOLERANCE, atol=TOLERANCE)


def names_of(model):
    return {layer.name for layer in model.layers if not isinstance(layer, layers.WithMask)}


@pytest.mark.parametrize("case", cases([case for case in (*ALL, "with_mask") if case not in (*APART, *REFUSED)]))
def test_models_go_to_keras_and_come_back(tmp_path, case):
    keras_library()
    model = model_of(case)
    xs = rows_for(model)
    wanted = outputs_of(model, xs)
    other = to_keras(model)
    assert_same(theirs(other, xs), wanted)
    back = from_keras(other)
    assert_same(outputs_of(back, xs), wanted)
    assert names_of(back) == names_of(model)
    if case != "nested":  # a layer in two models, which files of Keras' cannot hold
        other.save(tmp_path / "m.keras")
        read = from_keras(tmp_path / "m.keras")
        assert_same(outputs_of(read, xs), wanted)
        assert names_of(read) == names_of(model)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in OWN if name.startswith("of_") and name != "of_gelu_tanh"])
def test_every_activation_travels(name):
    keras_library()
    model = model_of(name)
    xs = rows_for(model)
    assert_same(theirs(to_keras(model), xs), outputs_of(model, xs))
    assert from_keras(to_keras(model)).layers[0].activation == model.layers[0].activation


@pytest.mark.parametrize("case", ["gru", "batch_normalization_of_images", "bidirectional"])
def test_double_precision_travels(case):
    keras_library()
    model = model_of(case, "float64")
    back = from_keras(to_keras(model))
    assert back.dtype == np.float64
    for w, right in zip(back.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(w, right)


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "bfloat16", "mixed_bfloat16"])
def test_lower_precisions_become_single_and_say_so(tmp_path, policy):
    keras = keras_library()
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", dtype=policy)])
    other.save(tmp_path / "m.keras")
    wanted = np.asarray(other.get_weights()[0]).astype(np.float32)
    for source in (other, tmp_path / "m.keras"):
        with pytest.warns(UserWarning, match=f"layers of {policy} become float32"):
            made = from_keras(source)
        assert made.dtype == np.float32
        np.testing.assert_array_equal(made.get_weights()[0], wanted)


def test_what_is_not_trained_stays_so():
    keras_library()
    for case in ("frozen_layers", "frozen", "frozen_whole"):
        model = model_of(case)
        back = from_keras(to_keras(model))
        assert len(back.trainable_weights) == len(model.trainable_weights) < len(model.weights)


COMPILED = {
    "names": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    "arguments": {
        "optimizer": fastnn.optimizers.SGD(0.1, momentum=0.5, nesterov=True, clipnorm=1.0),
        "loss": fastnn.losses.Huber(name="bent"),
        "metrics": [fastnn.metrics.RootMeanSquaredError(name="root")],
        "weighted_metrics": ["mse"],
    },
    "schedule": {
        "optimizer": fastnn.optimizers.AdamW(fastnn.schedules.ExponentialDecay(0.1, 10, 0.9)),
        "loss": "mae",
    },
    "classes at rest": {
        "optimizer": "adam",
        "loss": fastnn.losses.BinaryCrossentropy(),
        "metrics": [fastnn.metrics.Recall(name="found"), "mse"],
    },
    "classes": {
        "optimizer": "rmsprop",
        "loss": fastnn.losses.BinaryCrossentropy(label_smoothing=0.1),
        "metrics": ["accuracy", fastnn.metrics.Precision(0.3)],
    },
}


@pytest.mark.parametrize("case", COMPILED)
def test_how_a_model_is_trained_travels(tmp_path, case):
    keras_library()
    model = Sequential([layers.Dense(1, "sigmoid", input_shape=(3,))], seed=1)
    model.compile(**COMPILED[case])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)).astype(np.float32), rng.integers(0, 2, (20, 1)).astype(np.float32)
    other = to_keras(model)
    other.save(tmp_path / "m.keras")
    right = model.evaluate(x, y, verbose=0)
    found = list(other.evaluate(x, y, verbose=0, return_dict=True).values())
    np.testing.assert_allclose(sorted(found), sorted(np.ravel(right)), rtol=1e-4)
    for back in (from_keras(other), from_keras(tmp_path / "m.keras")):
        assert back.optimizer == model.optimizer
        assert back.loss == model.loss
        np.testing.assert_allclose(back.evaluate(x, y, verbose=0), right, rtol=1e-5)
    for _ in range(2):
        model.train_on_batch(x, y)
        other.train_on_batch(x, y)
    np.testing.assert_allclose(other.get_weights()[0], model.get_weights()[0], rtol=1e-4)


def test_several_outputs_are_compiled_each():
    keras_library()
    model = model_of("several")
    losses = ["mse", "mae", fastnn.losses.LogCosh()]
    model.compile("adam", losses, metrics=[["mae"], [], ["mse"]], loss_weights=[1, 2, 3])
    back = from_keras(to_keras(model))
    assert back.loss == model.loss
    assert back.loss_weights == model.loss_weights
    assert [[m.name for m in own] for own in back.metrics] == [[m.name for m in own] for own in model.metrics]


def test_training_without_a_counterpart_is_left_out_with_a_warning():
    keras = keras_library()
    model = Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("lbfgs", "mse")
    with pytest.warns(UserWarning, match="not compiled, for Keras has no optimizer"):
        assert not to_keras(model).compiled
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    def own(y, z):
        return keras.ops.mean(y - z)

    other.compile("adam", own)
    with pytest.warns(UserWarning, match="the model is not compiled"):
        assert from_keras(other).optimizer is None


def test_functions_between_layers_are_layers():
    keras = keras_library()
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    z = keras.ops.relu(1 - x * 2.0 + y) / 3 - y
    made = [keras.ops.tanh(z), keras.ops.concatenate([x, keras.ops.reshape(z, (-1, 4))], axis=-1), -x]
    other = keras.Model([x, y], [*made, keras.ops.maximum(x, y)])
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(5, 4)).astype(np.float32) for _ in range(2)]
    assert_same(outputs_of(from_keras(other), xs), theirs(other, xs))


def test_calls_by_keyword_and_dicts_of_inputs_are_understood():
    keras = keras_library()
    a, b = keras.Input((5, 4), name="a"), keras.Input((4,), name="b")
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    inner = keras.Model({"one": one, "two": two}, one - two)
    y = keras.layers.GRU(4)(a, initial_state=[b])
    heads = keras.layers.MultiHeadAttention(2, 2)(query=a, value=a, key=a)
    other = keras.Model([a, b], [inner({"two": b, "one": y}), heads])
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(5, 5, 4)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)]
    assert_same(outputs_of(from_keras(other), xs), theirs(other, xs))


def test_a_model_that_was_built_by_data_is_one_that_knows_its_shape(tmp_path):
    keras = keras_library()
    other = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    other.predict(x, verbose=0)
    other.save(tmp_path / "m.keras")
    for made in (from_keras(other), from_keras(tmp_path / "m.keras")):
        assert_same(outputs_of(made, [x]), theirs(other, [x]))


def test_adapted_statistics_travel(tmp_path):
    keras = keras_library()
    for axis in (-1, None):
        layer = keras.layers.Normalization(axis=axis)
        x = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
        layer.adapt(x)
        other = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])
        other.save(tmp_path / "m.keras")
        for made in (from_keras(other), from_keras(tmp_path / "m.keras")):
            assert_same(outputs_of(made, [x]), theirs(other, [x]))


def test_a_layer_in_two_models_is_one_layer():
    keras_library()
    back = from_keras(to_keras(model_of("nested")))
    assert back.count_params() == model_of("nested").count_params()
    assert back.get_layer("encoder").layers[0] is back.get_layer("dense")


REFUSED_LAYERS = {
    "layer 'own' is a Lambda: it holds Python code": lambda k, x: k.layers.Lambda(lambda x: x * 2, name="own")(x),
    "layer 'twice' is a 'Twice', which has no counterpart": lambda k, x: twice(k)(name="twice")(x),
    "layer 'three' is a 'Conv3D'": lambda k, x: k.layers.Conv3D(2, 1, name="three")(k.layers.Reshape((4, 3, 1, 1))(x)),
    "is keras' Sort of an edge": lambda k, x: k.ops.sort(x),
    "is called with training=True": lambda k, x: k.layers.Dropout(0.5)(x, training=True),
    "which has no counterpart here": lambda k, x: k.layers.LSTM(2)(x, mask=k.ops.any(k.ops.greater(x, 0), axis=-1)),
}


def twice(keras):
    @keras.saving.register_keras_serializable("mine")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    return Twice


@pytest.mark.parametrize("words", REFUSED_LAYERS)
def test_what_has_no_counterpart_is_named(tmp_path, words):
    keras = keras_library()
    x = keras.Input((4, 3), name="x")
    other = keras.Model(x, REFUSED_LAYERS[words](keras, x))
    other.save(tmp_path / "m.keras")
    for came in (other, tmp_path / "m.keras"):
        with pytest.raises(ValueError, match=words):
            from_keras(came)


def test_classes_of_ones_own_are_given_again():
    keras = keras_library()

    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    other = keras.Sequential([keras.Input((3,)), twice(keras)(), keras.layers.Dense(1)])
    x = np.ones((2, 3), np.float32)
    assert_same(outputs_of(from_keras(other, {"Twice": Twice}), [x]), theirs(other, [x]))


def test_what_keras_has_not_is_named():
    keras_library()
    for layer, words in (
        (layers.Scale(name="scaled"), "layer 'scaled' is a Scale, which Keras has not"),
        (layers.Lambda(np.square, name="own"), "layer 'own' is a Lambda"),
        (layers.Dense(2, "gelu_tanh", name="bent"), "layer 'bent' has the activation 'gelu_tanh'"),
        (layers.Activation(fastnn.activations.get("elu", alpha=0.5), name="bent"), "'bent' has the activation"),
    ):
        with pytest.raises(TypeError, match=words):
            to_keras(Sequential([layers.Input((3,)), layer, layers.Dense(1)]))
    with pytest.raises(TypeError, match="must be a Sequential or a Model"):
        to_keras("model")
    with pytest.raises(TypeError, match="takes a model of Keras or the name of a"):
        from_keras(3)
    with pytest.raises(ValueError, match="is not built"):
        from_keras(keras_library().Sequential([keras_library().layers.Dense(1)]))


def test_losses_with_arguments_at_rest_are_those_of_fastnn():
    keras = keras_library()
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = [keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2")]
    other.compile(keras.optimizers.RMSprop(1e-2), loss, metrics=metrics)
    made = from_keras(other)
    assert made.loss == fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert [metric.name for metric in made.metrics] == ["top_2"]
    assert made.optimizer == fastnn.optimizers.RMSprop(0.01)
