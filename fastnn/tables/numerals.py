"""How numbers and gaps are written in text, and how many of a column's values are such.

Gaps are what pandas takes for missing, ``?`` and a lone ``-``. Numbers may carry thousands separators, a currency
or a percent sign (``-1,234.50``, ``1 234``, ``12,34,567``, ``$5``, ``12 EUR``, ``3 %``: the number before the sign
counts as it stands), stand in brackets for a minus (``(12.50)``, as accounts have it), and have a point or a comma
before their fraction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

import numpy as np

GAPS = frozenset(
    ["", "?", "-", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"]
    + ["<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)
NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
CODE = re.compile(r"[+-]?0\d+", re.ASCII)  # a whole number with a leading zero: a name, not a quantity
_PLAIN_COMMA = re.compile(r"[+-]?\d+(?:,\d*)?", re.ASCII)
ENOUGH = 500  # texts that tell the decimal sign of a column
EXACT = 2.0**53  # whole numbers below are themselves in float64
_LONG = 16  # digits from which two whole numbers may be one float64
_SPACES = " \u00a0\u2009\u202f"
_SIGN = "[+\\-\u2212]?"
_MONEY = (
    "(?:(?:US|CA?|AU?|NZ|HK|S|R|MX)?\\$|[€£¥₹₽₩₺₫₴₦₪฿¢₱₿]|kr|zł|Kč|Ft|Rs\\.?|Fr\\.|EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD"
    "|HKD|SGD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|BRL|MXN|ZAR|KRW|THB|ILS)"
)
_BODY = (
    r"(?:[1-9]\d{{0,2}}(?P<group>[{groups}])\d{{3}}(?:(?P=group)\d{{3}})*(?:{sign}\d*)?"
    r"|[1-9]\d?(?:(?!{sign})(?P<indian>,)\d\d)+,\d{{3}}(?:{sign}\d*)?"
    r"|\d+{sign}?\d*(?:e[+-]?\d+)?|{sign}\d+(?:e[+-]?\d+)?)"
)


def _pattern(sign: str, groups: str) -> re.Pattern[str]:
    body = _BODY.format(sign=sign, groups=groups + "'\u2019" + _SPACES)
    spaces = f"[{_SPACES}]?"
    text = f"(?P<minus>{_SIGN}){spaces}{_MONEY}?{spaces}(?P<inner>{_SIGN})(?P<body>{body}){spaces}(?:%|{_MONEY})?"
    return re.compile(text, re.IGNORECASE | re.ASCII)


_WRITTEN = {".": _pattern(r"\.", ","), ",": _pattern(",", ".")}


def number(text: str, decimal: str = ".") -> float:
    """The number that a text writes, NaN where it writes none; ``decimal`` stands before fractions."""
    if decimal == "." and NUMBER.fullmatch(text):
        return float(text)
    if text[:1] == "(" and text[-1:] == ")":
        value = number(text[1:-1].strip(), decimal)
        return -value if math.copysign(1.0, value) > 0 else float("nan")
    found = _WRITTEN[decimal].fullmatch(text)
    if found is None or (found["minus"] and found["inner"]):
        return float(text) if NUMBER.fullmatch(text) and "." not in text else float("nan")
    body = found["body"]
    if group := found["group"] or found["indian"]:
        body = body.replace(group, "")
    value = float(body.replace(",", "."))
    return -value if (found["minus"] or found["inner"]) in ("-", "\u2212") else value


def numbers(values: Sequence[str], decimal: str = ".") -> np.ndarray:
    """The number of each text, ``(n,)`` float64, NaN where it is none."""
    if decimal == "." and all(map(NUMBER.fullmatch, values)):
        return np.array(list(map(float, values)), dtype=np.float64)
    if decimal == "," and all(map(_PLAIN_COMMA.fullmatch, values)):
        return np.array([float(value.replace(",", ".")) for value in values], dtype=np.float64)
    return np.array([number(value, decimal) for value in values], dtype=np.float64)


def are_codes(values: Collection[str]) -> bool:
    """Whether whole numbers are names: one has a leading zero, or two are one number in float64."""
    if any(map(CODE.fullmatch, values)):
        return all(value.lstrip("+-").isdigit() for value in values)
    long = [value for value in values if len(value) >= _LONG and value.lstrip("+-").isdigit()]
    return len(set(map(int, long))) > len(set(map(float, long)))


def decimal_sign(values: Sequence[str]) -> str:
    """``"."`` or ``","`` where more of the texts are numbers with that before a fraction.

    ``"?"`` where as many are with one as with the other, as ``1,234`` is; ``""`` where none has either sign.
    """
    doubtful = [value for value in values if "," in value or "." in value]
    few = doubtful[:: 1 + len(doubtful) // ENOUGH]  # from all of the order, the same for every reader
    sign = _vote(few)
    return _vote(doubtful) if sign == "?" and len(few) < len(doubtful) else sign


def _vote(values: Sequence[str]) -> str:
    points, commas = (int(np.isfinite(numbers(values, sign)).sum()) for sign in ".,")
    if points == commas:
        return "?" if points else ""
    return "," if commas > points else "."
