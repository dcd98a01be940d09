"""What stands in two of the project's files says the same in both, and actions of workflows stay what they were."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import fastnn

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_top_of_the_changelog_is_the_version():
    top = re.search(r"^## (\S+), (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    number, developed, _ = fastnn.__version__.partition(".dev")
    assert top[1] == number
    assert (top[2] == "not released yet") == bool(developed)
    assert developed or re.fullmatch(r"\d{4}-\d\d-\d\d", top[2]), "a released version has its day"


def test_who_cites_or_packs_the_project_finds_its_version():
    assert f"\nversion: {fastnn.__version__}\n" in text_of("CITATION.cff")
    assert f'\n  version: "{fastnn.__version__}"\n' in text_of("recipe/recipe.yaml")


def test_the_recipe_asks_for_what_the_package_asks_for():
    project, build = PROJECT["project"], PROJECT["build-system"]
    for entry in ("python" + project["requires-python"], *project["dependencies"], *build["requires"]):
        assert f"- {entry.replace('>=', ' >=')}\n" in text_of("recipe/recipe.yaml"), entry


def test_the_oldest_dependencies_of_the_workflow_are_those_that_the_package_allows():
    pinned = dict(re.findall(r"^(\w+)==([\d.]+)$", text_of(".github/oldest.txt"), re.MULTILINE))
    floors = dict(re.fullmatch(r"(\w+)>=([\d.]+)", entry).groups() for entry in PROJECT["project"]["dependencies"])
    assert pinned.keys() == floors.keys()
    for name, floor in floors.items():
        assert f"{pinned[name]}.".startswith(f"{floor}."), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_named_by_the_hash_of_their_commit_and_rights_are_given_one_by_one(path):
    text = path.read_text(encoding="utf-8")
    for action in re.findall(r"uses: (.+)", text):
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "\npermissions: {}\n" in text
    assert "secrets." not in text
    assert text.count("runs-on:") == text.count("timeout-minutes:")
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_an_action_has_one_hash_in_all_workflows():
    found = re.findall(r"uses: ([\w/-]+)@(\w{40})", "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS))
    assert len(dict(found)) == len(set(found)) > 4


def test_versions_of_tools_are_fixed():
    groups = PROJECT["dependency-groups"]
    for entry in (*groups["lint"], *groups["wheels"], *groups["packages"]):
        assert isinstance(entry, dict) or re.match(r"[\w-]+(\[[\w,]+\])?==[\d.]+(;|$)", entry), entry


def test_files_of_the_community_are_in_the_sdist_and_name_each_other_by_paths_that_exist():
    for name in ("CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"):
        assert name in text_of("MANIFEST.in"), name
    for name in ("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "docs/policy.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text_of(name)):
            assert ((ROOT / name).parent / target).exists(), f"{name} names {target}"
