"""Files of other libraries' exporters, and graphs by hand, as models of ours; what has no counterpart is named."""

from __future__ import annotations

import contextlib
import io
import os
import warnings

import numpy as np
import pytest
from onnx_models import compare, predicted
from oracles import keras_library, torch_library
from torch_networks import networks

from fastnn import Sequential, layers
from fastnn.interop import from_onnx, to_onnx
from fastnn.layers import Dense, Input

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
LIMIT = 2e-5
NAMES = (
    *("mlp", "activations", "lenet", "residual", "squeezed", "convnext", "normalised", "signals", "decoder", "unet"),
    *("shuffled", "vit", "gpt", "encoder", "steps first", "LSTM 1", "LSTM 2", "GRU 1", "GRU 2", "RNN 1", "RNN 2"),
)
NO_SCRIPT = ("encoder",)  # PyTorch's older exporter refuses it
OFTEN = ("activations", "residual", "vit", "steps first", "GRU 2")  # the others with --long
OFTEN_NEWER = ("squeezed",)  # of the newer exporter, which takes seconds


def some(names, often):
    return [pytest.param(name, marks=() if name in often else pytest.mark.long) for name in names]


def exported(torch, module, x, how, is_open):
    """A file of one of PyTorch's exporters, for any number of rows or for those that ``x`` has."""
    told = {"input_names": ["x"], "opset_version": 18 if how == "dynamo" else 17}
    if is_open:
        newer, older = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}, {"dynamic_axes": {"x": {0: "n"}}}
        told |= newer if how == "dynamo" else older
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if how == "dynamo":
            return torch.onnx.export(module, (x,), dynamo=True, verbose=False, **told).model_proto.SerializeToString()
        file = io.BytesIO()
        torch.onnx.export(module, (x,), file, dynamo=False, **told)
        return file.getvalue()


def check_exported(name, how, is_open):
    torch = torch_library()
    module, shape = networks(torch)[name]
    rows = 3 if is_open else 1

    def drawn(n):
        return torch.randint(0, 11, (n, *shape)) if name == "gpt" else torch.randn(n, *shape)

    x = drawn(5)
    model = from_onnx(exported(torch, module, drawn(rows), how, is_open))
    with torch.no_grad():
        wanted = module(x)
    wanted = [y.numpy() for y in (wanted if isinstance(wanted, tuple) else (wanted,))]
    compare(predicted(model, [x.numpy()]), wanted, LIMIT)
    return model


@pytest.mark.parametrize("name", some([name for name in NAMES if name not in NO_SCRIPT], OFTEN))
def test_files_of_pytorchs_older_exporter_compute_what_the_network_does(name):
    check_exported(name, "script", True)


@pytest.mark.parametrize("name", some(NAMES, OFTEN_NEWER))
def test_files_of_pytorchs_newer_exporter_do(name):
    pytest.importorskip("onnxscript", reason="onnxscript is missing, which PyTorch's newer exporter needs")
    check_exported(name, "dynamo", True)


@pytest.mark.long
@pytest.mark.parametrize("how", ["script", "dynamo"])
@pytest.mark.parametrize("name", NAMES)
def test_files_that_are_written_for_one_row_take_any(name, how):
    if how == "script" and name in NO_SCRIPT:
        pytest.skip("PyTorch's older exporter refuses it")
    if how == "dynamo":
        pytest.importorskip("onnxscript", reason="onnxscript is missing, which PyTorch's newer exporter needs")
    check_exported(name, how, False)


def test_what_exporters_take_apart_is_put_together_again():
    kinds = [type(layer).__name__ for layer in check_exported("vit", "script", True).layers]
    assert kinds.count("MultiHeadAttention") == 2
    assert kinds.count("LayerNormalization") == 5
    assert kinds.count("Activation") == 2  # gelu, once in each block
    assert "Permute" in kinds  # of the image, whose channels come first
    assert kinds.count("Permute") == 1


def keras_networks(keras):
    known, put = keras.layers, keras.Input
    return {
        "dense": [put((6,)), known.Dense(8, "relu"), known.Dropout(0.2), known.Dense(3, "softmax")],
        "images": [
            *(put((12, 12, 3)), known.Conv2D(4, 3, activation="relu", padding="same"), known.BatchNormalization()),
            *(known.MaxPooling2D(), known.SeparableConv2D(6, 3), known.GlobalAveragePooling2D(), known.Dense(3)),
        ],
        "flattened": [
            *(put((8, 8, 2)), known.Conv2D(4, 3, strides=2, padding="same", activation="elu")),
            *(known.DepthwiseConv2D(3), known.Flatten(), known.Dense(3)),
        ],
        "tokens": [put((5,)), known.Embedding(9, 4), known.GlobalAveragePooling1D(), known.Dense(2)],
        "sequences": [put((4, 3)), known.LSTM(4, return_sequences=True), known.GRU(3), known.Dense(2)],
    }


@pytest.mark.parametrize("name", some(["dense", "images", "flattened", "tokens", "sequences"], ["tokens"]))
def test_files_that_keras_exports_compute_what_the_model_does(name, tmp_path):
    keras, rng = keras_library(), np.random.default_rng(1)
    model = keras.Sequential(keras_networks(keras)[name])
    for weights in model.weights:
        if str(weights.dtype).startswith("float"):
            low = 0.1 if "variance" in weights.name else -0.5
            weights.assign(rng.uniform(low, 0.5, weights.shape))
    shape = (3, *model.input_shape[1:])
    x = rng.integers(0, 9, shape) if name == "tokens" else rng.normal(size=shape).astype(np.float32)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        wanted = model.predict(x, verbose=0)
        model.export(os.fspath(tmp_path / "model.onnx"), format="onnx", verbose=False)
    compare([from_onnx(tmp_path / "model.onnx").predict(x)], [wanted], LIMIT)


def test_files_of_skl2onnx_give_the_probabilities_and_values_of_the_estimators():
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is missing, which makes files of estimators")
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    two, three, value = x[:, 0] > 0, np.digitize(x[:, 1], [-0.5, 0.5]), x @ [1.0, 2.0, 3.0, 4.0]
    classifier = lambda **more: MLPClassifier((5, 6), max_iter=20, **more)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = [
            classifier().fit(x, two.astype(int)),
            classifier(activation="tanh").fit(x, np.array(list("abc"))[three]),
            make_pipeline(StandardScaler(), classifier(activation="logistic")).fit(x, three),
            MLPRegressor(hidden_layer_sizes=(5,), max_iter=20).fit(x, value),
        ]
        for estimator in fitted:
            model = from_onnx(skl2onnx.to_onnx(estimator, x[:1], target_opset=17))
            wanted = getattr(estimator, "predict_proba", estimator.predict)(x)
            compare([model.predict(x)], [wanted.reshape(len(x), -1)], LIMIT)


def graph_of(nodes, shape, numbers=(), out=None, opset=17):
    """A graph of nodes by hand, from ``x`` to ``y``."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(numbers).items()]
    x, y = (helper.make_tensor_value_info(*told) for told in (("x", FLOAT, ["n", *shape]), ("y", FLOAT, out)))
    made = [helper.make_node(*node[:3], **(node[3] if len(node) > 3 else {})) for node in nodes]
    graph = helper.make_graph(made, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def test_a_graph_in_the_style_of_tf2onnx_is_read():
    rng = np.random.default_rng(1)
    kernel, matrix, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 3, 3, 3), (36, 5), (5,)))
    nodes = [
        ("Transpose", ["x"], ["first"], {"perm": [0, 3, 1, 2]}),
        ("Conv", ["first", "kernel"], ["c"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("Transpose", ["c"], ["last"], {"perm": [0, 2, 3, 1]}),
        ("Relu", ["last"], ["r"]),
        ("Shape", ["r"], ["shape"]),
        ("Slice", ["shape", "zero", "one"], ["rows"]),
        ("Concat", ["rows", "rest"], ["flat"], {"axis": 0}),
        ("Reshape", ["r", "flat"], ["f"]),
        ("MatMul", ["f", "matrix"], ["m"]),
        ("Add", ["m", "bias"], ["y"]),
    ]
    numbers = {"kernel": kernel, "matrix": matrix, "bias": bias}
    numbers |= {name: np.array([n]) for name, n in (("zero", 0), ("one", 1), ("rest", -1))}
    proto = graph_of(nodes, (6, 5, 3), numbers)
    model = from_onnx(proto)
    assert [type(layer).__name__ for layer in model.layers[1:]] == ["Conv2D", "Activation", "Flatten", "Dense"]
    x = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
    from onnx.reference import ReferenceEvaluator

    wanted = ReferenceEvaluator(proto).run(None, {"x": x})
    compare([model.predict(x)], wanted)


def test_images_come_with_their_channels_last_on_demand():
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    proto = graph_of([("Conv", ["x", "kernel"], ["y"])], (3, 8, 7), {"kernel": kernel})
    x = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
    first, last = from_onnx(proto).predict(x), from_onnx(proto, channels_last=True)
    assert last.input_shape == (None, 8, 7, 3)
    compare([last.predict(np.moveaxis(x, 1, -1))], [np.moveaxis(first, 1, -1)])


def test_sizes_that_the_graph_leaves_open_may_be_given():
    kernel = np.ones((4, 3, 3, 3), np.float32)
    proto = graph_of([("Conv", ["x", "kernel"], ["y"])], (3, "h", "w"), {"kernel": kernel})
    with pytest.raises(ValueError, match=r"give shapes=\{'x'"):
        from_onnx(proto)
    assert from_onnx(proto, shapes={"x": (3, 8, 7)}).output_shape == (None, 4, 6, 5)


def test_a_read_model_is_trained_on():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(40, 2))
    first = Sequential([Input((6,)), Dense(8, "tanh"), layers.BatchNormalization(), Dense(2)], seed=1)
    model = from_onnx(to_onnx(first, fold=False))
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([("Einsum", ["x"], ["y"], {"equation": "ij->ji"})], r"node 'y' \(Einsum\): there is no counterpart"),
        (
            [("Identity", ["a"], ["b"]), ("Identity", ["b"], ["a"]), ("Add", ["a", "x"], ["y"])],
            r"nothing before it gives",
        ),
        ([("Relu", ["x"], ["y"]), ("Relu", ["y"], ["y"])], r"a name that is there already"),
        ([("Tan", ["x"], ["y"])], r"node 'y' \(Tan\): there is no counterpart"),
        ([("Softmax", ["x"], ["y"], {"axis": 0})], r"\(Softmax\): softmax would go across the rows of the batch"),
        ([("ReduceMean", ["x"], ["y"], {"axes": [0]})], r"\(ReduceMean\): numbers of several rows"),
        ([("Relu", ["x"], ["y"], {"beta": 1.0})], r"\(Relu\): its attribute beta has no counterpart"),
        ([("Concat", ["x", "x"], ["y"], {"axis": 0})], r"\(Concat\): axis 0 has the rows of the batch"),
        ([("Resize", ["x", "", "two"], ["y"], {"mode": "linear"})], r"\(Resize\): mode 'linear' computes new numbers"),
        ([("Pad", ["x", "pads"], ["y"], {"mode": "reflect"})], r"\(Pad\): mode 'reflect' has no counterpart"),
        ([("Div", ["x", "x"], ["y"])], r"\(Div\): a division by what depends on the input"),
        ([("ConstantOfShape", ["huge"], ["c"]), ("ReduceSum", ["c"], ["y"])], r"\(ReduceSum\): it makes .* more than"),
    ],
)
def test_what_has_no_counterpart_is_named(nodes, told):
    numbers = {"two": np.float32([1, 2]), "pads": np.array([0, 1, 0, 1]), "huge": np.array([1 << 40, 1 << 20])}
    with pytest.raises(ValueError, match=told):
        from_onnx(graph_of(nodes, (3,), numbers))


def test_files_that_are_none_are_said_to_be_none(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    for source in (b"\x00" * 50, b"", tmp_path / "text.onnx"):
        with pytest.raises(ValueError, match="no ONNX model"):
            from_onnx(source)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(TypeError, match="takes a file name, bytes"):
        from_onnx(5)


def test_damaged_files_end_in_documented_errors():
    rng = np.random.default_rng(1)
    data = to_onnx(Sequential([Input((6, 5, 2)), layers.Conv2D(3, 3), layers.Flatten(), Dense(2)])).SerializeToString()
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 8)):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(ValueError):
            from_onnx(bytes(damaged[: rng.integers(1, len(data) + 1)]))


def test_names_that_are_no_text_and_functions_that_are_there_twice_are_refused(tmp_path):
    proto = graph_of([("Relu", ["x"], ["y"])], (3,), {})
    content = proto.SerializeToString().replace(b"\n\x01x", b"\n\x01\xff")
    with pytest.raises(ValueError, match="is no text"):
        from_onnx(content)
    for _ in range(2):
        function = proto.functions.add()
        function.name, function.domain = "f", "own"
    with pytest.raises(ValueError, match="its functions cannot be put in the place"):
        from_onnx(proto)
