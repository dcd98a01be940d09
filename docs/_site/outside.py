"""Links that lead out of docs/: on a code host they are right as they stand, on the site they find the page there.

Pages of other folders (``REPOSITORY``) are copied into docs/repository when a build begins, with their links turned
round; examples have a page among the programs; any other file is one that the site offers for download, and a folder is
its name.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
REPOSITORY = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "GOVERNANCE.md", "CODE_OF_CONDUCT.md", "LICENSE")
FOLDERS = ("bench",)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]\[]*)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^ *(```|~~~)")


def pages() -> dict[str, str]:
    """Where pages of other folders stand on the site: from a path in the repository to one, both from its root."""
    found = [ROOT / name for name in REPOSITORY if (ROOT / name).suffix == ".md" and (ROOT / name).exists()]
    found += [page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md"))]
    names = {page.relative_to(ROOT).as_posix(): page for page in found}
    return {name: "docs/repository/" + name.replace("/", "_").lower() for name in names}


def on_site(target: str, source: str, at: str) -> str | None:
    """A link's target for a page that was at ``source`` and now is ``at``; None where nothing can be linked to."""
    if re.match(r"[a-z]+:|#", target):
        return target
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    example = re.fullmatch(r"examples/(\w+)\.py", path)
    if path in pages():
        path = pages()[path]
    elif path == "README.md":
        path = "docs/index.md"
    elif example and (ROOT / path).exists():
        path = f"docs/programs/{example[1]}.rst"
    elif (ROOT / path).is_dir():
        if not (ROOT / path / "index.md").exists():
            return None
        path += "/index.md"
    return posixpath.relpath(path, posixpath.dirname(at)) + (f"#{anchor}" if anchor else "")


def rewritten(text: str, source: str, at: str) -> str:
    """A page's text with its links as ``on_site`` says; blocks of code stay as they are."""
    lines, inside = [], False
    for line in text.split("\n"):
        inside ^= bool(FENCE.match(line))
        lines.append(line if inside else LINK.sub(lambda found: _link(found, source, at), line))
    return "\n".join(lines)


def _link(found: re.Match, source: str, at: str) -> str:
    target = on_site(found["target"], source, at)
    return found["text"] if target is None else f"{found['image']}[{found['text']}]({target})"


def _read(app, name: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md" and path.parent.name != "repository":
        at = path.relative_to(ROOT).as_posix()
        source[0] = rewritten(source[0], at, at)
    if name == "index":
        lines = source[0].split("\n")
        source[0] = "\n".join(line for line in lines if "*" not in line or _matches(line, app.env))


def _matches(line: str, env) -> bool:
    """Whether a line of a table of contents stands for a page; parts that the project has yet to get do not."""
    pattern = line.strip()
    return " " in pattern or any(fnmatch.fnmatch(page, pattern) for page in env.found_docs)


def _copy(app) -> None:
    folder = DOCS / "repository"
    folder.mkdir(exist_ok=True)
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in pages()}
    wanted = {ROOT / at: rewritten(texts[name], name, at) for name, at in pages().items()}
    for old in set(folder.glob("*.md")) - wanted.keys():
        old.unlink()
    for page, text in wanted.items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app) -> dict:
    app.connect("builder-inited", _copy)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
