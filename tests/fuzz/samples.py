"""Good files of each kind, small, from which fuzzing starts: lists of bytes."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from graph_models import GRAPHS
from graph_models import trained as trained_graph
from models import model_of, regression

import fastnn
from fastnn import Input, Model, Sequential, tables
from fastnn.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    MaxPooling2D,
    Reshape,
)
from fastnn.tables.summary import summarize

CSV = b"a,b,c\n" + b"".join(b'%d,%d.5,"w %d"\n' % (i, i, i % 3) for i in range(40))
RELEASED = Path(__file__).resolve().parents[1] / "models" / "released"  # files of older versions
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + bytes(18)


def written(write, name: str = "file") -> bytes:
    """The bytes of the file that ``write`` makes at the path it is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        return path.read_bytes()


def regressor() -> Sequential:
    """Trained, with the optimiser's numbers."""
    model = model_of(metrics=["mae"])
    model.fit(*regression(np.random.default_rng(1)), verbose=0)
    return model


def rows() -> tuple[np.ndarray, np.ndarray]:
    """What :func:`resumable` is trained on."""
    draw = np.random.default_rng(0)
    return draw.normal(size=(20, 3)), draw.normal(size=(20, 1))


def resumable() -> Sequential:
    """A small model whose optimiser remembers."""
    model = Sequential([Dense(4, "tanh", input_shape=(3,)), Dropout(0.25), Dense(1)], seed=5)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def checkpoints() -> list[bytes]:
    """Of a fit in the middle of an epoch, and of one that is over."""

    class Break(fastnn.callbacks.Callback):
        def on_progress(self, done, logs=None):
            if done == 8:
                raise KeyError

    def broken(path: Path) -> None:
        with contextlib.suppress(KeyError):
            resumable().fit(*rows(), callbacks=[Break()], checkpoint=path, checkpoint_every=1, **told)

    told = {"epochs": 6, "batch_size": 8, "verbose": 0, "backend": "numpy"}
    return [written(broken), written(lambda path: resumable().fit(*rows(), checkpoint=path, **told))]


def shaped() -> Sequential:
    """Unusual layers, compiled in unusual ways."""
    layers = [Reshape((2, -1), input_shape=(4,)), Dense(3, "elu"), Flatten(), Dropout(0.5), Activation("softmax")]
    model = Sequential(layers, dtype="float64", seed=2**64 - 1)
    rate = fastnn.schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.02, 0.01])
    model.compile(fastnn.optimizers.SGD(rate, momentum=0.5), fastnn.losses.Huber(0.5), ["accuracy"])
    return model


def of_table() -> Sequential:
    """With the encoding of a table."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rows.csv").write_text("a,b,c\n1,x,yes\n2,y,no\n3,x,yes\n,y,no\n")
        rows = tables.read_table(Path(folder, "rows.csv"))
    features, _ = tables.fit_features(rows.without("c"))
    encoding = tables.Encoding(features, tables.fit_classes("c", rows.columns["c"]), {"rows": "4"})
    model = model_of(n_in=features.width)
    model.metadata.update(encoding.metadata())
    return model


def of_columns() -> Model:
    """With the encoding of a table of every kind of column: pieces, dates, codes for an Embedding."""
    days = [f"202{i % 3}-0{1 + i % 9}-{10 + i % 17} 0{i % 10}:30" for i in range(40)]
    columns = {"n": [i * i for i in range(39)] + [None], "day": days, "k": list("abcdefgh") * 5, "y": list(range(40))}
    rows = tables.table_of_frame({**columns, "c": list("pq") * 20})
    features, _ = tables.fit_features(rows.without("y"), tables.FeatureOptions(4, 3, True))
    inputs = [Input((width,)) for width in features.widths]
    codes = Flatten()(Embedding(features.n_ids[1], 2)(inputs[1]))
    model = Model(inputs, Dense(1)(Concatenate()([inputs[0], codes])), seed=1)
    model.metadata.update(tables.Encoding(features, tables.fit_quantity("y", rows.columns["y"])).metadata())
    return model


def summaries() -> list[bytes]:
    """What model files keep of their training tables."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rows.csv").write_text("a,b,c\n1,x,2024-01-02\n2,y,2024-02-01\n3,x,\n,y,2024-02-01\n")
        table = tables.read_table(Path(folder, "rows.csv"))
    made = summarize(table, list(table.columns))
    return [json.dumps(some.config()).encode() for some in (made, replace(made, predictions=made.columns[0]))]


def of_images() -> Sequential:
    layers = [Conv2D(2, 3, padding="same", input_shape=(6, 6, 1)), BatchNormalization(), MaxPooling2D(2), Flatten()]
    return Sequential([*layers, Dense(3, "softmax")], seed=1)


def of_sequences() -> Sequential:
    return Sequential([Embedding(9, 3, mask_zero=True, input_shape=(5,)), Bidirectional(LSTM(2)), Dense(1)], seed=1)


def models(names=("nested", "chain_of_models", "several")) -> list[bytes]:
    """Models: of layers, of graphs, of images, sequences and tables."""
    made = [regressor(), shaped(), of_table(), *(trained_graph(GRAPHS[name]) for name in names), of_columns()]
    released = [(RELEASED / f"{name}.safetensors").read_bytes() for name in ("shaped", "trained")]
    return [*(written(model.save) for model in (*made, of_images(), of_sequences())), *released]


def estimators() -> list[bytes]:
    """Estimators of tables: of classes, and of two columns without names."""
    from fastnn.sklearn import TabularClassifier, TabularRegressor
    from fastnn.tabular import Choice, Settings

    draw = np.random.default_rng(1)
    x, choice = draw.normal(size=(60, 2)), Choice(Settings(hidden=(4,), epochs=1, batch_size=32), 1, 2, 8, 10)
    named = np.array([("a", "b")[i % 2] for i in range(60)])
    made = TabularClassifier(choice=choice, random_state=1).fit(np.array([*x.T, named], object).T, x[:, 0] > 0)
    return [written(each.save) for each in (made, TabularRegressor(choice=choice, random_state=1).fit(x, x[:, 0]))]


def weights() -> list[bytes]:
    """Weights alone, and a whole model of the same."""
    made = [written(model_of().save_weights), written(model_of().save), written(of_images().save_weights)]
    return [*made, (RELEASED / "late.weights.safetensors").read_bytes()]


def csv() -> list[bytes]:
    """Tables as text: separators, quotes, encodings, times, and packed ones."""
    wide = "day;city;price\n" + "".join(f"2024-01-{i:02d} 1{i % 10}:00;Zürich;{i},5\n" for i in range(1, 25))
    odd = 'a\tb\n"x\ty"\t1e5\n"say ""hi"""\t-inf\nNA\t007\n'
    plain = [CSV, wide.encode(), wide.encode("utf-16"), wide.encode("latin-1"), odd.encode()]
    return [*plain, gzip.compress(CSV, mtime=0), bz2.compress(CSV), lzma.compress(CSV, preset=0), _zip({"a.csv": CSV})]


def idx() -> list[bytes]:
    """Bytes, doubles, one axis, and a packed one."""
    doubles = bytes([0, 0, 14, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + np.arange(6.0).astype(">f8").tobytes()
    return [IDX, doubles, bytes([0, 0, 12, 1, 0, 0, 0, 2]) + bytes(8), gzip.compress(IDX, mtime=0)]


def npz() -> list[bytes]:
    """Arrays of several dtypes, packed and not."""
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, x=np.arange(60.0).reshape(20, 3), y=np.array(["u", "v"] * 10))
        found.append(file.getvalue())
    file = io.BytesIO()
    np.savez(file, x_train=np.ones((4, 2, 2), ">i2", order="F"), y_train=np.arange(4), x_test=np.ones((2, 2, 2)))
    return [*found, file.getvalue()]


def parquet() -> list[bytes]:
    """Numbers, gaps, texts, dictionaries, times; several codecs, pages and groups."""
    import pyarrow
    from pyarrow import parquet as writer

    words = pyarrow.array([f"w{i % 3}" for i in range(40)])
    whole = pyarrow.array([None if i % 7 == 0 else i for i in range(40)])
    columns = {"a": whole, "b": np.arange(40.0), "c": words, "d": words.dictionary_encode(), "e": whole.is_null()}
    table = pyarrow.table(columns | {"t": whole.cast(pyarrow.timestamp("s"))})
    ways = [{}, {"compression": "none"}, {"compression": "gzip", "row_group_size": 9}]
    return [written(lambda path, way=way: writer.write_table(table, path, **way)) for way in ways]


def excel() -> list[bytes]:
    """A workbook of two sheets."""
    import openpyxl

    book = openpyxl.Workbook()
    for sheet in [book.active, book.create_sheet("second")]:
        for row in (["a", "b", "c"], [1, 2.5, "x"], [None, True, "007"], [3.0, 1e20, "7"]):
            sheet.append(row)
    return [written(book.save, "book.xlsx")]


def onnx() -> list[bytes]:
    """A dense and a convolutional graph, made with the package onnx alone."""
    from onnx import TensorProto, helper, numpy_helper

    chance = np.random.default_rng(1)

    def constant(name, *shape):
        return numpy_helper.from_array(chance.normal(size=shape).astype(np.float32), name)

    def model(nodes, constants, shape, out):
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", *s]) for n, s in (("x", shape), ("y", out))]
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return made.SerializeToString()

    dense = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["m"]),
        helper.make_node("Add", ["m", "c"], ["a"]),
        helper.make_node("Softmax", ["a"], ["y"], axis=-1),
    ]
    images = [
        helper.make_node("Conv", ["x", "k", "b"], ["h"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["h"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], axis=1),
        helper.make_node("Gemm", ["f", "v"], ["y"]),
    ]
    return [
        model(dense, [constant("w", 5, 4), constant("b", 5), constant("v", 5, 3), constant("c", 3)], [4], [3]),
        model(images, [constant("k", 2, 1, 3, 3), constant("b", 2), constant("v", 18, 3)], [1, 6, 6], [3]),
    ]


def keras() -> list[bytes]:
    """A Sequential as Keras 3 writes it: configuration, metadata, and weights in HDF5."""
    import h5py

    def dense(name, units, activation, width):
        config = {"name": name, "trainable": True, "dtype": "float32", "units": units, "activation": activation}
        entry = {"module": "keras.layers", "class_name": "Dense", "config": config | {"use_bias": True}}
        return entry | {"registered_name": None, "build_config": {"input_shape": [None, width]}}

    first = {"batch_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "input_layer"}
    source = {"module": "keras.layers", "class_name": "InputLayer", "config": first, "registered_name": None}
    layers = [source, dense("dense", 5, "relu", 4), dense("dense_1", 3, "softmax", 5)]
    config = {"name": "sequential", "trainable": True, "dtype": "float32", "layers": layers}
    whole = {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}

    def weights(path):
        with h5py.File(path, "w") as file:
            for name, n_in, n_out in (("dense", 4, 5), ("dense_1", 5, 3)):
                group = file.create_group(f"layers/{name}/vars")
                group["0"], group["1"] = np.ones((n_in, n_out), np.float32), np.zeros(n_out, np.float32)

    about = {"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}
    texts = {"metadata.json": json.dumps(about), "config.json": json.dumps(whole)}
    members = {name: text.encode() for name, text in texts.items()}
    return [_zip(members | {"model.weights.h5": written(weights, "w.h5")})]


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
