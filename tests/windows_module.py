"""The extension module for Windows, compiled and linked elsewhere: what can be known of it without a Windows.

``build/zig/bin/python tests/windows_module.py`` compiles all C files and the module that Cython wrote
(``fastnn/_kernels/native/native.c``, which a build leaves) for Windows on x86-64 and ARM, against the headers of
NumPy's wheels for Windows, and links them with an import library of the stable ABI as of Python 3.11. It ends with an
error when something is called that the stable ABI has not, when a DLL is wanted that no Windows has, or when the
module offers more than its start. Besides zig this Python needs ``abi3audit``, for its list of the ABI and its reader
of DLLs.

Python's ``pyconfig.h`` is not there for Windows without an installation; :data:`PYCONFIG` says what the headers ask.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from zipfile import ZipFile

import cross
from cross import SOURCES, run

NATIVE = cross.ROOT / "fastnn/_kernels/native"
SYSTEMS = {"x86_64-windows-gnu": ("win_amd64", "i386:x86-64"), "aarch64-windows-gnu": ("win_arm64", "arm64")}
PYCONFIG = """
#define MS_WIN32
#define MS_WIN64
#define MS_WINDOWS
#define NT_THREADS
#define WITH_THREAD
#define Py_ENABLE_SHARED
#define HAVE_DECLSPEC_DLL
#define PLATLIBDIR "lib"
#define SIZEOF_VOID_P 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_WCHAR_T 2
#define SIZEOF_TIME_T 8
#define HAVE_PY_SSIZE_T
#define PY_SSIZE_T_MAX 9223372036854775807LL
typedef long long Py_ssize_t;
"""
FLAGS = ("-O0", "-fno-sanitize=undefined", "-Wno-unused-function", "-Wno-unused-parameter", "-Werror")


def numpy_headers(platform: str, folder: Path) -> Path:
    """Headers of NumPy's wheel for a platform."""
    asked = ["--only-binary", ":all:", "--platform", platform, "--python-version", "3.11", "--no-deps"]
    run([sys.executable, "-m", "pip", "download", "-q", *asked, "-d", str(folder), "numpy>=2"])
    (wheel,) = folder.glob(f"numpy-*{platform}.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if "/include/" in name])
    return folder / "numpy/_core/include"


def python_headers(folder: Path) -> Path:
    """Headers of this Python as they are on Windows."""
    here = Path(sysconfig.get_path("include"))
    for header in here.rglob("*.h"):
        target = folder / header.relative_to(here)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(header.read_bytes())
    (folder / "pyconfig.h").write_text(PYCONFIG, encoding="ascii")
    return folder


def import_library(machine: str, folder: Path) -> Path:
    """``python3.lib`` of the stable ABI as of Python 3.11."""
    from abi3info import DATAS, FUNCTIONS

    named, lines = folder / "python3.def", ["LIBRARY python3.dll", "EXPORTS"]
    for table, kind in ((FUNCTIONS, ""), (DATAS, " DATA")):
        lines += [f"{s.name}{kind}" for s, told in table.items() if (told.added.major, told.added.minor) <= (3, 11)]
    named.write_text("\n".join(lines), encoding="ascii")
    made = folder / "python3.lib"
    run([*cross.zig()[:-1], "dlltool", "-m", machine, "-d", str(named), "-l", str(made)])
    return made


def link(target: cross.Target, folder: Path) -> tuple[Path, list[str]]:
    """The module, and the DLLs that it wants."""
    platform, machine = SYSTEMS[target.triple]
    objects = folder / "objects"
    objects.mkdir()
    cross.check(target, objects)
    (objects / "kernel_driver.o").unlink()
    settings = [f"-D{name}" for name in ("Py_LIMITED_API=0x030B0000", "NPY_NO_DEPRECATED_API=NPY_2_0_API_VERSION")]
    settings += ["-DNPY_TARGET_VERSION=NPY_2_0_API_VERSION", f"-I{NATIVE}", f"-I{SOURCES}"]
    settings += [f"-I{python_headers(folder / 'python')}", f"-I{numpy_headers(platform, folder)}"]
    compiler = [*cross.zig(), "-target", target.triple]
    made, module = objects / "native.o", folder / "native.pyd"
    run([*compiler, *cross.settings()["COMMON"], *FLAGS, *settings, "-c", str(NATIVE / "native.c"), "-o", str(made)])
    library = import_library(machine, folder)
    run([*compiler, "-shared", *map(str, sorted(objects.glob("*.o"))), str(library), "-o", str(module)])
    return module, wanted_of(module)


def wanted_of(module: Path) -> list[str]:
    """DLLs that a module wants; an error where it offers anything but its start."""
    import pefile

    read = pefile.PE(str(module))
    offered = [symbol.name for symbol in read.DIRECTORY_ENTRY_EXPORT.symbols]
    assert offered == [b"PyInit_native"], offered
    wanted = sorted(entry.dll.decode() for entry in read.DIRECTORY_ENTRY_IMPORT)
    strange = [
        name for name in wanted if not re.fullmatch(r"(?i)kernel32|python3|api-ms-win-crt-\w+-l1-1-0", name[:-4])
    ]
    assert not strange, f"the module wants {strange}"
    return wanted


def main() -> None:
    if cross.zig() is None:
        sys.exit(f"zig is not there; {cross.INSTALL}")
    for target in cross.TARGETS:
        if target.triple in SYSTEMS:
            with tempfile.TemporaryDirectory() as folder:
                module, wanted = link(target, Path(folder))
                audit = [sys.executable, "-m", "abi3audit", "--strict", "--assume-minimum-abi3", "3.11", str(module)]
                subprocess.run(audit, check=True)
                print(f"{target.triple:20} {module.name} links, wants {', '.join(wanted)}", flush=True)


if __name__ == "__main__":
    main()
