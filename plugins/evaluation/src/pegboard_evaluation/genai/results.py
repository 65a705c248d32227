"""What ``genai.evaluate`` returns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from attrs import field, frozen
from pegboard.contracts.evaluation import Figure

from pegboard_evaluation.genai.scoring import Scorer

PassIf = Callable[[Any], bool]


@frozen(kw_only=True)
class Costs:
    """What the answers of one judge took, or those to the rows."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    """US dollars; None if no price is known."""
    unpriced: int = 0
    """Of ``calls``, those whose price is not known."""


@frozen(kw_only=True, repr=False)
class EvaluationResult:
    """The result of an evaluation.

    ``metrics`` are numbers by name, as logged. ``figures`` say more of each: of how many rows it is
    made, how many failed, and its interval. ``skipped`` says by name why something is missing.
    """

    run_id: str
    metrics: Mapping[str, float]
    read: Callable[[], pd.DataFrame]
    """Reads ``result_df``."""
    figures: Mapping[str, Figure] = field(factory=dict)
    skipped: Mapping[str, str] = field(factory=dict)
    costs: Mapping[str, Costs] = field(factory=dict)
    """By scorer, what its judge took, also for scores that an earlier run of it paid for; and under
    ``predict_fn``, what the answers took as far as their traces tell."""
    spent: float = 0.0
    """US dollars that this call paid; what was kept from before costs nothing."""
    pass_criteria: Mapping[str, PassIf] = field(factory=dict)
    """By scorer, which values pass."""
    scored: frozenset[str] = frozenset()
    """The names of scores, without those of expectations."""

    @functools.cached_property
    def result_df(self) -> pd.DataFrame:
        """A row for each trace: NAME/value, NAME/rationale, NAME/error_message, then the trace.

        Read from the store when it is first asked for: it takes longer than code scorers do, and
        some 40 KB of memory a row.
        """
        return self.read()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The table of rows, under MLflow's name."""
        return {"eval_results": self.result_df}

    @property
    def passed(self) -> bool:
        """Whether every score of every row passes: ``yes``, true, or what ``pass_if`` takes."""
        return not self._failures()

    @property
    def reason(self) -> str:
        """Which scores do not pass, and why; "" if all do."""
        found = self._failures()
        if len(found) < 2:
            return "".join(found)
        return f"{len(found)} assertions failed:\n" + "\n".join(f"  - {each}" for each in found)

    def _failures(self) -> list[str]:
        found = []
        for row in self.result_df.to_dict(orient="records"):
            for name in sorted(self.scored):
                error = _text(row.get(f"{name}/error_message"))
                value = row.get(f"{name}/value")
                if error is None and _is_nothing(value):
                    continue
                why = _text(row.get(f"{name}/rationale"))
                told = error if error is not None else self._judged(name, value, why)
                if told is not None:
                    found.append(f"{name}: {told}")
        return found

    def _judged(self, name: str, value: Any, rationale: str | None) -> str | None:
        """Return why a value does not pass; None if it does."""
        said = rationale or f"value={value!r}"
        criterion = self.pass_criteria.get(name)
        if criterion is not None:
            try:
                return None if criterion(value) else said
            except Exception as error:
                return f"pass_if failed: {type(error).__name__}: {error}"
        if isinstance(value, str) and value.strip().lower() in ("yes", "no"):
            return None if value.strip().lower() == "yes" else said
        if pd.api.types.is_bool(value):
            return None if value else said
        told = f"{value!r} is neither yes, no nor a truth value; say with pass_if=… what passes"
        return f"{rationale}; {told}" if rationale else told

    def __repr__(self) -> str:
        numbers = "\n".join(f"    {name}: {value}" for name, value in self.metrics.items())
        rows, columns = self.result_df.shape
        return (
            f"EvaluationResult(\n  run_id: {self.run_id}\n  metrics:\n{numbers}\n"
            f"  result_df: {rows} rows x {columns} cols\n)"
        )


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _text(value: Any) -> str | None:
    return None if _is_nothing(value) else str(value)


def criteria(scorers: Any) -> dict[str, PassIf]:
    """Return which values pass, by scorer."""
    found: dict[str, PassIf] = {}
    for each in scorers:
        assert isinstance(each, Scorer)
        if each.pass_if is not None:
            found[each.name] = each.pass_if
    return found
