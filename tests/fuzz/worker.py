"""A process that gives a reader one file after another: ``python -m fuzz.worker READER SEED FIRST LAST FOLDER``.

What it finds goes to standard output, a line of JSON each; before each file its number goes into ``FOLDER/at``, mapped
into memory, so that whoever watches knows the file that ended the process or that never ends.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import sys
import warnings
from pathlib import Path

NUMBER = 8  # bytes of what is mapped


def main(name: str, seed: str, first: str, last: str, folder: str) -> None:
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("FASTNN_NUM_THREADS", "1")
    faulthandler.enable()
    warnings.simplefilter("ignore")  # of weights left as they were, of names twice in an archive
    from fuzz.judge import case, judged
    from fuzz.readers import READERS

    reader = READERS[name]
    if "pyarrow" in sys.modules or "pyarrow" in reader.needs or name in ("csv", "excel"):
        _one_thread_of_arrow()
    path = Path(folder, f"input-{os.getpid()}{reader.ending}")
    samples = reader.samples()
    for sample in samples:  # good files are read, and everything is imported
        for _ in range(2):
            path.write_bytes(sample)
            made = reader.read(path)
            if reader.use:
                reader.use(made)
    with open(Path(folder, "at"), "r+b") as file, mmap.mmap(file.fileno(), NUMBER) as at:
        n_read = 0
        for index in range(int(first), int(last)):
            at[:NUMBER] = index.to_bytes(NUMBER, "little")
            content = case(samples, reader, int(seed), index)
            was_read, found = judged(reader, path, content, index)
            n_read += was_read
            if found:
                print(json.dumps({"index": index, "faults": found}), flush=True)
        at[:NUMBER] = int(last).to_bytes(NUMBER, "little")
    print(json.dumps({"read": n_read}), flush=True)
    path.unlink()


def _one_thread_of_arrow() -> None:
    try:
        import pyarrow
    except ImportError:
        return
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
