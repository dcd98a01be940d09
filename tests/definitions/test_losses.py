"""Losses against the values in Keras' documentation, formulas in 40 digits, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from networks import EVERY_LOSS, draw, draw_target, loss_id
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

from fastnn import losses
from fastnn.losses import ALL_LOSSES, LOSSES, LOSSES_ON_LOGITS
from fastnn.losses.records import EVERY_KERNEL

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
from exact_losses import FORMULAS, half_deviance, mp  # noqa: E402 (needs mpmath)


def prediction(rng, loss, shape):
    """Predictions in the loss's domain, with rows at its clipped ends."""
    if loss.from_logits or loss.name not in (
        "binary_crossentropy",
        "categorical_crossentropy",
        "kl_divergence",
        "poisson",
        "poisson_deviance",
        "sparse_categorical_crossentropy",
        "binary_focal_crossentropy",
        "categorical_focal_crossentropy",
        "sparse_categorical_focal_crossentropy",
    ):
        return draw(rng, shape, 2.0)
    return rng.random(shape).astype(np.float32) * 0.9 + 0.05


def case(rng, loss, n=4, rows=7):
    target = draw_target(rng, loss, rows, (n,))
    return target[:, 0] if loss.sparse else target, prediction(rng, loss, (rows, n)).astype(np.float64)


def exact_parameter(loss):
    """All numbers of a focal loss, the one of the others."""
    return [mp.mpf(p) for p in loss.parameters] if loss.more else mp.mpf(loss.parameter)


@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
def test_values_equal_the_formula(rng, loss):
    target, y = case(rng, loss)
    right = []
    for t, row in zip(target, y, strict=True):
        exact = int(t) if loss.sparse else [mp.mpf(float(v)) for v in t]
        right.append(
            float(FORMULAS[loss.code.name.lower()](exact, [mp.mpf(float(v)) for v in row], exact_parameter(loss)))
        )
    assert_close(loss.value(target, y), right, np.float64, 4, magnitude=np.abs(y).max() + np.abs(right).max())
    assert_close(loss(target, y), np.mean(right), np.float64, len(y), magnitude=np.abs(y).max() + np.abs(right).max())


@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
@pytest.mark.parametrize("n", [2, 5])
def test_gradients_equal_differences(rng, loss, n):
    target, y = case(rng, loss, n)
    for j in range(n):
        step = DIFFERENCE_STEP * (np.arange(n) == j)
        numeric = (loss.value(target, y + step) - loss.value(target, y - step)) / (2 * DIFFERENCE_STEP)
        got = loss.gradient(target, y)[:, j]
        assert np.all(np.abs(got - numeric) <= difference_limit(numeric))


def test_every_loss_has_a_formula_here():
    assert set(FORMULAS) == {loss.code.name.lower() for loss in EVERY_KERNEL}


HALVES = [[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]
CLASSES = [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]


@pytest.mark.parametrize(
    ("loss", "target", "y", "documented"),
    [
        (losses.BinaryCrossentropy(from_logits=True), [0.0, 1.0, 0.0, 0.0], [-18.6, 0.51, 2.94, -12.8], 0.865),
        (losses.CategoricalCrossentropy(), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], CLASSES, 1.177),
        (losses.SparseCategoricalCrossentropy(), [1, 2], CLASSES, 1.177),
        (losses.KLDivergence(), *HALVES, 0.458),
        (losses.Hinge(), [[-1.0, 1.0], [-1.0, -1.0]], HALVES[1], 1.3),
        (losses.Huber(), *HALVES, 0.155),
        (losses.MeanSquaredError(), HALVES[0], [[1.0, 1.0], [1.0, 0.0]], 0.5),
        (losses.MeanAbsoluteError(), HALVES[0], [[1.0, 1.0], [1.0, 0.0]], 0.5),
        (losses.Poisson(), HALVES[0], [[1.0, 1.0], [0.0, 0.0]], 0.5),
        (losses.LogCosh(), HALVES[0], [[1.0, 1.0], [0.0, 0.0]], 0.108),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_values_of_the_documentation_of_keras(loss, target, y, documented):
    assert round(loss(np.array(target), np.array(y)), 3) == documented


@pytest.mark.parametrize("name", LOSSES_ON_LOGITS)
def test_loss_on_logits_equals_activation_then_loss(rng, name):
    loss = LOSSES[name]
    from fastnn.activations import ACTIVATIONS

    target, _ = case(rng, loss)
    z = draw(rng, (7, 4))
    plain = loss.value(target, ACTIVATIONS[loss.activation](z))
    assert_close(loss.on_logits().value(target, z), plain, np.float64, 4)


@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
def test_extreme_predictions_give_finite_losses(loss, dtype):
    y = np.array([[0.0, 1.0], [1.0, 0.0]]) if loss.name != "poisson" else np.array([[0.0, 50.0], [1.0, 0.0]])
    if loss.name == "poisson_deviance":  # infinite at 0, and at a logit whose exponential is
        y = (y * 180 - 100) if loss.from_logits else y * 1e30 + 1e-30
    elif loss.from_logits:
        y = y * 500 - 100
    y = y.astype(dtype)
    target = np.array([0, 1]) if loss.sparse else np.array([[1.0, 0.0], [1.0, 0.0]], dtype)
    assert np.isfinite(loss.value(target, y)).all()
    assert np.isfinite(loss.gradient(target, y)).all()


@pytest.mark.parametrize("loss", EVERY_LOSS, ids=loss_id)
def test_results_keep_the_dtype_of_the_prediction(rng, loss, dtype):
    target, y = case(rng, loss)
    target = target if loss.sparse else target.astype(dtype)
    assert loss.value(target, y.astype(dtype)).dtype == dtype


def test_poisson_deviance_of_a_large_count_keeps_its_digits(dtype):
    target, z = np.array([[1e6]], dtype), np.log(np.array([[1.001e6]])).astype(dtype)
    exact = half_deviance(mp.mpf(1e6), mp.exp(mp.mpf(float(z[0, 0]))))
    got = LOSSES_ON_LOGITS["poisson_deviance"].value(target, z)
    assert_close(got, [float(exact)], dtype, magnitude=1e3 * float(z[0, 0]))  # the slope, times what rounds


def test_poisson_deviance_of_no_count_is_the_prediction(dtype):
    target, y = np.zeros((1, 3), dtype), np.array([[1e-30, 0.5, 7.0]], dtype)
    loss = losses.PoissonDeviance()
    assert_close(loss.value(target, y), [y.mean(dtype=np.float64)], dtype)
    np.testing.assert_array_equal(loss.gradient(target, y), np.full((1, 3), 1 / 3, dtype))
    with np.errstate(divide="ignore"):
        z = np.log(np.array([[0.0, 0.5, 7.0]], dtype))
    logits = loss.on_logits()
    assert_close(logits.value(target, z), [2.5], dtype, 4)
    assert_close(logits.gradient(target, z), [[0, 0.5 / 3, 7 / 3]], dtype, 4)


def test_quantiles_take_the_columns_in_turn(rng, dtype):
    target, y = (draw(rng, (6, 6)).astype(dtype) for _ in range(2))
    both, low, high = losses.Pinball((0.2, 0.7)), losses.Pinball(0.2), losses.Pinball(0.7)
    right = (low.value(target[:, ::2], y[:, ::2]) + high.value(target[:, 1::2], y[:, 1::2])) / 2
    assert_close(both.value(target, y), right, dtype, 6)
    assert both.value(target, y).dtype == dtype
    slopes = np.empty_like(y)
    slopes[:, ::2], slopes[:, 1::2] = (
        low.gradient(target[:, ::2], y[:, ::2]),
        high.gradient(target[:, 1::2], y[:, 1::2]),
    )
    assert_close(both.gradient(target, y), slopes / 2, dtype, 6)
    with pytest.raises(ValueError, match=r"multiple of 2, got 3; end the model with Dense\(2\)"):
        both.value(target[:, :3], y[:, :3])


def test_quantiles_of_any_sequence_are_one_loss():
    right = losses.Pinball((0.25, 0.5))
    assert losses.Pinball([0.25, 0.5]) == losses.Pinball(np.array([0.25, 0.5], np.float32)) == right
    assert (
        losses.get("pinball", quantile=(0.25, 0.5)) == losses.get({"name": "pinball", "quantile": [0.25, 0.5]}) == right
    )
    assert right.config() == {"name": "pinball", "quantile": [0.25, 0.5]}
    assert losses.Pinball(np.array(0.25)) == losses.Pinball(0.25)
    assert hash(right) != hash(losses.Pinball((0.25, 0.75)))


def huber_like(target, y):
    return np.sqrt(1 + (y - target) ** 2) - 1


def per_row(target, y):
    return huber_like(target, y).mean(axis=1)


def one_number(target, y):
    return float(per_row(target, y).mean())


def with_gradient(target, y):
    return per_row(target, y), (y - target) / np.sqrt(1 + (y - target) ** 2) / y.shape[1]


@pytest.mark.parametrize("function", [huber_like, per_row, one_number, with_gradient])
def test_custom_losses_of_every_kind_agree(rng, function):
    target, y = draw(rng, (6, 3)), draw(rng, (6, 3))
    custom = losses.get(function)
    assert_close(custom.value(target, y), per_row(target, y), np.float64, 3)
    right = with_gradient(target, y)[1]
    assert np.all(np.abs(custom.gradient(target, y) - right) <= difference_limit(right))
    assert custom.name == function.__name__


def test_custom_loss_of_float32_predictions_is_differentiated_in_float64(rng):
    target, y = draw(rng, (6, 3)).astype(np.float32), draw(rng, (6, 3)).astype(np.float32)
    right = with_gradient(target, y)[1]
    assert np.all(np.abs(losses.get(per_row).gradient(target, y) - right) <= difference_limit(right))


def test_custom_losses_of_wrong_shape_are_refused(rng):
    y = draw(rng, (6, 3))
    with pytest.raises(ValueError, match="one value a row"):
        losses.get(lambda t, p: np.zeros(5)).value(y, y)
    with pytest.raises(ValueError, match="must have shape"):
        losses.get(lambda t, p: (np.zeros(6), np.zeros(3))).gradient(y, y)


@pytest.mark.parametrize(
    "loss",
    [
        *ALL_LOSSES,
        losses.Huber(0.3),
        losses.Pinball(0.9),
        losses.Pinball((0.1, 0.5, 0.9)),
        losses.Pinball([0.3]),
        losses.BinaryCrossentropy(True, 0.1),
        losses.BinaryFocalCrossentropy(True, alpha=0.1, gamma=0.0),
        losses.SparseCategoricalFocalCrossentropy((0.5, 1.0), gamma=0.5, from_logits=True),
        losses.CategoricalCrossentropy(label_smoothing=0.2),
    ],
    ids=repr,
)
def test_configuration_gives_the_loss_back(loss):
    assert losses.get(loss.config()) == loss
    assert losses.get(loss) is loss


@pytest.mark.parametrize(("alias", "name"), [("mse", "mean_squared_error"), ("mae", "mean_absolute_error")])
def test_other_names_of_a_loss(alias, name):
    assert losses.get(alias) is LOSSES[name]


def test_arguments_bind_in_any_order_and_to_records():
    one = losses.get("binary_crossentropy", label_smoothing=0.1, from_logits=True)
    assert one == losses.get("binary_crossentropy", from_logits=True, label_smoothing=0.1)
    assert (one.from_logits, one.parameter) == (True, 0.1)
    assert losses.get(losses.Huber(), delta=0.5) == losses.Huber(0.5)
    assert losses.BinaryCrossentropy(label_smoothing=0.1).on_logits() == one


@pytest.mark.parametrize(
    ("came", "arguments", "error", "words"),
    [
        ("mean_square_error", {}, ValueError, "mean_squared_error"),
        ("mse", {"delta": 1.0}, ValueError, "delta"),
        ("huber", {"delta": 0.0}, ValueError, "delta"),
        ("pinball", {"quantile": 1.0}, ValueError, "quantile"),
        ("pinball", {"quantile": "half"}, TypeError, "quantile"),
        ("pinball", {"quantile": (0.5, 0.1)}, ValueError, "quantile must rise"),
        ("pinball", {"quantile": (0.5, 0.5)}, ValueError, "quantile must rise"),
        ("pinball", {"quantile": (0.0, 0.5)}, ValueError, r"quantile must lie in \(0, 1\)"),
        ("pinball", {"quantile": (0.5, 1.0)}, ValueError, r"quantile must lie in \(0, 1\)"),
        ("pinball", {"quantile": (0.5, float("nan"))}, ValueError, r"quantile must lie in \(0, 1\)"),
        ("pinball", {"quantile": ()}, ValueError, "quantile must be 1 to 32 numbers, got 0"),
        ("pinball", {"quantile": np.linspace(0.01, 0.9, 33)}, ValueError, "quantile must be 1 to 32 numbers, got 33"),
        ("pinball", {"quantile": [[0.1, 0.9]]}, TypeError, "quantile"),
        ("pinball", {"quantile": ["0.1", 0.9]}, TypeError, "quantile"),
        ("huber", {"delta": (0.1, 0.9)}, TypeError, "delta"),
        ("binary_focal_crossentropy", {"gamma": -0.1}, ValueError, r"gamma must lie in \[0, inf\)"),
        ("categorical_focal_crossentropy", {"gamma": float("inf")}, ValueError, "gamma"),
        ("categorical_focal_crossentropy", {"alpha": -0.25}, ValueError, "alpha"),
        ("categorical_focal_crossentropy", {"alpha": [1.0] * 31}, ValueError, "alpha must be 1 to 30 numbers, got 31"),
        ("binary_focal_crossentropy", {"alpha": 1.5}, ValueError, "alpha"),
        ("binary_focal_crossentropy", {"apply_class_balancing": 1}, TypeError, "apply_class_balancing"),
        ("mse", {"reduction": "average"}, ValueError, "sum_over_batch_size"),
        ("mse", {"dtype": "float16"}, ValueError, "dtype must be None"),
        ("mse", {"name": 3}, TypeError, "name"),
        ("cosine_similarity", {"axis": 0}, ValueError, "axis must be -1"),
        ("poisson_deviance", {"gamma": 1.0}, ValueError, "gamma"),
        (None, {}, TypeError, "loss"),
        ("sparse_categorical_crossentropy", {"label_smoothing": 0.1}, ValueError, "label_smoothing"),
        ("binary_crossentropy", {"label_smoothing": 1.5}, ValueError, "label_smoothing"),
        (per_row, {"delta": 1.0}, TypeError, "loss"),
        ("mse", {"from_logits": True}, ValueError, "from_logits"),
    ],
)
def test_wrong_losses_are_refused_by_name(came, arguments, error, words):
    with pytest.raises(error, match=words):
        losses.get(came, **arguments)
