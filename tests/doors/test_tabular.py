"""The recipe for tables: folds, starts, scales, one model of several networks, the estimators and the command."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential
from fastnn.layers import Concatenate, Dense, Embedding, Flatten, Input
from fastnn.tables import FeatureOptions, Numbers, Table, fit_features, table_of_frame
from fastnn.tables.target import fit_quantity
from fastnn.tabular import Options, Settings, choose, fit_table
from fastnn.tabular.bag import zero_untrained
from fastnn.tabular.balancing import block_scales, fold_scales, scaled
from fastnn.tabular.best import Best, row_errors
from fastnn.tabular.choices import Choice
from fastnn.tabular.fitting import pieces_for
from fastnn.tabular.folds import folds
from fastnn.tabular.joining import joined
from fastnn.tabular.networks import network, prepare

QUICK = Settings(hidden=(16,), epochs=4, batch_size=32)


def frame(rng, n: int = 120) -> dict[str, list]:
    """Raw rows: numbers with gaps, an amount that is mostly zero, a text of few values and one of many."""
    size = rng.normal(size=n)
    return {
        "size": [None if i % 17 == 3 else float(value) for i, value in enumerate(size)],
        "amount": [0.0 if i % 4 else float(i) for i in range(n)],
        "kind": [str(kind) for kind in rng.choice(["red", "green", "blue"], n)],
        "place": [f"p{i % 40}" for i in range(n)],
    }


def price(raw: dict[str, list]) -> np.ndarray:
    """A function of the raw rows."""
    size = np.array([0.0 if value is None else value for value in raw["size"]])
    return 3 * size + np.array(raw["amount"]) / 20 + (np.array(raw["kind"]) == "red")


class TestFolds:
    """Which rows are held from which network."""

    @pytest.mark.parametrize("n", [10, 11, 53])
    def test_they_are_disjoint_even_and_keep_the_shares_of_classes(self, rng, n):
        y = (np.arange(n) % 5 == 0).astype(int)
        place = folds(5, 3, y, True)
        assert np.ptp(np.bincount(place)) <= 1
        for label in (0, 1):
            assert np.ptp(np.bincount(place[y == label], minlength=5)) <= 1

    def test_numbers_are_spread_by_size(self, rng):
        y = rng.normal(size=200) ** 3
        means = [y[folds(5, seed, y, False) == 0].mean() for seed in range(20)]
        random = [rng.permutation(y)[:40].mean() for _ in range(20)]
        assert np.std(means) < np.std(random)

    def test_a_group_is_in_one_fold(self, rng):
        groups = rng.integers(0, 12, 90)
        place = folds(4, 0, rng.normal(size=90), False, groups)
        assert all(len(set(place[groups == group])) == 1 for group in range(12))
        assert set(place) == {0, 1, 2, 3}

    def test_too_few_groups_are_refused(self):
        with pytest.raises(ValueError, match="of 2 groups, and 5 folds need a group each"):
            folds(5, 0, np.zeros(9), False, np.arange(9) % 2)

    def test_the_seed_decides(self, rng):
        y = rng.normal(size=50)
        assert (folds(5, 1, y, False) == folds(5, 1, y, False)).all()
        assert (folds(5, 1, y, False) != folds(5, 2, y, False)).any()


class TestStart:
    """The first weights of a network."""

    def test_units_spread_by_one_and_have_their_zeros_among_the_rows(self, rng):
        x = rng.normal(size=(500, 7)).astype(np.float32) * [1, 1, 1, 1, 5, 0.1, 1]
        target = fit_quantity("y", Numbers(rng.normal(size=500)))
        model = network(Settings(hidden=(32, 16)), (7,), (None,), target, 1)
        prepare(model, Settings(), target, 100, x.astype(np.float32), 1)
        values = model.activations(x)
        for layer in [layer for layer in model.layers if isinstance(layer, Dense)]:
            z = values[layer.name]
            np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-3)
            assert ((z.min(axis=0) < 0) & (z.max(axis=0) > 0)).all()

    def test_columns_without_spread_do_no_harm(self, rng):
        x = np.zeros((40, 3), np.float32)
        target = fit_quantity("y", Numbers(rng.normal(size=40)))
        model = network(Settings(hidden=(8,)), (3,), (None,), target, 1)
        prepare(model, Settings(), target, 10, x, 1)
        assert all(np.isfinite(weights).all() for weights in model.get_weights())


class TestScales:
    """Columns that count alike, for the training alone."""

    def test_the_parts_of_a_column_have_a_variance_of_one_in_sum(self, rng):
        table = table_of_frame(frame(rng))
        features, _ = fit_features(table, FeatureOptions(pieces=8, most_one_hot=10))
        x = features.encode(table)
        scales = block_scales(features, x)
        numbers = scaled(x, scales)[0]
        first = 0
        for feature in features.numbers:
            block = slice(first + 1, first + 1 + getattr(feature, "n_pieces", 0))
            if feature.name == "kind":
                block = slice(first, first + feature.width)
            assert numbers[:, block].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
            first += feature.width
        assert scales[0] == 1  # the number itself

    def test_folded_they_change_nothing_that_is_said(self, rng):
        table = table_of_frame(frame(rng))
        features, _ = fit_features(table, FeatureOptions(pieces=8, most_one_hot=10))
        x = features.encode(table)
        scales = block_scales(features, x)
        inputs = [Input((width,)) for width in features.widths]
        codes = Flatten()(Embedding(features.n_ids[1], 3)(inputs[1]))
        model = Model(inputs, Dense(2)(Dense(8, "tanh")(Concatenate()([inputs[0], codes]))), seed=1)
        before = model.predict(scaled(x, scales))
        fold_scales(model, scales)
        np.testing.assert_allclose(model.predict(x), before, rtol=1e-4, atol=1e-5)

    def test_codes_that_no_row_had_are_zero(self, rng):
        model = Sequential([Embedding(6, 3), Flatten(), Dense(1)], seed=1)
        model.build((2,))
        rows = type("R", (), {"x": np.array([[1.0, 4.0], [1.0, 5.0]], np.float32)})
        zero_untrained(model, rows, (6,))
        (vectors,) = model.layers[0].get_weights()
        assert (np.abs(vectors).sum(axis=1) > 0).tolist() == [False, True, False, False, True, True]


class TestBest:
    """Which epoch is kept, and when a training ends."""

    def run(self, losses, patience=None, ends=()):
        model = Sequential([Dense(1, input_shape=(1,))], seed=1)
        left = iter(losses)
        best = Best(lambda: next(left), patience, ends)
        best.set_model(model)
        model.stop_training = False
        for epoch in range(len(losses)):
            best.on_epoch_end(epoch)
            if model.stop_training:
                break
        return best, epoch + 1

    def test_patience(self):
        best, n = self.run([5, 3, 4, 4, 4, 1], patience=3)
        assert (best.epoch, n) == (1, 5)

    def test_a_cycle_that_brings_nothing_ends_it_from_the_third_on(self):
        ends = [2, 4, 8, 16]
        assert self.run([3, 3, 2, 1, *[2] * 12], ends=ends)[1] == 8  # nothing in the third
        assert self.run([7, 6, 5, 4, 3, 1, *[2] * 10], ends=ends)[1] == 15

    def test_what_comes_long_after_the_best_epoch_ends_it_once_two_cycles_are_over(self):
        ends = [2, 6, 14, 30]
        assert self.run([1, *[2] * 29], ends=ends)[1] == 6
        assert self.run([3, 2, 2, 1, *[2] * 26], ends=ends)[1] == 10
        assert self.run([3, 2, 2, 1, *[2] * 26])[1] == 30

    def test_errors_of_rows(self, rng):
        p, y = rng.dirichlet(np.ones(4), 50), rng.integers(0, 4, 50)
        np.testing.assert_allclose(row_errors(True, p, y), ((p - np.eye(4)[y]) ** 2).sum(axis=1), atol=1e-12)
        two = rng.random((50, 1))
        np.testing.assert_allclose(row_errors(True, two, y > 1), (two[:, 0] - (y > 1)) ** 2)
        np.testing.assert_allclose(row_errors(False, two, y), (two[:, 0] - y) ** 2)

    def test_cycles_end_where_the_rate_is_zero(self):
        settings = Settings(epochs=150)
        schedule = fastnn.schedules.CosineLog(1.0, 150, cycles=settings.cycles)
        np.testing.assert_allclose(schedule.rates(np.array(settings.cycle_ends)), 0, atol=1e-12)


class TestJoined:
    """One model of several."""

    def models(self):
        return [Sequential([Dense(4, "tanh", input_shape=(3,)), Dense(2)], seed=seed) for seed in range(3)]

    def test_mean_and_weighted_mean(self, rng, tmp_path):
        models, x = self.models(), rng.normal(size=(5, 3)).astype(np.float32)
        said = [model.predict(x) for model in models]
        np.testing.assert_allclose(joined(models).predict(x), np.mean(said, 0), rtol=1e-5, atol=1e-6)
        shares = [0.5, 0.2, 0.3]
        model = joined(models, shares)
        np.testing.assert_allclose(model.predict(x), np.tensordot(shares, said, 1), rtol=1e-5, atol=1e-6)
        model.save(tmp_path / "m")
        assert (fastnn.load(tmp_path / "m").predict(x) == model.predict(x)).all()

    def test_one_is_itself(self):
        (model, *_) = self.models()
        assert joined([model]) is model


class TestFitTable:
    """From a table to a model."""

    def fitted(self, rng, **more):
        raw = frame(rng)
        options = Options(choice=Choice(QUICK, 4, 5, 8, 10), seed=2, **more)
        return raw, fit_table(table_of_frame(raw), Numbers(price(raw)), "price", options)

    def test_rows_out_of_fold_are_said_by_networks_that_did_not_learn_from_them(self, rng):
        raw, fitted = self.fitted(rng)
        rows, output = fitted.out_of_fold
        assert len(rows) == sum(len(member.held) for member in fitted.members) == 96
        x = fitted.encoding.features.encode(table_of_frame(raw))
        for member in fitted.members:
            assert not set(member.learns) & set(member.held)
            own = member.model.predict([part[member.held] for part in x])
            np.testing.assert_allclose(output[np.isin(rows, member.held)], own, rtol=1e-3, atol=1e-4)
        said = np.mean([member.model.predict(x) for member in fitted.members], axis=0)
        np.testing.assert_allclose(fitted.model.predict(x), said, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("more", [{"n_threads": 1}, {"n_threads": 3}], ids=str)
    def test_the_same_bits_on_any_number_of_threads(self, more):
        first, second = (self.fitted(np.random.default_rng(1), **kind)[1] for kind in ({"n_threads": 2}, more))
        for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
            assert (one == other).all()

    def test_predictions_stay_within_what_was_seen(self, rng):
        raw, fitted = self.fitted(rng)
        target = fitted.encoding.row_target
        far = {**raw, "size": [1e6] * 120, "amount": [1e9] * 120}
        said = target.decode(fitted.model.predict(fitted.encoding.features.encode(table_of_frame(far))))
        assert said.max() <= price(raw).max()
        assert said.min() >= price(raw).min()

    def test_few_rows_are_all_learned_from(self):
        table = Table({"a": Numbers(np.arange(6.0))})
        fitted = fit_table(table, Numbers(np.arange(6.0) ** 2), "y", Options(choice=Choice(QUICK, 2, 5)))
        assert len(fitted.out_of_fold[0]) == 0
        assert all(len(member.learns) == 6 for member in fitted.members)

    @pytest.mark.parametrize("limit", [1e-3, 0.5])
    def test_a_limit_leaves_a_model(self, rng, limit):
        raw = frame(rng)
        many = Settings(hidden=(16,), epochs=100_000, batch_size=16)
        options = Options(choice=Choice(many, 2, 5, 8), time_limit=limit)
        fitted = fit_table(table_of_frame(raw), Numbers(price(raw)), "price", options)
        assert 1 <= len(fitted.members) <= 2
        assert all(member.kept >= 0 for member in fitted.members)

    def test_very_many_columns_have_fewer_pieces(self, rng):
        wide = {f"c{i}": Numbers(rng.normal(size=20)) for i in range(2100)}
        assert pieces_for(Table(dict(list(wide.items())[:10])), 32) == 32
        assert pieces_for(Table(wide), 32) == 3
        assert pieces_for(Table({f"{name}{k}": column for k in "ab" for name, column in wide.items()}), 32) == 0

    def test_wrong_lengths_are_refused(self, rng):
        raw = frame(rng)
        with pytest.raises(ValueError, match="groups must be one of each of the 120 rows"):
            fit_table(table_of_frame(raw), Numbers(price(raw)), "price", Options(groups=np.zeros(3)))
        with pytest.raises(ValueError, match="preset"):
            choose("fast", 100, True)
