"""Names, numbers and comments as C has them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np

KEYWORDS = re.compile(
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|register|"
    "restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while|"
    # of C++, whose programs read the header, and macros of some compilers
    "alignas|alignof|and|and_eq|asm|bitand|bitor|bool|catch|class|compl|concept|const_cast|consteval|constexpr|constinit|"
    "co_await|co_return|co_yield|decltype|delete|dynamic_cast|explicit|export|false|friend|mutable|namespace|new|noexcept|"
    "not|not_eq|nullptr|operator|or|or_eq|private|protected|public|reinterpret_cast|requires|static_assert|static_cast|"
    "template|this|thread_local|throw|true|try|typeid|typename|using|virtual|wchar_t|xor|xor_eq|linux|unix|i386"
)
WIDTH = 120


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """A name that C takes, as like ``name`` as can be, and none of those ``taken``; in small letters, as no macro is.

    >>> identifier("Conv 1/kernel"), identifier("2nd"), identifier("while", {"while_"})
    ('conv_1_kernel', 'n2nd', 'while_2')
    """
    found = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "unnamed"
    found = f"n{found}" if found[0].isdigit() else found
    found = f"{found}_" if KEYWORDS.fullmatch(found) else found
    if found not in taken:
        return found
    number, stem = 2, found.rstrip("_")
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def real(value: SupportsFloat) -> str:
    """A float's shortest text that reads as the very same number.

    >>> real(0.1), real(3), real(float("inf"))
    ('0.1f', '3.0f', 'INFINITY')
    """
    value = np.float32(value)
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = np.format_float_scientific(value, trim="0") if not 1e-4 <= abs(value) < 1e7 else str(value)
    return ("0.0" if value == 0 and not np.signbit(value) else text) + "f"


def double(value: float) -> str:
    """The same for a double.

    >>> double(0.1), double(3), double(-1e300)
    ('0.1', '3.0', '-1e+300')
    """
    if np.isnan(value):
        return "NAN"
    return repr(float(value)) if np.isfinite(value) else "INFINITY" if value > 0 else "-INFINITY"


def string(text: str) -> str:
    """A literal of the text in UTF-8; all that is not plain ASCII as octal numbers, which end after three digits.

    >>> print(string('a "b" ü'))
    "a \\"b\\" \\303\\274"
    """
    made = []
    for byte in text.encode("utf-8"):
        sign = chr(byte)
        plain = 32 <= byte < 127 and sign not in '"\\?'
        made.append(sign if plain else f"\\{sign}" if sign in '"\\?' else f"\\{byte:03o}")
    return '"' + "".join(made) + '"'


def remark(text: str) -> str:
    """What may stand in a comment, on one line, in ASCII."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return " ".join(plain.split()).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def listed(items: Iterable[str]) -> str:
    """Items of an array, indented, in as few lines as they fit in."""
    return folded(", ".join(items), "    ", "    ")


def folded(text: str, first: str, next_ones: str) -> str:
    """A text in lines with indents; numbers are not broken at their signs."""
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=first, subsequent_indent=next_ones, break_on_hyphens=False, break_long_words=False
    )
    return wrapper.fill(text)


def shape_text(shape: Iterable[int]) -> str:
    """``28 x 28 x 1``."""
    return " x ".join(map(str, shape)) or "1"
