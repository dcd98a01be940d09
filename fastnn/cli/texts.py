"""``fastnn train --text``: how columns of text are read, by which network, and what is said of both.

Design: the mean of a text's vectors goes straight to the output unless ``--hidden`` says otherwise, as in fastText
(Joulin et al. 2016). It tells 0.839 of paragraphs of 13 classes right, with the hidden layers of tables (rejected)
0.79.
"""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

import numpy as np

import fastnn
from fastnn import layers
from fastnn._base.reprs import counted, cut
from fastnn.cli.networks import MEMORY, MLP, RECURRENT, dense_layers, recurrent_layers
from fastnn.layers import Layer
from fastnn.tables import Table, TextOptions, fit_features, fit_texts
from fastnn.tables.checks import looks_like_text
from fastnn.tables.features import Features
from fastnn.tables.texts import TextFeature, TextFeatures

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge

EMBEDDING, DROPOUT = 64, 0.5  # length of the vectors whose mean is taken, and what of the mean is dropped in training
EMBEDDING_IN_ORDER = 32  # length of the vectors that are read one by one


def check_texts(arguments: argparse.Namespace) -> None:
    """Refuse options of texts that do not fit the others."""
    if not arguments.text:
        for name in ("unit", "length"):
            if getattr(arguments, f"text_{name}") is not None:
                raise ValueError(f"--text-{name} needs --text, which names the column of text")
        return
    if arguments.target in arguments.text:
        raise ValueError(f"--text names {arguments.target!r}, which is the target; name a column to predict from")
    if arguments.window is not None:
        raise ValueError("--text reads one row at a time, and --window makes a series of them; leave one of both out")
    if arguments.network not in (None, "mlp", *RECURRENT):
        raise ValueError(f"--network {arguments.network} is for images; texts are read by mlp, gru or lstm")
    if arguments.augment is not None:
        raise ValueError("--augment is for the networks of images, --network lenet and cnn; leave it out")
    if arguments.image_size is not None:
        raise ValueError("--image-size is for folders of pictures, which have no text; leave it out")


def fit_inputs(data: Table | np.ndarray, arguments: argparse.Namespace) -> tuple[Features | TextFeatures, list[str]]:
    """The encoding for training rows, with columns of text where ``--text`` names some; and notes."""
    if not arguments.text:
        features, notes = fit_features(data)
        return features, notes + (hints(data) if isinstance(data, Table) else [])
    if not isinstance(data, Table):
        raise ValueError("--text names a column of a table, and these rows are images; leave it out")
    ordered = arguments.network in RECURRENT
    return fit_texts(
        data, list(dict.fromkeys(arguments.text)), TextOptions(arguments.text_unit, arguments.text_length, ordered)
    )


def hints(data: Table) -> list[str]:
    """Notes on columns that look like text and are not read as such."""
    names = [name for name, column in data.columns.items() if looks_like_text(column)]
    return [f"column {name!r} looks like text, which --text {shlex.quote(name)} reads" for name in names]


def text_network(features: TextFeatures, arguments: argparse.Namespace, output: Layer, seed: int) -> fastnn.Model:
    """The network for rows with texts: a Sequential where there is nothing but one text."""
    behind = dense_layers(_widths(features, arguments), arguments.activation)
    readers = [_reader(text, arguments) for text in features.texts]
    if len(features.widths) == 1:
        made = fastnn.Sequential([*readers[0], *behind, output], seed=seed)
        made.build(features.widths)
        return made
    inputs = [layers.Input((width,)) for width in features.widths]
    edges: list[Edge] = []
    for edge, reader in zip(inputs, [*readers, *([[]] if features.columns else [])], strict=True):
        edges.append(_called(reader, edge))
    return fastnn.Model(inputs, _called([*behind, output], layers.Concatenate()(edges)), seed=seed)


def _called(those: list[Layer], edge: Edge) -> Edge:
    for layer in those:
        edge = layer(edge)
    return edge


def _reader(text: TextFeature, arguments: argparse.Namespace) -> list[Layer]:
    """Layers that make one vector of a text."""
    if arguments.network in RECURRENT:
        read = recurrent_layers(arguments.network, MEMORY if arguments.hidden is None else arguments.hidden)
        return [layers.Embedding(text.n_ids, EMBEDDING_IN_ORDER, mask_zero=True), *read]
    vectors = layers.Embedding(text.n_ids, EMBEDDING, mask_zero=True)
    return [vectors, layers.GlobalAveragePooling1D(), layers.Dropout(DROPOUT)]


def _widths(features: TextFeatures, arguments: argparse.Namespace) -> list[int]:
    """Of the dense layers between what was read and the output."""
    if arguments.network in RECURRENT or arguments.hidden is None:
        return list(MLP) if features.columns else []
    found: list[int] = arguments.hidden
    return found


def in_words(features: TextFeatures, made: fastnn.Model, arguments: argparse.Namespace) -> str:
    """The network, for the line that describes it."""
    vectors = EMBEDDING_IN_ORDER if arguments.network in RECURRENT else EMBEDDING
    told = [f"text {cut(text.name, 40)!r} ({described(text)}, embedding {vectors})" for text in features.texts]
    if features.columns:
        told.append(counted(features.columns.width, "other input"))
    read = [arguments.network] if arguments.network in RECURRENT else ["mean"]
    widths = [*read, *(str(layer.units) for layer in made.layers if isinstance(layer, layers.Dense))]
    return f"{', '.join(told)} - {' - '.join(widths)}"


def described(text: TextFeature) -> str:
    """The encoding of a text in a few words."""
    longer = {1: text.unit, 2: f"{text.unit} and pairs"}.get(text.parts, f"{text.unit}, pairs and threes")
    return f"{len(text.tokens):,} {longer}, of {counted(text.length, text.unit[:-1])} a row"
