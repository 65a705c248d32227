"""``pegboard.evaluation``: two evaluations of the same rows, side by side.

Rows are paired by what they hold, not by their order, so a difference is measured on the rows that
both evaluations have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
from attrs import field, frozen
from pegboard.errors import InvalidValue, NotFound, PegboardError, quoted
from pegboard_scripting.client import Client
from pegboard_stores.evaluations import FIGURES, ROWS, Rows, is_greater_better, judged

from pegboard_evaluation import certainty

if TYPE_CHECKING:
    from pegboard_evaluation.genai.results import EvaluationResult as GenaiResult
    from pegboard_evaluation.results import EvaluationResult

    Evaluated: TypeAlias = EvaluationResult | GenaiResult

__all__ = ["Comparison", "Paired", "Row", "compare", "figures_of", "rows_of"]

BETTER, WORSE, UNSURE, SAME = "better", "worse", "no sure difference", "the same"

_DRAWS = 1000


@frozen
class Row:
    """A row that changed: its id, and its value before and after."""

    id: str
    before: float
    after: float


@frozen(kw_only=True)
class Paired:
    """How one metric changed, on the rows that have it in both evaluations.

    ``won`` and ``lost`` are rows that are better and worse after than before. ``difference`` is the
    mean of after minus before, ``interval`` where 95 of 100 such tables would have it.
    """

    metric: str
    greater_is_better: bool
    rows: int
    won: int
    lost: int
    equal: int
    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    lost_rows: Sequence[Row] = ()
    """Those that lost most, the worst first."""

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``the same``, or ``no sure difference``."""
        if self.interval is None:
            return UNSURE
        low, high = self.interval if self.greater_is_better else sorted(-x for x in self.interval)
        if not self.won + self.lost:
            return SAME
        return BETTER if low > 0 else WORSE if high < 0 else UNSURE


@frozen(kw_only=True)
class Comparison:
    """Two evaluations: ``metrics`` of all paired rows, and the same by group.

    ``only_before`` and ``only_after`` count rows that the other evaluation does not have.
    """

    metrics: Mapping[str, Paired]
    slices: Mapping[str, Mapping[str, Paired]] = field(factory=dict)
    """By ``column=value``, the metrics of those rows."""
    only_before: int = 0
    only_after: int = 0

    @property
    def worse(self) -> Sequence[str]:
        """The metrics that are surely worse."""
        return [name for name, each in self.metrics.items() if each.verdict == WORSE]

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON knows it."""

        def told(metrics: Mapping[str, Paired]) -> dict[str, Any]:
            return {
                name: {**attrs.asdict(each), "verdict": each.verdict}
                for name, each in metrics.items()
            }

        return {
            "metrics": told(self.metrics),
            "slices": {where: told(metrics) for where, metrics in self.slices.items()},
            "only_before": self.only_before,
            "only_after": self.only_after,
        }


def compare(
    before: str | Evaluated | Rows,
    after: str | Evaluated | Rows,
    *,
    metrics: Sequence[str] | None = None,
    greater_is_better: Mapping[str, bool] | None = None,
    by: Sequence[str] = (),
    most: int = 10,
    seed: int = 0,
    client: Client | None = None,
) -> Comparison:
    """Compare two evaluations row by row.

    Args:
        before: a run, by its id or name, or what ``evaluate`` returned.
        after: another.
        metrics: which metrics; by default all that rows have in both, and for regressors and
            classifiers ``absolute_error`` and ``correct``.
        greater_is_better: by metric, which way is up, where its name does not say it.
        by: columns with few values, to compare the rows of each value apart.
        most: how many of the rows that lost are returned.
        seed: of the intervals, which are drawn.
        client: which store the runs are in.

    Raises:
        InvalidValue: they have no rows or no metric in common, or kept no rows.
    """
    one, other = (
        each if isinstance(each, Rows) else rows_of(each, client) for each in (before, after)
    )
    places = {each: place for place, each in enumerate(other.ids)}
    pairs = [(i, places[each]) for i, each in enumerate(one.ids) if each in places]
    if not pairs:
        raise InvalidValue(
            "The two evaluations have no row in common: they are of different data.",
            hint="A row is known by its inputs and its target.",
        )
    values = [judged(each) for each in (one, other)]
    both = [name for name in values[0] if name in values[1]]
    wanted = list(metrics) if metrics else both
    if missing := [name for name in wanted if name not in both]:
        raise InvalidValue(
            f"The evaluations do not both have {missing[0]!r} for each row.",
            hint=f"Both have: {', '.join(map(repr, both)) or 'none'}.",
        )
    if not wanted:
        raise InvalidValue("The evaluations have no metric of rows in common.")
    ups = {name: (greater_is_better or {}).get(name, is_greater_better(name)) for name in wanted}

    def measured(chosen: Sequence[tuple[int, int]]) -> dict[str, Paired]:
        return {
            name: paired
            for name in wanted
            if (
                paired := _paired(
                    name, ups[name], one.ids, [v[name] for v in values], chosen, most, seed
                )
            )
        }

    return Comparison(
        metrics=measured(pairs),
        slices={
            f"{column}={value}": measured([pair for pair in pairs if group[pair[1]] == value])
            for column in by
            for group in [_group(other, column)]
            for value in sorted(set(group), key=str)
        },
        only_before=len(one.ids) - len(pairs),
        only_after=len(other.ids) - len(pairs),
    )


def _group(rows: Rows, column: str) -> Sequence[Any]:
    if column in rows.groups:
        return rows.groups[column]
    known = ", ".join(map(repr, rows.groups)) or "none"
    raise InvalidValue(
        f"There is no column {column!r} to group rows by.", hint=f"Those with few values: {known}."
    )


def _paired(
    name: str,
    up: bool,
    ids: Sequence[str],
    values: Sequence[Sequence[Any]],
    pairs: Sequence[tuple[int, int]],
    most: int,
    seed: int,
) -> Paired | None:
    """Return how a metric changed on pairs of rows; None if no pair has it."""
    one, other = values
    kept = [(i, j) for i, j in pairs if one[i] is not None and other[j] is not None]
    if not kept:
        return None
    before = np.array([float(one[i]) for i, _ in kept])
    after = np.array([float(other[j]) for _, j in kept])
    gains = after - before if up else before - after
    worst = [place for place in np.argsort(gains, kind="stable")[:most] if gains[place] < 0]
    return Paired(
        metric=name,
        greater_is_better=up,
        rows=len(kept),
        won=int((gains > 0).sum()),
        lost=int((gains < 0).sum()),
        equal=int((gains == 0).sum()),
        before=float(before.mean()),
        after=float(after.mean()),
        difference=float((after - before).mean()),
        interval=_interval(after - before, seed),
        lost_rows=[Row(ids[kept[p][0]], float(before[p]), float(after[p])) for p in worst],
    )


def _interval(differences: Any, seed: int) -> tuple[float, float] | None:
    """Return the interval of a mean difference, by drawing pairs anew."""
    if len(differences) < 2:
        return None
    drawn = certainty.by_bootstrap(
        len(differences), lambda rows: {"mean": float(differences[rows].mean())}, _DRAWS, seed
    )
    return drawn["mean"].interval


# -- reading what runs keep ----------------------------------------------------------------------


def rows_of(given: str | Evaluated, client: Client | None = None) -> Rows:
    """Return what a run kept of its rows; InvalidValue if it kept none."""
    text = _kept(given, ROWS, client)
    if text is None:
        raise InvalidValue(
            f"The evaluation {_name(given)} keeps no rows.",
            hint="Tables of more than 10,000 rows are not kept, unless evaluator_config says so: "
            "{'keep_rows': 1000000}. Was it evaluated with pegboard?",
        )
    return Rows.read(text)


def figures_of(given: str | Evaluated, client: Client | None = None) -> dict[str, Any]:
    """Return what an evaluation measured: its kind, rows, figures, and what was skipped."""
    text = _kept(given, FIGURES, client)
    if text is None:
        raise InvalidValue(f"The run {_name(given)} holds no evaluation of pegboard.")
    found: dict[str, Any] = json.loads(text)
    return found


def _name(given: str | Evaluated) -> str:
    return quoted(given if isinstance(given, str) else given.run_id or "")


def _kept(given: str | Evaluated, path: str, client: Client | None) -> str | None:
    """Return a file of a run, None if it has none of that name."""
    from pegboard_scripting.client.transfer import read_bytes

    client = client or Client()
    run_id = run_id_of(client, given) if isinstance(given, str) else given.run_id
    if run_id is None:
        raise InvalidValue("This result is of no run: it was loaded from a directory.")
    try:
        return read_bytes(client.artifacts(run_id), path).decode()
    except NotFound:
        return None


def run_id_of(client: Client, name: str) -> str:
    """Return the run of an id, or of a name that one run has."""
    name = name.removeprefix("runs:/")
    try:
        return client.get_run(name).info.run_id
    except PegboardError:
        from pegboard.literals import literal

        everywhere = [each.experiment_id for each in client.search_experiments()]
        where = f"attributes.run_name = {literal(name)}"
        found = client.search_runs(everywhere, where, max_results=2)
        if len(found) == 1:
            return str(found[0].info.run_id)
        if not found:
            raise
    raise InvalidValue(f"More than one run is named {name!r}.", hint="Use its id.")
