"""Numbers that are predicted within limits are within them in exports, too."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from fastnn import Sequential, interop
from fastnn.layers import Dense
from fastnn.tables import Encoding, Numbers, Table, fit_features, fit_quantity
from fastnn.tabular import Options, Settings, fit_table
from fastnn.tabular.choices import Choice

FAR = np.array([-50.0, 0.3, 50.0])


@pytest.fixture(scope="module")
def limited():
    x = np.random.default_rng(0).uniform(-1, 1, 100)
    choice = Choice(Settings(hidden=(8,), epochs=10, learning_rate=0.1), 1, 5, 4)
    fitted = fit_table(Table({"x": Numbers(x)}), Numbers(x**3), "y", Options(choice=choice))
    fitted.model.metadata.update(fitted.encoding.metadata())
    encoding = fitted.encoding
    said = encoding.row_target.decode(fitted.model.predict(encoding.features.encode(Table({"x": Numbers(FAR)}))))
    assert {said.min(), said.max()} & set(encoding.row_target.limits)  # one row is far out
    return fitted.model, said


def test_onnx(limited, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model, said = limited
    interop.to_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    (given,) = session.get_inputs()
    dtype = np.float64 if "double" in given.type else np.float32
    (told,) = session.run(None, {given.name: FAR.reshape(-1, 1).astype(dtype)})
    np.testing.assert_allclose(told.ravel(), said, rtol=1e-5)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="it needs gcc")
def test_c(limited, tmp_path):
    model, _ = limited
    interop.to_c(model, tmp_path)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\nint main(void) {\n'
        "    const float far[2] = {-1e6f, 1e6f};\n"
        '    for (int i = 0; i < 2; ++i) printf("%.17g\\n", model_value(&far[i]));\n    return 0;\n}\n'
    )
    program = str(tmp_path / "p")
    files = [str(tmp_path / name) for name in ("main.c", "model.c")]
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", *files, "-lm", "-o", program], check=True)
    told = [
        float(line) for line in subprocess.run([program], capture_output=True, check=True, text=True).stdout.split()
    ]
    assert told == sorted(Encoding.of(model).row_target.limits)


def test_scikit_learn_refuses():
    pytest.importorskip("sklearn")
    table = Table({"x": Numbers(np.arange(9.0))})
    model = Sequential([Dense(4, "relu", input_shape=(1,)), Dense(1)], seed=1)
    target = fit_quantity("y", table.columns["x"], limited=True)
    model.metadata.update(Encoding(fit_features(table)[0], target).metadata())
    with pytest.raises(ValueError, match="within limits"):
        interop.to_sklearn(model)
