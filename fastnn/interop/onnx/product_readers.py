"""Products with known matrices, and of two values."""

from __future__ import annotations

import numpy as np

from fastnn.interop.building.values import Value
from fastnn.interop.onnx.nodes import Node, Reader, reads
from fastnn.interop.onnx.number_readers import sides


@reads("MatMul")
def matmul(r: Reader, node: Node) -> Value:
    a, b = sides(r, node)
    if isinstance(b, np.ndarray):
        while b.ndim > 2 and b.shape[0] == 1:
            b = b[0]
        if b.ndim == 1:
            return r.build.squeeze(r.linear(a, b[:, None], None, node.layer), [a.rank - 1])
        if b.ndim > 2:
            raise ValueError(f"a product with {b.shape[0]} matrices has no counterpart")
        return r.linear(a, b, None, node.layer)
    if isinstance(a, np.ndarray):
        if a.ndim != 2 or b.rank < 3:
            raise ValueError(f"a product of {a.shape} with {b.told()} has no counterpart")
        order = (*range(b.rank - 2), b.rank - 1, b.rank - 2)
        return r.build.transpose(r.linear(r.build.transpose(b, order), a.T, None, node.layer), order)
    return r.build.matmul(a, b, node.layer)


@reads("Gemm")
def gemm(r: Reader, node: Node) -> Value:
    if node.get("transA", 0):
        raise ValueError("a transposed first input would have the rows of the batch as columns")
    kernel = r.array(node, 1)
    kernel = (kernel.T if node.get("transB", 0) else kernel) * node.get("alpha", 1.0)
    bias, beta = r.array(node, 2), node.get("beta", 1.0)
    if bias is not None:
        bias = bias * beta
        if bias.size != kernel.shape[1] and bias.size != 1:
            raise ValueError(f"a bias of the shape {bias.shape} differs from row to row")
        bias = np.broadcast_to(bias.reshape(-1), kernel.shape[1:])
    return r.linear(r.value(node), kernel, bias, node.layer)
