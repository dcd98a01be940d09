"""Every layer kind as an ONNX graph: onnxruntime gives what ``predict`` gives, and ``from_onnx`` a model that does."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from listed import assert_listed
from onnx_models import EXAMPLES, OPEN, compare, predicted, rows_for, run, settled

from fastnn import Input, Model, Sequential, layers, tables
from fastnn.errors import NotReadyError
from fastnn.interop import from_onnx, to_onnx
from fastnn.layers import LAYERS, LSTM, BatchNormalization, Conv2D, Dense, Flatten, Lambda

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
OF_A_USER = {"Lambda"}  # NumPy code, which no graph has
UNREAD = ("Scan", "Equal")  # what masks become, and is no layer of ours by itself


def test_every_layer_kind_has_an_example():
    names = {name for name in EXAMPLES if not name.startswith("activation")} | OF_A_USER
    assert_listed(names, LAYERS, "EXAMPLES of tests/onnx_models.py")


@pytest.mark.parametrize("kind", EXAMPLES)
def test_onnxruntime_gives_what_predict_gives(kind):
    for make in EXAMPLES[kind]:
        model = settled(make)
        xs = rows_for(model)
        compare(run(to_onnx(model), xs), predicted(model, xs))


def again_of(proto):
    """The model of a graph, None where that has masks, which are no layers by themselves."""
    try:
        return from_onnx(proto)
    except ValueError as error:
        told = str(error)
    waves = "node 'periodic/Mul'" in told  # numbers for each number of a row
    assert waves or any(f"({op}): there is no counterpart" in told for op in UNREAD), told
    return None


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_model_that_comes_back_gives_the_same(kind):
    read = 0
    for make in EXAMPLES[kind]:
        model = settled(make)
        xs = rows_for(model)
        again = again_of(to_onnx(model, fold=False))
        if again is None:
            continue
        compare(predicted(again, xs), predicted(model, xs))
        read += 1
    assert read or kind in ("Masking", "WithMask", "Periodic")


@pytest.mark.parametrize("kind", OPEN)
def test_lengths_may_differ_in_the_graph(kind):
    model = settled(OPEN[kind])
    proto = to_onnx(model)
    for length in (5, 9):
        xs = rows_for(model, length)
        compare(run(proto, xs), predicted(model, xs))
    xs = rows_for(model, 8)
    compare(run(to_onnx(model, length=8), xs), predicted(model, xs))


@pytest.mark.parametrize("kind", [kind for kind in OPEN if kind not in ("masked", "tokens", "positions", "attention")])
def test_lengths_that_differ_come_back(kind):
    model = settled(OPEN[kind])
    again = from_onnx(to_onnx(model))
    xs = rows_for(model, 11)
    compare(predicted(again, xs), predicted(model, xs))


@pytest.mark.parametrize("opset", [17, 18, 20, 21])
def test_newer_operators(opset):
    for kind in ("activation gelu", "activation mish", "GlobalMaxPooling2D", "GroupNormalization", "UnitNormalization"):
        model = settled(EXAMPLES[kind][0])
        xs = rows_for(model)
        proto = to_onnx(model, opset=opset)
        assert proto.opset_import[0].version == opset
        compare(run(proto, xs), predicted(model, xs))
        compare(predicted(from_onnx(proto), xs), predicted(model, xs))


def test_neighbours_have_no_transposes_between_them_and_layers_give_the_names():
    model = Sequential(
        [Input((8, 8, 3)), Conv2D(4, 3, name="first"), BatchNormalization(), Conv2D(4, 3, name="second")]
    )
    nodes = to_onnx(model).graph.node
    assert [node.op_type for node in nodes] == ["Transpose", "Conv", "Conv", "Transpose"]
    assert [node.name for node in nodes][1:3] == ["first/Conv", "second/Conv"]


def test_double_precision_stays():
    model = Sequential([Input((6, 5)), Flatten(), Dense(4, "relu"), Dense(2)], dtype="float64", seed=1)
    proto = to_onnx(model)
    x = np.random.default_rng(1).normal(size=(3, 6, 5))
    compare(run(proto, [x]), [model.predict(x)], 1e-13)
    again = from_onnx(proto, dtype="float64")
    compare([again.predict(x)], [model.predict(x)], 1e-13)


def test_states_of_a_stateful_layer_are_inputs_and_outputs():
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(2, 5, 4), name="memory")], seed=1)
    proto = to_onnx(model)
    assert [info.name for info in proto.graph.input][1:] == ["memory.state_0", "memory.state_1"]
    states, rng = [np.zeros((2, 3), np.float32)] * 2, np.random.default_rng(1)
    for _ in range(3):
        x = rng.normal(size=(2, 5, 4)).astype(np.float32)
        y, *states = run(proto, [x, *states])
        compare([y], [model.predict(x)])


def test_a_file_is_written_and_the_same_as_what_is_returned(tmp_path):
    model = settled(EXAMPLES["LSTM"][0])
    proto = to_onnx(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == proto.SerializeToString()
    xs = rows_for(model)
    compare(predicted(from_onnx(tmp_path / "model.onnx"), xs), predicted(model, xs))
    assert os.listdir(tmp_path) == ["model.onnx"]


def rows_of_people(rng, n=60):
    people = zip(rng.integers(18, 80, n), rng.choice(["Bern", "Oslo", "", "Rome"], n), strict=True)
    rows = [("" if i % 7 == 3 else age, city, ("false", "true")[i % 2], age) for i, (age, city) in enumerate(people)]
    return "".join(f"{age},{city},{is_},{('low', 'high')[int(a > 45)]},{a * 2.5}\n" for age, city, is_, a in rows)


@pytest.mark.parametrize("target", ["level", "pay"])
def test_raw_rows_go_in_where_the_model_knows_their_encoding(target, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age,city,member,level,pay\n" + rows_of_people(np.random.default_rng(1)))
    table = tables.read_table(str(path))
    features, _ = tables.fit_features(table.without("level").without("pay"))
    fit = tables.fit_classes if target == "level" else tables.fit_quantity
    encoding = tables.Encoding(features, fit(target, table.columns[target]))
    model = Sequential([Input((features.width,)), Dense(4, "tanh"), Dense(1, "sigmoid")], seed=2)
    model.metadata.update(encoding.metadata())
    proto = to_onnx(model)
    assert [info.name for info in proto.graph.input] == ["age", "city", "member"]
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    ages = np.array([[float(row[0] or "nan")] for row in rows])
    cities, members = (np.array([[row[i]] for row in rows], object) for i in (1, 2))
    got = run(proto, [ages, cities, members])
    output = model.predict(features.encode(table))
    if target == "level":
        assert got[0].tolist() == encoding.target.decode(output)
        compare([got[1]], [encoding.target.probabilities(output)])
    else:
        compare([got[0][:, 0]], [encoding.target.decode(output)])
    compare(run(to_onnx(model, encoding=False), [features.encode(table)]), [output])


@pytest.mark.parametrize("most_one_hot", [None, 2])
def test_pieces_and_codes_of_raw_rows_are_in_the_graph(most_one_hot, rng):
    x = np.where(rng.random((80, 3)) < 0.2, np.nan, rng.lognormal(size=(80, 3)))
    columns = {"few": x[:, 0].round(), "many": x[:, 1], "y": rng.normal(size=80), "flag": rng.integers(0, 2, 80)}
    columns["city"] = rng.choice(["Bern", "Oslo", "", "Rome"], 80)
    table = tables.table_of_frame(columns)
    features, _ = tables.fit_features(table.without("y"), tables.FeatureOptions(8, most_one_hot))
    inputs = [Input((width,)) for width in features.widths]
    behind = inputs[0]
    if most_one_hot:
        behind = layers.Concatenate()([inputs[0], layers.Flatten()(layers.Embedding(features.n_ids[1], 3)(inputs[1]))])
    model = Model(inputs, Dense(1)(Dense(4, "tanh")(behind)), seed=2)
    model.metadata.update(tables.Encoding(features, tables.fit_quantity("y", table.columns["y"])).metadata())
    far = np.concatenate([columns["many"][:-2], [3e38, -3e38]])
    rows = tables.table_of_frame(
        {**columns, "many": far, "city": [*columns["city"][:-1], "new"]}, how=features.reading()
    )
    given = [rows.columns[name].values[:, None] for name in ("few", "many", "flag")]
    texts = np.array([*rows.columns["city"].values, ""], object)[rows.columns["city"].codes][:, None]
    proto = to_onnx(model)
    assert [info.name for info in proto.graph.input] == ["few", "many", "flag", "city"]
    wanted = tables.Encoding.of(model).target.decode(model.predict(features.encode(rows)))
    compare([run(proto, [*given, texts])[0][:, 0]], [wanted])


def test_dates_of_raw_rows_are_refused_by_the_name_of_their_column():
    table = tables.table_of_frame({"day": [f"2024-01-0{i}" for i in range(1, 9)], "y": np.arange(8.0)})
    features, _ = tables.fit_features(table.without("y"), tables.FeatureOptions(dates=True))
    model = Sequential([Input((features.width,)), Dense(1)])
    model.metadata.update(tables.Encoding(features, tables.fit_quantity("y", table.columns["y"])).metadata())
    with pytest.raises(ValueError, match=r"'day' is encoded by DateFeature.*encoding=False"):
        to_onnx(model)


def test_errors_name_the_layer_or_say_what_is_wanted():
    own = Sequential([Input((3,)), Dense(2), Lambda(lambda x: x * 2, name="twice")])
    with pytest.raises(ValueError, match=r"'twice'.*NumPy code of your own"):
        to_onnx(own)
    with pytest.raises(TypeError, match="Sequential or a Model"):
        to_onnx([Dense(2)])
    with pytest.raises(NotReadyError):
        to_onnx(Sequential([Dense(2)]))
    with pytest.raises(ValueError, match="opset"):
        to_onnx(Sequential([Input((3,)), Dense(2)]), opset=16)
    steps = Sequential([Input((None, 4)), layers.TimeDistributed(layers.GroupNormalization(2))])
    with pytest.raises(ValueError, match="length="):
        to_onnx(steps)
    compare(run(to_onnx(steps, length=3), rows_for(steps, 3)), predicted(steps, rows_for(steps, 3)))


def test_a_missing_library_is_said_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for function in (to_onnx, from_onnx):
        with pytest.raises(ModuleNotFoundError, match="needs onnx, which is not installed: pip install onnx"):
            function(b"")
