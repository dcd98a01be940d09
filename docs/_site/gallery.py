"""What sphinx-gallery makes of docs/_gallery, which is run for its pictures, and of examples/, of which some are run.

Examples are programs with a docstring for the shell; they are laid out anew under build/ with the title that
sphinx-gallery wants. Those that take longer than some seconds are shown and not run; their page says so, and the tests
run them.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build" / "programs"
RUN = ("xor", "gradients_of_xor", "keras_listing")
HEADER = """Programs
========

The programs of the folder ``examples``, from a first network in NumPy to reinforcement learning. Each stands alone.
"""
NOT_RUN = "It was not run for this page: it trains for longer than a page should take to build. Its tests run it."


def lay_out() -> None:
    """Write the examples with titles, those that are gone taken away."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    _write(PROGRAMS / "GALLERY_HEADER.rst", HEADER)
    for path in (ROOT / "examples").glob("*.py"):
        _write(PROGRAMS / path.name, titled(path.stem, path.read_text(encoding="utf-8")))
    for old in PROGRAMS.glob("*.py"):
        if not (ROOT / "examples" / old.name).exists():
            old.unlink()


def titled(name: str, text: str) -> str:
    """A program with a docstring of reStructuredText that has a title."""
    docstring = ast.get_docstring(ast.parse(text)) or name
    body = text.split('"""', 2)[2]
    first = docstring.split("\n\n")[0].replace("\n", " ")
    sentence = first.split(". ")[0].rstrip(".")
    short = sentence.split(":")[0]
    title = f"{name}.py: {short if len(short) > 12 else sentence}"
    paragraphs = [part if part.startswith(" ") else part.strip() for part in docstring.split("\n\n")]
    shown = ["::\n\n" + part if part.startswith(" ") else _program(part) for part in paragraphs]
    note = [] if name in RUN else [NOT_RUN]
    return "\n".join(['"""', title, "=" * len(title), "", "\n\n".join([*shown, *note]), '"""']) + body


def _program(paragraph: str) -> str:
    return f"::\n\n    {paragraph}" if paragraph.startswith("python examples/") else paragraph


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


class Written:
    """Takes the pictures that a program has written beside itself."""

    def __repr__(self) -> str:
        return "Written"  # part of what tells sphinx-gallery whether its settings have changed

    def __call__(self, block, block_vars: dict, gallery_conf: dict) -> str:
        names = iter(block_vars["image_path_iterator"])
        found = sorted(Path(block_vars["src_file"]).parent.glob("*.png"))
        taken = []
        for picture in found:
            taken.append(next(names))
            shutil.move(picture, taken[-1])
        return figure_rst(taken, gallery_conf["src_dir"])


CONF = {
    "examples_dirs": [str(ROOT / "docs" / "_gallery"), str(PROGRAMS)],
    "gallery_dirs": ["gallery", "programs"],
    "filename_pattern": r"/(draw_\w+|" + "|".join(RUN) + r")\.py",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "capture_repr": (),
    "image_scrapers": ("matplotlib", Written()),
}
lay_out()
