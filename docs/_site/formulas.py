"""Formulas of activations, losses and optimisers as the reference shows them.

Each is Python on numbers, from which TeX is made; ``tests/doors/test_site_formulas.py`` computes them and compares
with what the library gives, so that no page shows a formula that is not the one that runs. What works on whole rows has
its TeX written out, with the Python that says the same of a row.
"""

from __future__ import annotations

import ast

from fastnn import activations

ACTIVATIONS = {name: record.formula for name, record in activations.ACTIVATIONS.items() if not record.rowwise}
ACTIVATIONS_OF_ROWS = {
    "softmax": (r"f(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}", "[exp(a) / sum(exp(b) for b in z) for a in z]"),
    "log_softmax": (r"f(z)_i = z_i - \log \sum_j e^{z_j}", "[a - log(sum(exp(b) for b in z)) for a in z]"),
}
LOSSES = {  # of one output y with target t; the loss of a row is their mean
    "binary_crossentropy": "-(t * log(y) + (1 - t) * log(1 - y))",
    "binary_focal_crossentropy": "(t * (1 - y) + (1 - t) * y)**gamma * -(t * log(y) + (1 - t) * log(1 - y))",
    "mean_squared_error": "(y - t)**2",
    "mean_absolute_error": "abs(y - t)",
    "mean_absolute_percentage_error": "100 * abs(y - t) / abs(t)",
    "mean_squared_logarithmic_error": "(log(1 + y) - log(1 + t))**2",
    "huber": "(y - t)**2 / 2 if abs(y - t) <= delta else delta * abs(y - t) - delta**2 / 2",
    "log_cosh": "log((exp(y - t) + exp(t - y)) / 2)",
    "poisson": "y - t * log(y)",
    "poisson_deviance": "t * log(t / y) - (t - y)",
    "hinge": "max(1 - t * y, 0)",
    "squared_hinge": "max(1 - t * y, 0)**2",
    "pinball": "max(quantile * (t - y), (quantile - 1) * (t - y))",
}
LOSSES_OF_ROWS = {
    "categorical_crossentropy": (r"L = -\sum_i t_i \log y_i", "-sum(a * log(b) for a, b in zip(t, y))"),
    "sparse_categorical_crossentropy": (r"L = -\log y_t", "-log(y[t])"),
    "categorical_focal_crossentropy": (
        r"L = -\sum_i \alpha_i (1 - y_i)^\gamma t_i \log y_i",
        "-sum(alpha * (1 - b)**gamma * a * log(b) for a, b in zip(t, y))",
    ),
    "sparse_categorical_focal_crossentropy": (
        r"L = -\alpha_t (1 - y_t)^\gamma \log y_t",
        "-alpha * (1 - y[t])**gamma * log(y[t])",
    ),
    "kl_divergence": (r"L = \sum_i t_i \log \frac{t_i}{y_i}", "sum(a * log(a / b) for a, b in zip(t, y))"),
    "categorical_hinge": (
        r"L = \max\left(\max_i (1 - t_i) y_i - \sum_i t_i y_i + 1, 0\right)",
        "max(max((1 - a) * b for a, b in zip(t, y)) - sum(a * b for a, b in zip(t, y)) + 1, 0)",
    ),
    "cosine_similarity": (
        r"L = -\frac{\sum_i t_i y_i}{\sqrt{\sum_i t_i^2} \sqrt{\sum_i y_i^2}}",
        "-sum(a * b for a, b in zip(t, y)) / sqrt(sum(a * a for a in t)) / sqrt(sum(b * b for b in y))",
    ),
}
OPTIMIZERS = {  # of one parameter w with gradient g at step t; what is kept begins at 0
    "SGD": ("v = momentum * v - eta * g", "w = w + v"),
    "RMSprop": ("v = rho * v + (1 - rho) * g**2", "w = w - eta * g / sqrt(v + epsilon)"),
    "Adagrad": ("v = v + g**2", "w = w - eta * g / sqrt(v + epsilon)"),
    "Adadelta": (
        "v = rho * v + (1 - rho) * g**2",
        "d = sqrt(u + epsilon) / sqrt(v + epsilon) * g",
        "u = rho * u + (1 - rho) * d**2",
        "w = w - eta * d",
    ),
    "Adam": (
        "m = beta_1 * m + (1 - beta_1) * g",
        "v = beta_2 * v + (1 - beta_2) * g**2",
        "w = w - eta * sqrt(1 - beta_2**t) / (1 - beta_1**t) * (m / (sqrt(v) + epsilon))",
    ),
    "Adamax": (
        "m = beta_1 * m + (1 - beta_1) * g",
        "u = max(beta_2 * u, abs(g))",
        "w = w - eta / (1 - beta_1**t) * (m / (u + epsilon))",
    ),
    "Lion": ("w = w - eta * sign(beta_1 * m + (1 - beta_1) * g)", "m = beta_2 * m + (1 - beta_2) * g"),
}
NAMES = {"pi": r"\pi", **{name: rf"\{name}" for name in ("alpha", "gamma", "delta", "rho", "epsilon", "eta")}}
NAMES |= {"beta_1": r"\beta_1", "beta_2": r"\beta_2"}
FUNCTIONS = {"exp": "e", "abs": "|", "sqrt": r"\sqrt"}
STRENGTH = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.Pow: 4}


def tex(formula: str) -> str:
    """A formula, or an assignment, as TeX."""
    statement = ast.parse(formula).body[0]
    if isinstance(statement, ast.Assign):
        return f"{_tex(statement.targets[0])[0]} \\leftarrow {_tex(statement.value)[0]}"
    return _tex(statement.value)[0]  # type: ignore[attr-defined]


def _tex(node: ast.expr) -> tuple[str, int]:
    """TeX of an expression, and how strongly its outermost operation binds."""
    if isinstance(node, ast.Constant):
        digits = f"{node.value:.6g}"
        return (digits if float(digits) == node.value else rf"{digits}\ldots"), 9
    if isinstance(node, ast.Name):
        long = node.id not in NAMES and len(node.id) > 1
        return (rf"\text{{{node.id}}}" if long else NAMES.get(node.id, node.id)), 9
    if isinstance(node, ast.UnaryOp):
        return f"-{_within(node.operand, 2)}", 1
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.IfExp):
        test = f"{_tex(node.test.left)[0]} {_sign(node.test.ops[0])} {_tex(node.test.comparators[0])[0]}"
        rows = rf"{_tex(node.body)[0]} & \text{{if }} {test} \\ {_tex(node.orelse)[0]} & \text{{else}}"
        return rf"\begin{{cases}} {rows} \end{{cases}}", 3
    if isinstance(node, ast.Call):
        return _call(node)
    raise ValueError(f"no TeX for {ast.dump(node)}")


def _sign(operator: ast.cmpop) -> str:
    return {ast.Gt: ">", ast.GtE: r"\ge", ast.LtE: r"\le", ast.Lt: "<"}[type(operator)]


def _binary(node: ast.BinOp) -> tuple[str, int]:
    strength = STRENGTH[type(node.op)]
    if isinstance(node.op, ast.Div):
        return rf"\frac{{{_tex(node.left)[0]}}}{{{_tex(node.right)[0]}}}", 3
    if isinstance(node.op, ast.Pow):
        return f"{_within(node.left, 5)}^{{{_tex(node.right)[0]}}}", 4
    sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: r"\,"}[type(node.op)]
    right = strength + 1 if isinstance(node.op, ast.Sub | ast.Mult) else strength
    return f"{_within(node.left, strength)} {sign} {_within(node.right, right)}", strength


def _call(node: ast.Call) -> tuple[str, int]:
    name, arguments = node.func.id, [_tex(argument)[0] for argument in node.args]  # type: ignore[attr-defined]
    if name == "exp":
        return f"e^{{{arguments[0]}}}", 4
    if name == "abs":
        return rf"\left| {arguments[0]} \right|", 9
    if name == "sqrt":
        return rf"\sqrt{{{arguments[0]}}}", 9
    known = rf"\{name}" if name in ("max", "min", "log", "tanh") else rf"\operatorname{{{name}}}"
    return rf"{known}\left({', '.join(arguments)}\right)", 5


def _within(node: ast.expr, least: int) -> str:
    """An operand, in brackets where it binds less than that."""
    text, strength = _tex(node)
    return text if strength >= least else rf"\left({text}\right)"


def of(name: str) -> list[str]:
    """Lines of TeX for a public name such as ``fastnn.activations.relu``; none where no formula stands here."""
    _, group, word = ("." + name).rsplit(".", 2)
    if group == "activations" and word in ACTIVATIONS:
        return [f"f(z) = {tex(ACTIVATIONS[word])}"]
    if group == "activations" and word in ACTIVATIONS_OF_ROWS:
        return [ACTIVATIONS_OF_ROWS[word][0]]
    if group == "losses" and word in LOSSES:
        return [rf"\ell(t, y) = {tex(LOSSES[word])}"]
    if group == "losses" and word in LOSSES_OF_ROWS:
        return [LOSSES_OF_ROWS[word][0]]
    if group == "optimizers" and word in OPTIMIZERS:
        return [tex(line) for line in OPTIMIZERS[word]]
    return []
