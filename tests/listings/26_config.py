"""Architectures as data: configurations, JSON, clones."""

import json

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(26)
x = rng.normal(size=(20, 5))

inputs = keras.Input(shape=(5,), name="features")
a = layers.Dense(6, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), name="a")(inputs)
b = layers.Dense(6, activation="tanh", use_bias=False, name="b")(inputs)
outputs = layers.Dense(2, name="last")(layers.Add(name="sum")([a, b]))
model = keras.Model(inputs, outputs, name="two_branches")

_config = model.get_config()
kinds = [layer["class_name"] for layer in _config["layers"]]
again = keras.Model.from_config(_config)
from_json = keras.models.model_from_json(model.to_json())
clone = keras.models.clone_model(model)
for other in (again, from_json, clone):
    other.set_weights(model.get_weights())
same = [bool(np.allclose(model.predict(x), other.predict(x))) for other in (again, from_json, clone)]
names = [layer.name for layer in from_json.layers]
class_name = json.loads(model.to_json())["class_name"]

_dense = model.get_layer("b").get_config()
settings = [_dense["units"], _dense["activation"], _dense["use_bias"], _dense["name"]]
stack = keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax", name="only")], name="stack")
stack_again = keras.Sequential.from_config(stack.get_config())
rebuilt = layers.Dense.from_config(stack_again.layers[0].get_config())
only = [rebuilt.name, rebuilt.units]
