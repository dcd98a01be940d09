"""Builds the native backend: one extension, each kernel file with the flags of its instruction set.

Everything else about the package stands in pyproject.toml. Without a C compiler, or when compiling fails, the
package installs without the native backend and says so, on the spot and, for pip shows nothing of that without ``-v``,
in a file that ``fastnn info`` reads; ``FASTNN_REQUIRE_NATIVE=1`` makes that an error.
``FASTNN_WERROR=1`` turns compiler warnings into errors.

Design: flags for each file, given through setuptools' own compiler object, instead of target pragmas in the
C code (rejected: GCC and Clang spell them differently, and a helper function that lacks one silently breaks
inlining) or a library for each instruction set (rejected: needs a second build command).
"""

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

C = Path("fastnn/_kernels/native/c")
BASELINE = ("cpu", "layout", "pulse", "random", "scalars", "scratch", "stages", "threads", "train", "walk")
COMMON = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-Wall", "-Wextra"]
AVX512 = [f"-mavx512{part}" for part in ("f", "dq", "vl", "bw", "cd")]
ISAS = {
    "x86": {
        "portable": ["-march=x86-64-v2", "-O2"],  # few machines run it, and -O3 makes it the largest of all
        "avx2": ["-mavx2", "-mfma"],
        "avx512": [*AVX512, "-mfma", "-mprefer-vector-width=512"],
    },
    "arm": {"portable": [], "neon": []},
    "other": {"portable": []},
}
FAMILY = {"x86_64": "x86", "amd64": "x86", "aarch64": "arm", "arm64": "arm"}
JOBS = 2
NOTE = "native_missing.txt"  # beside the extension's place: why there is none


class BuildNative(build_ext):
    """Compiles the C files by themselves, then lets setuptools build and link the Cython module."""

    def build_extension(self, ext):
        note = Path(self.get_ext_fullpath(ext.name)).with_name(NOTE)
        note.unlink(missing_ok=True)
        try:
            self._cythonize(ext)
            ext.extra_objects = self._compile_all()
            ext.extra_compile_args = [*COMMON, "-Wno-unused-function", *_werror()]
            super().build_extension(ext)
        except Exception as error:  # whatever goes wrong, the pure Python backends still work
            if os.environ.get("FASTNN_REQUIRE_NATIVE") == "1":
                raise
            print(f"\nfastnn: the native backend is missing, it could not be built: {error}\n", file=sys.stderr)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")

    def copy_extensions_to_source(self):
        """Of a build in place: the note goes where the extension would."""
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

    def _compile_all(self):
        family = FAMILY.get(platform.machine().lower(), "other")
        jobs = [(name, []) for name in BASELINE]
        jobs += [(f"isa_{isa}_{kind}", flags) for isa, flags in ISAS[family].items() for kind in ("f32", "f64")]
        with ThreadPoolExecutor(JOBS) as pool:
            return [objects[0] for objects in pool.map(self._compile, jobs)]

    def _compile(self, job):
        name, flags = job
        return self.compiler.compile(
            [str(C / f"{name}.c")],
            output_dir=self.build_temp,
            include_dirs=[str(C)],
            extra_postargs=[*COMMON, *flags, *_werror()],
            depends=[str(header) for header in (*C.rglob("*.h"), *C.glob("*.def"))],
        )


def _werror():
    return ["-Werror"] if os.environ.get("FASTNN_WERROR") == "1" else []


native = Extension(
    "fastnn._kernels.native.native",
    ["fastnn/_kernels/native/native.pyx"],
    include_dirs=["fastnn/_kernels/native", str(C)],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")],
    depends=[
        "setup.py",
        "fastnn/_kernels/native/native.pxd",
        *(str(path) for path in (*C.parent.glob("*.pxi"), *C.rglob("*.[ch]"), *C.glob("*.def"))),
    ],
    optional=os.environ.get("FASTNN_REQUIRE_NATIVE") != "1",
)
setup(ext_modules=[native], cmdclass={"build_ext": BuildNative})
