"""Layouts of the tables that describe a plan to the backends; ``c/plan.h`` has their twins in C.

Each dtype is one C struct, aligned alike. Offsets count elements of the model's dtype in the arena
that the field's comment names; -1 means none. A test compares every field with the compiled struct.

Design: flat records instead of objects, because the numba and cython backends walk them without
the interpreter. ``geometry`` keeps the sizes of kinds with more than two (windows, strides, gates),
so that such a kind does not change the struct.
"""

import numpy as np

from fastnn.losses.records import N_PARAMETERS
from fastnn.optimizers.updates import N_HYPER

DIVISORS = BY_ROWS, BY_WEIGHT, BY_NOTHING = range(3)

OP = np.dtype(
    [
        ("kind", np.int32),  # OpKind
        ("activation", np.int32),  # ActivationCode, applied to the output
        ("layer", np.int32),  # index of the layer, names the dropout stream
        ("unused", np.int32),
        ("n_in", np.int64),  # width of an input row
        ("n_out", np.int64),  # width of an output row
        ("repeat", np.int64),  # rows a sample
        ("w", np.int64),  # params, grads: kernel (n_in, n_out)
        ("b", np.int64),  # params, grads: bias (n_out,)
        ("x", np.int64),  # workspace: input; -1 is the block of rows handed in
        ("y", np.int64),  # workspace: output
        ("z", np.int64),  # workspace: what the derivative needs beside y (z, or dropout's factors)
        ("dx", np.int64),  # workspace: gradient of the input, = dy of the op before; -1 where nothing is before
        ("dy", np.int64),  # workspace: gradient of the output, becomes dz in place
        ("scratch", np.int64),  # workspace: n_in * n_out numbers for a transposed kernel
        ("state", np.int64),  # state: running statistics
        ("parameter", np.float64),  # of the activation
        ("rate", np.float64),  # of dropout
        ("activity_l1", np.float64),  # penalties on the output
        ("activity_l2", np.float64),
        ("geometry", np.int64, (8,)),
    ],
    align=True,
)

LOSS = np.dtype(
    [
        ("code", np.int32),  # LossCode
        ("fused", np.int32),  # ActivationCode that the loss applies to the logits, -1 for none
        ("sparse", np.int32),  # 1: the target is int32 class indices (rows, repeat)
        ("n_parameters", np.int32),  # at least 1
        ("n_out", np.int64),  # width of a row of the output
        ("repeat", np.int64),  # rows a sample
        ("parameters", np.float64, (N_PARAMETERS,)),  # column j: [j % n_parameters]; focal: all of them
    ],
    align=True,
)

OPTIMIZER = np.dtype(
    [
        ("code", np.int32),  # OptimizerCode
        ("clip", np.int32),  # ClipCode
        ("n_slots", np.int32),
        ("unused", np.int32),
        ("clip_at", np.float64),
        ("weight_decay", np.float64),
        ("hyper", np.float64, (N_HYPER,)),
    ],
    align=True,
)

METRIC = np.dtype(
    [
        ("statistic", np.int32),  # StatisticCode
        ("weighted", np.int32),  # 1: rows count by their sample weight
        ("first", np.int64),  # place of its sums in a row of sums (the loss is at 0)
        ("n_sums", np.int64),
        ("parameter", np.float64),
    ],
    align=True,
)

SEGMENT = np.dtype(
    [  # one a parameter
        ("offset", np.int64),  # params
        ("size", np.int64),
        ("l1", np.float64),
        ("l2", np.float64),
        ("constraint", np.int32),  # ConstraintCode, applied after each update
        ("by_row", np.int32),  # 1: norms are those of the rows of the matrix, 0: of its columns
        ("columns", np.int64),  # of the matrix
        ("least", np.float64),  # norms, and the share of the way to them
        ("most", np.float64),
        ("rate", np.float64),
    ],
    align=True,
)

HEADER = np.dtype(
    [
        ("n_ops", np.int32),
        ("n_segments", np.int32),
        ("n_metrics", np.int32),
        ("has_penalty", np.int32),  # 1: some segment has l1 or l2
        ("batch_size", np.int64),
        ("block_rows", np.int64),  # samples pushed through all ops together, at most
        ("n_input", np.int64),  # numbers a sample
        ("n_output", np.int64),  # numbers a sample
        ("x", np.int64),  # workspace: gathered block (block_rows, n_input)
        ("y", np.int64),  # workspace: output of the last op
        ("dy", np.int64),  # workspace: its gradient
        ("n_params", np.int64),  # length of params, padding included
        ("n_sums", np.int64),  # length of a row of sums
        ("seed", np.uint64),
        ("has_activity", np.int32),  # 1: some op has activity_l1 or activity_l2
        ("has_constraint", np.int32),  # 1: some segment has a constraint
        ("loss_scale", np.float64),  # factor of the loss's gradient
        ("loss_reported", np.float64),  # factor of the loss in the sums
        ("divisor", np.int32),  # DIVISORS: what divides the loss of a batch
        ("divides_penalties", np.int32),  # 1: and its penalties
    ],
    align=True,
)

RUN = np.dtype(
    [  # where a fit stands; backends advance it
        ("n_samples", np.int64),
        ("first_epoch", np.int64),  # epoch of row 0 of sums
        ("last_epoch", np.int64),  # train up to but without this epoch
        ("max_steps", np.int64),  # updates in this call at most
        ("epoch", np.int64),
        ("batch", np.int64),  # next batch of the epoch
        ("step", np.int64),  # updates done in the model's life
        ("patience", np.int64),  # epochs without improvement that are borne, -1 for any number
        ("wait", np.int64),  # epochs since the mean loss improved on the best by tol
        ("tol", np.float64),
        ("best", np.float64),  # least mean loss of an epoch
        ("shuffle", np.int32),
        ("status", np.int32),  # 0 fine, 1 the loss was not finite (that update was not made), 2 wait is over patience
    ],
    align=True,
)

STRUCTS = {
    "fnn_op": OP,
    "fnn_loss": LOSS,
    "fnn_optimizer": OPTIMIZER,
    "fnn_metric": METRIC,
    "fnn_segment": SEGMENT,
    "fnn_header": HEADER,
    "fnn_run": RUN,
}
