"""The kernels for AVX-512 on a machine without it: Linux in Bochs, which emulates an Ice Lake or a Skylake processor.

``python tests/emulated_avx512.py [--whole] [--cpu MODEL ...]``. Trainings of ``golden_cases.py``, predictions in int8,
products, activations and losses run here with AVX2, and every call of a kernel is written down with what it left. In
one start of the emulated machine AVX-512 does the same calls from the same numbers, and all bits have to be the same.
The portable kernels are compared with themselves, which shows that the machine is emulated as it is.

Debian: ``apt-get install bochs bochsbios vgabios bochs-term isolinux syslinux-common xorriso cpio gcc libc6-dev``; the
kernel is that of the package linux-image-cloud-amd64, which is downloaded and not installed. Minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import cross
import golden
import machines
import numpy as np
from golden_cases import PAIRS

from fastnn import Sequential, _kernels, layers
from fastnn.activations import ACTIVATIONS

MODELS = ("corei7_icelake_u", "corei7_skylake_x")  # the second has no products of whole numbers of its own (VNNI)
KEPT = cross.ROOT / "build/emulated"
ISOLINUX = Path("/usr/lib/ISOLINUX/isolinux.bin"), Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
ROMS = Path("/usr/share/bochs/BIOS-bochs-latest"), Path("/usr/share/bochs/VGABIOS-lgpl-latest")
PROGRAMS = ("bochs", "script", "xorriso", "cpio", "gcc", "apt-get", "dpkg-deb")
SECONDS = 3600
A_FEW = ("odd-float32", "one-hot-float32", "statistics-float32", "blocks-dropout-float32", "odd-float64")
# Linux takes Bochs' word for the size of what XSAVEC writes for a fault and would leave AVX out; the rest makes it
# begin sooner, or at all: its security modules hang with Ice Lake's SHA or fast strings.
LINUX = (
    "console=ttyS0,115200 panic=1 nokaslr mitigations=off tsc=reliable no_timer_check lpj=1000000 noxsaves "
    "clearcpuid=321,323,515,580,297,317 loglevel=4 lsm=none apparmor=0"
)
BOOT = f"SERIAL 0 115200\nDEFAULT l\nPROMPT 0\nLABEL l\n KERNEL vmlinuz\n INITRD initrd\n APPEND {LINUX}\n"
BOCHS = """
config_interface: textconfig
display_library: term
cpu: model={model}, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest=1024, host=1024
romimage: file={roms[0]}
vgaromimage: file={roms[1]}
ata0-master: type=cdrom, path=disk.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=console.txt
sound: waveoutdrv=dummy, waveout=none, waveindrv=dummy, midioutdrv=dummy
log: bochs.log
clock: sync=none, time0=1700000000
panic: action=fatal
error: action=ignore
info: action=ignore
"""


def missing() -> str:
    """What is not there; empty where all is."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    absent += [str(path) for path in (*ISOLINUX, *ROMS) if not path.exists()]
    return f"not there: {', '.join(absent)}; {sys.modules[__name__].__doc__.split('Debian: ')[1]}" if absent else ""


class Recorded(machines.Emulated):
    """Kernels that run here, and whose calls are kept."""

    def __init__(self, isa: str):
        super().__init__(machines.HERE, isa, ("portable", "avx2", "avx512"))
        self.asks: list[bytes] = []
        self.right: list[bytes] = []

    def _answer(self, asked: bytes, length: int) -> bytes:
        came = super()._answer(asked, length)
        self.asks.append(asked)
        self.right.append(came)
        return came


def calls_of(kernels: Recorded, whole: bool) -> None:
    """What is compared."""
    _kernels.MODULES["emulated"], _kernels._loaded["emulated"] = "machines", kernels
    for case, dtype in PAIRS:
        if whole or f"{case.name}-{dtype}" in A_FEW:
            golden.train(case, dtype, "emulated")
    rng = np.random.default_rng(0)
    for n_in, n_out in ((70, 37), (300, 16), (13, 1)):  # whole numbers of 8 bits
        model = Sequential([layers.Dense(n_out, "tanh", input_shape=(n_in,))], seed=1, backend="emulated")
        x = rng.normal(size=(67, n_in)).astype(np.float32)
        model.predictor(precision="int8", calibrate=x)(x * 1.1)
    image = Sequential([layers.Conv2D(9, 3, input_shape=(8, 8, 5)), layers.ReLU()], seed=1, backend="emulated")
    x = rng.normal(size=(5, 8, 8, 5)).astype(np.float32)
    image.predictor(precision="int8", calibrate=x)(x)
    for dtype in ("float32", "float64"):
        single_kernels(kernels, rng, np.dtype(dtype))


def single_kernels(kernels: Recorded, rng: np.random.Generator, dtype: np.dtype) -> None:
    for m, n, k in ((1, 1, 1), (5, 33, 7), (12, 64, 40), (31, 17, 129), (70, 150, 260), (250, 130, 400)):
        for turned in (False, True):
            a, b, c = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
            kernels.gemm(np.ascontiguousarray(a.T).T if turned else a, b, c, turned)
    for record in ACTIVATIONS.values():
        z, dy = (rng.normal(size=(20, 37)).astype(dtype) * 3 for _ in range(2))
        y = np.empty_like(z)
        kernels.activate(record.code, record.parameter, z, y)
        kernels.activate_back(record.code, record.parameter, z if record.keeps_z else None, y, dy)


def linux() -> Path:
    """The kernel of Debian's package, in the folder ``build``."""
    kept = KEPT / "vmlinuz"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        told = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], capture_output=True, text=True)
        package = told.stdout.split("Depends: ")[1].split()[0]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
            subprocess.run(["dpkg-deb", "-x", *Path(folder).glob("*.deb"), folder], check=True)
            shutil.copy(next(Path(folder, "boot").glob("vmlinuz-*")), kept)
    return kept


def disk(folder: Path, sets: dict[str, Recorded]) -> None:
    """``disk.iso``, from which the machine begins: Linux with a file system of the driver and its requests."""
    root, iso = folder / "root", folder / "iso"
    (root / "dev").mkdir(parents=True)
    iso.mkdir()
    first = Path(__file__).with_name("emulated_init.c")
    cross.run(["gcc", "-O2", "-Wall", "-Wextra", "-static", str(first), "-o", str(root / "init"), "-lm"])
    shutil.copy(next(iter(sets.values())).command[1], root / "driver")
    for name, kernels in sets.items():
        (root / f"{name}.asks").write_bytes(b"".join(kernels.asks))
        (root / f"{name}.right").write_bytes(b"".join(kernels.right))
    with (iso / "initrd").open("wb") as file:
        names = "\n".join(["dev", *(path.name for path in root.iterdir() if path.is_file())])
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), stdout=file, cwd=root, check=True)
    for path in (linux(), *ISOLINUX):
        shutil.copy(path, iso / path.name)
    (iso / "isolinux.cfg").write_text(BOOT)
    options = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    cross.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", str(folder / "disk.iso"), *options, str(iso)])


def told_by(model: str, folder: Path) -> list[str]:
    """What the machine says on its console of this work."""
    (folder / "bochsrc").write_text(BOCHS.format(model=model, roms=ROMS))
    (folder / "commands").write_text("c\n")  # of Debian's Bochs, which has a debugger
    (folder / "console.txt").unlink(missing_ok=True)
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    command = ["script", "-qc", "bochs -q -f bochsrc -rc commands", "/dev/null"]  # it wants a terminal
    running = subprocess.Popen(command, cwd=folder, env=os.environ | {"TERM": "vt100"}, start_new_session=True, **quiet)
    try:
        running.wait(SECONDS)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    said = (folder / "console.txt").read_text(errors="replace")
    return [line.strip() for line in said.splitlines() if line.startswith("fastnn: ")]


def compare(models: list[str], whole: bool) -> list[str]:
    """Run all; what the emulated machines said. ``AssertionError`` where bits differ or a machine says nothing."""
    sets = {"avx512.as-avx2": Recorded("avx2"), "portable.itself": Recorded("portable")}
    for kernels in sets.values():
        calls_of(kernels, whole)
    said = []
    with tempfile.TemporaryDirectory(dir=KEPT if KEPT.exists() else None) as place:
        disk(Path(place), sets)
        for model in models:
            came = told_by(model, Path(place))
            said += [f"{model}: {line}" for line in came]
            ends = [line for line in came if line.endswith(" 0 arrays differ")]
            assert came[-1:] == ["fastnn: done"], f"{model} did not come to its end; it said {came}"
            assert len(ends) == len(sets), "\n".join(said)
    return said


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--whole", action="store_true", help="all trainings of golden_cases.py")
    parser.add_argument("--cpu", nargs="+", default=list(MODELS), help="Bochs' models of processors")
    asked = parser.parse_args(words)
    if absent := missing():
        sys.exit(absent)
    print("\n".join(compare(asked.cpu, asked.whole)))


if __name__ == "__main__":
    main(sys.argv[1:])
