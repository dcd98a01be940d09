"""Normalisations."""

from __future__ import annotations

import numpy as np

from fastnn.interop.building.values import Value
from fastnn.interop.onnx.nodes import Node, Reader, reads


@reads("BatchNormalization")
def batch_normalization(r: Reader, node: Node) -> Value:
    if node.get("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
        raise ValueError("it is in the mode of training; export the network in that of evaluation")
    gamma, beta, mean, variance = (r.array(node, i) for i in range(1, 5))
    n = r.value(node).sizes[1]
    gamma, beta, mean, variance = (np.broadcast_to(v.reshape(-1), (n,)) for v in (gamma, beta, mean, variance))
    epsilon, momentum = node.get("epsilon", 1e-5), node.get("momentum", 0.9)
    return r.build.batch_norm(r.value(node), gamma, beta, mean, variance, epsilon, momentum=momentum, name=node.layer)


@reads("InstanceNormalization")
def instance_normalization(r: Reader, node: Node) -> Value:
    x = r.value(node)
    gamma, beta = r.array(node, 1), r.array(node, 2)
    if np.all(gamma == 1) and not np.any(beta):
        gamma = beta = None
    return r.build.group_norm(x, x.sizes[1], gamma, beta, node.get("epsilon", 1e-5), name=node.layer)


@reads("GroupNormalization")
def group_normalization(r: Reader, node: Node) -> Value:
    x, groups = r.value(node), node.get("num_groups")
    gamma, beta = r.array(node, 1), r.array(node, 2)
    if gamma.size != x.sizes[1]:  # before opset 21 those are of groups
        gamma, beta = (np.repeat(vector, x.sizes[1] // groups) for vector in (gamma, beta))
    return r.build.group_norm(x, groups, gamma, beta, node.get("epsilon", 1e-5), name=node.layer)


@reads("LayerNormalization")
def layer_normalization(r: Reader, node: Node) -> Value:
    if len([name for name in node.outputs if name]) > 1:
        raise ValueError("its mean and deviation as outputs have no counterpart")
    x, axis = r.value(node), node.get("axis", -1)
    axes = x.rank - x.axis(axis)
    gamma, beta = r.array(node, 1), r.array(node, 2)
    return r.build.layer_norm(x, gamma, beta, node.get("epsilon", 1e-5), axes=axes, name=node.layer)


@reads("RMSNormalization")
def rms_normalization(r: Reader, node: Node) -> Value:
    x = r.value(node)
    axes = x.rank - x.axis(node.get("axis", -1))
    return r.build.rms_norm(x, r.array(node, 1), node.get("epsilon", 1e-5), axes=axes, name=node.layer)


@reads("fastnn.LayerNorm")
def found_layer_norm(r: Reader, node: Node) -> Value:
    """What :mod:`patterns` found to be a normalisation without factors and offsets."""
    x, axes = r.value(node), sorted(r.value(node).axis(axis) for axis in node.get("axes"))
    if axes != list(range(x.rank - len(axes), x.rank)):
        raise ValueError(f"a normalisation along axes {axes} of {x.told()} has no counterpart, only along the last")
    return r.build.layer_norm(x, None, None, node.get("epsilon"), axes=len(axes), name=node.layer)


@reads("LpNormalization")
def unit_normalization(r: Reader, node: Node) -> Value:
    if node.get("p", 2) != 2:
        raise ValueError(f"p={node.get('p')} has no counterpart, only 2")
    return r.build.unit_norm(r.value(node), node.get("axis", -1), node.layer)


@reads("Scaler")
def scaler(r: Reader, node: Node) -> Value:
    """Of ai.onnx.ml, skl2onnx' StandardScaler."""
    factor, offset = (
        np.asarray(node.get(name, usual), np.float32) for name, usual in (("scale", 1.0), ("offset", 0.0))
    )
    return r.build.scaled(r.build.scaled(r.value(node), 1.0, -offset), factor, 0.0, node.layer)
