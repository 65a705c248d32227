"""Which part a row comes into, whatever the order of rows is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard_recipes.api import Recipe
from pegboard_recipes.steps import split

from .small import begun, line
from .test_bad_input import RECIPE, TRAIN

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=2), st.lists(st.integers(0, 2))
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(VALUES, st.floats(-1, 1)), min_size=1, max_size=12), st.randoms())
def test_a_part_follows_from_the_values_alone(rows: list[tuple[Any, float]], random: Any) -> None:
    frame = pd.DataFrame({"a": [a for a, _ in rows], "b": [b for _, b in rows]}, dtype=object)
    frame["b"] = frame.b.astype(float)
    order = list(range(len(rows)))
    random.shuffle(order)
    twice = [*order, *order]
    shares = split.shares(frame)
    assert np.array_equal(split.shares(frame.iloc[twice]), shares[twice])
    assert ((shares >= 0) & (shares < 1)).all()


def test_signs_of_zero_and_kinds_of_columns_make_no_difference() -> None:
    plain = pd.DataFrame({"a": ["x", "y"], "b": [0.0, 1.0]})
    other = pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "z", "x"]), "b": [-0.0, 1.0]})
    assert split.shares(plain).tolist() == split.shares(other).tolist()


def parts(recipe: Recipe) -> list[pd.DataFrame]:
    recipe.run("split")
    names = ("training_data", "validation_data", "test_data")
    return [recipe.get_artifact(name) for name in names]


def with_split(more: str) -> str:
    return RECIPE.replace("  split:\n", f"  split:\n{more}")


def test_a_file_in_another_order_gives_the_same_parts(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "_PIECE", 50)
    rows = pd.concat([line(), line(30)], ignore_index=True)
    recipe = begun(place / "r", rows, TRAIN, RECIPE)
    before = [set(part.x) for part in parts(recipe)]
    rows.sample(frac=1, random_state=1).to_parquet(recipe.directory / "rows.parquet")
    assert [set(part.x) for part in parts(recipe)] == before
    assert sum(map(len, before)) == 120
    later = pd.concat([rows, line(400)[200:]], ignore_index=True)
    later.to_parquet(recipe.directory / "rows.parquet")
    found = [set(part.x) for part in parts(recipe)]
    assert all(old <= new for old, new in zip(before, found, strict=True))


def test_missing_numbers_in_one_piece_change_no_other(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "_PIECE", 60)
    rows = line().assign(n=np.arange(120) % 7, b=np.arange(120) % 2 == 0)
    before = [set(part.x) for part in parts(begun(place / "r", rows, TRAIN, RECIPE))]
    lacking = rows.assign(n=rows.n.astype("Int64"), b=rows.b.astype(object))
    lacking.loc[119, ["n", "b"]] = None
    after = [set(part.x) - {119.0} for part in parts(begun(place / "r", lacking, TRAIN, RECIPE))]
    assert after == [part - {119.0} for part in before]


def test_groups_stay_together_and_times_in_order(place: Path) -> None:
    recipe = begun(place / "r", line(2000), TRAIN, with_split("    group_col: shop\n"))
    recipe.directory.joinpath("recipe.yaml").write_text(
        with_split("    group_col: x\n    split_ratios: [2, 1, 1]\n")
    )
    assert len(parts(recipe)[0]) == pytest.approx(1000, abs=80)
    recipe.directory.joinpath("recipe.yaml").write_text(
        with_split("    group_col: shop\n    split_ratios: [1, 1, 1]\n")
    )
    shops = [set(part.shop) for part in parts(recipe)]
    assert sum(map(len, shops)) == 10
    recipe.directory.joinpath("recipe.yaml").write_text(with_split("    time_col: day\n"))
    train, validation, test = parts(recipe)
    assert train.day.max() < validation.day.min() <= validation.day.max() < test.day.min()
    assert [len(train), len(validation), len(test)] == [1500, 250, 250]


def test_the_filter_is_for_training_rows_alone(place: Path) -> None:
    recipe = begun(place / "r", line(), TRAIN, with_split("    post_split_filter_method: keep\n"))
    code = "def keep(rows):\n    kept = rows.pop('x') > 60\n    return kept\n"
    (recipe.directory / "steps/split.py").write_text(code)
    train, validation, test = parts(recipe)
    assert train.x.min() > 60
    assert min(validation.x.min(), test.x.min()) < 60
