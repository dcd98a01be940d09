"""How numbers are written in text: what counts as one, with either decimal sign."""

from __future__ import annotations

import math

import pytest

from fastnn.tables.numerals import number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(5)", -5),
        ("(1,234.50)", -1234.5),
        ("($12.50)", -12.5),
        ("12,34,567.5", 1234567.5),
        ("1,00,000", 100000),
        ("R$ 5", 5),
        ("5 kr", 5),
        ("Rs. 1,00,000", 100000),
        ("\u20bd5", 5),
        ("-\u00a35.5", -5.5),
    ],
)
def test_money_and_thousands_as_people_write_them_are_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["()", "(", "(-5)", "((5))", "(a)", "1,00,00", "123,45,678", "5 kg", "$", "1_000"])
def test_what_only_resembles_a_number_is_none(text):
    assert math.isnan(number(text))


def test_brackets_are_a_minus_with_decimal_commas_too_but_points_group_thousands_alone():
    assert number("(1.234,5)", ",") == -1234.5
    assert math.isnan(number("1.00.000", ","))
