"""Brings results into a run as they come, and makes of them what ``evaluate`` returns."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pandas as pd
from attrs import define, field, frozen
from pegboard.contracts.evaluation import Artifact, EvaluationTable, Figure, Result, Scores
from pegboard.entities import Dataset, Metric
from pegboard_scripting.client import Client
from pegboard_stores.evaluations import FIGURES, ROWS, TABLE

from pegboard_evaluation import rows as kept_rows
from pegboard_evaluation.files import COPIED
from pegboard_evaluation.results import EvaluationArtifact, EvaluationResult

_EVERY_S = 0.5
"""Figures that are there wait no longer than this for others."""

_WITHOUT_SUFFIX = ("token_count", "latency")
"""Metrics whose column in the table is called as they are."""


@frozen(kw_only=True)
class Target:
    """Where results go."""

    client: Client
    run_id: str
    dataset: Dataset | None
    model_id: str | None
    prefix: str
    directory: Path
    keep_rows: int
    is_resumed: bool = False
    """Whether tables of the run are from the same evaluation, which broke off."""


@define
class Recorder:
    """Keeps results: figures and files in the run at once, scores until the table is written."""

    target: Target
    table: EvaluationTable
    frame: pd.DataFrame
    """What stands to the left of the scores in the table: features, targets, outputs."""
    figures: dict[str, Figure] = field(factory=dict)
    artifacts: dict[str, EvaluationArtifact] = field(factory=dict)
    skipped: dict[str, str] = field(factory=dict)
    _scores: dict[str, dict[int, Any]] = field(factory=dict)
    _why: dict[str, dict[int, str]] = field(factory=dict)
    _waiting: list[Figure] = field(factory=list)
    _sent: float = field(factory=time.monotonic)

    def add(self, result: Result) -> None:
        """Keep a result."""
        if isinstance(result, Scores):
            self._add_scores(result)
        elif isinstance(result, Figure):
            self._add_figure(result)
        else:
            self._add_file(result)

    def _add_figure(self, figure: Figure) -> None:
        self.figures[figure.name] = figure
        if figure.value is None:
            self.skipped[figure.name] = figure.skipped
            return
        self._waiting.append(figure)
        if time.monotonic() - self._sent > _EVERY_S:
            self._send()

    def _add_scores(self, scores: Scores) -> None:
        found = self._scores.setdefault(scores.metric, {})
        found.update(zip(scores.rows, scores.values, strict=True))
        if scores.justifications:
            self._why.setdefault(scores.metric, {}).update(scores.justifications)

    def _add_file(self, artifact: Artifact) -> None:
        name = artifact.name.removeprefix(self.target.prefix)
        if name.endswith(COPIED):
            name = name.rpartition(".")[0]
        if artifact.path is None:
            self.skipped[name] = artifact.skipped
            return
        client, run_id = self.target.client, self.target.run_id
        client.log_artifact(run_id, artifact.path)
        uri = f"{client.get_artifact_uri(run_id)}/{artifact.path.name}"
        self.artifacts[name] = EvaluationArtifact(uri, artifact.path)

    def _send(self) -> None:
        """Log the figures that wait."""
        waiting, self._waiting = self._waiting, []
        now, about = time.time_ns() // 1_000_000, self.target.dataset
        name = about.name if about else None
        digest = about.digest if about else None
        points = [
            Metric(each.name, each.value or 0.0, now, 0, self.target.model_id, name, digest)
            for each in waiting
        ]
        if points:
            self.target.client.log_batch(self.target.run_id, metrics=points)
        self._sent = time.monotonic()

    # -- at the end, also if it comes early ------------------------------------------------------

    def finish(self) -> EvaluationResult:
        """Log what is left, and the tables; return the result."""
        self._send()
        tables = {}
        if self._scores or self._why:
            tables[TABLE] = self._log_table()
        self._log_own()
        return EvaluationResult(
            {name: each.value for name, each in self.figures.items() if each.value is not None},
            self.artifacts,
            self.target.run_id,
            figures=self.figures,
            skipped=self.skipped,
            tables=tables,
        )

    def _log_table(self) -> pd.DataFrame:
        columns: dict[str, Sequence[Any]] = {}
        count = self.table.count
        for metric in dict.fromkeys([*self._scores, *self._why]):
            scores = self._scores.get(metric, {})
            if any(value is not None for value in scores.values()):
                bare = metric.removeprefix(self.target.prefix) in _WITHOUT_SUFFIX
                name = metric if bare else f"{metric}/score"
                columns[name] = [scores.get(row) for row in range(count)]
            if metric in self._why:
                why = self._why[metric]
                columns[f"{metric}/justification"] = [why.get(row) for row in range(count)]
        table = pd.concat([self.frame, pd.DataFrame(columns, index=self.frame.index)], axis=1)
        self.add_table(TABLE, f"{self.target.prefix}{TABLE}.json", table)
        return table

    def add_table(self, name: str, file: str, table: pd.DataFrame) -> None:
        """Log a table; rows are added to one of another evaluation that the run has already."""
        if self.target.is_resumed:
            self.target.client.artifacts(self.target.run_id).delete(file)
        self.target.client.log_table(self.target.run_id, table, file)
        local = self.target.directory / file
        local.write_text(table.to_json(orient="split"), encoding="utf-8")
        uri = f"{self.target.client.get_artifact_uri(self.target.run_id)}/{file}"
        self.artifacts[name] = EvaluationArtifact(uri, local)

    def _log_own(self) -> None:
        """Write what ``pegboard eval`` reads."""
        known: Mapping[str, Any] = {
            "kind": self.table.kind,
            "rows": self.table.count,
            "figures": [attrs.asdict(each) for each in self.figures.values()],
            "skipped": self.skipped,
        }
        client, run_id = self.target.client, self.target.run_id
        client.log_text(run_id, json.dumps(known), FIGURES)
        if self.table.count <= self.target.keep_rows:
            scores = {
                metric: [found.get(row) for row in range(self.table.count)]
                for metric, found in self._scores.items()
            }
            client.log_text(run_id, kept_rows.text_of(kept_rows.kept(self.table, scores)), ROWS)
