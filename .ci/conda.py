"""Builds the conda package of ``recipe/`` from the sdist in ``dist/``, and runs the recipe's tests on it.

conda-forge's channel is not needed: a channel of a few packages is made here from this Python and from the index that
pip reads. The compilers of that channel are empty packages, so the machine's own compiler works. What this shows: the
recipe is valid, its requirements suffice, the sdist builds without isolation, the package is complete and passes its
tests where no source lies about. What it does not show: conda-forge's own compilers and pins.

    build/packages/bin/python .ci/conda.py             # after .ci/packages, which installs py-rattler-build there
    build/packages/bin/python .ci/conda.py --render    # only reads the recipe
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from rattler_build import Stage0Recipe, ToolConfiguration, VariantConfig, assemble_package

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "conda"
CHANNEL = WORK / "channel"
PLATFORM = "linux-64"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
FROM_INDEX = {  # names, and what each needs of the others
    "pip": [],
    "setuptools": [],
    "cython": [],
    "numpy": [],
    "safetensors": [],
    "iniconfig": [],
    "packaging": [],
    "pluggy": [],
    "pygments": [],
    "pytest": ["iniconfig", "packaging", "pluggy", "pygments"],
}
COMPILERS = {"gcc_linux-64": "14", "sysroot_linux-64": "2.28"}
# As conda-forge's pins would; names of compilers are those of the empty packages.
VARIANTS = {
    "python": [f"{PYTHON}.*"],
    "c_compiler": ["gcc"],
    "c_compiler_version": ["14"],
    "c_stdlib": ["sysroot"],
    "c_stdlib_version": ["2.28"],
}


def pack(name: str, version: str, tree: Path, depends: list[str]) -> None:
    """Write a package of the files in ``tree`` into the channel."""
    folder = CHANNEL / PLATFORM
    folder.mkdir(parents=True, exist_ok=True)
    told = {"name": name, "version": version, "target_platform": PLATFORM, "build_string": "0"}
    assemble_package(**told, output_dir=folder, files_dir=tree, depends=depends, compression_level=1)


def pack_python() -> None:
    """This Python: its program and, as in a virtual environment, a note of where its library lies."""
    tree = WORK / "python"
    base = sys._base_executable
    subprocess.run([base, "-m", "venv", "--copies", "--without-pip", str(tree)], check=True)
    (tree / "lib64").unlink(missing_ok=True)
    pack("python", ".".join(map(str, sys.version_info[:3])), tree, [])


def pack_from_index(name: str, needs: list[str]) -> None:
    tree = WORK / name
    site = tree / "lib" / f"python{PYTHON}" / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(site), name]
    subprocess.run(pip, check=True)
    found = next(site.glob("*.dist-info"))
    pack(name, found.name.removesuffix(".dist-info").split("-")[1], tree, ["python", *needs])


def make_channel() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    pack_python()
    for name, needs in FROM_INDEX.items():
        pack_from_index(name, needs)
    empty = WORK / "empty" / "share"
    empty.mkdir(parents=True)
    for name, version in COMPILERS.items():
        (empty / name).write_text("the machine's own is used\n", encoding="ascii")
        pack(name, version, empty.parent, [])
        (empty / name).unlink()


def main() -> None:
    recipe, variants = Stage0Recipe.from_file(ROOT / "recipe" / "recipe.yaml"), VariantConfig(VARIANTS)
    if "--render" in sys.argv:
        print(*recipe.render(variants))
        return
    make_channel()
    results = recipe.run_build(
        variant_config=variants,
        tool_config=ToolConfiguration(test_strategy="native"),
        output_dir=CHANNEL,
        channels=[CHANNEL.as_uri()],
        no_build_id=True,
    )
    for result in results:
        print(result.name, result.version, *result.packages)
    assert results, "the recipe builds nothing here"


if __name__ == "__main__":
    main()
