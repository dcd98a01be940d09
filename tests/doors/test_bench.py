"""The benches' own code: what they read and print is right, and the comparison with peers runs."""

from __future__ import annotations

import copy
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
PEAK, BANDWIDTH = 100e9, 20e9


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of bench/ by its name, as its neighbours do."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def figures() -> dict:
    """A result of run.py with round numbers."""
    product = {"form": "x @ W", "m": 100, "n": 1000, "k": 500, "us": 2000.0, "blas_us": 1000.0}
    return {
        "format": 1,
        "machine": {
            "cpu": "Some CPU",
            "cores": 2,
            "last_cache": 2**20,
            "load": 0.1,
            "isa": "avx2",
            "compiler": "GCC 12",
            "system": "Linux x86_64",
            "python": "3.12.0",
            "numpy": "2.4.0",
            "fastnn": "0.1.0",
            "date": "2030-01-01T00:00:00+00:00",
        },
        "settings": {"threads": 1, "dtype": "float32", "rounds": 3},
        "versions": {"fastnn": "0.1.0", "torch": "2.13.0"},
        "bounds": {
            "flops": {"avx2": {"float32": {"1": PEAK, "2": 2 * PEAK}}},
            "bytes": {"1": BANDWIDTH, "2": BANDWIDTH},
        },
        "least": {"xor": 0.2, "policy 1": 0.5},
        "train": {
            "xor": {"fastnn": 0.5, "torch": 150.0, "sklearn": 0.25, "fastnn on 2": 0.6},
            "thin": {"fastnn": 20_000.0, "torch": 30_000.0},
        },
        "predict": {"policy 1": {"fastnn": 2.0, "onnxruntime": 3.0}},
        "convolve": {
            "28x28 1>6 5x5 same forward": {"fastnn": 1000.0, "torch": 3000.0, "torch.nhwc": 2000.0},
            "28x28 1>6 5x5 same dx": {"fastnn": 1000.0, "torch": 500.0},
            "32x32 3>16 3x3 same forward": {"fastnn": 1000.0, "torch": 8000.0},
        },
        "step": {"gru": {"fastnn": 2.0, "torch": 80.0}},
        "updates": {"avx2": {"adam": {"us": 1000.0, "bytes": 10_000_000}}},
        "products": {"avx2": [product, product | {"m": 512, "n": 512, "k": 512, "us": 10.0, "blas_us": 20.0}]},
    }


def of_pytest(**least) -> dict:
    """What pytest-benchmark writes, as far as it is read."""
    cases = [{"fullname": name, "stats": {"min": seconds}} for name, seconds in least.items()]
    info = {"cpu": {"brand_raw": "Some CPU"}, "python_version": "3.12.0", "isa": "avx2", "threads": 2}
    return {"machine_info": info, "benchmarks": cases}


@pytest.fixture
def compared(bench, tmp_path, capsys):
    """Runs compare.py on two results: its exit code, and the lines it printed."""

    def compare(old, new, *options):
        paths = []
        for name, content in (("old", old), ("new", new)):
            paths.append(tmp_path / f"{name}.json")
            paths[-1].write_text(json.dumps(content), encoding="utf-8")
        code = bench("compare").main([*map(str, paths), *options])
        out, err = capsys.readouterr()
        return code, out.splitlines() + err.splitlines()

    return compare


def test_equal_figures_have_no_change(compared):
    code, lines = compared(figures(), figures())
    assert code == 0
    assert lines == [
        "11 times compared: 0 slower and 0 faster by more than 5 %; 0 only before, 0 only now",
        "peers: +0.0 % in the median of 11 times",
    ]


def test_what_got_slower_and_faster_is_named_with_its_percent(compared):
    new = copy.deepcopy(figures())
    new["train"]["xor"]["fastnn"] = 0.55
    new["updates"]["avx2"]["adam"]["us"] = 500.0
    new["products"]["avx2"][1]["us"] = 10.4
    code, lines = compared(figures(), new)
    assert code == 1
    assert lines[:2] == ["slower   +10.0 %  train xor: fastnn", "faster   -50.0 %  update avx2: adam"]
    assert "1 slower and 1 faster" in lines[2]
    code, lines = compared(figures(), new, "--threshold", "3")
    assert (code, lines[1]) == (1, "slower    +4.0 %  product avx2: x @ W 512 x 512 x 512")
    assert compared(figures(), new, "--threshold", "11")[0] == 0


def test_a_slower_peer_is_no_failure(compared):
    new = copy.deepcopy(figures())
    new["train"]["xor"]["torch"] = 1500.0
    assert compared(figures(), new)[0] == 0


def test_another_machine_isa_and_number_of_threads_are_said(compared):
    new = copy.deepcopy(figures())
    new["machine"]["cpu"], new["machine"]["isa"], new["settings"]["threads"] = "Other CPU", "avx512", 2
    assert compared(figures(), new)[1][:3] == [
        "not the same cpu: Some CPU before, Other CPU now",
        "not the same isa: avx2 before, avx512 now",
        "not the same threads: 1 before, 2 now",
    ]


def test_files_of_pytest_benchmark_are_compared_too(compared):
    code, lines = compared(of_pytest(a=1.0, b=2.0, gone=1.0), of_pytest(a=1.2, b=1.0, c=1.0))
    assert code == 1
    assert lines == [
        "slower   +20.0 %  a",
        "faster   -50.0 %  b",
        "2 times compared: 1 slower and 1 faster by more than 5 %; 1 only before, 1 only now",
    ]


@pytest.mark.parametrize("new", [{}, [], {"benchmarks": 3}, {"machine": {}}], ids=str)
def test_a_file_without_figures_is_refused(compared, new):
    code, lines = compared(figures(), new)
    assert code == 2
    assert "new.json holds no figures" in lines[0]


def test_files_without_a_common_time_are_refused(compared):
    assert compared(figures(), of_pytest(a=1.0)) == (2, ["the two files have no time in common"])


def test_the_table_has_times_ratios_and_shares(bench):
    lines = bench("report").lines(figures())
    xor, thin = (next(line for line in lines if line.startswith(name)) for name in ("xor", "thin"))
    assert xor.split()[4:] == ["0.50", "150.0", "300x", "0.25", "0.50x", "0.60", "0%", "-", "0.20", "40%"]
    network = bench("cases").NETWORKS["thin"]
    fma, memory = network.flops / 0.02 / PEAK, 24 * network.n_params / 0.02 / BANDWIDTH
    assert thin.split()[4:] == ["20,000", "30,000", "1.50x", "-", "-", f"{fma:.0%}", f"{memory:.0%}", "-", "-"]
    assert next(line for line in lines if line.startswith("policy")).split()[-5:] == [
        "2.00",
        "3.00",
        "1.50x",
        "0.50",
        "25%",
    ]
    assert "  avx2      adam       10.0 GB/s   50% of bandwidth" in lines


def test_the_table_names_the_products_where_blas_is_ahead(bench):
    lines = bench("report").products_lines(figures())
    share = 2 * 512**3 / 10e-6 / PEAK
    assert f"512 and more: {share:.0%} to {share:.0%} of the peak, n = k = 64: none" in lines[1]
    assert lines[2:] == [
        "    BLAS is ahead in 1 of 2 shapes:",
        "    x @ W    100 x 1000 x 500   2,000 us, BLAS 1,000 us 0.50x, 50%",
    ]


def test_the_table_has_each_pass_of_a_convolution_and_their_geometric_means(bench):
    lines = bench("report").convolve_lines(figures())
    flops = bench("single_convolutions").CASES["28x28 1>6 5x5 same"].flops
    assert flops == 2 * 64 * 28 * 28 * 5 * 5 * 6
    share = f"{flops / 1e-3 / PEAK:.0%}"
    nothing = ["-", "-", "-"]
    assert [line.split()[-9:] for line in lines[1:3]] == [
        ["1,000.0", share, "2.00x", *nothing, "1,000.0", share, "0.50x"],
        ["1,000.0", f"{2 * 64 * 32 * 32 * 9 * 3 * 16 / 1e-3 / PEAK:.0%}", "8.00x", *nothing, *nothing],
    ]
    assert lines[3].startswith("few: geometric mean of 2  ")
    assert (lines[3].split()[-7], lines[3].split()[-1]) == ("4.00x", "0.50x")
    assert len({len(line) for line in lines}) == 1


def test_the_table_has_single_steps(bench):
    line = bench("report").step_lines(figures())[1]
    assert line.split() == ["gru", "64-64", "2.00", "80.00", "40.0x"]


def test_a_recurrent_layer_has_no_work_for_masked_steps_nor_for_dx_of_the_input(bench):
    networks = bench("cases").NETWORKS
    forward, of_input = 50 * 4 * 64 * (16 + 64), 50 * 4 * 64 * 16
    assert networks["lstm"].flops == 2 * 32 * (3 * forward - of_input + 3 * 64)
    assert networks["padded"].flops == networks["lengths"].flops == networks["lstm"].flops
    assert networks["unpadded"].flops == 2 * 32 * (6 * forward - 2 * of_input + 3 * 64)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "padded", "lengths", "attention", "embedding"])
def test_a_network_of_sequences_has_the_parameters_that_are_told(bench, name):
    network = bench("cases").NETWORKS[name]
    assert bench("timed").make(network).count_params() == network.n_params


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_predictions_and_steps_of_recurrent_layers_are_those_of_the_formulas(bench, kind):
    peer = bench("peers.fastnn")
    worker = bench("worker")
    assert all(us > 0 for us in worker.predict_timing(peer, "float64", kind, 2)().values())
    assert all(us > 0 for us in worker.step_timing(peer, "float64", kind)().values())


def test_columns_of_the_table_stand_below_each_other(bench):
    lines = bench("report").train_lines(figures())
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[-8:] == ["2", "%", "FMA", "%", "memory", "bound", "%", "bound"]


def test_a_result_without_fastnn_or_native_code_has_a_table(bench):
    result = copy.deepcopy(figures())
    result["machine"]["isa"], result["bounds"]["flops"] = None, {}
    result["updates"], result["products"] = {}, {}
    del result["train"]["xor"]["fastnn"]
    text = "\n".join(bench("report").lines(result))
    assert "150.0" in text
    assert "300x" not in text


def test_the_picture_is_drawn(bench, tmp_path):
    pytest.importorskip("matplotlib")
    bench("picture").draw(figures(), tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_library_that_is_missing_is_left_out_with_a_line(bench, capsys):
    assert bench("turns").start([("gone", "gone", 1)], "float32", sys.executable) == {}
    assert capsys.readouterr().out == "# gone is left out: No module named 'peers.gone'\n"


def test_a_process_that_ends_at_once_is_left_out_with_the_way_to_see_why(bench, capsys):
    turns = bench("turns")
    assert turns.start([("numpy", "numpy", "no number")], "float32", sys.executable) == {}
    assert "its process has ended; to see why:" in capsys.readouterr().out


class Answering:
    """A worker without a process."""

    library = "torch"

    def __init__(self, *answers):
        self.answers = iter(answers)

    def ask(self, **request):
        return next(self.answers)


def test_the_least_time_of_the_rounds_counts_and_who_fails_is_left_out(bench, capsys):
    workers = {
        "torch": Answering({"torch": 3.0, "torch.jit": 2.0}, {"torch": 1.0, "torch.jit": 4.0}),
        "jax": Answering({"error": "no memory"}),
    }
    assert bench("turns").least(workers, 2, task="predict", network="xor") == {"torch": 1.0, "torch.jit": 2.0}
    assert capsys.readouterr().out == "# predict xor, jax: no memory\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cook"], "unknown part 'cook'; there are train, predict, convolve"),
        (["--only", "xor,yor"], "unknown 'yor'; there are xor, tutorial"),
        (["--libs", "keras"], "unknown 'keras'; there are fastnn, fastnn-numba, jax"),
        (["--groups", "narrow"], "unknown 'narrow'; there are wide, few, depthwise"),
        (["--rounds", "0"], "--rounds from 1"),
        (["--threads", "0"], "--threads goes from 1"),
        (["--peers-python", "nothing-of-this-name"], "nothing-of-this-name is no program"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_with_the_right_ones(bench, arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        bench("run").parse(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.long
def test_the_comparison_runs_and_its_file_can_be_printed_and_compared(bench, tmp_path, compared):
    path = tmp_path / "figures.json"
    options = ["train", "--only", "xor", "--rounds", "1", "--libs", "fastnn", "--json", str(path)]
    done = subprocess.run([sys.executable, str(BENCH / "run.py"), *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith("xor 2-4-1, batch 4 ") for line in done.stdout.splitlines()) == 1
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result.keys() == figures().keys() - {"predict", "convolve", "step", "updates", "products"}
    for key in ("machine", "settings", "bounds"):
        assert result[key].keys() == figures()[key].keys()
    assert result["train"]["xor"]["fastnn"] > 0
    assert "\n".join(bench("report").lines(result)) in done.stdout
    assert compared(result, result)[0] == 0
