"""Configurations: Keras' keys, every model and layer and back through JSON, refusals; and clones of models."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from graph_models import GRAPHS, data, sharing, told, trained
from listed import assert_listed
from models import refused

import fastnn
from fastnn import Input, Model, Sequential, constraints, initializers, layers, losses, regularizers
from fastnn.layers import ELU, Activation, Dense, Dropout, Flatten, Identity, LeakyReLU, ReLU, Reshape, Scale, Softmax
from fastnn.models import clone_model, model_from_config, model_from_json

EVERY_GRAPH = pytest.mark.parametrize("case", GRAPHS)
LAYERS = [
    Dense(3),
    Dense(3, "gelu", use_bias=False, kernel_regularizer=regularizers.L1L2(0.1, 0.2), name="one"),
    Dense(np.int64(3), fastnn.activations.get("elu", alpha=0.5), bias_regularizer="l1", activity_regularizer="l2"),
    Dense(3, kernel_initializer="he_normal", bias_initializer=initializers.RandomUniform(np.float32(-1), 1, seed=3)),
    Dense(3, kernel_initializer=initializers.VarianceScaling(3.0), bias_initializer=initializers.Constant(0.5)),
    Dense(3, kernel_initializer=initializers.Orthogonal(gain=2.0), input_shape=(4,), trainable=False),
    Dense(3, kernel_constraint=constraints.MaxNorm(3.0, axis=0), bias_constraint="non_neg", dtype="float64"),
    Activation("relu"),
    Activation(fastnn.activations.get("leaky_relu", negative_slope=0.2)),
    ReLU(6.0, name="six"),
    LeakyReLU(0.5),
    ELU(0.5),
    Softmax(),
    Identity(),
    Dropout(0.25),
    layers.AlphaDropout(0.25),
    layers.SpatialDropout1D(0.5),
    layers.SpatialDropout2D(0.5, name="channels"),
    layers.GaussianNoise(0.1),
    layers.GaussianDropout(0.1, input_shape=(3,)),
    layers.ParametricActivation("mish", alpha_regularizer="l2", alpha_constraint="non_neg"),
    layers.Periodic(7, 2, 0.5, include_input=False),
    layers.PReLU("ones", alpha_regularizer="l1", shared_axes=[1, 2]),
    layers.Rescaling(1 / 255, offset=-0.5),
    layers.Normalization(axis=None, mean=1.0, variance=[2.0], invert=True),
    Flatten(input_shape=(2, 3)),
    Reshape((np.int64(2), -1), input_shape=(6,)),
    layers.InputLayer((4, 5), name="images"),
    Scale(initializer="he_normal", regularizer="l2", constraint="non_neg"),
    layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu", name="past"),
    layers.Conv2D(6, (3, 2), 2, "SAME", groups=2, use_bias=False, kernel_regularizer="l2", input_shape=(6, 6, 2)),
    layers.DepthwiseConv1D(3, depth_multiplier=2),
    layers.DepthwiseConv2D(3, depthwise_constraint="non_neg", depthwise_initializer="he_normal"),
    layers.SeparableConv1D(4, 3, padding="same"),
    layers.SeparableConv2D(4, (1, 3), depth_multiplier=2, pointwise_regularizer="l1", activation="gelu"),
    layers.Conv1DTranspose(4, 3, strides=2, output_padding=1),
    layers.Conv2DTranspose(4, 3, 2, "same", kernel_initializer="he_uniform"),
    layers.MaxPooling1D(3, padding="same"),
    layers.MaxPooling2D((2, 3), 1, name="pooled"),
    layers.AveragePooling1D(),
    layers.AveragePooling2D(2, (1, 2), input_shape=(4, 4, 1)),
    layers.GlobalMaxPooling1D(keepdims=True),
    layers.GlobalMaxPooling2D(),
    layers.ZeroPadding1D((1, 2)),
    layers.ZeroPadding2D(((1, 0), (2, 3)), name="wider"),
    layers.Cropping1D(2),
    layers.Cropping2D((0, np.int64(1)), input_shape=(4, 4, 1)),
    layers.UpSampling1D(3),
    layers.UpSampling2D((1, 2), interpolation="NEAREST"),
    layers.RepeatVector(4),
    layers.Permute([2, 1]),
    layers.GlobalAveragePooling1D(),
    layers.GlobalAveragePooling2D(data_format="channels_last", keepdims=True),
    layers.RandomFlip("VERTICAL"),
    layers.RandomTranslation(0.1, [0.3, -0.2], "wrap", "nearest", name="moved"),
    layers.RandomRotation((-0.25, 0.5), fill_mode="constant", fill_value=1),
    layers.RandomZoom(0.2, input_shape=(4, 4, 1)),
    layers.RandomZoom(0.2, (-0.5, 1), trainable=False),
    layers.RandomCrop(2, np.int64(3), data_format="channels_last"),
    *(
        kind()
        for kind in (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
    ),
    layers.Concatenate(axis=-1, name="joined"),
    layers.Dot(axes=(1, 1), normalize=True),
    layers.WithMask(name="there"),
    layers.BatchNormalization(momentum=0.9, gamma_regularizer="l2", beta_constraint="non_neg", trainable=False),
    layers.LayerNormalization([-2, -1], epsilon=0.1, scale=False),
    layers.GroupNormalization(4, center=False),
    layers.UnitNormalization(1),
    layers.SimpleRNN(4, "relu", go_backwards=True, recurrent_constraint="non_neg"),
    layers.LSTM(4, recurrent_activation="hard_sigmoid", unit_forget_bias=False, return_sequences=True, name="read"),
    layers.GRU(4, dropout=0.1, recurrent_dropout=0.2, return_state=True, reset_after=False),
    layers.Bidirectional(layers.LSTM(4, recurrent_regularizer="l2", name="one"), merge_mode=None, name="both"),
    layers.Bidirectional(layers.GRU(4), "sum", layers.SimpleRNN(4, go_backwards=True), input_shape=(5, 2)),
    layers.Bidirectional(layers.GRU(4, trainable=False, dtype="float64")),
    layers.TimeDistributed(layers.Dense(3, "tanh", kernel_initializer="he_normal"), name="each"),
    layers.TimeDistributed(layers.TimeDistributed(layers.Conv2D(3, 2))),
    layers.PositionEmbedding(12, "zeros", name="place"),
    layers.Embedding(9, 4, embeddings_regularizer="l1", mask_zero=True, input_shape=(5,)),
    layers.Masking(-1.0),
    layers.MultiHeadAttention(2, 3, value_dim=4, dropout=0.1, output_shape=(5,), bias_constraint="non_neg"),
    layers.Attention(use_scale=True, dropout=0.5, name="found"),
]


def through_json(config):
    return json.loads(json.dumps(config, allow_nan=False))


def described(model) -> dict:
    return through_json(model.get_config())


# -- layers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_every_layer_comes_back_through_json(layer):
    config = layer.get_config()
    for made in (
        type(layer).from_config(config),
        type(layer).from_config(through_json(config)),
        layers.deserialize(through_json(layers.serialize(layer))),
    ):
        assert made == layer
        assert (made.name, made.trainable, made.dtype) == (layer.name, layer.trainable, layer.dtype)
        assert made.get_config() == config


def test_every_kind_of_layer_has_a_case_here():
    wanted = set(layers.LAYERS.values()) - {layers.Lambda}  # JSON has no functions
    assert_listed((type(layer) for layer in LAYERS), wanted, "LAYERS of tests/models/test_configs.py")


def test_layers_have_the_keys_of_keras():
    config = Dense(8, "relu", kernel_regularizer="l2", name="hidden").get_config()
    assert config == {
        "name": "hidden",
        "trainable": True,
        "units": 8,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }
    assert Dropout(0.5).get_config()["rate"] == 0.5
    assert layers.InputLayer((4,)).get_config()["batch_shape"] == (None, 4)
    assert layers.serialize(Dense(1))["class_name"] == "Dense"


def test_a_config_can_be_changed_on_the_way():
    config = Dense(8, "relu").get_config()
    config["units"] = 5
    assert Dense.from_config(config) == Dense(5, "relu")


def test_a_layer_that_a_model_named_keeps_the_name():
    model = Sequential([Dense(3, input_shape=(4,)), Dense(2)])
    assert model.layers[1].get_config()["name"] == "dense_1"


REFUSED_LAYERS = {
    "no dict": (3, TypeError, ("dict", "3")),
    "an unknown argument": ({"unit": 3}, TypeError, ("'unit'", "did you mean 'units'")),
    "units of text": ({"units": "3"}, TypeError, ("units", "'3'")),
    "units of a truth": ({"units": True}, TypeError, ("units", "True")),
    "an activation that is none": ({"units": 3, "activation": "rleu"}, ValueError, ("'rleu'", "relu")),
    "an initializer that is none": (
        {"units": 3, "kernel_initializer": {"class_name": "Exploit", "config": {}}},
        ValueError,
        ("'Exploit'",),
    ),
    "an argument that an initializer does not have": (
        {"units": 3, "kernel_initializer": {"class_name": "Zeros", "config": {"value": 1}}},
        TypeError,
        ("value",),
    ),
    "a bias that is a word": ({"units": 3, "use_bias": "yes"}, TypeError, ("use_bias", "'yes'")),
    "a name that is a number": ({"units": 3, "name": 3}, TypeError, ("name", "3")),
    "trained as a number": ({"units": 3, "trainable": 1}, TypeError, ("trainable", "True or False")),
}


@pytest.mark.parametrize("case", REFUSED_LAYERS)
def test_a_layer_that_cannot_be_is_refused(case):
    config, error, words = REFUSED_LAYERS[case]
    refused(lambda: Dense.from_config(config), error, words)


# -- models -----------------------------------------------------------------------------------------


@EVERY_GRAPH
def test_every_graph_comes_back_through_json(case):
    model = GRAPHS[case]()
    made = type(model).from_config(described(model))
    assert (type(made), described(made), sharing(made)) == (type(model), described(model), sharing(model))
    assert [w.shape for w in made.get_weights()] == [w.shape for w in model.get_weights()]
    made.set_weights(model.get_weights())
    x, _ = data(model)
    for ours, theirs in zip(outputs(made, x), outputs(model, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [end.form for end in made.ends] == [end.form for end in model.ends]
    assert [w.shape for w in made.trainable_weights] == [w.shape for w in model.trainable_weights]


def outputs(model, x) -> list:
    came = model.predict(x, backend="numpy")
    return list(came.values()) if isinstance(came, dict) else came if isinstance(came, list) else [came]


@EVERY_GRAPH
def test_json_of_a_compiled_model_gives_one_that_is_compiled_so(case):
    model = trained(GRAPHS[case])
    made = model_from_json(model.to_json(indent=2))
    assert json.loads(made.to_json()) == json.loads(model.to_json())
    assert (made.losses, made.metrics_names, made.step) == (model.losses, model.metrics_names, 0)
    assert model_from_config(json.loads(model.to_json())).optimizer.config() == model.optimizer.config()


def test_models_have_the_keys_of_keras():
    x = Input((4,), name="x")
    hidden = Dense(8, "relu", name="hidden")(x)
    config = Model(x, [hidden, Dense(1, name="out")(hidden)], name="mine").get_config()
    assert config.keys() >= {"name", "trainable", "layers", "input_layers", "output_layers"}
    assert [layer["class_name"] for layer in config["layers"]] == ["InputLayer", "Dense", "Dense"]
    assert [layer["name"] for layer in config["layers"]] == ["x", "hidden", "out"]
    assert config["layers"][1]["config"]["units"] == 8
    (call,) = config["layers"][2]["inbound_nodes"]
    assert call["args"][0]["class_name"] == "__keras_tensor__"
    assert call["args"][0]["config"] == {"shape": (None, 8), "dtype": "float32", "keras_history": ["hidden", 0, 0]}
    assert (config["input_layers"], config["output_layers"]) == (["x", 0, 0], [["hidden", 0, 0], ["out", 0, 0]])
    assert json.loads(Model(x, hidden).to_json())["class_name"] == "Functional"


def test_a_sequential_has_a_layer_for_its_input_once_its_shape_is_known():
    model = Sequential([Dense(8, "relu"), Dense(1)], name="mine")
    assert [layer["class_name"] for layer in model.get_config()["layers"]] == ["Dense", "Dense"]
    assert Sequential.from_config(described(model)).layers == model.layers
    model.build((None, 4))
    config = model.get_config()
    assert [layer["class_name"] for layer in config["layers"]] == ["InputLayer", "Dense", "Dense"]
    assert (config["name"], config["build_input_shape"]) == ("mine", (None, 4))
    made = Sequential.from_config(config)
    assert (made.layers, made.input_shape, made.name) == (model.layers, (None, 4), "mine")


def test_a_config_holds_no_weights_and_no_training():
    model = trained(GRAPHS["shared"])
    made = Model.from_config(described(model))
    assert (made.optimizer, made.epoch) == (None, 0)
    assert not np.array_equal(made.get_weights()[0], model.get_weights()[0])


def test_a_graph_that_is_a_chain_is_a_sequential_where_that_is_asked_for():
    x = Input((4,))
    chain = Model(x, Dense(1)(Dense(3, "relu")(x)))
    made = Sequential.from_config(described(chain))
    assert [layer.name for layer in made.layers] == ["dense", "dense_1"]
    refused(
        lambda: Sequential.from_config(described(GRAPHS["nested"]())), ValueError, ("no chain", "Model.from_config")
    )
    refused(lambda: Model.from_config(described(made)), ValueError, ("Sequential.from_config",))


class Mine(Dense):
    """A layer of a user's own name."""


def test_classes_of_ones_own_are_given_by_name():
    model = Sequential([Mine(3, input_shape=(4,))])
    refused(lambda: Sequential.from_config(described(model)), ValueError, ("'Mine'", "Dense"))
    made = Sequential.from_config(described(model), custom_objects={"Mine": Mine})
    assert type(made.layers[0]) is Mine
    assert type(model_from_json(model.to_json(), custom_objects={"Mine": Mine}).layers[0]) is Mine


# what Keras 3.15 writes for Model(x, {"u": inner(h), "v": h}) with h = Dense(3, "relu")(x)
OF_KERAS = """
{"module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "functional_1", "trainable":
true, "layers": [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [null, 4], "dtype":
"float32", "sparse": false, "ragged": false, "name": "a", "optional": false}, "registered_name": null, "name": "a",
"inbound_nodes": []}, {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "trainable": true,
"dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null},
"units": 3, "activation": "relu", "use_bias": true, "kernel_initializer": {"module": "keras.initializers",
"class_name": "GlorotUniform", "config": {"seed": null, "input_axes": null, "output_axes": null}, "registered_name":
null}, "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name":
null}, "kernel_regularizer": {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.01},
"registered_name": null}, "bias_regularizer": null, "kernel_constraint": {"module": "keras.constraints", "class_name":
"NonNeg", "config": {}, "registered_name": null}, "bias_constraint": null, "quantization_config": null},
"registered_name": null, "build_config": {"input_shape": [null, 4]}, "name": "dense", "inbound_nodes": [{"args":
[{"class_name": "__keras_tensor__", "config": {"shape": [null, 4], "dtype": "float32", "keras_history": ["a", 0,
0]}}], "kwargs": {}}]}, {"module": "keras", "class_name": "Sequential", "config": {"name": "inner", "trainable": true,
"dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null},
"layers": [{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [null, 3], "dtype":
"float32", "sparse": false, "ragged": false, "name": "input_layer", "optional": false}, "registered_name": null},
{"module": "keras.layers", "class_name": "Dropout", "config": {"name": "dropout", "trainable": true, "dtype":
{"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}, "rate": 0.5,
"seed": null, "noise_shape": null}, "registered_name": null}], "build_input_shape": [null, 3]}, "registered_name":
null, "build_config": {"input_shape": [null, 3]}, "compile_config": {}, "name": "inner", "inbound_nodes": [{"args":
[{"class_name": "__keras_tensor__", "config": {"shape": [null, 3], "dtype": "float32", "keras_history": ["dense", 0,
0]}}], "kwargs": {"mask": null}}]}], "input_layers": ["a", 0, 0], "output_layers": {"u": ["inner", 0, 0], "v":
["dense", 0, 0]}}, "registered_name": "Functional", "build_config": {"input_shape": null}, "compile_config":
{"optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.01,
"weight_decay": null, "clipnorm": null, "global_clipnorm": null, "clipvalue": null, "use_ema": false, "ema_momentum":
0.99, "ema_overwrite_frequency": null, "loss_scale_factor": null, "gradient_accumulation_steps": null, "beta_1": 0.9,
"beta_2": 0.999, "epsilon": 1e-07, "amsgrad": false}, "registered_name": "Adam"}, "loss": {"u": "mse", "v": "mse"},
"loss_weights": null, "metrics": {"u": ["mae"]}, "weighted_metrics": null, "run_eagerly": false,
"steps_per_execution": 1, "jit_compile": false}}
"""


def test_what_keras_writes_is_read():
    model = model_from_json(OF_KERAS)
    assert (model.name, [layer.name for layer in model.layers]) == ("functional_1", ["a", "dense", "inner"])
    dense, inner = model.layers[1:]
    expected = Dense(3, "relu", kernel_regularizer="l2", kernel_constraint="non_neg")
    assert dense == expected
    assert inner.get_layer("dropout").rate == 0.5
    assert (model.output_names, model.optimizer.learning_rate) == (["u", "v"], 0.01)
    assert model.losses == (losses.get("mse"),) * 2


def _layer(config, name):
    return next(entry for entry in config["layers"] if entry["config"]["name"] == name)


WRONG = {
    "no layers": (lambda c: c.pop("layers"), TypeError, ("'layers'",)),
    "layers of text": (lambda c: c.update(layers="Dense"), TypeError, ("layers", "list")),
    "a layer of text": (lambda c: c["layers"].append("Dense"), TypeError, ("class_name", "Dense")),
    "an unknown layer": (lambda c: c["layers"][1].update(class_name="Exploit"), ValueError, ("'Exploit'",)),
    "a layer without a class": (lambda c: c["layers"][1].pop("class_name"), TypeError, ("class_name",)),
    "a cycle": (
        lambda c: _layer(c, "shared")["inbound_nodes"][0]["args"][0]["config"].update(keras_history=["dense", 0, 0]),
        ValueError,
        ("'shared'", "cycle"),
    ),
    "a layer that is not there": (
        lambda c: _layer(c, "shared")["inbound_nodes"][0]["args"][0]["config"].update(keras_history=["gone", 0, 0]),
        ValueError,
        ("'shared'", "gap"),
    ),
    "an output that is not there": (
        lambda c: _layer(c, "shared")["inbound_nodes"][1]["args"][0]["config"].update(keras_history=["shared", 0, 1]),
        ValueError,
        ("shared", "nothing makes"),
    ),
    "a history of text": (
        lambda c: _layer(c, "shared")["inbound_nodes"][0]["args"][0]["config"].update(keras_history="shared"),
        ValueError,
        ("'shared'",),
    ),
    "a number in the place of an edge": (
        lambda c: _layer(c, "shared")["inbound_nodes"][0].update(args=[3]),
        ValueError,
        ("3", "no edge"),
    ),
    "an argument that would not act": (
        lambda c: _layer(c, "shared")["inbound_nodes"][0].update(kwargs={"training": True}),
        ValueError,
        ("'training'",),
    ),
    "two layers of one name": (
        lambda c: c["layers"].append(copy.deepcopy(c["layers"][1])),
        ValueError,
        ("'shared'", "one name"),
    ),
    "another name outside": (lambda c: c["layers"][1].update(name="x"), ValueError, ("'x'", "'shared'")),
    "an input that is none": (lambda c: c.update(input_layers=["dense", 0, 0]), ValueError, ("'shared'", "gap")),
    "an input that is not there": (lambda c: c.update(input_layers=["gone", 0, 0]), ValueError, ("gone",)),
    "no output": (lambda c: c.update(output_layers=[]), ValueError, ("outputs",)),
    "an output of a layer that is not there": (
        lambda c: c.update(output_layers=["gone", 0, 0]),
        ValueError,
        ("gone", "nothing makes"),
    ),
    "an output that is a number": (lambda c: c.update(output_layers=3), TypeError, ("output_layers", "3")),
    "another dtype": (lambda c: c.update(dtype="int8"), ValueError, ("int8",)),
    "trained as a number": (lambda c: c.update(trainable=1), TypeError, ("trainable",)),
    "a name that is a number": (lambda c: c.update(name=3), TypeError, ("name",)),
    "shapes that do not fit": (
        lambda c: _layer(c, "shared")["config"].update(units=5),
        ValueError,
        ("shared",),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_graph_that_cannot_be_is_refused(case):
    config = described(GRAPHS["shared"]())
    change, error, words = WRONG[case]
    change(config)
    refused(lambda: Model.from_config(config), error, words)


def test_text_that_is_no_model_is_refused():
    refused(lambda: model_from_json("{"), ValueError, ("no valid JSON",))
    refused(lambda: model_from_json('{"a": 1, "a": 2}'), ValueError, ("twice",))
    refused(lambda: model_from_json("[]"), TypeError, ("class_name",))
    refused(lambda: model_from_json(3), TypeError, ("text", "3"))
    refused(lambda: model_from_json('{"class_name": "Dense", "config": {}}'), ValueError, ("'Dense'", "Sequential"))


def test_models_that_would_be_too_large_or_too_deep_are_refused():
    config, entry = described(Sequential([Flatten(input_shape=(4,))])), None
    for i in range(30):
        x = Input((4,))
        inner = Model(x, Identity()(x), name="inner")
        outer = described(Model(x, inner(inner(x)), name=f"level_{i}"))
        if entry is not None:
            _layer(outer, "inner").update(class_name="Functional", config=entry | {"name": "inner"})
        entry = outer
    refused(lambda: Model.from_config(entry), ValueError, ("uses of layers",))
    for _ in range(110):
        config = {"layers": [{"class_name": "Sequential", "config": config}]}
    refused(lambda: Sequential.from_config(config), ValueError, ("inside",))


# -- clones -----------------------------------------------------------------------------------------


@EVERY_GRAPH
def test_a_clone_is_the_same_graph_with_weights_of_its_own(case):
    model = trained(GRAPHS[case])
    clone = clone_model(model)
    assert (json.loads(clone.to_json()), sharing(clone)) == (json.loads(model.to_json()), sharing(model))
    assert (clone.step, clone.losses) == (0, model.losses)
    assert clone.optimizer is not model.optimizer
    clone.set_weights(model.get_weights())
    before = model.get_weights()
    clone.fit(*data(model), verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    kept = [item[:2] for item in told(clone)[-1] if isinstance(item, tuple)]
    assert kept == [item[:2] for item in told(model)[-1] if isinstance(item, tuple)]


def test_a_clone_of_a_model_without_a_shape_has_none():
    clone = clone_model(Sequential([Dense(3), Dense(1)], name="mine"))
    assert (clone.built, clone.name, len(clone.layers)) == (False, "mine", 2)


def wider(layer):
    config = layer.get_config()
    if "units" in config:
        config["kernel_initializer"] = "ones"
    return layer.__class__.from_config(config)


def test_a_function_makes_the_layers_of_a_clone():
    model = GRAPHS["nested"]()
    clone = clone_model(model, clone_function=wider, recursive=True)
    assert all((layer.kernel == 1).all() for layer in clone.layers if isinstance(layer, Dense))
    assert all((layer.kernel == 1).all() for layer in clone.get_layer("heads").layers if isinstance(layer, Dense))
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    met = []
    clone_model(model, clone_function=lambda layer: met.append(layer.name) or copy.deepcopy(layer))
    assert "encoder" in met
    assert "a" not in met, "inputs are made anew"


def test_a_clone_of_the_same_layers_shares_their_weights():
    model = GRAPHS["shared"]()
    clone = clone_model(model, clone_function=lambda layer: layer)
    assert clone.layers[1] is model.layers[1]
    clone.set_weights([w + 1 for w in clone.get_weights()])
    np.testing.assert_array_equal(clone.get_weights()[0], model.get_weights()[0])


def test_a_function_calls_the_layers_of_a_clone():
    def with_dropout(layer, edges):
        out = layer(edges)
        return Dropout(0.5)(out) if isinstance(layer, Dense) else out

    clone = clone_model(GRAPHS["shared"](), call_function=with_dropout)
    assert [type(layer).__name__ for layer in clone.layers].count("Dropout") == 3


def test_what_a_clone_cannot_be_made_of_is_refused():
    model = GRAPHS["shared"]()
    refused(lambda: clone_model(Dense(3)), TypeError, ("Sequential", "Dense"))
    refused(lambda: clone_model(model, input_tensors=Input((4,))), ValueError, ("input_tensors",))
    refused(lambda: clone_model(model, clone_function=lambda layer: None), TypeError, ("clone_function", "None"))
    refused(lambda: clone_model(model, call_function=lambda layer, edge: 3), TypeError, ("call_function", "3"))
    refused(
        lambda: clone_model(GRAPHS["frozen"](), call_function=lambda layer, edge: edge), ValueError, ("Sequential",)
    )


def test_a_metric_that_is_not_given_again_is_told_at_the_line_that_reads():
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=[lambda target, prediction: 0.0])
    with pytest.warns(UserWarning, match=r"custom_objects=\{'<lambda>': ...\} of the same call keeps it") as told:
        model_from_json(model.to_json())
    assert [one.filename for one in told] == [__file__]
