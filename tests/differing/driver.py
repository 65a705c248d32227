"""Run scripts of calls with MLflow's own client; this file runs in MLflow's interpreter.

``driver.py URL`` reads a script in each line of its input, as JSON: ``{"steps": [...]}``. A step is
``{"id": "s1", "call": "create_run", "with": {...}}``; an argument ``{"$": "s0"}`` is the id that an
earlier step answered. It writes a line with the outcomes: ``{"ok": answer}``, or ``{"error":
[class, code], "message": text}``. What no two servers have in common is replaced: ids by the order
in which they come up, times of today by a mark.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from enum import Enum
from typing import Any

UNKNOWN, UNKNOWN_EXPERIMENT = "0" * 32, "987654"
_ID = re.compile(r"(?:\b|(?<=\W))(?:m-|tr-|a-|d-)?[0-9a-f]{32}\b")
_PLACE = re.compile(r"(mlflow-artifacts:/+|/artifacts/|/)(\d+)(?=$|/(?:models/|traces/)?<id)")
_INVENTED = re.compile(r"^[a-z]+-[a-z]+-\d{1,4}$")
"""The names that servers give to runs."""

_UNORDERED = (
    *("latest_versions", "aliases", "dataset_summaries"),
    *("dataset_inputs", "model_inputs", "model_outputs"),
)
"""Fields that MLflow's server fills without an order of its own."""

_NOW = ((10**12 * 3 // 2, 10**13), (10**18 * 3 // 2, 10**19))
"""Times of today in milliseconds and in nanoseconds since 1970, roughly."""


class Names:
    """What the ids of one script are called."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.experiments: dict[str, str] = {"0": "0"}
        self._ids: dict[str, str] = {}

    def resolved(self, value: Any, field: str = "") -> Any:
        """Return an argument with ids where it refers to earlier steps."""
        if isinstance(value, dict):
            if set(value) == {"$"}:
                unknown = UNKNOWN_EXPERIMENT if field.startswith("experiment") else UNKNOWN
                return self.made.get(value["$"], unknown)
            if set(value) == {"*"}:
                text, times = value["*"]
                return text * times
            return {key: self.resolved(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.resolved(each, field) for each in value]
        return value

    def plain(self, value: Any, field: str = "") -> Any:
        """Return an answer as JSON, without what differs between any two servers."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            if any(low < value < high for low, high in _NOW):
                return "<time>"
            return value if isinstance(value, int) else repr(value)
        if isinstance(value, str):
            if field in ("experiment_id", "experiment_ids"):
                return self.experiments.get(value, value)
            return self._text(value)
        if isinstance(value, dict):
            return {
                str(self.plain(key)): self.plain(each, str(key))
                for key, each in value.items()
                if key != "mlflow.trace.infoFinalized"
            }
        if hasattr(value, "token") and isinstance(value, list):
            return {"items": [self.plain(each) for each in value], "more": bool(value.token)}
        if isinstance(value, (list, tuple, set)):
            made = [self.plain(each, field) for each in value]
            return sorted(made, key=_written) if field in _UNORDERED else made
        if isinstance(value, Enum):
            return value.name
        if hasattr(value, "__iter__"):
            return {name: self.plain(each, name) for name, each in value}
        if not hasattr(value, "__dict__"):
            return [self.plain(each) for each in value]
        return self.plain({name.lstrip("_"): each for name, each in vars(value).items()})

    def _text(self, text: str) -> str:
        if _INVENTED.match(text):
            return "<invented>"
        found = _ID.sub(lambda at: self._named(at.group()), text)
        found = re.sub(
            r"\b1[5-9]\d{11}\b|\b1[5-9]\d{17}\b|\b20\d\d-\d\d-\d\dT[\d:.]+Z\b", "<time>", found
        )
        return _PLACE.sub(lambda at: at[1] + self.experiments.get(at[2], at[2]), found)

    def _named(self, known: str) -> str:
        if known == UNKNOWN:
            return "<none>"
        bare = known.removeprefix("tr-")
        return self._ids.setdefault(bare, f"<id{len(self._ids)}>")


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def run(calls: Any, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outcomes of a script."""
    names, outcomes = Names(), []
    for step in steps:
        calls.begin()
        try:
            answer = calls.call(step["call"], names.resolved(step["with"]))
        except Exception as error:
            code = getattr(error, "error_code", None)
            outcomes.append({"error": [type(error).__name__, code], "message": str(error)[:500]})
            continue
        made = calls.identity(step["call"], answer)
        if made is not None:
            names.made[step["id"]] = made
            if step["call"] == "create_experiment":
                names.experiments[made] = f"<{step['id']}>"
                answer = {"experiment_id": answer}
        outcomes.append({"ok": names.plain(answer)})
    return outcomes


def main() -> None:
    """Answer scripts until there are no more."""
    url = sys.argv[1]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ |= {"MLFLOW_TRACKING_URI": url, "MLFLOW_REGISTRY_URI": url}
    calls = importlib.import_module("calls").Calls(url)
    for line in sys.stdin:
        answers.write(json.dumps(run(calls, json.loads(line)["steps"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
