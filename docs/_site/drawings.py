"""The drawings of "how it works": ``python docs/_site/drawings.py`` writes them beside their pages.

They are kept, so that a code host shows them; ``tests/doors/test_site_pages.py`` compares them with what is drawn here.
Colours are variables: by themselves they follow the reader's system, on the site, which writes the drawings into the
page, its theme.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parents[1] / "how_it_works"
STYLE = """
svg { --ink: #24292f; --soft: #6e7781; --fill: #eaf5f0; --other: #fdf0dc; --line: #0b6e4f; font-family: sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --soft: #9da7b1; --fill: #12372b; --other: #4a3413; --line: #6fd3ac; }
}
text { fill: var(--ink); font-size: 13px; text-anchor: middle; dominant-baseline: middle; }
.small { font-size: 11px; fill: var(--soft); }
.mono { font-family: monospace; }
.left { text-anchor: start; }
.box { fill: var(--fill); stroke: var(--line); }
.other { fill: var(--other); stroke: var(--soft); }
.plain { fill: none; stroke: var(--soft); }
.arrow { stroke: var(--ink); fill: none; stroke-width: 1.4; }
.head { fill: var(--ink); }
"""


class Drawing:
    """A drawing of a size, to which boxes, words and arrows are added."""

    def __init__(self, width: int, height: int, title: str):
        self.size, self.title, self.parts = (width, height), title, []

    def box(self, x: float, y: float, w: float, h: float, *lines: str, kind: str = "box", small: str = "") -> None:
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="5"/>')
        first = y + h / 2 - 8 * (len(lines) - 1 + bool(small))
        for number, line in enumerate(lines):
            self.word(x + w / 2, first + 16 * number, line)
        if small:
            self.word(x + w / 2, first + 16 * len(lines), small, "small")

    def word(self, x: float, y: float, text: str, kind: str = "") -> None:
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>')

    def arrow(self, *points: tuple[float, float]) -> None:
        self.parts.append(f'<polyline class="arrow" points="{" ".join(f"{x},{y}" for x, y in points)}"/>')
        (x0, y0), (x, y) = points[-2:]
        dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
        sides = [(x - 8 * dx - 4 * dy, y - 8 * dy - 4 * dx), (x - 8 * dx + 4 * dy, y - 8 * dy + 4 * dx)]
        corners = " ".join(f"{a},{b}" for a, b in [(x, y), *sides])
        self.parts.append(f'<polygon class="head" points="{corners}"/>')

    def svg(self) -> str:
        w, h = self.size
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img">'
        body = "\n".join(self.parts)
        return f"{head}\n<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"


def way() -> Drawing:
    """From layers to updates."""
    d = Drawing(720, 250, "What is described once is compiled into a plan; a backend executes it on flat vectors")
    d.box(10, 20, 150, 56, "layers", small="frozen descriptions")
    d.box(10, 92, 150, 56, "losses, optimizer", small="one record each")
    d.box(10, 164, 150, 56, "batch size, dtype")
    d.box(250, 82, 150, 76, "plan", small="tables of ops and values")
    d.box(500, 20, 200, 56, "backend", small="numpy, numba, cython")
    d.box(500, 100, 200, 50, "memory", small="params, slots, grads, workspace", kind="other")
    d.box(500, 174, 200, 50, "rows", small="x, y, weights, order", kind="other")
    for y in (48, 120, 192):
        d.arrow((160, y), (205, y), (205, 120), (250, 120))
    d.arrow((400, 120), (450, 120), (450, 48), (500, 48))
    d.word(425, 180, "train(plan, memory,", "small mono")
    d.word(425, 195, "rows, course)", "small mono")
    d.arrow((600, 100), (600, 76))
    d.arrow((700, 199), (712, 199), (712, 48), (700, 48))
    return d


def batch() -> Drawing:
    """What happens to one batch."""
    d = Drawing(720, 230, "A batch: forward through the ops, the loss and its gradient, backward, one update")
    names = ("gather", "dense", "dense", "loss")
    small = ("rows in order", "y = tanh(x W + b)", "z = x W + b", "value and slope")
    for number, (name, text) in enumerate(zip(names, small, strict=True)):
        x = 10 + 180 * number
        d.box(x, 20, 150, 54, name, small=text, kind="other" if number in (0, 3) else "box")
        if number:
            d.arrow((x - 30, 47), (x, 47))
            d.word(x - 15, 12, ("", "x", "value 1", "value 2")[number], "small")
    for number, text in enumerate(("dense, backward", "dense, backward")):
        x = 190 + 180 * number
        d.box(x, 116, 150, 54, text, small="dx, then dW and db")
        d.arrow((x + 180, 143), (x + 150, 143))
    d.arrow((625, 74), (625, 143), (520, 143))
    d.word(660, 110, "gradient", "small")
    d.box(10, 116, 150, 54, "update", small="Adam on all parameters", kind="other")
    d.arrow((190, 143), (160, 143))
    d.arrow((85, 170), (85, 200), (445, 200), (445, 174))
    d.word(265, 212, "new weights for the next batch", "small")
    return d


def values() -> Drawing:
    """Where the numbers of the network 2-3-1 lie, by its own plan."""
    from fastnn import Sequential
    from fastnn.layers import Dense

    model = Sequential([Dense(3, activation="tanh", input_shape=(2,)), Dense(1, activation="sigmoid")], seed=1)
    model.compile(optimizer="adam", loss="binary_crossentropy")
    plan = model.plan
    d = Drawing(720, 210, "Flat vectors: where parameters and values of a 2-3-1 network lie")
    size = len(model.params)
    d.word(10, 22, f"params, {size} numbers", "left")
    for op, name in zip(plan.ops, ("dense", "dense_1"), strict=True):
        for start, part, count in ((op["w"], "W", op["n_in"] * op["n_out"]), (op["b"], "b", op["n_out"])):
            x = 10 + 700 * int(start) / size
            d.box(x, 36, max(700 * int(count) / size, 16), 34, kind="box")
            d.word(x + 8, 82, f"{name}.{part} at {int(start)}", "small left")
    d.parts.append('<rect class="plain" x="10" y="36" width="700" height="34" rx="5"/>')
    room = plan.workspace_size
    d.word(10, 120, f"workspace, {room} numbers, 32 rows", "left")
    for number, value in enumerate(plan.values):
        for place, text in ((int(value["offset"]), f"value {number}"), (int(value["grad"]), f"gradient of {number}")):
            if place >= 0:
                width = 700 * 32 * int(value["size"]) / room
                d.box(10 + 700 * place / room, 134, width, 34, kind="other" if "gradient" in text else "box")
                d.word(10 + 700 * place / room + width / 2, 182 if width > 60 else 198, text, "small")
    d.parts.append('<rect class="plain" x="10" y="134" width="700" height="34" rx="5"/>')
    return d


def tile() -> Drawing:
    """The product of a block of rows and a kernel, tile by tile."""
    d = Drawing(720, 250, "A tile of the product stays in registers while its sum runs over k")
    d.word(110, 20, "x (rows, k)")
    d.box(40, 36, 140, 170, kind="plain")
    d.box(40, 66, 140, 48, kind="other")
    d.word(110, 90, "6 rows", "small")
    d.word(290, 20, "W (k, units)")
    d.box(230, 56, 150, 130, kind="plain")
    d.box(275, 56, 46, 130, kind="other")
    d.word(298, 120, "16", "small")
    d.word(298, 134, "columns", "small")
    d.word(530, 20, "y (rows, units)")
    d.box(455, 36, 150, 170, kind="plain")
    d.box(500, 66, 46, 48, kind="box")
    d.arrow((180, 90), (226, 90))
    d.arrow((380, 90), (496, 90))
    d.word(523, 90, "tile", "small")
    d.word(
        360, 225, "for each k: a number of x times a vector of W, added to the tile by one fused instruction", "small"
    )
    d.word(655, 80, "then bias,", "small")
    d.word(655, 95, "activation", "small")
    d.word(655, 110, "in registers", "small")
    return d


def lanes() -> Drawing:
    """Why sums have the same bits with other vectors."""
    d = Drawing(720, 240, "A sum goes over 16 logical lanes, whatever the width of the registers is")
    for row, (name, width) in enumerate((("AVX-512: one register", 16), ("AVX2: two", 8), ("NEON: four", 4))):
        y = 20 + 54 * row
        d.word(10, y + 16, name, "left")
        for lane in range(16):
            kind = "box" if (lane // width) % 2 == 0 else "other"
            d.box(180 + 33 * lane, y, 30, 32, kind=kind)
            d.word(195 + 33 * lane, y + 16, str(lane), "small")
    d.word(
        360,
        190,
        "lane i adds the numbers i, i + 16, i + 32 ... in their order; at the end lanes are joined in one fixed order,",
    )
    d.word(360, 210, "8 with 8, 4 with 4, 2 with 2, 1 with 1: the same additions, so the same bits")
    return d


def threads() -> Drawing:
    """How threads share an op."""
    d = Drawing(720, 200, "Threads share the outputs of an op, never the terms of a sum")
    d.word(150, 20, "forward: rows")
    d.box(40, 36, 220, 50, "thread 1: rows 0 to 15")
    d.box(40, 90, 220, 50, "thread 2: rows 16 to 31", kind="other")
    d.word(490, 20, "gradient of W: units, each over all rows")
    d.box(380, 36, 105, 104, "thread 1:", "units 0", "to 31")
    d.box(490, 36, 105, 104, "thread 2:", "units 32", "to 63", kind="other")
    d.arrow((270, 88), (370, 88))
    d.word(320, 74, "barrier", "small")
    d.word(360, 170, "Nobody adds two threads' numbers, so their number changes no bit.")
    return d


DRAWINGS = {"way": way, "batch": batch, "values": values, "tile": tile, "lanes": lanes, "threads": threads}


def main() -> None:
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
