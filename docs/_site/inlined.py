"""Writes drawings (SVG beside a page) into the page, whose colours they then have; elsewhere they follow the system."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


class Inline(SphinxPostTransform):
    """Replaces pictures of this folder by their text."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir) / image["uri"]
            if path.suffix == ".svg" and path.parent.name == "how_it_works":
                name = path.stem
                text = re.sub(r"<svg ", f'<svg id="drawing-{name}" ', path.read_text(encoding="utf-8"), count=1)
                image.replace_self(nodes.raw("", f'<div class="drawing">{scoped(text, name)}</div>', format="html"))


def scoped(text: str, name: str) -> str:
    """The drawing with styles that hold for it alone."""
    head, style, body = re.split(r"</?style>", text)
    rules = re.sub(r"(?m)^( *)(svg|text|\.[a-z]+) \{", rf"\1#drawing-{name} \2 {{", style)
    rules = rules.replace(f"#drawing-{name} svg {{", f"#drawing-{name} {{")
    rules = re.sub(r"@media[^{]*\{\s*#drawing[^}]*\}\s*\}", "", rules)  # the page says whether it is dark
    return f"{head}<style>{rules}</style>{body}"


def setup(app) -> dict:
    app.add_post_transform(Inline)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
