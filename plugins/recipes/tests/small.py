"""Small recipes whose files a test writes itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pegboard_recipes.api import Recipe


def begun(place: Path, rows: pd.DataFrame, train: str, recipe: str) -> Recipe:
    """Write a recipe that learns from rows."""
    for name in ("profiles", "steps"):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / "recipe.yaml").write_text(recipe)
    (place / "profiles/local.yaml").write_text("model_registry: {model_name: kinds}\n")
    (place / "steps/train.py").write_text(train)
    rows.to_parquet(place / "rows.parquet")
    return Recipe("local", directory=place)


def line(count: int = 120) -> pd.DataFrame:
    """Return rows on a line, with some noise and two columns of other types."""
    x = np.arange(float(count))
    noise = np.random.default_rng(0).normal(size=count)
    day = pd.date_range("2026-01-01", periods=count)
    shop = pd.Series(np.tile(list("abcdefghij"), count // 10 + 1)[:count], dtype="category")
    return pd.DataFrame({"x": x, "shop": shop, "day": day, "y": 3 * x + noise})
