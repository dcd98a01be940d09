"""The site of the documentation: ``make docs`` builds it into build/docs, with nothing from outside and no warning.

Design: pages are Markdown that reads well on a code host; what only the site needs is generated into folders that are
not kept (``reference``, ``gallery``, ``programs``, ``repository``). The theme is Furo: 0.1 MB of styles, a few lines of
script, light and dark as the reader's system is, a menu that folds away on a phone, and no font or script from
elsewhere; the PyData and Book themes bring Bootstrap and icon fonts, ten times as much. Formulas are MathML, which
browsers draw themselves.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS / "_site"), str(DOCS.parent), str(DOCS.parent / "examples"), str(DOCS.parent / "tests")]
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("KERAS_BACKEND", "torch")

import gallery  # noqa: E402

from fastnn import __version__  # noqa: E402

project = "fastnn"
author = "the fastnn contributors"
copyright = author
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "inlined",
    "mathml",
    "outside",
    "reference_pages",
]
exclude_patterns = [
    "_*",
    "gallery/*.ipynb",
    "gallery/*.py",
    "programs/*.ipynb",
    "programs/*.py",
    "sg_execution_times.rst",
]
suppress_warnings = ["config.cache"]  # the gallery's settings hold a class
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
myst_all_links_external = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 76
python_use_unqualified_type_names = True
add_module_names = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = gallery.CONF

html_theme = "furo"
html_title = f"fastnn {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {"color-brand-primary": "#0b6e4f", "color-brand-content": "#0b6e4f"},
    "dark_css_variables": {"color-brand-primary": "#6fd3ac", "color-brand-content": "#6fd3ac"},
}
pygments_style = "default"
pygments_dark_style = "monokai"
nitpicky = True


def setup(app) -> None:
    from pygments.lexers.special import TextLexer

    app.add_lexer("csv", TextLexer)
