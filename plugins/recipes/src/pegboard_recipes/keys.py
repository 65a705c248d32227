"""The keys that recipe.yaml and profiles may have, and what their values must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], str]
"""Returns what a value should be, "" if it is that."""


def _kind(what: str, *kinds: type) -> Check:
    def check(value: Any) -> str:
        fits = isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)
        return "" if fits else what

    return check


def _between(low: float, high: float, what: str) -> Check:
    def check(value: Any) -> str:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if fits and low < value <= high else what

    return check


def _one_of(*words: str) -> Check:
    def check(value: Any) -> str:
        return "" if value in words else f"one of {', '.join(map(repr, words))}"

    return check


def _anything(value: Any) -> str:
    del value
    return ""


def _ratios(value: Any) -> str:
    fits = (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(x, (int, float)) and not isinstance(x, bool) and x > 0 for x in value)
    )
    return "" if fits else "three positive numbers, as in [0.75, 0.125, 0.125]"


def _texts(value: Any) -> str:
    many = isinstance(value, list) and value and all(isinstance(x, str) for x in value)
    return "" if many or (isinstance(value, str) and value) else "a text, or a list of texts"


def _whole(value: Any) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return "" if fits else "a whole number above 0"


def _runner(value: Any) -> str:
    fits = isinstance(value, dict) and isinstance(value.get("name"), str)
    return "" if fits or (isinstance(value, str) and value) else "a runner's name, or a mapping"


text = _kind("a text", str)
number = _kind("a number", int, float)
yes_or_no = _kind("true or false", bool)
mapping = _kind("a mapping of keys to values", dict)
items = _kind("a list", list)

INGEST: Mapping[str, Check] = {
    "using": text,
    "location": _texts,
    "loader_method": text,
    "sql": text,
    "version": _kind("a whole number", int),
    "timestamp": _anything,
    "skip_data_profiling": yes_or_no,
}
STEPS: Mapping[str, Mapping[str, Check]] = {
    "ingest": INGEST,
    "split": {
        "using": _one_of("split_ratios", "custom"),
        "split_ratios": _ratios,
        "split_method": text,
        "post_split_method": text,
        "post_split_filter_method": text,
        "group_col": _texts,
        "time_col": text,
        "skip_data_profiling": yes_or_no,
    },
    "transform": {
        "using": _one_of("custom"),
        "transformer_method": text,
        "skip_data_profiling": yes_or_no,
    },
    "train": {
        "using": _one_of("custom", "automl/flaml"),
        "estimator_method": text,
        "estimator_params": mapping,
        "tuning": mapping,
        "time_budget_secs": number,
        "flaml_params": mapping,
        "predict_prefix": text,
        "predict_scores_for_all_classes": yes_or_no,
        "calibrate_proba": _one_of("isotonic", "sigmoid"),
        "rebalance_training_data": yes_or_no,
        "resampling_minority_percentage": _between(0, 0.5, "a number above 0, up to 0.5"),
        "skip_data_profiling": yes_or_no,
    },
    "evaluate": {"validation_criteria": items, "skip_data_profiling": yes_or_no},
    "register": {"allow_non_validated_model": yes_or_no, "alias": text},
    "ingest_scoring": INGEST,
    "predict": {
        "output": mapping,
        "model_uri": text,
        "result_type": text,
        "save_mode": _one_of("overwrite", "append", "ignore", "default", "error", "errorifexists"),
        "skip_data_profiling": yes_or_no,
    },
}
TUNING: Mapping[str, Check] = {
    "enabled": yes_or_no,
    "algorithm": text,
    "max_trials": _whole,
    "parallelism": _whole,
    "early_stop_fn": text,
    "sample_fraction": _between(0, 1, "a number above 0, up to 1"),
    "parameters": mapping,
}
TOP: Mapping[str, Check] = {
    "recipe": text,
    "target_col": text,
    "positive_class": _anything,
    "primary_metric": text,
    "steps": mapping,
    "custom_metrics": items,
    "experiment": mapping,
    "model_registry": mapping,
    "runner": _runner,
}
EXPERIMENT: Mapping[str, Check] = {
    "name": text,
    "id": _kind("a text or a number", str, int),
    "tracking_uri": text,
    "artifact_location": text,
    "run_name_prefix": text,
    "tags": mapping,
}
REGISTRY: Mapping[str, Check] = {"model_name": text, "registry_uri": text, "uri": text}
OUTPUT: Mapping[str, Check] = {"using": _one_of("parquet", "csv", "delta"), "location": text}
RUNNER: Mapping[str, Check] = {"name": text, "steps": items, "config": mapping}
METRIC: Mapping[str, Check] = {"name": text, "function": text, "greater_is_better": yes_or_no}
CRITERION: Mapping[str, Check] = {"metric": text, "threshold": number}
