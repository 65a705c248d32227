"""The evaluator ``drift``: whether the rows are still such as those of an earlier table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import Factory, field, frozen, validators
from pegboard.contracts.evaluation import EvaluationTable, Figure, ModelEvaluator, Result, Work
from pegboard.errors import InvalidValue, PegboardError, quoted
from pegboard_stores.validation import metric as validated

from pegboard_evaluation import files
from pegboard_evaluation.columns import frame_of

_LEAST = 1e-4
"""What a group without rows counts as, so that the index stays finite."""

_READERS = {".csv": "read_csv", ".json": "read_json", ".parquet": "read_parquet"}


@frozen(kw_only=True)
class Settings:
    """What rows are compared with."""

    baseline: Any = None
    """A DataFrame, or a file (.csv, .json, .parquet)."""
    columns: list[str] = Factory(list)
    """Columns to compare; none: all that both tables have."""
    bins: int = field(default=10, validator=validators.ge(2))
    """Ranges of numbers, of as many rows of the baseline each."""
    limit: float = field(default=0.2, validator=validators.gt(0))
    """A column whose population stability index is larger has drifted."""


class Drift(ModelEvaluator):
    """Compares the distribution of columns with those of a baseline."""

    settings = Settings
    options: Settings

    def check(self, table: EvaluationTable) -> None:
        """Refuse a baseline that is not there, or has nothing in common with the table."""
        if table.inputs is None and not table.columns:
            raise InvalidValue("Drift needs 'inputs', and there are none.")
        self._columns(frame_of(table), self._baseline())

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield the index of each column, how many have drifted, and a table with all measures.

        The index is that of population stability (PSI); beside it stand the statistic and p-value
        of Kolmogorov and Smirnov for numbers, of chi-squared for all else, by scipy.
        """
        frame, baseline = frame_of(table), self._baseline()
        rows = []
        for name in self._columns(frame, baseline):
            found = self._compared(baseline[name].dropna(), frame[name].dropna())
            missing = float(frame[name].isna().mean() - baseline[name].isna().mean())
            rows.append({"column": name, **found, "missing_more": missing})
            figure = _figure(f"psi/{name}", found["psi"], table.count)
            if figure is not None:
                yield figure
        drifted = [row for row in rows if row["psi"] > self.options.limit]
        yield Figure(name="psi_max", value=max(row["psi"] for row in rows), count=table.count)
        yield Figure(name="drifted_columns", value=float(len(drifted)), count=table.count)
        rows.sort(key=lambda row: (-row["psi"], row["column"]))
        yield files.table("drift", rows, work.directory)

    def _baseline(self) -> pd.DataFrame:
        given = self.options.baseline
        if given is None:
            raise InvalidValue(
                "Drift needs a 'baseline': evaluator_config={'baseline': DATAFRAME_OR_FILE}."
            )
        if isinstance(given, (str, os.PathLike)):
            file = Path(given)
            reader = _READERS.get(file.suffix)
            if reader is None:
                known = ", ".join(_READERS)
                raise InvalidValue(f"'baseline' is {str(file)!r}; files are {known}.")
            try:
                given = getattr(pd, reader)(file)
            except (OSError, ValueError) as error:
                raise InvalidValue(f"'baseline' cannot be read: {error}") from error
        if not isinstance(given, pd.DataFrame) or given.empty:
            raise InvalidValue(f"'baseline' is {quoted(given)}, not a table with rows.")
        return given

    def _columns(self, frame: pd.DataFrame, baseline: pd.DataFrame) -> list[str]:
        wanted = self.options.columns
        both = [str(name) for name in frame.columns if name in baseline.columns]
        missing = [name for name in wanted if name not in both]
        if missing or not both:
            what = f"no column {missing[0]!r}" if missing else "no column"
            raise InvalidValue(
                f"The data and its 'baseline' have {what} in common.",
                hint=f"Both have: {', '.join(map(repr, both)) or 'none'}.",
            )
        return wanted or both

    def _compared(self, before: pd.Series[Any], now: pd.Series[Any]) -> dict[str, Any]:
        from scipy import stats

        numbers = all(pd.api.types.is_numeric_dtype(each) for each in (before, now))
        if not len(before) or not len(now):
            empty = float("inf") if len(before) != len(now) else 0.0
            return {"kind": "empty", "psi": empty, "statistic": None, "p_value": None}
        if numbers and before.nunique() > self.options.bins:
            edges = np.unique(np.quantile(before, np.linspace(0, 1, self.options.bins + 1)[1:-1]))
            counts = [
                np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1)
                for each in (before.to_numpy(float), now.to_numpy(float))
            ]
            tested = stats.ks_2samp(before.to_numpy(float), now.to_numpy(float))
            kind, statistic, p_value = "numbers", tested.statistic, tested.pvalue
        else:
            texts = [each.astype(str) for each in (before, now)]
            every = sorted(set(texts[0]) | set(texts[1]))
            counts = [each.value_counts().reindex(every, fill_value=0).to_numpy() for each in texts]
            kind, statistic, p_value = "categories", 0.0, 1.0
            if len(every) > 1:
                statistic, p_value, *_ = stats.chi2_contingency(np.array(counts))
        return {
            "kind": kind,
            "psi": stability_index(*counts),
            "statistic": float(statistic),
            "p_value": float(p_value),
        }


def stability_index(before: Any, now: Any) -> float:
    """Return the population stability index of two counts of the same groups, shape (k,).

    Source: Siddiqi 2006, "Credit Risk Scorecards", chapter 9.
    """
    one = np.maximum(before / before.sum(), _LEAST)
    other = np.maximum(now / now.sum(), _LEAST)
    return float(((other - one) * np.log(other / one)).sum())


def _figure(name: str, value: float, count: int) -> Figure | None:
    """Return a figure; None if nothing can be logged under a column's name: the table has it."""
    from pegboard.entities import Metric

    try:
        validated(Metric(name, value, 0, 0))
    except PegboardError:
        return None
    return Figure(name=name, value=value, count=count)
