"""Layouts of the tables that describe a plan to the backends; ``c/plan.h`` has their twins in C.

Each dtype is one C struct, aligned alike. Offsets count elements of the model's dtype in the vector
that the field's comment names; -1 means none. A test compares every field with the compiled struct.

Values are the arrays between ops: the first ``n_inputs`` are the model's inputs, the last ``n_outputs`` its outputs.
An op names what it reads by a run of ``edges`` and what it writes by one value. An edge says whether the op sets
the gradient of that value or adds to it, so that no backend needs to know who else reads it.

Design: flat records instead of objects, because the numba and cython backends walk them without
the interpreter. ``geometry`` keeps the sizes of kinds with more than two (windows, strides, gates),
so that such a kind does not change the struct; a kind gives them names (see ``_ops/base.py``). Addresses in SOURCE
and ANSWER are numbers, so that both compiled backends take the same two tables, whatever the number of arrays.
"""

import numpy as np

from fastnn.losses.records import N_PARAMETERS
from fastnn.optimizers.updates import N_HYPER

N_MORE, N_NUMBERS, N_GEOMETRY = 2, 8, 16
POOLED_NEXT, POOLED_BEFORE = 1, 2
DIVISORS = BY_ROWS, BY_WEIGHT, BY_NOTHING = range(3)
VALUE = np.dtype(
    [  # the array of all rows of a block between two ops
        ("offset", np.int64),  # workspace, in prediction also another's; of an input, where training gathers its rows
        ("grad", np.int64),  # workspace: its gradient, -1 where nobody wants it
        ("size", np.int64),  # numbers a sample
    ],
    align=True,
)

EDGE = np.dtype(
    [  # one input of an op
        ("value", np.int32),
        ("adds", np.int32),  # 1: the op adds to the value's gradient, 0: it sets it
    ],
    align=True,
)

OP = np.dtype(
    [
        ("kind", np.int32),  # OpKind
        ("activation", np.int32),  # ActivationCode, applied to the output
        ("stream", np.int32),  # of random numbers: place of the node
        ("first_edge", np.int32),  # its inputs are edges[first_edge : first_edge + n_inputs]
        ("n_inputs", np.int32),
        ("output", np.int32),  # a value
        ("adds_params", np.int32),  # 1: another op with the same parameters has set their gradient
        ("inference", np.int32),  # 1: kinds that act otherwise in training than in prediction do not
        ("pooled", np.int32),  # 1: the next op takes maxima of the output, which nothing else reads; 2: is that op
        ("bfloat16", np.int32),  # 1: the kernel and dz are rounded to bf16; what is read is already
        ("seed", np.uint64),  # of random numbers: the layer's own, without one the model's
        ("n_in", np.int64),  # width of a row of the first input
        ("n_out", np.int64),  # width of a row of the output
        ("repeat", np.int64),  # rows a sample
        ("w", np.int64),  # params: kernel (n_in, n_out)
        ("b", np.int64),  # params: bias (n_out,)
        ("dw", np.int64),  # grads: gradient of w, -1 where w is not trained
        ("db", np.int64),  # grads: gradient of b
        ("more", np.int64, (N_MORE,)),  # params: further parameters of the kind, and in grads their gradients
        ("dmore", np.int64, (N_MORE,)),
        ("z", np.int64),  # workspace: what the derivative needs beside y (z, or dropout's factors)
        ("scratch", np.int64),  # workspace: see the kind
        ("room", np.int64),  # workspace, in training: what the kind keeps of a block
        ("weights", np.int64),  # numbers of params that a row is multiplied with: half its floating-point operations
        ("units", np.int64),  # what threads share of the parameters' gradients (rows of dw)
        ("parameter", np.float64),  # of the activation
        ("rate", np.float64),  # of dropout; 0: what an op draws in training it does not
        ("activity_l1", np.float64),  # penalties on the output
        ("activity_l2", np.float64),
        ("numbers", np.float64, (N_NUMBERS,)),  # of the kind
        ("geometry", np.int64, (N_GEOMETRY,)),
    ],
    align=True,
)

LOSS = np.dtype(
    [  # one an output
        ("code", np.int32),  # LossCode
        ("fused", np.int32),  # ActivationCode that the loss applies to the logits, -1 for none
        ("sparse", np.int32),  # 1: the target is int32 class indices (rows, repeat)
        ("n_parameters", np.int32),  # at least 1
        ("n_out", np.int64),  # width of a row of the output
        ("repeat", np.int64),  # rows a sample
        ("output", np.int32),  # a value
        ("place", np.int32),  # of its sum in a row of sums: 0 for a single loss
        ("mask", np.int32),  # the value that is 0 for positions that are not there, -1 for none
        ("balanced", np.int32),  # 1: positions that count are weighed so as to be all of the loss of a block, a batch
        ("factor", np.float64),  # of the loss in the total, in sums[0]; 1 for a single loss
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
        ("loss", np.int32),  # the row of losses whose output, target and weight it reads
        ("unused", np.int32),
        ("first", np.int64),  # place of its sums in a row of sums
        ("n_sums", np.int64),
        ("parameter", np.float64),  # of kept predictions 1: each row is followed by 1 where it counts, else 0
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

SPAN = np.dtype(
    [  # parameters [first, last) that are trained
        ("first", np.int64),
        ("last", np.int64),
        ("group", np.int64),  # spans with the same factors, numbered in the order in which each is first there
        ("rate", np.float64),  # factor of the learning rate
        ("decay", np.float64),  # factor of the weight decay
    ],
    align=True,
)

HEADER = np.dtype(
    [
        ("n_ops", np.int32),
        ("n_values", np.int32),
        ("n_inputs", np.int32),
        ("n_outputs", np.int32),
        ("n_segments", np.int32),
        ("n_losses", np.int32),
        ("n_metrics", np.int32),
        ("has_penalty", np.int32),  # 1: some segment has l1 or l2
        ("batch_size", np.int64),
        ("block_rows", np.int64),  # samples pushed through all ops together, at most
        ("n_params", np.int64),  # length of params, padding included
        ("n_spans", np.int64),
        ("shares_params", np.int64),  # 1: two ops have the same parameters
        ("n_sums", np.int64),  # length of a row of sums
        ("seed", np.uint64),  # the model's: the order of rows follows from it
        ("has_activity", np.int32),  # 1: some op has activity_l1 or activity_l2
        ("has_constraint", np.int32),  # 1: some segment has a constraint
        ("loss_scale", np.float64),  # factor of the loss's gradient
        ("loss_reported", np.float64),  # factor of the loss in the sums
        ("divisor", np.int32),  # DIVISORS: what divides the loss of a batch
        ("divides_penalties", np.int32),  # 1: and its penalties
        ("has_own", np.int32),  # 1: some op is of a user's own
        ("measures", np.int32),  # 1: some op measures a batch
        ("settles", np.int32),  # 1: some op is to settle after the update
        ("unused", np.int32),
        ("stage_rows", np.int64),  # samples that a thread pushes through several ops together, at most
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

SOURCE = np.dtype(
    [  # rows of one input: x; or in compressed form values, columns and starts; or windows of x, which have a pitch:
        # row i begins at number pitch * starts[i], without starts at pitch * i; the others are 0
        ("x", np.uint64),
        ("values", np.uint64),
        ("columns", np.uint64),
        ("starts", np.uint64),
        ("pitch", np.int64),
    ],
    align=True,
)

ANSWER = np.dtype(
    [  # what one output is compared with
        ("target", np.uint64),
        ("weight", np.uint64),  # of samples; 0 for ones
    ],
    align=True,
)

STRUCTS = {
    "fnn_value": VALUE,
    "fnn_edge": EDGE,
    "fnn_op": OP,
    "fnn_loss": LOSS,
    "fnn_optimizer": OPTIMIZER,
    "fnn_metric": METRIC,
    "fnn_segment": SEGMENT,
    "fnn_span": SPAN,
    "fnn_header": HEADER,
    "fnn_run": RUN,
    "fnn_source": SOURCE,
    "fnn_answer": ANSWER,
}
