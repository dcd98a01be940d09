"""The README says at once what fastnn is, and shows six jobs of at most ten lines each."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
JOBS = README[README.index("## Six common jobs") : README.index("## How it is built")]
SHOWN = re.sub(r"<!--.*?-->\n", "", JOBS, flags=re.DOTALL)


def test_there_are_six_jobs_of_at_most_ten_lines():
    blocks = re.findall(r"```(?:python|sh)\n(.*?)```", SHOWN, re.DOTALL)
    assert len(blocks) == 6
    assert max(len(text.splitlines()) for text in blocks) <= 10


def test_the_first_example_begins_on_the_second_screen():
    assert README.index("## Six common jobs") == README.index("## ")
    assert README[: README.index("## ")].count("\n") <= 40


def test_links_lead_to_files():
    root = Path(__file__).resolve().parents[2]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 20
    assert [link for link in links if not (root / link).exists()] == []
