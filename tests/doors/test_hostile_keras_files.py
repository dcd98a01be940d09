"""Files with the ending .keras that are damaged, or made to do harm: documented errors, no code, no large memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from fastnn.interop import from_keras

h5py = pytest.importorskip("h5py", reason="h5py is missing, which reads the weights in .keras files")


def layer(kind, **config):
    return {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}


def config_of(*layers, shape=(4,)):
    first = layer("InputLayer", name="x", batch_shape=[None, *shape])
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


DENSE = config_of(layer("Dense", name="dense", units=2))
ARRAYS = {"layers/dense/vars/0": np.ones((4, 2), "f"), "layers/dense/vars/1": np.zeros(2, "f")}


def weights(arrays=ARRAYS, change=None):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        if change:
            change(file)
    return content.getvalue()


def written(path, config=DENSE, h5=None, more=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as whole, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        whole.writestr("metadata.json", "{}")
        whole.writestr("config.json", config if isinstance(config, bytes | str) else json.dumps(config))
        whole.writestr("model.weights.h5", weights() if h5 is None else h5)
        for name, content in more:
            whole.writestr(name, content)
    return path


def refused(path, words="m.keras"):
    """It is an error of the documented kind, soon, without much memory."""
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            from_keras(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert time.process_time() - began < 2
    assert peak < 20 * os.path.getsize(path) + 3_000_000


def test_a_good_file_is_read_without_keras(tmp_path):
    model = from_keras(written(tmp_path / "m.keras"))
    assert model.predict([[1.0, 1.0, 1.0, 1.0]]).tolist() == [[4.0, 4.0]]


def test_a_missing_file_is_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        from_keras(tmp_path / "m.keras")


NOT_ARCHIVES = {
    "nothing": b"",
    "text": b"hello",
    "the head of an archive": b"PK\x03\x04" + bytes(40),
    "an empty archive": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("case", NOT_ARCHIVES)
def test_what_is_no_archive_is_refused(tmp_path, case):
    (tmp_path / "m.keras").write_bytes(NOT_ARCHIVES[case])
    refused(tmp_path / "m.keras")


def test_a_file_of_an_older_keras_is_told(tmp_path):
    (tmp_path / "m.keras").write_bytes(weights())
    refused(tmp_path / "m.keras", "save it as .keras")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(ValueError, match="no regular file"):
        from_keras(tmp_path / "pipe.keras")


def deep(times):
    return b'{"class_name": "Sequential", "config": ' + b'{"a":' * times + b"1" + b"}" * times + b"}"


def nested(times):
    made = DENSE["config"]
    for i in range(times):
        made = {"name": f"m{i}", "layers": [{"class_name": "Sequential", "config": made}]}
    return {"class_name": "Sequential", "config": made}


CALL = {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}], "kwargs": {}}
GRAPH = {
    "class_name": "Functional",
    "config": {
        "name": "g",
        "layers": [
            layer("InputLayer", name="x", batch_shape=[None, 4]) | {"name": "x", "inbound_nodes": []},
            layer("Dense", name="dense", units=2) | {"name": "dense", "inbound_nodes": [CALL]},
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    },
}


def graph(change):
    made = json.loads(json.dumps(GRAPH))
    change(made["config"])
    return made


def edge(config):
    return config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]


CONFIGS = {
    "no object": [1, 2],
    "a number": 3,
    "no class": {"config": {}},
    "no config": {"class_name": "Sequential"},
    "no layers": {"class_name": "Sequential", "config": {}},
    "layers of text": {"class_name": "Sequential", "config": {"layers": "Dense"}},
    "a layer of text": config_of("Dense"),
    "a layer without a config": config_of({"class_name": "Dense"}),
    "a layer that is a list": config_of([1]),
    "units of text": config_of(layer("Dense", name="dense", units="2")),
    "units below zero": config_of(layer("Dense", name="dense", units=-2)),
    "a huge layer": config_of(layer("Dense", name="dense", units=10**9)),
    "very huge layers": config_of(layer("Dense", name="dense", units=10**30)),
    "a huge input": config_of(layer("Dense", name="dense", units=2), shape=(10**9,)),
    "many wide layers": config_of(*(layer("Dense", name=f"d{i}", units=3000) for i in range(200))),
    "a wide embedding": config_of(layer("Embedding", name="e", input_dim=10**9, output_dim=10**3)),
    "an unknown activation": config_of(layer("Dense", name="dense", units=2, activation="evil")),
    "an activation that is a class": config_of(
        layer("Dense", name="dense", units=2, activation={"module": "os", "class_name": "system", "config": "id"})
    ),
    "an initialiser of its own": config_of(
        layer("Dense", name="dense", units=2, kernel_initializer={"module": "os", "class_name": "X", "config": {}})
    ),
    "a Lambda": config_of(layer("Lambda", name="l", function={"class_name": "__lambda__", "config": {"code": "4wEA"}})),
    "a class of elsewhere": config_of({"module": "os", "class_name": "system", "config": {"name": "x"}}),
    "a duplicate key": b'{"class_name": "Sequential", "class_name": "Sequential"}',
    "not a number": b'{"class_name": "Sequential", "config": {"layers": [NaN]}}',
    "half a text": json.dumps(DENSE)[:-9],
    "no unicode": b"\xff\xfe",
    "a deep text": deep(100_000),
    "models in models": nested(150),
    "two layers of a name": config_of(*(layer("Dense", name="dense", units=2) for _ in range(2))),
    "an edge from nowhere": graph(lambda c: c.update(output_layers=[["nothing", 0, 0]])),
    "an edge of text": graph(lambda c: c.update(output_layers="dense")),
    "a cycle": graph(lambda c: edge(c).update(keras_history=["dense", 0, 0])),
    "calls of text": graph(lambda c: c["layers"][1].update(inbound_nodes="x")),
    "a call of numbers": graph(lambda c: c["layers"][1].update(inbound_nodes=[3])),
    "an edge without history": graph(lambda c: c["layers"][1]["inbound_nodes"][0]["args"][0].update(config={})),
    "a mask of text": graph(lambda c: c["layers"][1]["inbound_nodes"][0].update(kwargs={"mask": "x"})),
    "a call with more": graph(lambda c: c["layers"][1]["inbound_nodes"][0].update(kwargs={"evil": [1]})),
    "a layer without a name": graph(lambda c: c["layers"][1]["config"].pop("name")),
    "a function that runs": graph(
        lambda c: c["layers"][1].update(module="keras.src.ops.numpy", class_name="Eval", config={"name": "dense"})
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_that_means_no_model_is_refused(tmp_path, case):
    refused(written(tmp_path / "m.keras", CONFIGS[case]))


def test_how_it_is_trained_may_be_nonsense(tmp_path):
    for compiled in ("adam", {"optimizer": {"class_name": "Evil", "config": {}}}, {"optimizer": 3}, {"metrics": [{}]}):
        path = written(tmp_path / "m.keras", DENSE | {"compile_config": compiled})
        with pytest.warns(UserWarning, match="the model is not compiled"):
            assert from_keras(path).optimizer is None


def external(file):
    file["layers/dense/vars/2"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(file):
    file["layers/dense/vars/2"] = h5py.SoftLink("/layers/dense/vars/0")


def elsewhere(file):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (4, 2), "f4", external=[("/etc/passwd", 0, 32)])


def virtual(file):
    del file["layers/dense/vars/0"]
    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 2))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def compressed(file):
    del file["layers/dense/vars/0"]
    file.create_dataset("layers/dense/vars/0", (4, 2), "f4", data=np.ones((4, 2)), compression="gzip")


def unwritten(file):
    file.create_dataset("layers/dense/vars/2", (10**6, 10**6), "f4")


def texts(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.array([b"a", b"b"])


def circle(file):
    file["layers/dense/again"] = file["layers"]


FILES = {
    "another shape": ({**ARRAYS, "layers/dense/vars/0": np.ones((2, 4), "f")}, None),
    "one too few": ({"layers/dense/vars/0": ARRAYS["layers/dense/vars/0"]}, None),
    "one too many": ({**ARRAYS, "layers/dense/vars/2": np.ones(2, "f")}, None),
    "a gap": ({"layers/dense/vars/0": np.ones((4, 2), "f"), "layers/dense/vars/2": np.ones(2, "f")}, None),
    "no layers": ({}, None),
    "another layer": ({name.replace("dense", "other"): array for name, array in ARRAYS.items()}, None),
    "one in a group of its own": ({**ARRAYS, "layers/dense/more/vars/0": np.ones(2, "f")}, None),
    "complex numbers": ({**ARRAYS, "layers/dense/vars/1": np.ones(2, complex)}, None),
    "not a number": ({**ARRAYS, "layers/dense/vars/1": np.full(2, np.nan, "f")}, None),
    **{change.__name__: (ARRAYS, change) for change in (external, soft, elsewhere, virtual, compressed, unwritten)},
    **{change.__name__: (ARRAYS, change) for change in (texts, circle)},
}


@pytest.mark.parametrize("case", FILES)
def test_arrays_that_do_not_fit_are_refused(tmp_path, case):
    refused(written(tmp_path / "m.keras", h5=weights(*FILES[case])))


def test_damaged_files_of_weights_are_refused(tmp_path):
    good, rng = weights(), np.random.default_rng(0)
    for content in (b"", b"x", good[:100], good[: len(good) // 2], good[8:]):
        refused(written(tmp_path / "m.keras", h5=content))
    for _ in range(20):
        damaged = bytearray(good)
        for at in rng.integers(0, len(good), 4):
            damaged[at] = rng.integers(256)
        path = written(tmp_path / "m.keras", h5=bytes(damaged))
        with contextlib.suppress(ValueError):
            from_keras(path)


def test_damaged_archives_are_refused(tmp_path):
    good, rng = written(tmp_path / "m.keras").read_bytes(), np.random.default_rng(1)
    for _ in range(40):
        damaged = bytearray(good)
        for at in rng.integers(0, len(good), 3):
            damaged[at] = rng.integers(256)
        cut = rng.integers(len(good) // 2, len(good)) if rng.random() < 0.3 else len(good)
        (tmp_path / "m.keras").write_bytes(damaged[:cut])
        with contextlib.suppress(ValueError):
            from_keras(tmp_path / "m.keras")


def test_bombs_do_not_go_off(tmp_path):
    zeros = bytes(50_000_000)
    refused(written(tmp_path / "a.keras", config=zeros, compression=zipfile.ZIP_DEFLATED), "would have 50000000 bytes")
    refused(written(tmp_path / "b.keras", h5=zeros, compression=zipfile.ZIP_DEFLATED), "would have")
    refused(written(tmp_path / "c.keras", more=[("config.json", "{}")]), "must have one part config.json, and has 2")


def test_names_of_an_archive_are_no_paths(tmp_path):
    path = written(tmp_path / "m.keras", more=[("../evil", "x"), ("/tmp/evil", "x"), ("assets/a.txt", "x")])
    before = set(tmp_path.parent.rglob("*"))
    assert from_keras(path).count_params() == 10
    assert set(tmp_path.parent.rglob("*")) == before
