"""What the estimators do beyond scikit-learn's, and inside its tools: pipelines, searches, frames, callbacks."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")

import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastnn
from fastnn import callbacks, optimizers, schedules
from fastnn._base import threads
from fastnn.layers import Dense, Dropout
from fastnn.sklearn import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- beyond scikit-learn's parameters -------------------------------------------------------------


def test_dropout_puts_a_layer_behind_each_hidden_one(blobs):
    model = MLPClassifier((8, 6), dropout=[0.25, 0.0], max_iter=2).fit(*blobs).model_
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dropout", "Dense", "Dense"]
    assert model.layers[1].rate == 0.25
    one = MLPClassifier(dropout=0.5, max_iter=3, random_state=0, shuffle=False).fit(*blobs)
    none = MLPClassifier(max_iter=3, random_state=0, shuffle=False).fit(*blobs)
    assert one.loss_ != none.loss_


def test_each_hidden_layer_may_have_its_own_activation(blobs):
    activations = ["gelu", fastnn.activations.get("leaky_relu", negative_slope=0.1), "logistic"]
    model = MLPClassifier((5, 5, 5), activation=activations, max_iter=1).fit(*blobs).model_
    assert [layer.activation.name for layer in model.layers] == ["gelu", "leaky_relu", "sigmoid", "softmax"]


@pytest.mark.parametrize("parameters", [{"activation": ["relu"]}, {"dropout": [0.1, 0.1, 0.1]}])
def test_a_list_of_another_length_is_refused(blobs, parameters):
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers"):
        MLPClassifier((4, 4), **parameters).fit(*blobs)


def test_layers_take_the_place_of_sizes(blobs):
    layers = [Dense(7, "relu", kernel_regularizer="l2"), Dropout(0.1), Dense(4, "tanh", use_bias=False)]
    classifier = MLPClassifier(layers=layers, alpha=0.5, max_iter=3, random_state=1).fit(*blobs)
    assert [coef.shape for coef in classifier.coefs_] == [(2, 7), (7, 4), (4, 3)]
    assert [bias.shape for bias in classifier.intercepts_] == [(7,), (3,)]
    assert [classifier.model_.layers[i].kernel_regularizer.l2 for i in (0, 2, 3)] == [0.01, 0.25, 0.25]
    again = MLPClassifier(layers=layers, alpha=0.5, max_iter=3, random_state=1).fit(*blobs)
    np.testing.assert_array_equal(again.coefs_[0], classifier.coefs_[0])
    with pytest.raises(TypeError, match=r"layers of fastnn\.layers"):
        MLPClassifier(layers=[3]).fit(*blobs)


@pytest.mark.parametrize("name", sorted(set(optimizers.OPTIMIZERS) - {"lbfgs"}))
def test_every_optimizer_is_a_solver(blobs, name):
    rate = 1.0 if name in ("adadelta", "ftrl") else 0.01  # both divide by the root of all squared gradients so far
    classifier = MLPClassifier(solver=name, learning_rate_init=rate, max_iter=100, random_state=0).fit(*blobs)
    assert classifier.score(*blobs) > 0.9


def test_an_optimizer_object_keeps_its_own_numbers(blobs):
    classifier = MLPClassifier(solver=optimizers.AdamW(0.02, weight_decay=0.1, clipnorm=1.0), max_iter=30)
    assert clone(classifier).fit(*blobs).model_.optimizer.config() == classifier.solver.config()
    assert MLPClassifier(solver=optimizers.LBFGS(), max_iter=50, random_state=0).fit(*blobs).score(*blobs) > 0.95


def test_class_weight_is_a_sample_weight_by_class(blobs):
    x, y = blobs
    weights = {"ape": 2.0, "bee": 0.5, "cat": 1.0}
    one = MLPClassifier(class_weight=weights, max_iter=5, random_state=0).fit(x, y)
    two = MLPClassifier(max_iter=5, random_state=0).fit(x, y, sample_weight=np.array([weights[label] for label in y]))
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
    balanced = MLPClassifier(class_weight="balanced", max_iter=5, random_state=0).fit(x[9:], y[9:])
    counts = {label: (y[9:] == label).sum() for label in weights}
    by_hand = {label: 201 / (3 * count) for label, count in counts.items()}
    np.testing.assert_array_equal(
        balanced.coefs_[0], clone(balanced).set_params(class_weight=by_hand).fit(x[9:], y[9:]).coefs_[0]
    )
    with pytest.raises(ValueError, match="partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(x, y, classes=np.unique(y))


def test_a_row_of_weight_zero_is_absent(blobs):
    x, y = blobs
    weight = np.ones(210)
    weight[::4] = 0
    one = MLPClassifier(max_iter=5, batch_size=32, random_state=0).fit(x, y, sample_weight=weight)
    two = MLPClassifier(max_iter=5, batch_size=32, random_state=0).fit(x[weight > 0], y[weight > 0])
    np.testing.assert_allclose(one.coefs_[0], two.coefs_[0], rtol=1e-12)
    assert one.t_ == two.t_
    with pytest.raises(ValueError, match="at least one non-zero"):
        clone(one).fit(x, y, sample_weight=np.zeros(210))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        clone(one).fit(x, y, sample_weight=-weight)


@pytest.mark.parametrize("labels", ["binary", "multiclass", "multilabel"])
def test_focal_loss_without_gamma_is_log_loss(blobs, labels):
    x, y = blobs
    y = {"binary": y == "ape", "multiclass": y, "multilabel": np.stack([y == "ape", y != "bee"], 1).astype(int)}[labels]
    fits = [MLPClassifier(max_iter=5, random_state=0, **p).fit(x, y) for p in ({"loss": "focal", "gamma": 0.0}, {})]
    np.testing.assert_allclose(fits[0].coefs_[0], fits[1].coefs_[0], rtol=1e-9)
    assert (
        MLPClassifier(loss="focal", max_iter=300, random_state=0, learning_rate_init=0.01).fit(x, y).score(x, y) > 0.95
    )


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "poisson", "pinball", fastnn.losses.LogCosh()])
def test_regression_losses_are_learned(wave, loss):
    x, y = wave
    regressor = MLPRegressor(loss=loss, max_iter=500, learning_rate_init=0.01, random_state=0).fit(x, y + 3)
    assert regressor.score(x, y + 3) > 0.95
    assert regressor.loss_ < regressor.loss_curve_[0] / 5


def test_poisson_refuses_negative_targets(wave):
    with pytest.raises(ValueError, match="without negative numbers"):
        MLPRegressor(loss="poisson").fit(wave[0], wave[1] - 5)


def test_quantiles_cover_their_shares_of_the_rows(rng):
    x = rng.uniform(-1, 1, (3000, 1))
    y = x[:, 0] + rng.normal(size=3000) * (0.2 + 0.3 * np.abs(x[:, 0]))
    quantiles = [0.1, 0.5, 0.9]
    falling = optimizers.Adam(schedules.CosineDecay(0.01, 100 * 15))  # else the last updates decide
    regressor = MLPRegressor(
        "pinball", quantile=quantiles, solver=falling, max_iter=100, n_iter_no_change=100, random_state=0
    )
    found = regressor.fit(x, y).predict_quantiles(x)
    assert found.shape == (3000, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_allclose((y[:, None] <= found).mean(axis=0), quantiles, atol=0.04)
    assert regressor.predict(x).shape == (3000,)
    both = clone(regressor).set_params(max_iter=2).fit(x, np.stack([y, -y], 1))
    assert both.predict_quantiles(x).shape == (3000, 2, 3)
    assert both.predict(x).shape == (3000, 2)
    with pytest.raises(AttributeError, match="pinball"):
        MLPRegressor(max_iter=1).fit(x, y).predict_quantiles(x)


def test_held_out_rows_can_be_given(wave):
    x, y = wave
    regressor = MLPRegressor(max_iter=20, random_state=0).fit(x[:150], y[:150], X_val=x[150:], y_val=y[150:])
    assert len(regressor.validation_loss_curve_) == regressor.n_iter_ == 20
    error = regressor.predict(x[150:]) - y[150:]
    np.testing.assert_allclose(regressor.validation_loss_curve_[-1], 0.5 * np.mean(error**2))
    assert regressor.validation_scores_ is None
    stopping = MLPRegressor(max_iter=20, random_state=0, early_stopping=True)
    stopping.fit(x[:150], y[:150], X_val=x[150:], y_val=y[150:])
    assert len(stopping.validation_scores_) == stopping.n_iter_
    np.testing.assert_allclose(stopping.best_validation_score_, stopping.score(x[150:], y[150:]))


def test_held_out_rows_need_not_have_all_classes(blobs):
    x, y = blobs
    some = y != "cat"
    for warm_start in (False, True):
        classifier = MLPClassifier(max_iter=3, warm_start=warm_start, random_state=0)
        for _ in range(2):
            classifier.fit(x, y, X_val=x[some], y_val=y[some])
        with pytest.raises(ValueError, match="classes"):
            classifier.fit(x, y, X_val=x[:2], y_val=["ape", "dog"])


def test_lbfgs_records_a_history_and_tells_of_progress(wave):
    seen = []
    look = callbacks.LambdaCallback(on_progress=lambda done, logs: seen.append((done, logs["loss"])))
    regressor = MLPRegressor(solver="lbfgs", max_iter=5, callbacks=[look]).fit(*wave)
    assert [done for done, _ in seen] == [1, 2, 3, 4, 5]
    assert regressor.model_.history.history["loss"] == [loss for _, loss in seen]
    np.testing.assert_allclose(seen[-1][1], regressor.loss_)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_lbfgs_leaves_blas_its_threads(wave, n_threads):
    from threadpoolctl import threadpool_info

    def threads_of_blas():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before, seen = threads_of_blas(), []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(set(threads_of_blas())))
    MLPRegressor(solver="lbfgs", max_iter=5, callbacks=[look], n_threads=n_threads).fit(*wave)
    assert seen == [{1}] * 5
    assert threads_of_blas() == before
    MLPEnsembleRegressor(MLPRegressor(solver="lbfgs", max_iter=5), n_estimators=4, n_threads=2).fit(*wave)
    assert threads_of_blas() == before


def test_early_stopping_keeps_shares_of_classes(blobs):
    x, y = blobs
    seen = []
    look = callbacks.LambdaCallback(on_train_begin=lambda logs=None: seen.append(1))
    classifier = MLPClassifier(early_stopping=True, validation_fraction=0.2, max_iter=3, callbacks=[look]).fit(x, y)
    assert seen == [1]
    assert classifier.t_ == 3 * 168
    counts = np.unique(classifier._stratify(y), return_counts=True)[1]
    assert counts.tolist() == [70, 70, 70]
    assert classifier._stratify(np.array(["ape", "bee", "bee", "cat", "cat"])) is None


def test_callbacks_see_losses_scores_and_may_end_the_fit(blobs):
    x, y = blobs
    logs_seen = []

    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs_seen.append(dict(logs))
            self.model.stop_training = epoch == 4

    classifier = MLPClassifier(callbacks=[Stop()], early_stopping=True, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        classifier.fit(x, y)
    assert classifier.n_iter_ == len(logs_seen) == 5
    assert set(logs_seen[0]) == {"loss", "val_loss", "val_score"}
    assert clone(classifier).callbacks[0].model is None


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_time_limit_ends_a_fit(wave, solver):
    regressor = MLPRegressor(
        solver=solver, time_limit=0.1, max_iter=10**7, n_iter_no_change=10**9, tol=0, max_fun=10**9
    )
    regressor.fit(*wave)
    assert 0 < regressor.n_iter_ < 10**7


def test_ctrl_c_keeps_what_was_trained(blobs):
    def interrupt(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    for solver in ("adam", "lbfgs"):
        classifier = MLPClassifier(solver=solver, callbacks=[callbacks.LambdaCallback(on_epoch_end=interrupt)])
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            classifier.fit(*blobs)
        assert classifier.n_iter_ == 3
        assert classifier.predict(blobs[0]).shape == (210,)


def test_verbose_prints_what_scikit_learn_prints(blobs, capsys):
    MLPClassifier(verbose=True, max_iter=2, early_stopping=True).fit(*blobs)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[1].startswith("Validation score: ")


def test_diverged_weights_are_an_error_that_names_the_cause(wave):
    regressor = MLPRegressor(solver="sgd", learning_rate_init=1e12, momentum=0, max_iter=50)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        regressor.fit(wave[0], wave[1] * 1e200)


# -- threads and backends -------------------------------------------------------------------------


def test_n_threads_holds_inside_a_fit_only(wave):
    seen = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(threads.get_num_threads()))
    before = threads.get_num_threads()
    MLPRegressor(n_threads=3, callbacks=[look], max_iter=1).fit(*wave)
    assert seen == [3]
    assert threads.get_num_threads() == before
    with threads.alone():
        MLPRegressor(n_threads=3, callbacks=[look], max_iter=1).fit(*wave)
    assert seen == [3, 1]


def test_backend_is_a_choice_and_wrong_ones_are_named(wave):
    assert MLPRegressor(backend="numpy", max_iter=1).fit(*wave).model_.backend_ == "numpy"
    with pytest.raises((ValueError, fastnn.BackendError), match="cuda"):
        MLPRegressor(backend="cuda").fit(*wave)


# -- weights, copies, pickles ---------------------------------------------------------------------


def test_coefs_are_views_of_what_trains(wave):
    x, y = wave
    regressor = MLPRegressor(max_iter=3, random_state=0, warm_start=True).fit(x, y)
    coef = regressor.coefs_[0]
    assert np.shares_memory(coef, regressor.model_.params)
    before = coef.copy()
    regressor.fit(x, y)
    assert regressor.coefs_[0] is coef
    assert (coef != before).any()
    coef[...] = 0
    regressor.intercepts_[0] = np.zeros(100)
    np.testing.assert_allclose(regressor.predict(x), regressor.intercepts_[1][0])
    assert np.shares_memory(regressor.intercepts_[0], regressor.model_.params)
    regressor.coefs_[0] = np.zeros((4, 100))
    with pytest.raises(ValueError, match="shapes"):
        regressor.predict(x)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_predict_the_same_and_train_on_by_themselves(blobs, how):
    x, y = blobs
    original = MLPClassifier(max_iter=5, random_state=0).fit(x, y)
    other = how(original)
    np.testing.assert_array_equal(other.predict_proba(x), original.predict_proba(x))
    before = original.predict_proba(x)
    other.partial_fit(x, y)
    assert np.shares_memory(other.coefs_[0], other.model_.params)
    np.testing.assert_array_equal(original.predict_proba(x), before)
    original.partial_fit(x, y)
    np.testing.assert_array_equal(other.predict_proba(x), original.predict_proba(x))


def test_a_model_lives_on_without_scikit_learn(blobs, tmp_path):
    classifier = MLPClassifier(max_iter=5).fit(*blobs)
    classifier.model_.save(tmp_path / "m.safetensors")
    loaded = fastnn.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(blobs[0]), classifier.predict_proba(blobs[0]))


def test_parameters_may_change_between_warm_starts(wave):
    x, y = wave
    regressor = MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, warm_start=True, random_state=0).fit(x, y)
    before = regressor.coefs_[0].copy()
    regressor.set_params(alpha=100.0, max_iter=30).fit(x, y)
    assert np.abs(regressor.coefs_[0]).sum() < np.abs(before).sum()
    with pytest.raises(ValueError, match="warm_start=False"):
        regressor.set_params(hidden_layer_sizes=(7,)).fit(x, y)


def test_another_loss_takes_effect_in_a_partial_fit(wave):
    x, y = wave
    one = MLPRegressor(random_state=0).partial_fit(x, y).set_params(loss="absolute_error").partial_fit(x, y)
    assert one.model_.loss.name == "mean_absolute_error"
    assert one.model_.reduction.scale == 1.0
    two = MLPRegressor(random_state=0, alpha=0.1).partial_fit(x, y)
    step = two.model_.step
    assert two.set_params(alpha=0.2).partial_fit(x, y).model_.step == 2 * step  # the optimiser goes on


def test_what_is_not_fitted_says_so(wave):
    with pytest.raises(NotFittedError, match="not fitted"):
        MLPRegressor().predict(wave[0])


# -- ensembles ------------------------------------------------------------------------------------


def test_ensembles_average_members_that_differ(wave, blobs):
    x, y = wave
    ensemble = MLPEnsembleRegressor(MLPRegressor(max_iter=30), n_estimators=4, random_state=0).fit(x, y)
    answers = np.stack([member.predict(x) for member in ensemble.estimators_])
    mean, std = ensemble.predict(x, return_std=True)
    np.testing.assert_allclose(mean, answers.mean(axis=0))
    np.testing.assert_allclose(std, answers.std(axis=0))
    assert std.min() > 0
    alone = clone(ensemble.estimators_[2]).fit(x, y)
    np.testing.assert_array_equal(alone.predict(x), answers[2])
    classifier = MLPEnsembleClassifier(n_estimators=3, random_state=0).fit(*blobs)
    proba, std = classifier.predict_proba(blobs[0], return_std=True)
    assert proba.shape == std.shape == (210, 3)
    assert (classifier.predict(blobs[0]) == blobs[1]).mean() > 0.95
    binary = MLPEnsembleClassifier(n_estimators=2).fit(blobs[0], blobs[1] == "ape")
    assert set(binary.predict(blobs[0])) == {False, True}


def test_an_error_of_a_member_is_told(wave):
    with pytest.raises(ValueError, match="hidden layers"):
        MLPEnsembleRegressor(MLPRegressor(hidden_layer_sizes=(3, 3), dropout=[0.1])).fit(*wave)


# -- input ----------------------------------------------------------------------------------------


def test_sparse_rows_give_the_bits_of_dense_ones(blobs):
    sparse = pytest.importorskip("scipy.sparse")
    x, y = np.maximum(blobs[0], 0), blobs[1]
    for solver in ("adam", "lbfgs"):
        dense = MLPClassifier(solver=solver, max_iter=5, random_state=0).fit(x, y)
        for form in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
            other = clone(dense).fit(form(x), y)
            np.testing.assert_array_equal(other.coefs_[0], dense.coefs_[0])
            np.testing.assert_array_equal(other.predict_proba(form(x)), dense.predict_proba(x))
    stopping = MLPClassifier(early_stopping=True, max_iter=5, random_state=0)
    np.testing.assert_array_equal(stopping.fit(sparse.csr_array(x), y).coefs_[0], clone(stopping).fit(x, y).coefs_[0])


def test_windows_of_a_series_are_refused_and_not_copied():
    windows = fastnn.utils.timeseries(np.arange(30.0), length=4)
    for x in (windows, windows.x):
        with pytest.raises((TypeError, ValueError), match=r"np\.asarray"):
            MLPRegressor().fit(x, windows.y)


def test_rows_that_are_promised_to_be_finite_are_not_looked_at(blobs):
    x, y = blobs
    classifier = MLPClassifier(max_iter=5, random_state=0).fit(x, y)
    with sklearn.config_context(assume_finite=True):
        np.testing.assert_array_equal(classifier.predict(x[:1]), classifier.predict(x)[:1])
        with pytest.raises(ValueError, match="features"):
            classifier.predict(np.zeros((1, 3)))


def test_dtype_can_be_chosen(wave):
    x, y = wave
    regressor = MLPRegressor(dtype="float32", max_iter=3).fit(x, y)
    assert regressor.coefs_[0].dtype == regressor.predict(x).dtype == np.float32


def test_fastnn_alone_never_loads_scikit_learn_and_its_absence_is_told():
    code = "import sys, fastnn; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys; sys.modules['sklearn.callback'] = None; import fastnn.sklearn"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "fastnn-native[sklearn]" in ended.stderr


@pytest.mark.parametrize("labels", [["b"], ["b", "a"], ["c", "a", "b"], [f"w{i}" for i in range(12)]], ids=len)
def test_words_for_classes_are_learnt_without_a_warning(labels, recwarn):
    """Objects as well as NumPy's words, also where nearly each row has a class of its own."""
    x = np.random.default_rng(0).normal(size=(14, 3))
    fits = [MLPClassifier((4,), max_iter=300, random_state=0).fit(x, np.resize(labels, 14).astype(k)) for k in "OU"]
    assert [str(w.message) for w in recwarn if "unique" in str(w.message)] == []
    assert fits[0].classes_.tolist() == fits[1].classes_.tolist() == sorted(labels)
    np.testing.assert_array_equal(fits[0].predict_proba(x), fits[1].predict_proba(x))
