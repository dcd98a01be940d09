"""scikit-learn's own tests hold for the estimators: its estimator checks, and its tests of its MLP with our classes."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")

import sklearn.neural_network as their_package
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from fastnn import sklearn as ours
from fastnn._kernels.contract import Rows
from fastnn.sklearn.lbfgs import Objective

pytestmark = pytest.mark.filterwarnings("default")  # theirs are not written for warnings as errors

PUBLIC = (
    ours.MLPClassifier(),
    ours.MLPRegressor(),
    ours.MLPEnsembleClassifier(n_estimators=2),
    ours.MLPEnsembleRegressor(n_estimators=2),
)
CHECKS = [(estimator, check) for estimator in PUBLIC for _, check in estimator_checks_generator(estimator)]


def _name(case) -> str:
    estimator, check = case
    return f"{type(estimator).__name__}-{getattr(check, 'func', check).__name__}"


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_as_many_checks_apply_as_to_their_own_estimators(kind):
    def count(package):
        return len(list(estimator_checks_generator(getattr(package, kind)())))

    assert count(ours) >= count(their_package) > 50


@pytest.mark.parametrize("case", CHECKS, ids=_name)
def test_estimator_check(case):
    estimator, check = case
    assert isinstance(check, partial)
    check(clone(estimator))


class MLPClassifier(ours.MLPClassifier):
    """With the private function that one of their tests differentiates, in terms of our own loss and gradient."""

    def _loss_grad_lbfgs(self, packed, X, y, sample_weight, *scratch):
        model, views = self.model_, self._views
        for view, part in zip(views, np.split(packed, np.cumsum([v.size for v in views])[:-1]), strict=True):
            view[...] = part.reshape(view.shape)
        target = y.argmax(axis=1).astype(np.int32).reshape(-1, 1) if y.shape[1] > 1 else y.astype(np.float64)
        loss, gradient = Objective(model, Rows((X,), (target,), (None,)), None)(model.params.astype(np.float64))
        places = [(v.ctypes.data - model.params.ctypes.data) // v.itemsize for v in views]
        return loss, np.hstack([gradient[p : p + v.size] for p, v in zip(places, views, strict=True)])


def _their_tests() -> dict:
    """The tests of ``sklearn.neural_network.tests.test_mlp`` with our classes under their names."""
    path = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp").origin
    spec = importlib.util.spec_from_file_location("their_test_mlp", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(their_package, "MLPClassifier", MLPClassifier)
        patch.setattr(their_package, "MLPRegressor", ours.MLPRegressor)
        spec.loader.exec_module(module)
    assert module.MLPRegressor is ours.MLPRegressor
    return {name: test for name, test in vars(module).items() if name.startswith("test_")}


THEIRS = _their_tests()
globals().update(THEIRS)


@pytest.fixture
def global_random_seed():
    """A fixture of their suite."""
    return 42


def test_their_tests_were_found():
    assert len(THEIRS) > 35
