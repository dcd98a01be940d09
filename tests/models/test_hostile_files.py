"""Files from strangers: whatever the bytes, ``load`` gives a model or the documented error, in little memory and time.

Mutations of good files, of bytes, of texts, and of the values in the JSON, are tried in ``tests/fuzz``.
"""

from __future__ import annotations

import copy
import json
import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from fuzz import samples as good_files
from fuzz.mutations import file_of
from fuzz.mutations import parts as parts_of
from models import model_of
from safetensors import safe_open
from test_damaged_files import saved, with_changes

import fastnn
from fastnn import Sequential
from fastnn.layers import Dense, Dropout


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    """Good files; that of a table is the third, that of a graph of models the fourth."""
    return good_files.models()


def cost(path: Path, error=ValueError) -> int:
    """The most memory that was taken at once while a file was refused, the least of a few times."""
    peaks = []
    for _ in range(4):  # the first time imports, and at any time other threads of the tests may take some
        tracemalloc.start()
        try:
            with pytest.raises(error, match=r"cannot be loaded|is no fastnn model"):
                fastnn.load(path)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)


def layer(units, **more):
    return {"class": "Dense", "units": units, **more}


BOMBS = {
    "one wide layer": [layer(10**12)],
    "a layer that fits memory": [layer(30_000_000)],
    "wide layers": [layer(10**6)] * 20,
    "layers as wide as numbers go": [layer(10**300)] * 5,
    "many axes": [{"class": "Reshape", "target_shape": [1] * 3000}, *[{"class": "Flatten"}] * 100],
    "a constant": [layer(10**11, kernel_initializer={"name": "constant", "value": 1.0})],
    "an orthogonal kernel": [layer(50_000, kernel_initializer={"name": "orthogonal", "gain": 1.0})],
}


@pytest.mark.parametrize("case", BOMBS)
def test_nothing_is_made_as_large_as_a_file_only_says(tmp_path, case):
    path = saved(model_of(), tmp_path)
    with_changes(path, described=lambda described: described | {"layers": BOMBS[case]})
    overhead = 100_000  # of Python itself: frames, the parts of an error
    assert cost(path) < 10 * path.stat().st_size + overhead


def test_layers_without_arrays_cost_what_their_text_costs_as_json(tmp_path):
    path = saved(model_of(), tmp_path)
    with_changes(path, described=lambda described: described | {"layers": [{"class": "Flatten"}] * 2000})
    assert cost(path) < 30 * path.stat().st_size


@pytest.mark.parametrize("shape", [[10**12], [10**6, 10**6], [2**40], [1] * 500, [10**300], [0], [-4], [4.0], ["4"], 4])
def test_a_wrong_shape_of_the_input_is_found_by_load(tmp_path, shape):
    path = saved(model_of(), tmp_path)
    with_changes(path, described=lambda described: described | {"input_shape": shape})
    assert cost(path) < 10 * path.stat().st_size + 100_000


@pytest.mark.parametrize("version", ["one", "-3", "", "0", "1.0", "true", "٣", str(2**70), "1" * 5000, " 1", "01"])
def test_a_wrong_version_is_an_error(tmp_path, version):
    path = saved(model_of(), tmp_path)
    with_changes(path, version=version)
    with pytest.raises(ValueError, match="version") as told:
        fastnn.load(path)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize("name", ["step", "epoch"])
@pytest.mark.parametrize("count", [2**63, 2**63 - 1, 2**64, 2**53 + 1, -1, 1.0, True, "3", None, [3]])
def test_counters_that_no_training_reaches_are_found_by_load(tmp_path, name, count):
    path = saved(model_of(), tmp_path)
    with_changes(path, described=lambda described: described | {name: count})
    with pytest.raises(ValueError, match=f"cannot be loaded: .*{name}"):
        fastnn.load(path)


HEADERS = {
    "two keys of one name": ('"format": "fastnn"', '"format": "fastnn", "format": "fastnn"', "twice"),
    "NaN": ('"shape": [8]', '"shape": [NaN]', "NaN is no number"),
    "nested": ('"shape": [8]', '"shape": ' + "[" * 50_000, "nested too deeply"),
    "a size of text": ('"shape": [8]', '"shape": ["8"]', "whole sizes"),
    "a negative size": ('"shape": [8]', '"shape": [-8]', "whole sizes"),
    "a truth as size": ('"shape": [1]', '"shape": [true]', "whole sizes"),
    "a huge size": ('"shape": [8]', '"shape": [1000000000000]', "cannot stand at"),
    "another dtype": ('"dtype": "F32"', '"dtype": "I32"', "F32 or F64"),
    "text of another encoding": ('"format"', '"form\xff"', "is no valid JSON|utf-8"),
    "metadata of numbers": ('"version": "1"', '"version": 1', "texts by name"),
    "no metadata": ('"__metadata__"', '"metadata"', "not of a fastnn model|needs dtype"),
    "half a pair": ('"version"', '"a": "\\ud800", "version"', "surrogates"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_is_read_to_the_letter(tmp_path, case):
    path = saved(model_of(), tmp_path)
    header, arrays = parts_of(path.read_bytes())
    good, bad, words = HEADERS[case]
    text = json.dumps(header)
    assert good in text
    path.write_bytes(file_of(text.replace(good, bad, 1).encode("latin-1"), arrays))
    with pytest.raises(ValueError, match=words):
        fastnn.load(path)


def shifted(header, name, **changes):
    header = copy.deepcopy(header)
    header[name] |= changes
    return header


def test_arrays_fill_the_file_without_a_gap_an_overlap_or_a_rest(tmp_path):
    path = saved(model_of(), tmp_path)
    header, arrays = parts_of(path.read_bytes())
    start, end = header["2.kernel" if "2.kernel" in header else "1.kernel"]["data_offsets"]
    for changed in (
        file_of(header, arrays + b"\0"),
        file_of(header, arrays[:-1]),
        file_of(shifted(header, "1.kernel", data_offsets=[start + 4, end + 4]), arrays),
        file_of(shifted(header, "1.kernel", data_offsets=[-4, 4]), arrays),
        file_of(shifted(header, "1.kernel", data_offsets=[end, start]), arrays),
        file_of(shifted(header, "1.kernel", data_offsets=[2**63, 2**63 + end - start]), arrays),
        (2**64 - 1).to_bytes(8, "little") + arrays,
    ):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"cannot be loaded|is no fastnn model"):
            fastnn.load(path)


WRONG = {
    "a bias that is a word": lambda d: d["layers"][1].update(use_bias="yes"),
    "a bias that is a number": lambda d: d["layers"][1].update(use_bias=1),
    "a name that is a list": lambda d: d["layers"][1].update(name=["a"]),
    "a truth as units": lambda d: d["layers"][2].update(units=True),
    "units with a point": lambda d: d["layers"][2].update(units=1.0),
    "another spelling of the dtype": lambda d: d.update(dtype="<f4"),
    "no seed": lambda d: d.update(seed=None),
    "a seed that is a truth": lambda d: d.update(seed=True),
    "something that nothing reads": lambda d: d.update(extra=1),
    "an optimizer's argument of text": lambda d: d["compile"]["optimizer"].update(learning_rate="0.1"),
    "something more to compile": lambda d: d["compile"].update(extra=1),
    "a metric's number of text": lambda d: d["compile"].update(
        metrics=[{"name": "mae", "parameter": "x", "statistic": None}]
    ),
    "metrics that are no list": lambda d: d["compile"].update(metrics="mae"),
    "compiled as nothing": lambda d: d.update(compile=None),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_description_does_not_mean_is_found_by_load(tmp_path, case):
    path = saved(model_of(metrics=["mae"]), tmp_path)

    def change(described):
        WRONG[case](described)
        return described

    with_changes(path, described=change)
    with pytest.raises(ValueError, match="cannot be loaded"):
        fastnn.load(path)


def _first(described, kind):
    """The first item of a class in the description of a graph."""
    return next(item for item in described["items"] if item["class"] == kind)


def _whole(described):
    return described["items"][-1]


WRONG_GRAPHS = {
    "no items": lambda d: d.update(items=[]),
    "items of text": lambda d: d.update(items="Dense"),
    "an item that is none": lambda d: d["items"].insert(0, None),
    "a layer as the last": lambda d: d["items"].append({"class": "Flatten"}),
    "a layer that is in no model": lambda d: d["items"].insert(0, {"class": "Flatten", "called": "flatten"}),
    "an item that comes later": lambda d: _first(d, "Sequential")["items"].append(len(d["items"]) - 1),
    "a model in itself": lambda d: _whole(d)["items"].append(len(d["items"]) - 1),
    "an item behind the end": lambda d: _whole(d)["items"].append(10**9),
    "an item before the first": lambda d: _whole(d)["items"].append(-1),
    "an item that is a truth": lambda d: _whole(d)["items"].__setitem__(0, False),
    "an item twice": lambda d: _first(d, "Sequential")["items"].append(_first(d, "Sequential")["items"][0]),
    "no sources": lambda d: _whole(d).update(sources=[]),
    "a source that is a layer": lambda d: _whole(d).update(sources=[1]),
    "a source twice": lambda d: _whole(d).update(sources=[0, 0]),
    "sources of text": lambda d: _whole(d).update(sources="0"),
    "no calls": lambda d: _whole(d).update(calls=[]),
    "calls of numbers": lambda d: _whole(d).update(calls=[1, 2]),
    "a call of three": lambda d: _whole(d)["calls"][0].append(0),
    "a call of an input": lambda d: _whole(d)["calls"].append([0, [0]]),
    "a call of a text": lambda d: _whole(d)["calls"].append(["1", [0]]),
    "a call that reads itself": lambda d: _whole(d)["calls"][0].__setitem__(1, [1]),
    "a call that reads what comes later": lambda d: _whole(d)["calls"][0].__setitem__(1, [3]),
    "a call that reads from behind": lambda d: _whole(d)["calls"][1].__setitem__(1, [-1]),
    "a call that reads nothing": lambda d: _whole(d)["calls"][0].__setitem__(1, []),
    "a call that reads too much": lambda d: _whole(d)["calls"][0].__setitem__(1, [0, 0]),
    "a call that nothing reads": lambda d: _whole(d)["calls"].append([1, [0]]),
    "calls in another order": lambda d: _whole(d)["calls"].reverse(),
    "no outputs": lambda d: _whole(d).update(outputs=[]),
    "an output behind the end": lambda d: _whole(d).update(outputs=[10**12]),
    "an output twice": lambda d: _whole(d)["outputs"].__setitem__(0, _whole(d)["outputs"][1]),
    "an output less": lambda d: _whole(d)["outputs"].pop(),
    "an output that is a number with a point": lambda d: _whole(d)["outputs"].__setitem__(0, 3.0),
    "a form that is none": lambda d: _whole(d).update(output_form="tuple"),
    "one of several": lambda d: _whole(d).update(output_form="one"),
    "a name less": lambda d: _whole(d)["output_names"].pop(),
    "two names the same": lambda d: _whole(d).update(output_names=["mean"] * 4),
    "a name that is a number": lambda d: _whole(d)["output_names"].__setitem__(0, 3),
    "names in one text": lambda d: _whole(d).update(output_names="abcd"),
    "another shape of a chain": lambda d: _first(d, "Sequential").update(input_shape=[5]),
    "no shape of a chain": lambda d: _first(d, "Sequential").pop("input_shape"),
    "a huge shape": lambda d: _first(d, "Input").update(shape=[10**12]),
    "no seed": lambda d: _first(d, "Model").pop("seed"),
    "a seed that is negative": lambda d: _first(d, "Sequential").update(seed=-1),
    "trained as a number": lambda d: _first(d, "Sequential").update(trainable=0),
    "a layer trained as a number": lambda d: _first(d, "Dense").update(trainable=0),
    "something that nothing reads": lambda d: _first(d, "Model").update(extra=1),
    "a name that nobody can have": lambda d: _first(d, "Dense").update(called=""),
    "two ways to a name": lambda d: _first(d, "Sequential").update(called="x"),
    "another class of model": lambda d: _first(d, "Model").update({"class": "model"}),
    "steps of a model inside": lambda d: _first(d, "Model").update(step=2**60),
    "no epoch of a model inside": lambda d: _first(d, "Model").pop("epoch"),
    "losses for one output less": lambda d: _whole(d)["compile"]["loss"].pop(),
    "losses that are one": lambda d: _whole(d)["compile"].update(loss={"name": "mean_squared_error"}),
    "losses by name": lambda d: _whole(d)["compile"].update(loss={"mean": {"name": "mean_squared_error"}}),
    "metrics for one output less": lambda d: _whole(d)["compile"]["metrics"].pop(),
    "metrics without an output": lambda d: _whole(d)["compile"].update(metrics=[{"class": "Accuracy"}] * 4),
    "weights of losses that are text": lambda d: _whole(d)["compile"].update(loss_weights=["1"] * 4),
    "weights of losses that are all": lambda d: _whole(d)["compile"].update(loss_weights=2.0),
    "a dtype of a model inside": lambda d: _first(d, "Model").update(dtype="float32"),
    "no dtype": lambda d: d.pop("dtype"),
}


@pytest.mark.parametrize("case", WRONG_GRAPHS)
def test_a_graph_that_cannot_be_is_found_by_load(samples, tmp_path, case):
    path = tmp_path / "m.safetensors"
    path.write_bytes(samples[3])
    assert len(fastnn.load(path).outputs) == 4

    def change(described):
        WRONG_GRAPHS[case](described)
        return described

    with_changes(path, described=change)
    assert cost(path) < 20 * path.stat().st_size + 100_000


@pytest.mark.parametrize("name", ["0.kernel", "optimizer.0", "optimizer.1", "more", "4.optimizer.0", "0.kernel.0"])
def test_arrays_of_a_graph_that_are_missing_or_too_many_are_found_by_load(samples, tmp_path, name):
    path = tmp_path / "m.safetensors"
    path.write_bytes(samples[3])

    def change(arrays):
        if name in arrays:
            return {known: array for known, array in arrays.items() if known != name}
        return arrays | {name: np.zeros(3, np.float32)}

    with_changes(path, tensors=change)
    with pytest.raises(ValueError, match=r"cannot be loaded: (the array|.* must be)"):
        fastnn.load(path)


def _model(items, calls, n_inputs=1, **more):
    ends = {"input_form": "one", "output_form": "one", "input_names": ["x"], "output_names": ["y"]}
    counts = {"seed": 1, "epoch": 0, "step": 0}
    graph = {"items": items, "sources": [0], "calls": calls, "outputs": [len(calls)]}
    return {"class": "Model"} | graph | ends | counts | more


def _doubled(times):
    """A model that calls the one before twice, and so on."""
    items = [{"class": "Input", "shape": [4]}, {"class": "Flatten"}, _model([0, 1], [[1, [0]]])]
    for _ in range(times):
        items.append(_model([0, len(items) - 1], [[1, [0]], [1, [1]]]))
    return items


def _deep(times):
    items = [{"class": "Flatten"}]
    for _ in range(times):
        chain = {"class": "Sequential", "seed": 1, "epoch": 0, "step": 0, "items": [len(items) - 1], "input_shape": [4]}
        items.append(chain)
    return items


GRAPH_BOMBS = {
    "models that call each other twice": lambda: _doubled(60),
    "just too many of them": lambda: _doubled(14),
    "hundreds of models in each other": lambda: _deep(300),
    "wide layers": lambda: [
        {"class": "Input", "shape": [10**9]},
        layer(10**9),
        _model([0, 1], [[1, [0]]]),
    ],
    "many calls of one layer": lambda: [
        {"class": "Input", "shape": [4]},
        {"class": "Flatten"},
        _model([0, 1], [[1, [i]] for i in range(1000)], extra=1),
    ],
}


@pytest.mark.parametrize("case", GRAPH_BOMBS)
def test_no_graph_is_made_larger_than_its_text_allows(samples, tmp_path, case):
    path = tmp_path / "m.safetensors"
    path.write_bytes(samples[3])
    with_changes(path, described=lambda described: {"dtype": "float32", "items": GRAPH_BOMBS[case]()})
    began = time.process_time()
    assert cost(path) < 100 * path.stat().st_size
    assert time.process_time() - began < 4


ENCODINGS = {
    "version": lambda e: e.update(version="one"),
    "no columns": lambda e: e["features"].update(columns=[]),
    "a mean of text": lambda e: e["features"]["columns"][0].update(mean="3"),
    "a gap that is a number": lambda e: e["features"]["columns"][0].update(gaps=1),
    "a huge mean": lambda e: e["features"]["columns"][0].update(mean=10**400),
    "categories that are the same": lambda e: e["features"]["columns"][1].update(values=["x", "x"]),
    "categories of numbers": lambda e: e["features"]["columns"][1].update(values=[1, 2]),
    "categories that are a word": lambda e: e["features"]["columns"][1].update(values="xy"),
    "one label": lambda e: e["target"].update(labels=["yes"]),
    "labels that are lists": lambda e: e["target"].update(labels=[["yes"], ["no"]]),
    "more labels than outputs": lambda e: e["target"].update(labels=["a", "b", "c"]),
    "another kind": lambda e: e["target"].update(kind="magic"),
    "pixels": lambda e: e.update(features={"kind": "pixels", "shape": [10**12]}),
    "words of numbers": lambda e: e.update(trained={"rows": 4}),
    "something that nothing reads": lambda e: e.update(extra=1),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_an_encoding_that_is_damaged_is_found_by_load(samples, tmp_path, case):
    path = tmp_path / "m.safetensors"
    path.write_bytes(samples[2])
    assert "table" in fastnn.load(path).metadata
    header, arrays = parts_of(path.read_bytes())
    metadata = json.loads(header["__metadata__"]["metadata"])
    encoding = json.loads(metadata["table"])
    ENCODINGS[case](encoding)
    header["__metadata__"]["metadata"] = json.dumps(metadata | {"table": json.dumps(encoding)})
    path.write_bytes(file_of(header, arrays))
    with pytest.raises(ValueError, match="cannot be loaded: this model's encoding is damaged"):
        fastnn.load(path)


@pytest.mark.parametrize(
    "made",
    [
        lambda: model_of(Dense(1, use_bias=1)),
        lambda: model_of(Dense(1, name=5)),
        lambda: model_of(optimizer=fastnn.optimizers.SGD(nesterov="yes")),
        lambda: model_of(optimizer=fastnn.optimizers.SGD(fastnn.schedules.ExponentialDecay(0.1, 3, 0.5, staircase=1))),
    ],
)
def test_what_load_would_refuse_no_model_takes(made):
    with pytest.raises((TypeError, ValueError), match=r"must be|True or False"):
        made()


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(ValueError, match=r"is no fastnn model.*no regular file"):
            fastnn.load(path)


# -- weights alone ----------------------------------------------------------------------------------


def test_weights_go_by_their_order_whatever_stands_between_them(tmp_path):
    first = Sequential([Dense(5, input_shape=(3,)), *(Dropout(0.1) for _ in range(9)), Dense(4), Dense(2)], seed=1)
    second = Sequential([Dense(5, "relu", input_shape=(3,)), Dense(4, name="x"), Dense(2)], seed=2)
    first.compile("sgd", "mse")
    for write in (first.save_weights, first.save):
        write(tmp_path / "w")
        second.set_weights([w * 0 for w in second.get_weights()])
        second.load_weights(tmp_path / "w")
        for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_weights_of_other_shapes_or_another_number_change_nothing(tmp_path):
    model = Sequential([Dense(5, input_shape=(3,)), Dense(2)], seed=1)
    before = model.params.tobytes()
    for other, words in (
        (
            Sequential([Dense(5, input_shape=(3,)), Dense(3)]),
            r"its 1.kernel has the shape \(5, 3\), and dense_1/kernel of the",
        ),
        (Sequential([Dense(5, input_shape=(3,))]), "it has 2 arrays of weights, and the model takes 4"),
    ):
        other.save_weights(tmp_path / "w")
        with pytest.raises(ValueError, match=words):
            model.load_weights(tmp_path / "w")
    with safe_open(tmp_path / "w", framework="numpy") as file:
        assert file.metadata()["format"] == "fastnn weights"
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-1])
    with pytest.raises(ValueError, match="w cannot be loaded: its arrays end"):
        model.load_weights(tmp_path / "w")
    with pytest.raises(FileNotFoundError, match="no such file"):
        model.load_weights(tmp_path / "nothing")
    assert model.params.tobytes() == before


def test_weights_of_the_other_precision_are_converted(tmp_path):
    wide = Sequential([Dense(2, input_shape=(3,))], seed=1, dtype="float64")
    wide.save_weights(tmp_path / "w")
    narrow = Sequential([Dense(2, input_shape=(3,))], seed=2)
    narrow.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(narrow.get_weights()[0], wide.get_weights()[0].astype(np.float32))
