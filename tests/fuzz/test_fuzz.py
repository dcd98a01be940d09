"""Files of strangers in short: some hundred for each reader, and that whoever watches sees what goes wrong."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from fuzz import __main__ as runner
from fuzz import judge, mutations
from fuzz.readers import READERS, Reader, missing

SHORT = {"excel": 60}


@pytest.mark.filterwarnings("ignore:load_weights left layers")
@pytest.mark.parametrize("count", [100, pytest.param(20_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", READERS)
def test_whatever_the_bytes_a_reader_reads_or_says_why_not(name, count, tmp_path):
    reader = READERS[name]
    if lacking := missing(reader):
        pytest.skip(f"{lacking} is not here")
    samples, path = reader.samples(), tmp_path / f"input{reader.ending}"
    for sample in samples:
        path.write_bytes(sample)
        made = reader.read(path)
        if reader.use:
            reader.use(made)
    count = min(count, SHORT.get(name, count))
    n_read, reader = 0, replace(reader, traced=False)  # the tests beside it may trace, or have threads
    for index in range(count):
        content = judge.case(samples, reader, 7, index)
        was_read, faults = judge.judged(reader, path, content, index)
        n_read += was_read
        assert not faults, (index, faults)
    assert 0 < n_read < count, "nothing but good files, or but bad ones, shows little"


def reader_that(read, **more) -> Reader:
    return Reader(lambda: [bytes(200)], mutations.of_bits, read, **more)


def _takes(path: Path):
    return bytearray(300 * 2**20)


def _hides_memory(path: Path):
    try:
        _takes(path)
    except MemoryError as error:
        raise ValueError(f"{path} is damaged") from error


def _wrong(error):
    def read(path: Path):
        raise error(f"{path} is damaged")

    return read


def _unnamed(path: Path):
    raise ValueError("it is damaged")


def _lines(path: Path):
    raise ValueError(f"{path} is\ndamaged")


def _slow(path: Path):
    began = time.process_time()
    while time.process_time() - began < judge.MOST_SECONDS + 0.05:
        pass


def _well(path: Path):
    raise ValueError(f"{path} is damaged")


FAULTY = {
    "memory": (_takes, "MemoryError"),
    "memory that an error hides": (_hides_memory, "memory for more than the file"),
    "another error": (_wrong(KeyError), "KeyError"),
    "a subclass that nobody knows": (_wrong(UnicodeError), "not of those that are documented"),
    "a file without its name": (_unnamed, "does not name the file"),
    "lines": (_lines, "is no line"),
    "time": (_slow, "it took 1."),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_reader_that_misbehaves_is_found(fault, tmp_path):
    read, words = FAULTY[fault]
    _, faults = judge.judged(reader_that(read), tmp_path / "f", bytes(200), 1)
    assert words in " ".join(faults)
    assert judge.judged(reader_that(_well), tmp_path / "f", bytes(200), 1) == (False, [])


def test_memory_of_python_is_counted(tmp_path):
    _, faults = judge.judged(reader_that(lambda path: bytearray(9 * 2**20)), tmp_path / "f", bytes(200), 0)
    assert "bytes for a file of 200" in " ".join(faults)


def test_a_use_that_misbehaves_is_found(tmp_path):
    reader = reader_that(lambda path: 1, use=lambda made: {}[made])
    assert "in use, KeyError" in " ".join(judge.judged(reader, tmp_path / "f", bytes(200), 8)[1])


@pytest.mark.parametrize("way", ["dies", "stays"])
def test_a_process_that_dies_or_stays_at_a_file_is_found_and_started_again(way, tmp_path, monkeypatch):
    """A worker of the test's own in place of ``fuzz.worker``: it ends, or stops, at file 3 of 9."""
    code = (
        "import os, sys, time; first, last, folder = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]\n"
        "for i in range(first, last + 1):\n"
        "    open(folder + '/at', 'r+b').write(i.to_bytes(8, 'little'))\n"
        "    if i == 3: os.kill(os.getpid(), 9) if sys.argv[6] == 'dies' else time.sleep(60)\n"
    )
    popen = runner.subprocess.Popen
    monkeypatch.setattr(
        runner.subprocess,
        "Popen",
        lambda command, **more: popen([command[0], "-c", code, *command[3:], way], **more),
    )
    monkeypatch.setattr(runner, "STUCK", 0.5)
    result = runner.run("idx", 1, 9, tmp_path)
    assert result["inputs"] == 9
    (finding,) = result["found"]
    assert finding["index"] == 3
    assert finding["faults"][0] == ("the process ended with SIGKILL" if way == "dies" else "it stayed at the file")
    assert Path(finding["file"]).read_bytes() == judge.case(READERS["idx"].samples(), READERS["idx"], 1, 3)


def test_cases_follow_from_their_numbers():
    reader = READERS["idx"]
    samples = reader.samples()
    first = [judge.case(samples, reader, 3, index) for index in range(50)]
    assert first == [judge.case(samples, reader, 3, index) for index in range(50)]
    assert len(set(first)) > 40
    assert first != [judge.case(samples, reader, 4, index) for index in range(50)]


def test_protobuf_stays_whole_but_for_what_is_changed():
    message = b"\x0a\x05hello\x10\x96\x01\x1d\0\0\x80\x3f"
    fields = list(mutations._fields(message))
    assert fields == [(1, 2, b"hello"), (2, 0, 150), (3, 5, b"\0\0\x80\x3f")]
    assert b"".join(mutations._field(*field) for field in fields) == message


def test_the_command_counts_and_fails_on_unknown_readers(capsys, tmp_path):
    assert runner.main(["idx", "--count", "50", "--out", str(tmp_path)]) == 0
    assert "50 files" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        runner.main(["nothing"])
    assert "there are model" in capsys.readouterr().err
