"""What ``evaluate`` returns: metrics, files and tables of an evaluation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard.contracts.evaluation import Figure
from pegboard.errors import InvalidValue

_METRICS, _FILES, _FIGURES = "metrics.json", "artifacts", "figures.json"


@frozen
class EvaluationArtifact:
    """A file of an evaluation: ``uri`` in the run, and ``content``, read when it is asked for."""

    uri: str
    file: Path | None = None
    """A copy on this machine."""

    @property
    def content(self) -> Any:
        """A DataFrame, array, image, text or JSON value, by the file's suffix."""
        file = self.file
        if file is None or not file.is_file():
            raise InvalidValue(f"There is no copy of {self.uri} here.")
        if file.suffix == ".csv":
            import pandas as pd

            return pd.read_csv(file)
        if file.suffix == ".npy":
            import numpy as np

            return np.load(file, allow_pickle=False)
        if file.suffix in (".png", ".jpg", ".jpeg"):
            from PIL import Image

            return Image.open(file)
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else text


class EvaluationResult:
    """The result of an evaluation.

    ``metrics`` are numbers by name, as logged. ``figures`` say more of each: of how many rows it is
    made, how many failed, its standard error and interval, and why one was ``skipped``.
    """

    def __init__(
        self,
        metrics: Mapping[str, float],
        artifacts: Mapping[str, EvaluationArtifact],
        run_id: str | None = None,
        *,
        figures: Mapping[str, Figure] | None = None,
        skipped: Mapping[str, str] | None = None,
        tables: Mapping[str, Any] | None = None,
        baseline_model_metrics: Mapping[str, float] | None = None,
    ) -> None:
        self.metrics = dict(metrics)
        self.artifacts = dict(artifacts)
        self.run_id = run_id
        self.figures = dict(figures or {})
        self.skipped = dict(skipped or {})
        """What was not computed or drawn, by name, with the reason."""
        self.tables = dict(tables or {})
        """Tables by name, as DataFrames: ``eval_results_table`` has the scores of each row."""
        self.baseline_model_metrics = dict(baseline_model_metrics or {})
        self.place: Any = None
        """The directory with the copies of files, which goes with this object."""

    def __repr__(self) -> str:
        missing = f", skipped={self.skipped!r}" if self.skipped else ""
        return f"EvaluationResult(metrics={self.metrics!r}{missing})"

    def save(self, path: str | Path) -> None:
        """Write metrics, figures and files into a directory."""
        place = Path(path)
        files = place / _FILES
        files.mkdir(parents=True, exist_ok=True)
        (place / _METRICS).write_text(json.dumps(self.metrics), encoding="utf-8")
        known: dict[str, Any] = {"skipped": self.skipped, "artifacts": {}, "run_id": self.run_id}
        for name, artifact in self.artifacts.items():
            if artifact.file is not None and artifact.file.is_file():
                shutil.copy2(artifact.file, files / artifact.file.name)
                known["artifacts"][name] = {"uri": artifact.uri, "file": artifact.file.name}
        (place / _FIGURES).write_text(json.dumps(known), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> EvaluationResult:
        """Return what ``save`` wrote."""
        place = Path(path)
        metrics = json.loads((place / _METRICS).read_text(encoding="utf-8"))
        known = json.loads((place / _FIGURES).read_text(encoding="utf-8"))
        files = {
            name: EvaluationArtifact(each["uri"], place / _FILES / Path(each["file"]).name)
            for name, each in known["artifacts"].items()
        }
        return cls(metrics, files, known["run_id"], skipped=known["skipped"])
