"""The encoding of a table in C: raw rows become the numbers, and outputs the labels, that Python makes of them."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from c_compilers import HERE, checked, emulated, library, needs

import fastnn
from fastnn.cli import main
from fastnn.interop import to_c
from fastnn.interop.c.encoding import PHASES
from fastnn.layers import Concatenate, Dense, Embedding, Flatten, Input
from fastnn.tables import Encoding, FeatureOptions, fit_features, table_of_frame
from fastnn.tables.phases import Moments
from fastnn.tables.target import Quantity

TEMPLATES = HERE.parent / "fastnn" / "interop" / "c" / "templates"
RIGHT = "all numbers are right"
SANITIZED = "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"
PEOPLE = 'age,city,member,"%x y",wage,kind\n'
TRAININGS = {
    "classes": ("people.csv", "--target", "kind"),
    "number": ("people.csv", "--target", "wage"),
    "images": ("digits.npz", "--target", "y"),
    "forecast": ("sales.csv", "--target", "sold", "--time-column", "day", "--window", "6", "--horizon", "3"),
    "weather": ("sales.csv", "--target", "sky", "--time-column", "day", "--window", "6", "--network", "gru"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Models by the shell, as files."""
    folder = tmp_path_factory.mktemp("tables")
    draw = np.random.default_rng(0)
    with open(folder / "people.csv", "w") as file:
        file.write(PEOPLE)
        for i in range(150):
            age, city = draw.integers(18, 80), draw.choice(["Bern", "Oslo", 'Z\u00fc""rich', ""])
            member, number = draw.choice(["true", "false", ""]), draw.choice(["1.5", "", "1e9"])
            file.write(
                f'{age if i % 7 else ""},"{city}",{member},{number},{2 * age + draw.normal():.3f},{"abc"[i % 3]}\n'
            )
    with open(folder / "sales.csv", "w") as file:
        file.write("day,sold,sky\n")
        for i in range(800):
            day = np.datetime64("1999-01-01") + i
            file.write(f"{day},{i + 9 * np.sin(i / 7) + draw.normal():.3f},{draw.choice(['wet', 'dry'])}\n")
    np.savez(folder / "digits.npz", x=draw.integers(0, 256, (60, 5, 4)).astype(np.uint8), y=np.arange(60) % 3)
    for name, (data, *options) in TRAININGS.items():
        out = folder / f"{name}.safetensors"
        short = "--epochs", "1", "--seed", "1", "--hidden", "8", "--out", str(out)
        assert main(["train", str(folder / data), *options, *short]) == 0
    return folder


@pytest.mark.parametrize("name", TRAININGS)
@needs("gcc")
def test_raw_rows_become_the_same_numbers(tmp_path, trained, name):
    to_c(fastnn.load(trained / f"{name}.safetensors"), tmp_path)
    assert "model_encode(raw" in (tmp_path / "model_main.c").read_text()
    assert RIGHT in checked("gcc", tmp_path, "model", *SANITIZED)


@needs("gcc")
@pytest.mark.parametrize("kinds", ["numbers", "codes", "both"])
def test_every_kind_of_column_becomes_the_same_numbers(tmp_path, rng, kinds):
    n = 80
    x = np.where(rng.random((n, 2)) < 0.2, np.nan, rng.lognormal(size=(n, 2)))
    columns = {"city": rng.choice(["Bern", "Oslo", "Rome"], n)}
    if kinds != "codes":
        moments = np.datetime64("2019-01-01T00:00") + rng.integers(0, 2_000_000, n)
        columns |= {"few": x[:, 0].round(), "many": x[:, 1], "flag": rng.integers(0, 2, n)}
        columns["sky"] = rng.choice(["wet", "dry"], n)
        columns |= {"day": [None, *moments[1:].astype(str)], "date": moments.astype("M8[D]")}
    if kinds != "numbers":
        columns["job"] = rng.choice([f"job {i}" for i in range(9)], n)
    table = table_of_frame(columns)
    features, _ = fit_features(table, FeatureOptions(8, None if kinds == "numbers" else 2, True))
    inputs = [Input((width,)) for width in features.widths]
    ends = inputs if kinds == "numbers" else [*inputs[:-1], Flatten()(Embedding(features.n_ids[-1], 2)(inputs[-1]))]
    model = fastnn.Model(inputs, Dense(1)(Concatenate()(ends) if len(ends) > 1 else ends[0]), seed=1)
    model.metadata.update(Encoding(features, Quantity("y", 0.0, 1.0)).metadata())
    to_c(model, tmp_path)
    text = (tmp_path / "model.c").read_text()
    assert ("put_pieces" in text, "float *codes" in text) == (kinds != "codes", kinds == "both")
    assert RIGHT in checked("gcc", tmp_path, "model", *SANITIZED)


@needs("arm-none-eabi-gcc", "qemu-system-arm")
def test_raw_rows_on_a_cortex_m4(tmp_path, trained):
    to_c(fastnn.load(trained / "forecast.safetensors"), tmp_path)
    assert RIGHT in emulated(tmp_path, "model")


@needs("gcc")
def test_labels_and_values_come_back(tmp_path, trained):
    y = np.float32([[0.1, 0.7, 0.2], [0.5, 0.1, 0.4], [0.3, 0.35, 0.35]])
    for name, kind in (("classes", ctypes.c_int), ("number", ctypes.c_double)):
        model = fastnn.load(trained / f"{name}.safetensors")
        target = Encoding.of(model).row_target
        to_c(model, tmp_path, name=name)
        functions = library(tmp_path, [name])
        decode = getattr(functions, f"{name}_{'class' if kind is ctypes.c_int else 'value'}")
        decode.restype = kind
        found = [decode(ctypes.c_void_p(row.ctypes.data)) for row in y]
        if kind is ctypes.c_int:
            labels = (ctypes.c_char_p * 3).in_dll(functions, "classes_labels")
            assert [labels[i].decode() for i in found] == target.decode(y)
        else:
            np.testing.assert_allclose(found, target.decode(y[:, :1]))
    forecast = Encoding.of(fastnn.load(trained / "forecast.safetensors")).target
    to_c(fastnn.load(trained / "forecast.safetensors"), tmp_path, name="ahead")
    functions, values = library(tmp_path, ["ahead"]), np.empty(3)
    functions.ahead_values(ctypes.c_void_p(y.ctypes.data), ctypes.c_double(5.0), ctypes.c_void_p(values.ctypes.data))
    np.testing.assert_allclose(values, forecast.decode(y[:1], np.array([5.0]))[0])


@needs("gcc")
def test_texts_are_found_whatever_signs_they_have(tmp_path, trained):
    model = fastnn.load(trained / "classes.safetensors")
    values = next(f for f in Encoding.of(model).features.features if f.name == "city").values
    to_c(model, tmp_path)
    find = library(tmp_path, ["model"]).model_city_id
    assert [find(ctypes.c_char_p(value.encode())) for value in values] == [0, 1, 2]
    assert (find(None), find(b"Berne"), find(b"")) == (-1, -2, -2)


@needs("gcc")
@pytest.mark.parametrize("cycle", PHASES)
def test_phases_of_the_calendar_are_pythons(tmp_path, cycle):
    """From the year 0 to 4000, and around the ends of months and years."""
    body = f"double phase(int64_t time) {{ return {PHASES[cycle]}; }}\n"
    (tmp_path / "phase.c").write_text(f'#include "{TEMPLATES}/table.h"\n{body}')
    phase = library(tmp_path, ["phase"], "-Wno-unused-function").phase
    phase.argtypes, phase.restype = [ctypes.c_int64], ctypes.c_double
    draw = np.random.default_rng(0)
    first, last = (int(np.datetime64(year, "us").astype(np.int64)) for year in ("0000", "4000"))
    ends = np.arange("1890", "2110", dtype="M8[M]").astype("M8[us]").astype(np.int64)
    times = np.concatenate([draw.integers(first, last, 500), ends, ends - 1])
    np.testing.assert_allclose([phase(int(time)) for time in times], Moments(times).phase(cycle), 0, 1e-12)


def test_texts_of_words_are_refused_and_the_network_alone_is_not(tmp_path):
    rows = "".join(f"{'good film' if i % 2 else 'bad book'} {i},{'ab'[i % 2]}\n" for i in range(60))
    (tmp_path / "texts.csv").write_text("text,y\n" + rows)
    out = tmp_path / "m.safetensors"
    arguments = "--target", "y", "--text", "text", "--epochs", "1", "--out", str(out)
    assert main(["train", str(tmp_path / "texts.csv"), *arguments]) == 0
    model = fastnn.load(out)
    with pytest.raises(ValueError, match=r"words or characters.*encoding=False"):
        to_c(model, tmp_path / "c")
    assert "encode" not in (to_c(model, tmp_path / "c", encoding=False).files[0]).read_text()
