"""What programs of newcomers get wrong most often, and what they are told: each error names the way out."""

from __future__ import annotations

import copy
import importlib
import pickle
import re

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, callbacks, utils
from fastnn._base import elsewhere
from fastnn.cli.parsing import CALLED
from fastnn.interop import save_torch_weights
from fastnn.layers import GRU, LSTM, Add, Attention, Conv1D, Dense, Layer, RandomRotation

X, Y = np.ones((40, 2)), np.zeros((40, 1))


def built() -> Sequential:
    model = Sequential([Dense(2, input_shape=(2,)), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


def fitted(*layers: Layer, x):
    model = Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    model.fit(x, Y, verbose=0)


class Rows:
    """What PyTorch's Dataset has."""

    def __len__(self):
        return len(X)

    def __getitem__(self, place):
        return X[place], Y[place]


def of_two():
    a, b = Input((2,)), Input((2,))
    return fastnn.Model([a, b], Add()([a, b]))


def monitored(name: str):
    built().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping(name)])


def composed():
    return type("Mine", (fastnn.Model,), {"call": lambda self, x: x if x else -x})().predict(X)


STUMBLES = {
    "a function as activation": (
        lambda: Dense(3, np.sin),
        TypeError,
        r"layer behind: Lambda\(function, gradient=...\)",
    ),
    "a weight before there is one": (
        lambda: Dense(3).kernel,
        AttributeError,
        r"yet: .* build\(input_shape\)",
    ),
    "float64 for a predictor": (
        lambda: built().predictor()(X[0]),
        TypeError,
        r"float32, got float64; np.ascontiguousarray\(x, np.float32\) makes one",
    ),
    "a list for a predictor": (
        lambda: built().predictor()([1.0, 2.0]),
        TypeError,
        r"got list; np.ascontiguousarray\(x, np.float32\) makes one",
    ),
    "float64 for what a predictor writes to": (
        lambda: built().predictor()(X[0].astype("float32"), out=np.empty(1)),
        TypeError,
        r"out must be .*, got float64; np.empty\(\(1,\), np.float32\) makes one",
    ),
    "a step of a network without": (lambda: built().predictor().step(X[0]), AttributeError, "recurrent and causal"),
    "a step of another width": (
        lambda: Sequential([GRU(2, input_shape=(5, 3))]).predictor().step(X[0]),
        ValueError,
        r"x must be a step of shape \(3,\) or \(n, 3\), got \(2,\)",
    ),
    "a predictor in a pickle": (lambda: pickle.dumps(built().predictor()), TypeError, "pickle the model"),
    "a copy of a predictor": (lambda: copy.copy(of_two().predictor()), TypeError, "pickle the model"),
    "units as of PyTorch": (lambda: Dense(20, 64), TypeError, "takes the number of its outputs alone"),
    "a turn in degrees": (lambda: RandomRotation(30), ValueError, "30 degrees are 30 / 360"),
    "a file of PyTorch": (
        lambda: save_torch_weights(built(), "weights.pt"),
        ValueError,
        "weights.safetensors, which safetensors.torch.load_file reads",
    ),
    "rows in place of batches": (
        lambda: built().fit(Rows(), verbose=0),
        fastnn.BatchError,
        r"got \(2,\); one row is .*the Rows gives rows: DataLoader\(x, batch_size=32\) makes batches",
    ),
    "pairs as of Keras": (
        lambda: (m := built()).apply_gradients(zip(m.gradients(X, Y)[1], m.trainable_variables, strict=True)),
        TypeError,
        "is a pair; give gradients alone",
    ),
    "an edge times an array": (
        lambda: Input((2,)) * np.ones(2),
        TypeError,
        "with another edge or a number, got array",
    ),
    "a model that decides by numbers": (composed, TypeError, "has no value; a graph is the same for all data"),
    "a slip in what is monitored": (lambda: monitored("val_los"), ValueError, "did you mean 'val_loss'"),
    "shares as of scikit-learn": (lambda: built().predict_proba(X), AttributeError, "'predict_proba': predict gives"),
    "what PyTorch has": (lambda: built().state_dict(), AttributeError, r"model.get_weights\(\)"),
    "what PyTorch says before it predicts": (lambda: built().eval(), AttributeError, "dropout acts in fit"),
    "what PyTorch says before gradients": (lambda: built().zero_grad(), AttributeError, "new gradients in each call"),
    "a step as of PyTorch": (lambda: built().optimizer.step(), AttributeError, r"model.apply_gradients\(grads\)"),
    "a step as of Keras": (lambda: built().train_step(X), AttributeError, r"model.gradients\(x, y\)"),
    "trained models": (lambda: fastnn.applications, AttributeError, "from_keras"),
    "load_model": (lambda: fastnn.load_model, AttributeError, "fastnn.load"),
    "windows under Keras' name": (lambda: utils.timeseries_dataset_from_array, AttributeError, r"utils.timeseries\("),
    "recurrent layers in a row": (
        lambda: Sequential([LSTM(4, input_shape=(5, 2)), GRU(3)]),
        ValueError,
        r"got the shape \(4,\); a recurrent layer before it gives all steps with return_sequences=True",
    ),
    "attention behind a recurrent layer": (
        lambda: Attention()([LSTM(4)(Input((5, 2))), Input((5, 4))]),
        ValueError,
        "return_sequences=True",
    ),
    "a convolution behind a recurrent layer": (
        lambda: Sequential([LSTM(4, input_shape=(5, 2)), Conv1D(3, 2)]),
        ValueError,
        "return_sequences=True",
    ),
    "an answer for each step": (
        lambda: fitted(LSTM(4, return_sequences=True, input_shape=(5, 2)), Dense(1), x=np.ones((40, 5, 2))),
        ValueError,
        r"the output is \(5, 1\) a row: a recurrent layer's return_sequences=False, Flatten",
    ),
    "a slip in utils": (lambda: utils.to_categorial, AttributeError, "did you mean 'to_categorical'"),
}


def lines():
    """Names of other libraries, as the package and the name with what is said of it."""
    for package, text in elsewhere.HERE.items():
        for line in filter(None, map(str.strip, text.split("\n"))):
            names, _, _ = line.partition(" | ")
            yield from ((package, name) for name in names.split())


@pytest.mark.parametrize(("package", "name"), list(lines()))
def test_a_name_of_another_library_leads_to_one_that_is_here(package, name):
    home = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"has no attribute {name!r}: ") as told:
        getattr(home, name)
    hint = str(told.value).partition("': ")[2]
    assert "@" not in hint
    single = hint.removeprefix("it is ")
    assert not single.isidentifier() or hasattr(home, single)
    for path in re.findall(r"fastnn\.[a-z_A-Z0-9.]*[a-zA-Z0-9]", hint):
        found = fastnn
        for part in path.split(".")[1:]:
            found = getattr(found, part)


@pytest.mark.parametrize("line", ["from fastnn.layers import Linear", "from fastnn.losses import Dense, MSELoss"])
def test_an_import_of_such_a_name_says_as_much(line):
    with pytest.raises(ImportError, match=r"cannot import name '\w+' from 'fastnn.\w+'"):
        exec(line)
    with pytest.raises(ImportError, match=r"'Linear' from 'fastnn.layers': Dense\(units\)"):
        from fastnn.layers import Linear  # noqa: F401


@pytest.mark.parametrize(
    ("package", "name", "words"),
    [
        ("fastnn.layers", "Conv3DTranspose", ": layers are of one and two dimensions"),
        ("fastnn.initializers", "glorot_uniform", ": it is GlorotUniform"),
        ("fastnn.callbacks", "EarlyStoping", r" \(did you mean 'EarlyStopping'\?\)"),
        ("fastnn.optimizers", "Sophia", r"; dir\(fastnn.optimizers\) lists what there is"),
        ("fastnn.losses", "__wrapped__", ""),
    ],
)
def test_any_other_name(package, name, words):
    with pytest.raises(AttributeError, match=rf"^module {package!r} has no attribute {name!r}{words}$"):
        getattr(importlib.import_module(package), name)


def test_what_a_package_lists_are_its_names():
    assert {"interop", "models", "Sequential"} <= set(dir(fastnn))
    assert not {"dense", "TYPE_CHECKING", "lazy"} & set(dir(fastnn.layers))


@pytest.mark.parametrize("case", STUMBLES)
def test_the_error_names_the_way_out(case):
    call, error, words = STUMBLES[case]
    with pytest.raises(error, match=words):
        call()


def test_an_attribute_of_no_library_is_the_error_of_python():
    with pytest.raises(AttributeError, match=r"^'Sequential' object has no attribute 'colour'$") as told:
        built().colour  # noqa: B018
    assert told.value.name == "colour"
    assert not hasattr(built(), "forward")


def test_what_is_no_weight_is_not_said_to_come():
    with pytest.raises(AttributeError, match=r"Dense has no attribute 'colour'$"):
        Dense(3).colour  # noqa: B018


@pytest.mark.parametrize("answer", [lambda dy: 2 * dy, lambda dy: (2 * dy, []), lambda dy: (2 * dy, ())])
def test_a_layer_without_weights_may_give_none_of_their_gradients(answer):
    class Doubled(Layer):
        def call(self, x):
            return 2 * x

        def backward(self, dy):
            return answer(dy)

    model = Sequential([Dense(3, input_shape=(2,)), Doubled(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, Y + 1, verbose=0)
    assert model.step == 2


def test_a_number_in_place_of_an_array_is_told_by_its_shape():
    class Scaled(Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape[1:], "ones", name="scale")

        def call(self, x):
            return x * self.scale

        def backward(self, dy):
            return dy, [dy.sum()]

    model = Sequential([Scaled(input_shape=(2,)), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"dscale of shape \(2,\), got shape \(\)"):
        model.fit(X, Y + 1, verbose=0)


@pytest.mark.parametrize("name", ["lr", "wd", "label", "delimiter", "layers", "type"])
def test_an_option_by_the_name_that_others_give_it(capsys, name):
    from fastnn.cli import main

    assert _ends(main, ["train", "a.csv", f"--{name}", "3"]) == 2
    assert f"there is no option --{name} (did you mean '{CALLED[name]}'?)" in capsys.readouterr().err
    assert _ends(main, ["info", "a.safetensors", f"--{name}", "3"]) == 2  # which has none that is meant
    assert CALLED[name] not in capsys.readouterr().err


def test_a_table_without_a_header_line_is_asked_for_one(capsys, tmp_path):
    from fastnn.cli import main

    (tmp_path / "rows.csv").write_text("3,5.69,a\n4,1.5,b\n" * 30)
    (tmp_path / "table.csv").write_text("x,z,kind\n" + "3,5.69,a\n4,1.5,b\n" * 30)
    model = str(tmp_path / "m.safetensors")
    train = ["train", "--epochs", "1", "--hidden", "4", "--out", model, "--target", "kind"]
    assert _ends(main, [*train, str(tmp_path / "rows.csv")]) == 1
    assert "is the first line one of names?" in capsys.readouterr().err
    assert _ends(main, [*train, str(tmp_path / "table.csv")]) == 0
    assert _ends(main, ["predict", model, str(tmp_path / "rows.csv")]) == 1
    assert "is the first line one of names?" in capsys.readouterr().err
    (tmp_path / "less.csv").write_text("x,2024\n1,2\n")
    assert _ends(main, ["predict", model, str(tmp_path / "less.csv")]) == 1
    assert "first line" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (("yes", "No", "no", "Yes", "maybe"), "'No' and 'no', 'Yes' and 'yes', which count as different labels"),
        (("Yes", "yes.", "no"), "'Yes' and 'yes.'"),
        (("yes", "no"), None),
        (("1", "1.0", "2"), None),  # numbers
    ],
)
def test_labels_that_differ_in_capitals_are_noted(capsys, tmp_path, labels, told):
    from fastnn.cli import main

    rows = "".join(f"{i},{labels[i % len(labels)]}\n" for i in range(80))
    (tmp_path / "t.csv").write_text("x,kind\n" + rows)
    words = ["--target", "kind", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "m.safetensors")]
    assert _ends(main, ["train", str(tmp_path / "t.csv"), *words]) == 0
    out = capsys.readouterr().out
    assert "count as different labels" not in out if told is None else told in out


def _ends(main, words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as end:
        return int(end.code)
