"""How raw rows become inputs, and outputs labels or values, in C: what ``fastnn.tables`` does in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastnn.interop.c.text import double, identifier, listed, remark, string
from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.dates import DateFeature
from fastnn.tables.features import Pixels, TableFeatures
from fastnn.tables.pieces import PieceFeature
from fastnn.tables.series import Forecast, SeriesFeatures
from fastnn.tables.target import Classes, Quantity

if TYPE_CHECKING:
    from fastnn.tables import Encoding

KINDS = NumberFeature | PieceFeature | DateFeature | CategoryFeature | CodeFeature  # of columns
PHASES = {
    "minute of hour": "phase_of_cycle(time, 3600000000, 0)",
    "hour of day": "phase_of_cycle(time, 86400000000, 0)",
    "day of week": "phase_of_cycle(time, 604800000000, 259200000000)",  # 1970 began on a Thursday
    "day of month": "phase_of_months(time, 1)",
    "day of year": "phase_of_months(time, 12)",
    "month of year": "phase_of_month(time)",
}
DAYS = "days since 1970 began in UTC, with fractions for its time"
IDS = (
    "/* Instead of the number of a category: there is none, or one that training had not. */\n"
    "#define {name}_GAP (-1)\n#define {name}_UNSEEN (-2)"
)


@dataclass
class Encoded:
    """Texts about the encoding of a model.

    Attributes
    ----------
    header, source : what stands there. needs : names of pieces.
    n_bytes : of texts in flash.
    members : names in C of the columns of a row, in their order.
    """

    name: str
    features: Any
    target: Any
    header: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    n_bytes: int = 0
    members: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> TableFeatures:
        """The columns of a row."""
        return self.features.columns if isinstance(self.features, SeriesFeatures) else self.features

    @property
    def kinds(self) -> list[KINDS]:
        """The encodings of the columns of a row, all of which are known in C."""
        return self.columns.of_kinds(KINDS, "C; encoding=False (--network-alone) exports the network alone")

    @property
    def has_both(self) -> bool:
        """Whether numbers and codes are inputs of their own."""
        return isinstance(self.features, TableFeatures) and len(self.features.widths) > 1

    @property
    def codes(self) -> str:
        """Where codes are written to."""
        return "codes" if self.has_both else "x"

    def add(self, declaration: str, told: str, body: list[str]) -> None:
        """A function for both files."""
        self.header.append(f"/* {told} */\n{declaration};")
        self.source.append("\n".join([f"{declaration} {{", *(f"    {line}" for line in body), "}"]))

    def borders(self, member: str, feature: PieceFeature | DateFeature) -> str:
        """The name of a column's table of borders, a null pointer where it has none."""
        if not feature.borders:
            return "0"
        name = f"{self.name}_{member}_borders"
        self.n_bytes += 8 * len(feature.borders)
        self.source.append(
            f"static const double {name}[{len(feature.borders)}] = {{\n{listed(map(double, feature.borders))}}};"
        )
        return name

    def texts(self, name: str, texts: Sequence[str], told: str = "") -> None:
        """A table of texts; one that is told of stands in the header, too."""
        self.n_bytes += sum(len(text.encode()) + 1 for text in texts)
        what = f"const char *const {name}[{max(1, len(texts))}]"
        if told:
            self.header.append(f"/* {remark(told)} */\nextern {what};")
        inside = ", ".join(map(string, texts)) if texts else "0"
        self.source.append(f"{'' if told else 'static '}{what} = {{{inside}}};")


def encoded(name: str, encoding: Encoding) -> Encoded:
    """The encoding's functions, whose names begin with ``name``.

    Raises
    ------
    ValueError
        it reads texts, for words are found by Unicode's tables, which C has not; or a column in a way that C has not.
    """
    made = Encoded(name, encoding.features, encoding.target)
    if isinstance(made.features, Pixels):
        _pixels(made)
    elif isinstance(made.features, TableFeatures | SeriesFeatures):
        _row(made)
        _series(made) if isinstance(made.features, SeriesFeatures) else _table(made)
    else:
        raise ValueError(
            "the model reads texts by their words or characters, which C without Unicode's tables cannot find; with "
            "encoding=False (--network-alone) it is exported without, and takes the numbers of tokens"
        )
    _decoding(made)
    return made


def _pixels(made: Encoded) -> None:
    width = made.features.width
    made.add(
        f"void {made.name}_encode(const unsigned char *pixels, float *x)",
        f"The {width} pixels of an image, 0 to 255, row by row, as the network's input.",
        [f"for (int i = 0; i < {width}; ++i) x[i] = (float)pixels[i] / 255.0f;"],
    )


def _row(made: Encoded) -> None:
    """The struct of a row, and how its categories are found."""
    lines, found, upper = [], [], made.name.upper()
    if isinstance(made.features, SeriesFeatures) and made.features.cycles:
        lines.append("    int64_t time; /* microseconds since 1970 began, on the clock of the table */")
    for feature in made.kinds:
        member = identifier(feature.name, {*made.members.values(), "time"})
        made.members[feature.name] = member
        told = f"column {remark(feature.name)}"
        if isinstance(feature, NumberFeature | PieceFeature | DateFeature):
            what = DAYS if isinstance(feature, DateFeature) else "1 true, 0 false" if feature.as_text else "a number"
            lines.append(f"    double {member}; /* {told}: {what}, NAN for a gap */")
        else:
            ids = f"{made.name}_{member}_id"
            lines.append(f"    int {member}; /* {told}: what {ids} gives, {upper}_GAP or {upper}_UNSEEN */")
            found.append((feature, member, ids))
    if found:
        made.header.append(IDS.format(name=upper))
    made.header.append("\n".join(["/* A row of the table. */", "typedef struct {", *lines, f"}} {made.name}_row;"]))
    for feature, member, ids in found:
        _categories(made, feature, member, ids)


def _categories(made: Encoded, feature: CategoryFeature | CodeFeature, member: str, ids: str) -> None:
    values = f"{made.name}_{member}_values"
    made.texts(values, feature.values)
    made.needs.add("find_text")
    shown = ", ".join(f"{i} {value}" for i, value in enumerate(feature.values[:8]))
    more = " ..." if len(feature.values) > 8 else ""
    made.add(
        f"int {ids}(const char *text)",
        remark(f"The number of a text in column {feature.name}, in UTF-8; a null pointer is a gap. {shown}{more}"),
        [f"return find_text({values}, {len(feature.values)}, text);"],
    )


def _put(made: Encoded) -> list[str]:
    """Statements that write ``row``."""
    lines, offsets = [], iter(made.columns.offsets)
    for feature in made.kinds:
        member = f"row->{made.members[feature.name]}"
        if isinstance(feature, NumberFeature):
            made.needs.add("put_number")
            numbers = f"{double(feature.mean)}, {double(feature.scale)}, {int(feature.gaps)}"
            lines.append(f"x = put_number({member}, {numbers}, x);")
        elif isinstance(feature, PieceFeature):
            lines.append(_put_pieces(made, feature, member, feature.gaps))
        elif isinstance(feature, DateFeature):
            lines += _put_date(made, feature, member)
        elif isinstance(feature, CodeFeature):
            offset = next(offsets)
            known = f"{member} >= 0 && {member} < {len(feature.values)}"
            lines.append(f"*{made.codes}++ = (float)({known} ? {offset + 1} + {member} : {offset});")
        else:
            made.needs.add("put_category")
            sizes = f"{len(feature.values)}, {int(feature.gaps)}, {int(feature.bucket)}"
            lines.append(f"x = put_category({member}, {sizes}, x);")
    return lines


def _put_pieces(made: Encoded, feature: PieceFeature | DateFeature, value: str, gaps: bool) -> str:
    made.needs.add("put_pieces")
    numbers = f"{double(feature.center)}, {double(feature.scale)}"
    borders = made.borders(made.members[feature.name], feature)
    return f"x = put_pieces({value}, {numbers}, {borders}, {feature.n_pieces}, {int(gaps)}, x);"


def _put_date(made: Encoded, feature: DateFeature, member: str) -> list[str]:
    """Elapsed time, then the cycles, which are 0 for a gap, and whether it is one."""
    lines = [_put_pieces(made, feature, member, False)]
    if feature.cycles:
        time = f"const int64_t time = {member} == {member} ? (int64_t)floor({member} * 86400000000.0 + 0.5) : 0;"
        lines += ["{", f"    {time}"]
        for cycle in feature.cycles:
            made.needs |= {"put_phase", PHASES[cycle].split("(")[0]}
            lines.append(f"    x = put_phase({PHASES[cycle]}, x);")
            lines.append(f"    if ({member} != {member}) x[-2] = x[-1] = 0.0f;")
        lines.append("}")
    return [*lines, *([f"*x++ = {member} != {member} ? 1.0f : 0.0f;"] * feature.gaps)]


def _table(made: Encoded) -> None:
    both = ", float *codes" * made.has_both
    told = "A row as the network's inputs, numbers and codes." if both else "A row as the network's input."
    unused = ["(void)x;", *(["(void)codes;"] * made.has_both)]
    made.add(f"void {made.name}_encode(const {made.name}_row *row, float *x{both})", told, [*_put(made), *unused])


def _series(made: Encoded) -> None:
    features = made.features
    lines, upper = _put(made), made.name.upper()
    for cycle in features.cycles:
        made.needs |= {"put_phase", PHASES[cycle].split("(")[0]}
        lines.append(f"x = put_phase({PHASES[cycle].replace('time', 'row->time')}, x);")
    told = f"The {upper}_WINDOW last rows, the oldest first, as the network's input."
    before = ""
    if features.changes:
        member = made.members[made.target.name]
        lines = [
            f"{made.name}_row changed = rows[i];",
            f"const {made.name}_row *const row = &changed;",
            f"const double value = changed.{member};",
            f"changed.{member} = value != value || before != before ? value - value : value - before;",
            "if (value == value) before = value;",
            *lines,
        ]
        before = ", double before"
        told += f"\n * before: the last known {remark(made.target.name)} before them, NAN for none."
    else:
        lines = [f"const {made.name}_row *const row = rows + i;", *lines]
    made.header.append(f"#define {upper}_WINDOW {features.window}")
    body = [f"for (int i = 0; i < {features.window}; ++i) {{", *(f"    {line}" for line in lines), "}"]
    made.add(f"void {made.name}_encode(const {made.name}_row *rows{before}, float *x)", told, body)


def _decoding(made: Encoded) -> None:
    target, name = made.target, made.name
    if isinstance(target, Classes):
        made.texts(f"{name}_labels", target.labels, f"The classes of {target.name}, in UTF-8.")
        body = ["return y[0] > 0.5f;" if target.n_out == 1 else f"return largest_at(y, {target.n_out});"]
        made.needs |= set() if target.n_out == 1 else {"largest_at"}
        made.add(
            f"int {name}_class(const float *y)", f"The most probable class by the output: {name}_labels[it].", body
        )
    elif isinstance(target, Quantity):
        value = f"(double)y[0] * {double(target.spread)} + {double(target.mean)}"
        body = [f"const double value = {value};"]
        if target.limits:
            low, high = map(double, target.limits)
            body.append(f"return value < {low} ? {low} : value > {high} ? {high} : value;")
        else:
            body.append("return value;")
        made.add(f"double {name}_value(const float *y)", f"The predicted {remark(target.name)} by the output.", body)
    elif isinstance(target, Forecast):
        value = f"(double)y[i] * {double(target.spread)} + {double(target.mean)} + last"
        made.add(
            f"void {name}_values(const float *y, double last, double *values)",
            f"The next {target.horizon} of {remark(target.name)} by the output; last is the last known one.",
            [f"for (int i = 0; i < {target.horizon}; ++i) values[i] = {value};"],
        )
