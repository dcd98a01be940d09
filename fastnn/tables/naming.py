"""What each number of an encoded row is called, after the column that it comes from."""

from __future__ import annotations

from fastnn.tables.columns import CategoryFeature, CodeFeature
from fastnn.tables.dates import DateFeature
from fastnn.tables.features import Feature, TableFeatures
from fastnn.tables.pieces import PieceFeature


def input_names(features: TableFeatures) -> list[str]:
    """Names of the numbers that :meth:`TableFeatures.encode` gives, codes behind all others; no two are alike.

    >>> from fastnn.tables import FeatureOptions, fit_features, table_of_frame
    >>> rows = table_of_frame({"age": [20, 30, 50, None], "city": ["Bern", "Oslo", "Bern", None]})
    >>> input_names(fit_features(rows, FeatureOptions(pieces=8))[0])
    ['age', 'age_piece1', 'age_piece2', 'age_gap', 'city_Bern', 'city_Oslo', 'city_gap']
    """
    names = [name for feature in (*features.numbers, *features.codes) for name in _names(feature)]
    taken: set[str] = set()
    for place, name in enumerate(names):
        count, unique = 1, name
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        names[place] = unique
    return names


def _names(feature: Feature) -> list[str]:
    name = feature.name
    if isinstance(feature, CodeFeature):
        return [f"{name}_code"]
    gap = [f"{name}_gap"] * feature.gaps
    if isinstance(feature, CategoryFeature):
        return [*(f"{name}_{value}" for value in feature.values), *gap, *([f"{name}_other"] * feature.bucket)]
    made = [name]
    if isinstance(feature, PieceFeature | DateFeature):
        made += [f"{name}_piece{place + 1}" for place in range(feature.n_pieces)]
    if isinstance(feature, DateFeature):
        made += [f"{name}_{part} of {cycle}" for cycle in feature.cycles for part in ("sine", "cosine")]
    return made + gap
