"""How each kind of operation is called in C: one function a kind, by the kind's name."""

from __future__ import annotations

from fastnn.interop.c.kinds import attending, columns, moving, products, recurrent, rows

EMITTERS = {
    "activation": columns.activation,
    "alpha_dropout": moving.same,
    "attention": attending.attention,
    "batch_norm": columns.batch_norm,
    "blank": rows.blank,
    "concatenate": moving.concatenate,
    "conv": products.conv,
    "conv_transpose": products.conv_transpose,
    "copy": moving.copy,
    "dense": products.dense,
    "dot": moving.dot,
    "dropout": moving.same,
    "embedding": products.embedding,
    "group_norm": rows.group_norm,
    "gru": recurrent.gru,
    "layer_norm": rows.layer_norm,
    "lstm": recurrent.lstm,
    "mask": rows.mask,
    "masked_mean": rows.masked_mean,
    "merge": moving.merge,
    "noise": moving.same,
    "normalize": rows.normalize,
    "own": moving.own,
    "parametric": columns.parametric,
    "periodic": columns.periodic,
    "pool": rows.pool,
    "position": moving.position,
    "prelu": columns.prelu,
    "recall": moving.recall,
    "remember": moving.same,
    "rescale": columns.rescale,
    "scale": columns.scale,
    "simple_rnn": recurrent.simple_rnn,
    "standardize": columns.standardize,
    "warp": moving.warp,
}
