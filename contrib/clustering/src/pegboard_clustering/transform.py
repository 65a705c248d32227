"""The step ``transform``: columns become numbers of the same scale."""

from __future__ import annotations

from typing import Any

import cloudpickle
import pandas as pd
from pegboard.errors import InvalidValue
from pegboard_recipes import Work

from pegboard_clustering.outline import TRANSFORMED, TRANSFORMER


def run(work: Work) -> None:
    """Fit the transformer of the user's, else one that fills gaps and scales numbers."""
    rows = work.frame("ingest", "dataset.parquet")
    columns = _columns(work, rows)
    made = work.function("transformer_method")
    transformer = _usual() if made is None else made()
    found = transformer.fit_transform(rows[columns].copy())
    if hasattr(found, "toarray"):
        found = found.toarray()
    if len(found) != len(rows):
        raise InvalidValue(f"The transformer made {len(found)} rows of {len(rows)}.")
    table = pd.DataFrame(found, columns=_names(transformer, columns, found.shape[1]))
    table.to_parquet(work.directory / TRANSFORMED, index=False)
    with (work.directory / TRANSFORMER).open("wb") as stream:
        cloudpickle.dump({"transformer": transformer, "columns": columns}, stream)
    work.card.tab("Data Preview").frame(table)
    work.card.tab("Run Summary").facts(Columns=", ".join(columns), Number_of_rows=len(table))
    work.card.facts |= {"rows": len(table), "columns": columns}


def _columns(work: Work, rows: pd.DataFrame) -> list[str]:
    given = work.own.get("columns")
    if given is None:
        found = [str(name) for name in rows.select_dtypes("number").columns]
        if not found:
            raise InvalidValue(
                "The data has no columns of numbers.",
                hint="Name columns in steps.transform.columns, and make numbers of them in "
                "transformer_method.",
            )
        return found
    if missing := [name for name in given if name not in rows.columns]:
        place = ("steps", "transform", "columns")
        raise work.config.wrong(
            place,
            f"The data has no column {missing[0]!r}.",
            hint=f"Its columns are: {', '.join(map(repr, rows.columns[:20]))}.",
        )
    return list(given)


def _usual() -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def _names(transformer: Any, columns: list[str], count: int) -> list[str]:
    get = getattr(transformer, "get_feature_names_out", None)
    found = [str(name) for name in get(columns)] if get is not None else columns
    return found if len(found) == count else [f"f_{number}" for number in range(count)]
