"""What a composed layer, or a model with ``call``, cannot do is an error that says why, and what to write instead."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Input, Model, Sequential
from fastnn.layers import Activation, Concatenate, Dense, Dropout, Embedding, Layer, PReLU, TimeDistributed

ASKED = ("Block.call is asked once, on edges and not on arrays", r"backward(self, dy)", "docs/own_layers.md")


def block(call, *given, base=Layer, **members):
    """A layer of a class with this ``call``."""
    return type("Block", (base,), {"call": call, **members})(*given)


def by_training(self, x, training):
    return self.drop(x) if training else x


def with_dropout(self):
    super(type(self), self).__init__()
    self.drop = Dropout(0.5)


def with_weight(self, shape):
    self.scale = self.add_weight(shape=shape[1:], name="scale")


SHARED = Dense(3)
IN_CALL = {
    "a function of NumPy": (lambda self, x: np.sin(x), TypeError, "sin computes with arrays, got .*Lambda"),
    "an activation of NumPy": (
        lambda self, x: np.tanh(x),
        TypeError,
        r"tanh computes with .*: activations.tanh\(edge\)",
    ),
    "a mean of NumPy": (lambda self, x: np.mean(x, axis=1), TypeError, "mean computes with .*GlobalAveragePooling1D"),
    "a list of NumPy": (lambda self, x: np.concatenate([x, x]), TypeError, r": layers.concatenate\(\[a, b\]"),
    "a reduction": (lambda self, x: np.add.reduce(x), TypeError, "add computes with arrays"),
    "an array of an edge": (lambda self, x: np.asarray(x), TypeError, "stands for data that are not there yet"),
    "numpy()": (lambda self, x: x.numpy(), AttributeError, "is no array, and has no 'numpy': it has no numbers"),
    "a method of arrays": (lambda self, x: x.reshape(-1), AttributeError, r"no 'reshape': layers.Reshape\(shape\)"),
    "a product of matrices": (lambda self, x: np.ones((4, 4)) @ x, TypeError, "matmul computes with arrays"),
    "a divisor": (lambda self, x: 1 / x, TypeError, "1 cannot be divided by <edge.*a divisor is a number"),
    "a quotient": (lambda self, x: x / x, TypeError, "is divided by numbers, got <edge"),
    "an array beside": (lambda self, x: np.ones(4) * x, TypeError, "goes with another edge or a number, got array"),
    "a comparison": (lambda self, x: x if x > 0 else -x, TypeError, "has no value to compare with 0"),
    "a condition": (lambda self, x: x if x else -x, TypeError, "has no value; a graph is the same for all data"),
    "a slice": (lambda self, x: x[0], TypeError, "has no slices of rows"),
    "a layer made in call": (
        lambda self, x: Dense(3)(x),
        ValueError,
        r"Block.call calls Dense\(units=3\), which is no attribute: make it in __init__",
    ),
    "a layer from elsewhere": (lambda self, x: SHARED(x), ValueError, "which is no attribute"),
    "nothing": (lambda self, x: None, TypeError, "must return an edge, or a list or dict of edges, got None"),
    "an edge twice": (lambda self, x: [x, x], ValueError, "Block.call returns one edge twice"),
    "an array": (lambda self, x: np.ones((2, 3)), TypeError, "Block.call takes and gives edges"),
    "a loss": (lambda self, x: self.add_loss(x), AttributeError, "add_loss"),
    "training": (by_training, TypeError, r"training has no value in call.*self.dropout\(x\) without an if"),
    "training compared": (lambda self, x, training=None: x * (training == 1), TypeError, "training has no value"),
    "training said": (
        lambda self, x: self.drop(x, training=True),
        TypeError,
        "in training what it does there, and in prediction not; leave training=True out",
    ),
}


@pytest.mark.parametrize("case", IN_CALL)
@pytest.mark.parametrize("base", [Layer, Model])
def test_what_call_cannot_do_is_told_at_its_line(case, base):
    call, error, words = IN_CALL[case]
    made = block(call, base=base, __init__=with_dropout)
    with pytest.raises(error, match=words) as told:
        made(Input((4,)))
    note = " ".join(told.value.__notes__)
    assert all(word in note for word in ASKED)
    assert not made.built


CALLED_ON = {
    "arrays": (((np.ones((3, 4)),), {}), r"Block\(\) takes and gives edges.*arrays go through a model"),
    "too little": ((), "Block.call: missing a required argument: 'x'"),
    "too much": (((Input((4,)), Input((4,))), {}), "Block.call: too many positional arguments"),
    "what call does not take": (((Input((4,)),), {"mode": 1}), "Block.call: got an unexpected keyword argument 'mode'"),
    "training that it does not take": (((Input((4,)),), {"training": True}), "leave training=True out"),
    "no edge": ((([],), {}), "is called on no edge"),
}


@pytest.mark.parametrize("case", CALLED_ON)
def test_what_it_is_called_on(case):
    told, words = CALLED_ON[case]
    given, named = told or ((), {})
    with pytest.raises((TypeError, ValueError), match=words):
        block(lambda self, x: 2 * x)(*given, **named)


def test_numbers_of_numpy_go_with_edges_from_both_sides():
    def call(self, x):
        return np.float32(3) * x + np.int64(1) - np.negative(x) + np.abs(x) + (np.float64(2) - x) / np.float32(4)

    model = block(call, base=Model)
    x = np.array([[1.0, -2.0]])
    assert model.predict(x) == pytest.approx(3 * x + 1 + x + abs(x) + (2 - x) / 4)
    edge = Input((4,))
    assert not hasattr(edge, "__deepcopy__")
    assert edge in [Input((4,)), edge]  # compared by what they are


def test_functions_of_pytorch_say_what_stands_here():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"relu of PyTorch computes with tensors.*activations.relu\(edge\)"):
        torch.relu(Input((4,)))
    with pytest.raises(TypeError, match=r"cat of PyTorch.*layers.concatenate"):
        torch.cat([Input((4,))] * 2)


def test_arrays_on_layers_of_a_built_model():
    class Towers(Model):
        def __init__(self):
            super().__init__()
            self.score = block(lambda self, x: 2 * x)  # a name that PyTorch has for something else

        def call(self, x):
            return self.score(x)

    model = Towers()
    with pytest.raises(AttributeError, match=r"has no attribute 'modules': model.layers"):
        model.modules  # noqa: B018
    model.build((None, 3))
    with pytest.raises(TypeError, match=r"here the layer has become one: model.get_layer\('block'\).predict"):
        model.score(np.ones((2, 3)))
    assert model.get_layer("block").predict(np.ones((2, 3))).max() == 2
    with pytest.raises(TypeError, match=r"vectors of places, .* are those of PositionEmbedding"):
        Embedding(4, 2)(np.arange(4))
    with pytest.raises(TypeError, match="wrap the layers inside it"):
        TimeDistributed(block(lambda self, x: 2 * x))


def test_weights_and_penalties_belong_to_layers_inside():
    with pytest.raises(TypeError, match=r"has the weight 'scale' and no backward: a composed layer.*backward\(dy\)"):
        block(lambda self, x: x * self.scale, build=with_weight)(Input((4,)))
    penalised = type("Block", (Layer,), {"call": lambda self, x: 2 * x})(activity_regularizer="l2")
    with pytest.raises(TypeError, match=r"activity_regularizer of .* would not act; give it to a layer inside"):
        penalised(Input((4,)))
    shaped = type("Block", (Layer,), {"call": lambda self, x: 2 * x})(input_shape=(3,), dtype="float64")
    with pytest.raises(ValueError, match=r"was given the input_shape \(3,\), and reads \(4,\) here"):
        shaped(Input((4,)))
    with pytest.raises(ValueError, match="was given dtype='float64'; the model has float32"):
        Sequential([shaped])
    assert Sequential([shaped], dtype="float64").built


def test_layers_without_weights_may_be_made_in_call_and_conditions_be_of_the_layer():
    class Chosen(Layer):
        def __init__(self, deep):
            super().__init__()
            self.deep, self.dense, self._hidden = deep, Dense(4), {"more": (PReLU(),)}

        def call(self, x, training=None):
            if self.deep and x.shape[-1] == 4:
                x = self._hidden["more"][0](self.dense(x))
            return Concatenate()([Activation("relu")(x), Dropout(0.5)(x, training=training)])

    assert [Chosen(deep)(Input((4,))).shape for deep in (True, False)] == [(None, 8)] * 2
    model = Sequential([Chosen(False)])
    model.build((None, 4))
    for layer in (model, *model.layers, *model.layers[0].layers):
        layer.set_weights(layer.get_weights())  # as loops over layers do
    assert not model.weights  # a layer that call does not use has none, as in Keras


def test_layers_are_not_replaced_behind_the_back_of_a_graph():
    layer = block(lambda self, x: self.drop(x), __init__=with_dropout)
    layer.drop = Dropout(0.1)
    layer(Input((4,)))
    layer.note = "may be set"
    with pytest.raises(AttributeError, match="would not act"):
        layer.more = [Dense(3)]
    with pytest.raises(
        AttributeError, match=r"Block.drop = ... would not act: the layer has been called.*make another"
    ):
        layer.drop = Dropout(0.9)
    model = block(lambda self, x: self.drop(x), base=Model, __init__=with_dropout)
    model.build((None, 4))
    model.note = "may be set"
    with pytest.raises(AttributeError, match=r"Block.drop = ... would not act: the model is built"):
        model.drop = None


def keeps_layers(self):
    super(type(self), self).__init__()
    self.layers = [Dense(3)]


def keeps_outputs(self):
    super(type(self), self).__init__()
    self.outputs = []


def forgets(self):
    self.dense = Dense(3)


def doubled(self, x):
    return 2 * x


CLASSES = {
    "layers": (
        {"__init__": keeps_layers, "call": doubled},
        AttributeError,
        "is what the model lists itself; keep",
    ),
    "outputs": ({"__init__": keeps_outputs, "call": doubled}, AttributeError, "keep yours under another name"),
    "forward": ({"forward": doubled}, TypeError, r"it is named call\(self, x\)"),
    "nothing": ({}, TypeError, r"needs inputs and outputs, or a class with call\(self, inputs\)"),
    "train_step": ({"call": doubled, "train_step": doubled}, TypeError, "loops around model.gradients"),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_of_models(case):
    members, error, words = CLASSES[case]
    with pytest.raises(error, match=words):
        type("Block", (Model,), members)()


def test_what_is_said_twice_and_what_a_stack_has_not():
    both = type("Block", (Model,), {"call": doubled})
    with pytest.raises(TypeError, match="has call, which makes its outputs"):
        both(Input((3,)), Input((3,)))
    with pytest.raises(TypeError, match="a Sequential calls its layers in turn; a class derived"):
        type("Stack", (Sequential,), {"call": doubled})()
    with pytest.raises(TypeError, match=r"it is named call; it needs call\(self, x\) that calls layers"):
        type("Torch", (Layer,), {"forward": doubled})()


USES = {
    "compile": lambda model: model.compile("adam", "mse"),
    "fit": lambda model: model.fit(np.ones((2, 3)), np.ones((2, 3))),
    "call": lambda model: model(np.ones((2, 3))),
    "edges": lambda model: model(Input((3,))),
    "summary": lambda model: model.summary(),
    "name": lambda model: model.name,
}


@pytest.mark.parametrize("use", USES)
def test_a_constructor_that_forgets_its_base(use):
    model = type("Block", (Model,), {"__init__": forgets, "call": doubled})()
    with pytest.raises(RuntimeError, match=r"Block.__init__ has to call super\(\).__init__\(\) before anything else"):
        USES[use](model)


def test_inputs_of_a_model_are_one_argument():
    model = type("Block", (Model,), {"call": lambda self, x: x[0] + x[1]})()
    for a in (np.ones((2, 3)), Input((3,))):
        for second in (a, [a]):
            with pytest.raises(
                TypeError, match="takes its inputs as one argument, a list or dict of them; got several"
            ):
                model(a, second)
    assert model([np.ones((2, 3))] * 2).max() == 2
    with pytest.raises(TypeError, match=r"missing a required argument: 'b'; inputs of a model are one argument, as in"):
        type("Block", (Model,), {"call": lambda self, a, b: a + b})().predict([np.ones((2, 3))] * 2)


def test_a_model_inside_does_in_training_what_it_does():
    base = Sequential([Dense(3), Dropout(0.5)])
    with pytest.raises(TypeError, match="leave training=True out"):
        base(Input((3,)), training=True)
    assert base(Input((3,)), training=False).shape == (None, 3)
    with pytest.raises(TypeError, match="training must be True or False, got 'yes'"):
        base(np.ones((2, 3)), training="yes")
    assert np.array_equal(base(np.ones((2, 3)), training=np.False_), base(np.ones((2, 3))))


@pytest.mark.parametrize("name", ["step", "stop_training", "optimizer", "name", "summary"])
def test_layers_under_names_that_models_have(name):
    def keeps(self):
        super(type(self), self).__init__()
        setattr(self, name, Dense(3))

    with pytest.raises(AttributeError, match=f"Block.{name} cannot be set: every model has it; keep yours under"):
        type("Block", (Model,), {"__init__": keeps, "call": doubled})()


def test_what_layers_of_keras_have():
    for name, words in (("compute_mask", "masks go with what layers give"), ("losses", "given to compile")):
        for layer in (Dense(3), block(lambda self, x: 2 * x)):
            with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{words}"):
                getattr(layer, name)


def test_a_build_of_keras_and_weights_of_a_model():
    class Built(Model):
        def build(self, input_shape):
            self.dense = Dense(input_shape[-1])
            super().build(input_shape)
            self.built = True

        def call(self, x):
            return self.dense(x)

    model = Built()
    assert not model.built
    assert model.predict(np.ones((2, 3))).shape == (2, 3)
    with pytest.raises(AttributeError, match="would not act: call build"):
        model.built = False
    with pytest.raises(AttributeError, match="no attribute 'add_weight': weights are of layers"):
        type("Block", (Model,), {"call": doubled})().add_weight(shape=(3,))


def test_a_summary_before_the_outputs_are_known_tells_losses_by_name(capsys):
    model = type("Block", (Model,), {"call": lambda self, x: {"a": 2 * x, "b": 3 * x}})()
    model.compile("adam", {"a": "mse", "b": "mae"})
    model.summary()
    assert "loss {'a': 'mse', 'b': 'mae'}, optimizer Adam()" in capsys.readouterr().out
    model.build((None, 2))
    model.summary()
    assert "loss mean_squared_error, mean_absolute_error, optimizer Adam()" in capsys.readouterr().out
