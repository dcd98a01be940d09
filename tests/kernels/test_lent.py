"""Kinds of ops that AVX-512 has from AVX2 share no memory with kernels of AVX-512 that depends on vectors' lengths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

OPS = Path(__file__).resolve().parents[2] / "fastnn/_kernels/native/c/ops"
TEXTS = {path.stem: path.read_text(encoding="ascii") for path in OPS.glob("*.h")}
LENT = sorted(kind for kind, text in TEXTS.items() if "FNN_LENT_OP(" in text)
IN_DOUBLE = sorted(kind for kind, text in TEXTS.items() if "FNN_DOUBLE_LENT_OP(" in text)  # lent in float64 alone

pytestmark = pytest.mark.skipif(not TEXTS, reason="the sources are not there")


def included(kind: str) -> set[str]:
    """Files of ``ops`` that a kind's is made of, its own among them."""
    found, left = set[str](), [kind]
    while left:
        name = left.pop()
        if name in TEXTS and name not in found:
            found.add(name)
            left += re.findall(r'#include "(\w+)\.h"', TEXTS[name])
    return found


def test_some_kinds_are_lent_and_products_are_not():
    assert LENT
    assert not {"dense", "conv", "attention", "lstm", "gru", "activation", "dropout", "dense_int8"} & {*LENT}
    assert not {"dense", "conv", "conv_transpose", "attention", "activation", "batch_norm"} & {*IN_DOUBLE}


@pytest.mark.parametrize("kind", LENT + IN_DOUBLE)
def test_a_lent_kind_is_lent_whole(kind):
    """What its kernels leave for each other is left and found by the same instruction set."""
    if kind in {"lstm", "gru", "simple_rnn"}:
        assert "    DOUBLE_LENT_KERNELS(name) = {" in TEXTS["recurrent_params"]
    else:
        assert re.search(rf"^{'DOUBLE_' * (kind in IN_DOUBLE)}LENT_KERNELS\({kind}\) = {{", TEXTS[kind], re.MULTILINE)
    assert f"{kind}_op" not in TEXTS[kind]


@pytest.mark.parametrize("kind", sorted({*TEXTS} - {*LENT}))
def test_no_other_kind_has_parts_of_a_lent_one(kind):
    """A kernel of AVX-512 that took one's functions would leave or want memory as AVX-512 lays it."""
    assert not included(kind) & {*LENT}


@pytest.mark.parametrize("kind", sorted({*TEXTS} - {*LENT} - {*IN_DOUBLE}))
def test_no_kind_that_avx512_has_in_float64_has_parts_of_one_lent_there(kind):
    assert not included(kind) & {*IN_DOUBLE}


@pytest.mark.parametrize("kind", LENT + IN_DOUBLE)
def test_memory_between_kernels_of_a_lent_kind_is_of_no_tile(kind):
    """Panels that are packed for tiles, and what tiles write behind a row, are of the products' own set."""
    assert not re.search(r"TILE_|pack_[ab]\(|spills|->pooled", TEXTS[kind])
