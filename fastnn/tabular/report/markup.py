"""Pieces of the page: tables whose numbers are aligned, sections with a sentence on what they show, lists."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.tabular.report.svg import text


class Cell:
    """A cell of a table: markup that is already safe, with a class of the style."""

    def __init__(self, inside: str, style: str = ""):
        self.inside, self.style = inside, style


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str | Cell]], numbers: Sequence[int] = (), marked: int = -1
) -> str:
    """A table; the columns ``numbers`` are set to the right, the row ``marked`` stands out. Texts are escaped here."""
    head = "".join(f"<th{_class('n' if i in numbers else '')}>{text(name)}</th>" for i, name in enumerate(heads))
    body = []
    for k, row in enumerate(rows):
        cells = "".join(_cell(cell, i in numbers) for i, cell in enumerate(row))
        body.append(f"<tr{_class('mark' if k == marked else '')}>{cells}</tr>")
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def _cell(cell: str | Cell, number: bool) -> str:
    inside, style = (cell.inside, cell.style) if isinstance(cell, Cell) else (text(cell, 200), "")
    return f"<td{_class('n' if number else '', style)}>{inside}</td>"


def _class(*names: str) -> str:
    there = " ".join(name for name in names if name)
    return f' class="{there}"' if there else ""


def bar(share: float) -> Cell:
    """A bar of a share of the cell's width."""
    return Cell(f'<i style="width:{100 * min(max(share, 0.0), 1.0):.1f}%"></i>', "bar")


def section(name: str, title: str, meaning: str, *parts: str) -> str:
    """A section with a sentence on what it shows; ``name`` is where links lead."""
    said = f'<p class="soft">{text(meaning, 1000)}</p>' if meaning else ""
    return f'<section id="{name}"><h2>{text(title)}</h2>{said}{"".join(parts)}</section>'


def notes(told: Sequence[str]) -> str:
    """A list of notes."""
    items = "".join(f"<li>{text(note[:1].upper() + note[1:], 1000)}</li>" for note in told)
    return f'<ul class="notes">{items}</ul>' if told else ""


def charts(drawn: Sequence[str], small: bool = False) -> str:
    """Charts side by side."""
    return f"<div{_class('charts', 'small' if small else '')}>{''.join(drawn)}</div>" if drawn else ""
