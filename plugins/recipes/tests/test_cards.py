"""Cards: safe whatever the data holds, complete whatever type it is of."""

from __future__ import annotations

import datetime as dt
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
from pegboard_recipes.api import Recipe
from pegboard_recipes.cards import page, profiles
from pegboard_recipes.cards.card import Card

EVIL = "<script>alert(1)</script>'\"><img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """Notes every element of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_nothing_of_the_data_becomes_part_of_the_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({EVIL: [EVIL, "b"], "n": [1.0, np.inf]})
    card = Card(step=EVIL, recipe=EVIL)
    tab = card.tab(EVIL).heading(EVIL).text(EVIL).facts(**{EVIL: EVIL}).frame(frame)
    tab.profile(profiles.of({EVIL: frame})).diagram(f"<p>{EVIL}</p>", EVIL)
    card.fail(EVIL, EVIL)
    picture = tmp_path / "p.png"
    picture.write_bytes(b"png")
    tab.picture(picture, EVIL)
    text = page.html_of(card)
    elements = Elements(text).found
    assert {tag for tag, _ in elements}.isdisjoint({"script", "link", "object", "embed", "base"})
    names = {name for _, attributes in elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    assert [a["src"] for tag, a in elements if tag == "img"] == ["data:image/png;base64,cG5n"]
    assert [a["sandbox"] for tag, a in elements if tag == "iframe"] == [None]
    policy = next(a["content"] for _, a in elements if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert json.loads(page.json_of(card))["tabs"][0]["title"] == EVIL
    # In a notebook it is one frame, which may run nothing.
    ((tag, attributes),) = Elements(page.framed(text)).found
    assert (tag, attributes["sandbox"], attributes["srcdoc"]) == ("iframe", None, text)


def test_columns_of_any_type_are_profiled() -> None:
    count = 6
    frame = pd.DataFrame(
        {
            "whole": range(count),
            "float": [0.0, np.nan, np.inf, 1.0, 2.0, 3.0],
            "nothing": [np.nan] * count,
            "bool": [True, False] * 3,
            "category": pd.Categorical(list("aabbcc")),
            "time": pd.date_range("2026-01-01", periods=count, tz="UTC"),
            "lacks time": [None, *pd.date_range("2026-01-01", periods=count - 1)],
            "span": pd.to_timedelta(range(count), unit="h"),
            "nullable": pd.array([1, None, 3, 4, 5, 6], dtype="Int64"),
            "list": [[1], [2, 3], [], [1], None, [4]],
            "mapping": [{"a": 1}] * count,
            "text": list("xyzxyx"),
            "date": [dt.date(2026, 1, 1)] * count,
            "complex": np.arange(count) * 1j,
        }
    )
    found = profiles.of({"all": frame, "few": frame.head(0)})
    columns = {each["name"]: each["parts"]["all"] for each in found["columns"]}
    assert list(columns) == list(frame.columns)
    assert columns["whole"]["quantiles"] == [0.0, 1.25, 2.5, 3.75, 5.0]
    assert sum(columns["whole"]["counts"]) == count
    assert (columns["float"]["missing"], columns["float"]["infinite"]) == (1, 1)
    assert columns["category"]["frequent"] == [["a", 2], ["b", 2], ["c", 2]]
    assert columns["time"]["earliest"].startswith("2026-01-01")
    assert columns["nullable"]["missing"] == 1
    assert columns["list"]["distinct"] == 4
    card = Card(step="ingest", recipe="r")
    card.tab("Data Profile").profile(found)
    assert "6 rows" in page.html_of(card)
    json.loads(page.json_of(card))


def test_a_large_table_is_sampled_and_says_so(tmp_path: Path) -> None:
    count = 3 * profiles.MOST_ROWS
    frame = pd.DataFrame({"x": np.arange(count)})
    frame.to_parquet(tmp_path / "x.parquet")
    drawn = profiles.sample(tmp_path / "x.parquet")
    assert drawn.x.tolist() == list(range(0, count, 3))
    card = Card(step="split", recipe="r")
    card.tab("Compare Splits").profile(profiles.of({"Train": drawn, "All": frame}))
    text = page.html_of(card)
    assert "All: 150,000 rows, profiled on 50,000 that were drawn" in text
    assert "Train: 150,000 rows, profiled on 50,000 that were drawn" in text


TABS = {
    "ingest": ["Data Profile", "Data Schema", "Data Preview", "Run Summary"],
    "split": ["Compare Splits", "Run Summary"],
    "transform": [
        "Data Profile (Train Transformed)",
        "Transformer",
        "Input Schema",
        "Output Schema",
        "Data Preview",
        "Run Summary",
    ],
    "train": [
        "Model Performance",
        "Model Architecture",
        "Model Schema",
        "Data Profile (Predictions)",
        "Worst Predictions",
        "Data Profile (Worst vs Train)",
        "Leaderboard",
        "Best Parameters",
        "Run Summary",
    ],
    # Without shap, it says how to get the importance.
    "evaluate": [
        "Model Performance (Test)",
        "Model Validation",
        "Feature Importance",
        "Run Summary",
    ],
    "register": ["Run Summary"],
}


def test_each_step_has_the_tabs_that_mlflow_has(done: Recipe) -> None:
    for step, titles in TABS.items():
        known = json.loads(done.card(step).with_suffix(".json").read_text())
        assert [each["title"] for each in known["tabs"]] == titles, step
        if step == "train":
            schema = known["tabs"][titles.index("Model Schema")]["parts"][1]["rows"]
            assert schema[0] == ["age", "double"]
    assert set(known["facts"]) >= {"name", "version", "source"}
