"""Builds the native backend: one extension, each kernel file with the flags of its instruction set.

Everything else about the package stands in pyproject.toml. Without a C compiler, or when compiling fails, the
package installs without the native backend and says so, on the spot and, for pip shows nothing of that without ``-v``,
in a file that ``fastnn info`` reads; ``FASTNN_REQUIRE_NATIVE=1`` makes that an error.
``FASTNN_WERROR=1`` turns compiler warnings into errors; ``FASTNN_SANITIZE=address,undefined`` (or ``thread``) builds
with these sanitizers, which ``tests/sanitize.py`` runs the tests under.

Design: flags for each file, given through setuptools' own compiler object, instead of target pragmas in the
C code (rejected: GCC and Clang spell them differently, and a helper function that lacks one silently breaks
inlining) or a library for each instruction set (rejected: needs a second build command).

Hardening: what a compiler or linker does not know is left out, which ``tests/kernels/test_hardening.py`` would tell.
The files of kernels go without guards of the stack: GCC puts them into the tiles of products, which are entered for
each strip of a matrix, and what they would guard are arrays whose indices are constants.

Compilers: GCC, Clang and Apple's Clang. On Windows Visual Studio's headers, libraries and linker with LLVM's clang-cl
as the compiler, for Microsoft's own knows no vectors of any size; ``CC`` names it where it is not on the path. What is
asked of the system stands in ``c/platform``, a file a system.

Sdists: with ``SOURCE_DATE_EPOCH`` the same files give the same bytes, as setuptools does for wheels alone.
"""

import gzip
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import CompileError, LinkError

C = Path("fastnn/_kernels/native/c")
BASELINE = (
    "clock",
    "cpu",
    "layout",
    "placing",
    "pulse",
    "random",
    "scalars",
    "scratch",
    "stages",
    "threads",
    "train",
    "walk",
)
COMPACT = ("placing",)  # by -O2: a call for one row waits for the others, which take 30 ns longer of 140 by it
SYSTEMS = {"win32": "platform/win32", "emscripten": "platform/alone", "wasi": "platform/alone"}
POSIX = "platform/posix"  # all others
COMMON = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-Wall", "-Wextra"]
# Of files of kernels, the first that are known: a fifth less than by -O3 at the same speed. Loops that are left to the
# compiler become vectors as by -O3, which Clang does by itself; not in float64, where vectors are half as long.
VECTORS = ["-fvect-cost-model=dynamic"]
SMALLER = [["-O2", *VECTORS], ["-O2"]]
UNALIGNED = ["-fno-align-jumps", "-fno-align-labels"]  # but loops are: what is jumped to otherwise gains nothing by it
UNWOUND = ["-fno-asynchronous-unwind-tables"]  # nothing is thrown through C, whose tables would be 0.1 MB
# Functions of one name, of which there is one a set of kernels, stand side by side in the module. Deflate, which sees
# 32 KB behind it, then finds in each what it has seen of the others: the module takes a ninth less of a wheel.
SECTIONS = ["-ffunction-sections"]
SORTED = "SECTIONS { .text.sorted : { *(SORT_BY_NAME(.text.*)) } } INSERT AFTER .text;\n"
# Of what Cython writes; by -O2 it is 6 % smaller than by -O3, and as fast. By -Os it is a third smaller, and a
# predictor takes a sixth longer for a row; without alignment a twentieth, and a tenth longer; with errors apart and for
# size (--param=builtin-expect-probability=100) a twelfth, and a call 23 ns longer.
GENERATED = ["-O2", "-Wno-unused-function", "-Wno-unused-parameter"]
AVX512 = [f"-mavx512{part}" for part in ("f", "dq", "vl", "bw", "cd")]
ISAS = {
    "x86": {
        # Without -fipa-cp, which makes tiles for the strides they get, 2 % less, and up to a sixth more time.
        "portable": ["-march=x86-64-v2", "-Os"],  # few machines run it: 7 to 35 % more time, half the size
        "avx2": ["-mavx2", "-mfma"],
        "avx512": [*AVX512, "-mfma", "-mprefer-vector-width=512"],
    },
    "arm": {"portable": [], "neon": []},
    "other": {"portable": []},
}
GUARDS = ["-fstack-protector-strong"]  # of the stack: not in the files of kernels
HARDENED = [["-U_FORTIFY_SOURCE", f"-D_FORTIFY_SOURCE={level}"] for level in (3, 2)]  # the first that is known
LINKED = [["-Wl,-z,relro"], ["-Wl,-z,now"], ["-Wl,-z,noexecstack"], ["-Wl,--hash-style=gnu"]]
RUNPATHS = ("-Wl,-rpath", "-Wl,-R", "-R")  # of the Python that builds, which is nowhere else
FAMILY = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}
JOBS = 2
CLANG_CL = r"C:\Program Files\LLVM\bin\clang-cl.exe"
OF_CL_ALONE = ("/GL", "/LTCG")  # to compile when linking, for which clang-cl's objects have nothing
if sys.platform == "darwin":  # files of instruction sets are for one machine at a time, also of a Python for two
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")
SANITIZE = os.environ.get("FASTNN_SANITIZE", "")
NOTE = "native_missing.txt"  # beside the extension's place: why there is none
# One module for this Python and all that follow; a Python without a global lock has an ABI of its own.
STABLE = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


class BuildNative(build_ext):
    """Compiles the C files by themselves, then lets setuptools build and link the Cython module."""

    def build_extension(self, ext):
        note = Path(self.get_ext_fullpath(ext.name)).with_name(NOTE)
        note.unlink(missing_ok=True)
        try:
            self._cythonize(ext)
            self.is_cl = self.compiler.compiler_type == "msvc"
            if self.is_cl:
                use_clang_cl(self.compiler, self.plat_name)
            self._harden(ext)
            ext.extra_objects = self._compile_all()
            generated = [*self.hardened, *self.guards, *GENERATED, *self.unwound]
            ext.extra_compile_args = self._spelt([*COMMON, *generated, *_last()])
            super().build_extension(ext)
        except Exception as error:  # whatever goes wrong, the pure Python backends still work
            if os.environ.get("FASTNN_REQUIRE_NATIVE") == "1":
                raise
            print(f"\nfastnn: the native backend is missing, it could not be built: {error}\n", file=sys.stderr)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")

    def copy_extensions_to_source(self):
        """Of a build in place: the note goes where the extension would, and none of another ABI stays before it."""
        for ext in self.extensions:
            name = Path(self.get_ext_filename(ext.name)).name
            for old in C.parent.glob("native.*.so"):
                if old.name != name:
                    old.unlink()
        super().copy_extensions_to_source()
        here = C.parent / NOTE
        here.unlink(missing_ok=True)
        for ext in self.extensions:
            note = Path(self.build_lib, *ext.name.split(".")[:-1], NOTE)
            if note.exists():
                here.write_bytes(note.read_bytes())

    def _cythonize(self, ext):
        import numpy
        from Cython.Build import cythonize

        ext.include_dirs.append(numpy.get_include())
        directives = {"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True}
        ext.sources = cythonize(ext, compiler_directives=directives)[0].sources

    def _harden(self, ext):
        """Choose what this compiler and linker know of flags that make faults harmless, and leave no path of here."""
        self.guards, self.hardened, self.smaller, self.unwound = [], [], ["-O2"], []
        if self.is_cl:  # guards stacks and forbids memory that is written and run by itself
            return
        self.compiler.linker_so = [flag for flag in self.compiler.linker_so if not flag.startswith(RUNPATHS)]
        if SANITIZE:  # they have guards of their own, and look into what FORTIFY would replace
            ext.extra_link_args = [f"-fsanitize={SANITIZE}"]
            return
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "known.c")
            source.write_text("#include <string.h>\nint known(char *to) { return (int)strlen(to); }\n")
            self.guards = GUARDS if self._knows(source, GUARDS) else []
            self.smaller = next((flags for flags in SMALLER if self._knows(source, flags)), [])
            self.unwound = UNWOUND if self._knows(source, UNWOUND) else []
            self.smaller = [*self.smaller, *self.unwound, *(UNALIGNED if self._knows(source, UNALIGNED) else [])]
            self.hardened = next((flags for flags in HARDENED if self._knows(source, flags)), [])
            ext.extra_link_args = [flag for flags in LINKED if self._knows(source, [], flags) for flag in flags]
            script = Path(self.build_temp, "sorted.ld")
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(SORTED)
            by_name = [f"-Wl,-T,{script}"]
            if self._knows(source, SECTIONS, by_name):
                self.smaller += SECTIONS
                ext.extra_link_args += by_name

    def _knows(self, source, flags, linked=None):
        folder = str(source.parent)
        try:
            made = self.compiler.compile([str(source)], folder, extra_postargs=["-O2", "-Werror", *flags])
            if linked is not None:
                self.compiler.link_shared_object(made, str(source.with_suffix(".so")), extra_postargs=linked)
        except (CompileError, LinkError):
            return False
        return True

    def _compile_all(self):
        family = FAMILY.get(machine(self.plat_name), "other")
        baseline = [*self.guards, *(flag for flag in self.smaller if flag not in UNWOUND)]
        files = (*BASELINE, SYSTEMS.get(sys.platform, POSIX))
        jobs = [(name, baseline if name in COMPACT else self.guards) for name in files]
        kinds = {"f32": self.smaller, "f64": [flag for flag in self.smaller if flag not in VECTORS]}
        isas = ISAS[family].items()
        jobs += [(f"isa_{isa}_{kind}", [*of, *flags]) for isa, flags in isas for kind, of in kinds.items()]
        with ThreadPoolExecutor(JOBS) as pool:
            return [objects[0] for objects in pool.map(self._compile, jobs)]

    def _compile(self, job):
        name, flags = job
        return self.compiler.compile(
            [str(C / f"{name}.c")],
            output_dir=self.build_temp,
            include_dirs=[str(C)],
            extra_postargs=self._spelt([*COMMON, *self.hardened, *flags, *_last()]),
            depends=[str(header) for header in (*C.rglob("*.h"), *C.glob("*.def"))],
        )

    def _spelt(self, flags):
        """Flags of Clang as this compiler takes them."""
        return [f"/clang:{flag}" for flag in flags] if self.is_cl else flags


def machine(plat_name):
    """The processor that is built for, of a platform's name such as ``linux-x86_64`` or ``win-arm64``."""
    if sys.platform == "darwin":
        return os.environ["ARCHFLAGS"].split()[-1]
    return plat_name.rpartition("-")[2].lower()


def use_clang_cl(compiler, plat_name):
    """Have setuptools' compiler of Visual Studio compile with clang-cl."""
    found = os.environ.get("CC") or shutil.which("clang-cl") or CLANG_CL
    if not shutil.which(found):
        raise CompileError(f"{found} is not there: install LLVM, or name its clang-cl by CC; MSVC has no vector types")
    if not compiler.initialized:
        compiler.initialize(plat_name)
    compiler.cc = found
    target = "aarch64" if FAMILY.get(machine(plat_name)) == "arm" else "x86_64"
    for flags in (compiler.compile_options, *compiler._ldflags.values()):
        flags[:] = [flag for flag in flags if flag not in OF_CL_ALONE]
    compiler.compile_options.append(f"--target={target}-pc-windows-msvc")


class SameSdist(sdist):
    """Where SOURCE_DATE_EPOCH says which time to write, nothing of this day, machine and user is in it."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar" or root_dir is not None:
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        path = Path(f"{base_name}.tar.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            path.open("wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=int(epoch)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for member in sorted(Path(base_dir).rglob("*")):
                archive.add(member, recursive=False, filter=lambda info: self._plain(info, int(epoch)))
        return str(path)

    @staticmethod
    def _plain(member, epoch):
        member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member


def _last():
    """Flags that go before all others, and so behind them."""
    if SANITIZE:
        return [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-O1", "-g1"]
    return ["-Werror"] if os.environ.get("FASTNN_WERROR") == "1" else []


native = Extension(
    "fastnn._kernels.native.native",
    ["fastnn/_kernels/native/native.pyx"],
    include_dirs=["fastnn/_kernels/native", str(C)],
    define_macros=[
        ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
        ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
        *([("Py_LIMITED_API", "0x030B0000")] if STABLE else []),
    ],
    py_limited_api=STABLE,
    depends=[
        "setup.py",
        "fastnn/_kernels/native/native.pxd",
        *(str(path) for path in (*C.parent.glob("*.pxi"), *C.rglob("*.[ch]"), *C.glob("*.def"))),
    ],
    optional=os.environ.get("FASTNN_REQUIRE_NATIVE") != "1",
)
setup(
    ext_modules=[native],
    cmdclass={"build_ext": BuildNative, "sdist": SameSdist},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
