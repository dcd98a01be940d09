"""The wheels that ``[tool.cibuildwheel]`` chooses, on each kind of runner, are those that docs/policy.md promises."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = shutil.which("cibuildwheel", path=os.pathsep.join([str(ROOT / "build/packages/bin"), os.environ["PATH"]]))
# The first and the last are built; on the others the wheel of the first, which has the stable ABI, is only tested.
PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp315", "cp314t")
SYSTEMS = {
    "linux": ["manylinux_x86_64", "manylinux_aarch64", "musllinux_x86_64", "musllinux_aarch64"],
    "macos": ["macosx_x86_64", "macosx_arm64"],
    "windows": ["win_amd64", "win_arm64"],
    "pyodide": [],
    "android": [],
    "ios": [],
}


@pytest.mark.parametrize("platform", SYSTEMS)
def test_wheels_are_chosen_for_these_pythons_and_systems_and_no_others(platform):
    if TOOL is None:
        pytest.skip("cibuildwheel is not installed; .ci/packages runs this test with it")
    done = subprocess.run(
        [TOOL, "--platform", platform, "--archs", "all", "--print-build-identifiers", str(ROOT)],
        env={name: value for name, value in os.environ.items() if not name.startswith("CIBW_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = {f"{python}-{system}" for python in PYTHONS for system in SYSTEMS[platform]}
    assert sorted(done.stdout.split()) == sorted(wanted), done.stderr
