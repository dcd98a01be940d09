"""What the benches time: networks, convolutions and products are counted right, and calls give the right numbers."""

from __future__ import annotations

import dataclasses
import importlib
import math
from pathlib import Path

import numpy as np
import pytest
from tolerance import assert_close

from fastnn import _kernels
from fastnn.models import profiling, work

BENCH = Path(__file__).resolve().parents[2] / "bench"
NATIVE = _kernels.why_not("cython")
needs_native = pytest.mark.skipif(NATIVE is not None, reason=str(NATIVE))


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of bench/ by its name, as its neighbours do."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def test_networks_fill_whole_batches_and_show_every_class(bench):
    cases = bench("cases")
    for name, network in cases.NETWORKS.items():
        assert network.rows % network.batch == 0, name
        if network.rows * math.prod(network.shape) > 10**6:
            continue
        x, y = cases.data(network, "float64")
        assert (x.shape, x.dtype, len(y)) == ((network.rows, *network.shape), np.float64, network.rows)
        if network.loss != cases.SQUARES:
            assert len(np.unique(y)) == max(2, network.n_out), name
    assert cases.NETWORKS["xor"].flops == 4 * (6 * (8 + 4) - 2 * 8)
    assert cases.NETWORKS["xor"].n_params == 17


def test_multiply_adds_of_images_are_counted_from_the_layers(bench):
    networks = bench("cases").NETWORKS
    first, second, flat = 28 * 28 * 25 * 6, 10 * 10 * 25 * 6 * 16, 400 * 120 + 120 * 84 + 84 * 10
    assert networks["lenet"].flops == 2 * 128 * (2 * first + 3 * (second + flat))
    assert networks["lenet"].n_params == 25 * 6 + 6 + 25 * 6 * 16 + 16 + flat + 120 + 84 + 10
    conv = 16 * 16 * 9 * 32 * 32
    assert networks["residual32"].flops == 2 * 64 * (2 * conv + 3 * (3 * conv + 320))
    assert networks["residual32"].n_params == 4 * (9 * 32 * 32 + 2 * 32) + 330


@needs_native
@pytest.mark.parametrize("name", ["policy", "lenet", "lstm", "gru", "rnn", "padded", "lengths", "attention"])
def test_profiles_count_the_products_that_benches_count(bench, name):
    network = bench("cases").NETWORKS[name]
    x, y = bench("cases").data(network, "float32")
    model = bench("timed").make(network, dtype="float32", backend="cython")
    trainer = profiling._trainer(model, x, y, network.batch, None)
    there = work.steps_there(trainer.plan, trainer.memory, trainer.rows.inputs)
    ops = work.ops_of(trainer.plan, network.batch, there)
    found = sum(op.flop_forward + op.flop_backward + op.flop_dw for op in ops)
    assert found == pytest.approx(network.flops, rel=0.05 if name == "lengths" else 1e-9)  # those are drawn


@pytest.mark.parametrize("name", ["policy", "lenet", "residual32"])
def test_fastnn_is_timed_with_the_outputs_that_are_right(bench, name):
    cases = bench("cases")
    network = cases.NETWORKS[name]
    layers, x = cases.weights(network, "float64"), cases.data(network, "float64")[0][:3]
    right = bench("reference").outputs(network, layers, x)
    for call in bench("peers.fastnn").predict(network, layers, x).values():
        assert_close(call(), right, np.dtype("float64"), 5, 400)


def test_groups_of_convolutions_have_the_channels_that_they_are_named_for(bench):
    convolutions = bench("single_convolutions")
    groups = convolutions.GROUPS
    assert len(groups["wide"]) == 20
    assert len(convolutions.CASES) == sum(map(len, groups.values()))
    fewest = {name: [min(case.shape[2], case.conv.n) for case in cases] for name, cases in groups.items()}
    assert min(fewest["wide"]) == 16
    assert 1 <= min(fewest["few"]) <= max(fewest["few"]) <= 8
    assert all(case.conv.depthwise and case.conv.k == 3 for case in groups["depthwise"])


@pytest.mark.parametrize("shape", ["15x17 24>40 3x3 same", "14x14 6>16 5x5 valid", "29x29 32>each 3x3/2 valid"])
def test_each_pass_of_a_convolution_is_timed_with_the_right_result(bench, shape, dtype):
    convolutions, fastnn = bench("single_convolutions"), bench("peers.fastnn")
    case = dataclasses.replace(convolutions.CASES[shape], images=3)
    given = convolutions.arrays(case, dtype.name)
    for part in convolutions.PASSES:
        call, as_numpy = fastnn.convolve(case.conv, part, given)["fastnn"]
        right = convolutions.right(case, part, given)
        assert as_numpy(call()).shape == right.shape
        assert_close(as_numpy(call()), right, dtype, np.abs(right).max(), 1000)


def test_same_padding_that_libraries_place_differently_is_refused(bench):
    with pytest.raises(ValueError, match="odd windows and strides of 1"):
        bench("layers").Conv(3, 2)


def test_shapes_of_products_are_many_and_always_the_same(bench):
    products = bench("products")
    shapes = products.shapes()
    assert shapes == products.shapes()
    assert shapes[:7] == products.shapes(7)
    assert len(shapes) == 200
    assert {form for form, *_ in shapes} == set(products.FORMS)
    sizes = [size for _, *shape in shapes for size in shape]
    assert (min(sizes), max(sizes)) == (1, 2048)
    assert {7, 131, 2039} < set(sizes)


@needs_native
def test_the_sweep_times_products_that_equal_blas(bench, dtype, monkeypatch):
    products = bench("products")
    monkeypatch.setattr(products, "TURN_SECONDS", 1e-5)
    found = products.sweep(dtype.name, 9)
    assert len(found) == 9
    assert all(p["us"] > 0 and p["blas_us"] > 0 for p in found)


@needs_native
def test_the_way_back_through_an_op_is_the_product_with_the_transposed_kernel(bench, dtype):
    rows, ours, blas = bench("products").case("dz @ W.T", 30, 17, 5, dtype.name)
    assert rows == 30
    assert_close(ours(), blas(), dtype, 5, 25)


@needs_native
def test_the_peak_counts_its_operations(dtype):
    native = _kernels.load("cython")
    before = native.isa()
    for isa, _, runs in native.isas():
        if runs:
            native.use_isa(isa)
            assert native.fma_peak(10, dtype.name) == 10 * native.fma_peak(1, dtype.name) > 0
    native.use_isa(before)


@needs_native
def test_the_peak_of_numbers_of_low_precision_is_that_of_the_instructions_in_use():
    native = _kernels.load("cython")
    before = native.extras()
    try:
        native.use_extras([])
        plain = native.fma_peak(10, "float32")
        assert native.fma_peak(10, "bfloat16") == plain
        assert native.fma_peak(10, "int8") == 0
        native.use_extras(before)
        assert native.fma_peak(10, "bfloat16") == plain * (1 + ("avx512_bf16" in before and native.isa() == "avx512"))
        assert native.fma_peak(10, "int8") in (0, 4 * plain)
    finally:
        native.use_extras(before)


@needs_native
def test_steps_and_predictions_of_networks_have_a_bound(bench):
    bounds = bench("bounds")
    step, row, rows = (bounds.of_network("policy", "float32", 1, n) for n in (None, 1, 1024))
    assert 0 < row < rows
    assert step > 0


@needs_native
def test_the_compiler_has_a_name_and_a_version():
    assert any(digit in _kernels.load("cython").compiler() for digit in "0123456789")
