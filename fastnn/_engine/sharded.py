"""Updates on batches that are cut into shards, whose gradients ranks compute side by side.

Each rank has a stretch of the shards, a slice of the parameters to update, and of the optimiser's slots that slice
alone (Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", stage 1). An
update: every rank computes the gradients of its shards, each from zero, those of several in one pass where they are
small (:mod:`fastnn._engine.together`); adds up the largest subtrees that are its own
(:mod:`fastnn._engine.shards`); sends each other rank that one's slice of them; adds the tree up for its own slice;
updates that; and all share their slices of the parameters. That is the traffic of one allreduce. Losses, metrics and
what ops measure of a shard go to all ranks first, so that all know alike whether the loss is finite.

Design: whatever is not computed element by element is computed of the whole vector, by all ranks alike (penalties,
constraints), or in pieces whose borders no rank decides (norms for clipping).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from types import ModuleType

import numpy as np

from fastnn import regularizers
from fastnn._engine.distribution import STEP, Distribution
from fastnn._engine.part_rows import PartRows
from fastnn._engine.shards import Node, add_up, bounds, cover, postfix
from fastnn._engine.shares import Shares
from fastnn._engine.slices import PIECE, clipped, sliced
from fastnn._engine.state import State
from fastnn._engine.together import MOST_ROWS, passes, passes_together, trains_at_once
from fastnn._engine.together import gradient as gradient_of_shards
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Course, Rows
from fastnn._plan.memory import Memory, aligned
from fastnn._plan.plan import Plan
from fastnn._plan.records import BY_WEIGHT


class ShardedStep(steps.Step):
    """Makes the updates of one plan, whose batches are shards.

    Parameters
    ----------
    distribution : the ranks, and how many shards a batch has.
    backend : runs the plan; ``loss`` as in :func:`fastnn._kernels.steps.train_step`.
    plan : for batches as large as the largest shard, or as so many shards as pass together.
    memory : for the plan, without slots.
    state : of the model; while this is in use it has a slice of the slots alone.
    batch_size : rows of an update.
    """

    def __init__(
        self,
        distribution: Distribution,
        backend: ModuleType,
        plan: Plan,
        state: State,
        memory: Memory,
        batch_size: int,
        loss: Callable[..., None] | None = None,
    ):
        self.distribution, self.comm, self.state = distribution, distribution.comm, state
        self.first, self.last = distribution.owned(self.comm.rank)
        super().__init__(backend, plan, memory, loss)
        self.batch_size, self.memories = batch_size, [memory]
        may = loss is None and passes_together(plan, backend)
        self.most = min(MOST_ROWS, int(plan.header["block_rows"])) if may else 0  # rows of shards that pass together
        self.shares = Shares(plan)
        self.at_once = self.comm.size == 1 and trains_at_once(plan, self.shares, batch_size, self.most)
        size = self.comm.size
        n_pieces = -(-len(state.params) // PIECE)
        self.cuts = [min(n_pieces * r // size * PIECE, len(state.params)) for r in range(size + 1)]
        self.part = slice(self.cuts[self.comm.rank], self.cuts[self.comm.rank + 1])  # of the parameters, updated here
        self.slice_plan = sliced(plan, self.part.start, self.part.stop)
        self.n_slots = int(plan.optimizer["n_slots"])
        self.open()
        self.rooms: list[list[np.ndarray]] = [[] for _ in range(size)]

    @property
    def own(self) -> range:
        """The shards of this rank."""
        return range(self.first, self.last)

    # -- the optimiser's slots --------------------------------------------------------------------

    def open(self) -> None:
        """Take the own slice of the state's slots; the state has nothing but that until :meth:`close`."""
        params, slots = self.state.params, self.state.slots
        n = self.part.stop - self.part.start
        if slots is not None and slots.shape != (self.n_slots, len(params)):
            slots = None
        if slots is not None and n == len(params):
            own = slots
        else:
            own = aligned(self.n_slots * n, params.dtype).reshape(self.n_slots, n)
            record = self.plan.optimizer_record
            assert record is not None, "a plan for training has one"
            own[...] = np.reshape(record.slot_starts, (-1, 1)) if slots is None else slots[:, self.part]
        self.state.slots = own
        none = np.empty(0, params.dtype)
        self.slots = Memory(params[self.part], own, none, self.memory.grads[self.part], none)
        self.whole = replace(self.memory, slots=own)  # for a rank that is alone

    def close(self) -> None:
        """Have all slots in the state again, on all ranks, unless it has been given others, or none."""
        if self.state.slots is not self.slots.slots or self.comm.size == 1:
            return
        slots = aligned(self.n_slots * len(self.state.params), self.state.params.dtype)
        self.state.slots = slots.reshape(self.n_slots, len(self.state.params))
        for all_of_one, own in zip(self.state.slots, self.slots.slots, strict=True):
            all_of_one[self.part] = own
            self.comm.share(all_of_one, self.cuts)

    def train(self, plan: Plan, memory: Memory, rows: Rows, course: Course) -> None:
        """See :func:`fastnn._kernels.contract.train`."""
        if not self.at_once or isinstance(rows, PartRows):
            steps.train_loop(self.backend, plan, memory, rows, course, by=self)
            return
        full, last = (self._cut(n) for n in (self.batch_size, len(course.order) % self.batch_size or self.batch_size))
        self.backend.train_of_shards(plan, self.whole, rows, course, full, last)

    def _cut(self, n_rows: int) -> np.ndarray:
        """The shards of a batch of so many rows."""
        return postfix(tuple(bounds(n_rows, self.distribution.shards)), (0, self.distribution.shards))

    # -- one update -------------------------------------------------------------------------------

    def gradient(
        self, rows: Rows, order: np.ndarray, step: int, sums: np.ndarray, dropping: float
    ) -> tuple[float, float]:
        """Sums of the whole batch; where they are finite, its gradient of the own slice is in place as well."""
        if isinstance(rows, PartRows):
            at: Sequence[int] = rows.at
            base, total = at[self.first], self._total(rows)
        else:
            at = bounds(len(order), self.distribution.shards)
            base, total = 0, steps.total_of(self.plan, rows, order)
        told, self.n_rows = [], at[-1]
        self.passed = passes(cover((self.first, self.last), (0, self.distribution.shards)), at, self.most)
        for i, (first, last) in enumerate(self.passed):
            chosen, part = order[at[first] - base : at[last] - base], steps.Part(at[first], at[-1], total)
            told.append(
                self._one(self._memory(i), rows, chosen, part, step, dropping, postfix(tuple(at), (first, last)))
            )
        heard = self.distribution.gather(STEP, b"".join(told))
        before, n_shards = float(sums[0]), sum(a < b for a, b in pairwise(at))
        activity = self.shares.add(b"".join(heard), n_shards, sums, self.memory)
        if np.isfinite(sums[0] - before + activity):
            self._reduce(at)
        return total, activity

    def _total(self, rows: PartRows) -> float:
        """What divides the loss of a batch of which this rank has some rows: each shard's weights, then their sum."""
        weight = rows.weights[0]
        if weight is None or self.plan.header["divisor"] != BY_WEIGHT:
            return steps.total_weight(self.plan, None, rows.at[-1])
        base = rows.at[self.first]
        own = [weight[rows.at[i] - base : rows.at[i + 1] - base].sum(dtype=np.float64) for i in self.own]
        heard = self.distribution.gather(STEP, np.array(own).tobytes())
        return math.fsum(np.frombuffer(b"".join(heard)).tolist())

    def _memory(self, number: int) -> Memory:
        """With a vector of gradients for the pass of this number."""
        while len(self.memories) <= number:
            memory = self.memory
            self.memories.append(replace(memory, grads=aligned(len(memory.grads), memory.grads.dtype)))
        return self.memories[number]

    def _one(
        self,
        memory: Memory,
        rows: Rows,
        chosen: np.ndarray,
        part: steps.Part,
        step: int,
        dropping: float,
        shards: np.ndarray,
    ) -> bytes:
        """The gradient of shards that pass together, or of one, and what is told of each."""
        of, at = (self.backend, self.plan, memory, rows, chosen, part, step), self.shares.rows(len(shards))
        if len(shards) > 1:
            gradient_of_shards(*of, at, dropping, shards)
            return self.shares.told_of(at)
        activity = steps.part_gradient(*of, at[0], self.loss, dropping=dropping)
        return self.shares.told(activity, len(chosen), memory)

    def _reduce(self, at: Sequence[int]) -> None:
        """The tree's sum of the own slice, written to where the update reads it."""
        tree = 0, self.distribution.shards
        own = self._own_nodes(tree)
        parts = {node: vector[self.part] for node, vector in own.items()}
        if self.comm.size > 1:
            parts |= self._exchanged(tree, at, own)
        add_up(parts, tree, self.slots.grads)

    def _own_nodes(self, tree: Node) -> dict[Node, np.ndarray]:
        """The sums of this rank's subtrees, of the whole vector; each is where that of its first pass was."""
        filled = {node: memory.grads for node, memory in zip(self.passed, self.memories, strict=False)}
        found = {}
        for node in cover((self.first, self.last), tree):
            below = {leaf: vector for leaf, vector in filled.items() if node[0] <= leaf[0] < node[1]}
            if below:
                found[node] = next(iter(below.values()))
                add_up(below, node, found[node])
        return found

    def _exchanged(self, tree: Node, at: Sequence[int], own: dict[Node, np.ndarray]) -> dict[Node, np.ndarray]:
        """The other ranks' subtrees of the own slice."""
        nodes = [[] if r == self.comm.rank else self._nodes_of(r, tree, at) for r in range(self.comm.size)]
        parts = [[vector[a:b] for vector in own.values()] for a, b in pairwise(self.cuts)]
        n, dtype = len(self.slots.grads), self.memory.grads.dtype
        for room, wanted in zip(self.rooms, nodes, strict=True):
            room += [np.empty(n, dtype) for _ in wanted[len(room) :]]
        into = [room[: len(wanted)] for room, wanted in zip(self.rooms, nodes, strict=True)]
        self.comm.exchange(parts, into)
        pairs = zip(nodes, into, strict=True)
        return {node: vector for wanted, came in pairs for node, vector in zip(wanted, came, strict=True)}

    def _nodes_of(self, rank: int, tree: Node, at: Sequence[int]) -> list[Node]:
        """The subtrees of a rank that have rows."""
        return [node for node in cover(self.distribution.owned(rank), tree) if at[node[0]] < at[node[1]]]

    def end(self, batch: tuple[float, int, float, float], step: int, rates: Sequence[float], sums: np.ndarray) -> None:
        """See :func:`fastnn._kernels.steps.end_step`."""
        before, _, total, activity = batch
        n_rows = self.n_rows
        plan, memory = self.plan, self.memory
        steps.report(plan, sums, before, n_rows, total)
        scale = steps.over(1.0, total) if plan.header["divides_penalties"] else 1.0
        with np.errstate(all="ignore"):  # outside the own slice gradients are whatever they are
            penalty = 0.0
            if plan.header["has_penalty"]:
                penalty = regularizers.penalize(plan.segments, memory.params, memory.grads, scale)
            clipped(plan, self.slots.grads, self.part.start, self.distribution)
        if len(self.slots.params):
            self.backend.update(self.slice_plan, self.slots, step + 1, float(rates[0]), 0.0, float(rates[1]))
        self.comm.share(memory.params, self.cuts)
        if plan.header["has_constraint"]:
            reference.constrain(plan, memory.params)
        sums[0] += activity + n_rows * penalty
        steps.settle(plan, memory)
