"""Scripts of random calls: the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

from differing.files import artifacts, inputs
from differing.logged_models import logged_models
from differing.raw import raw
from differing.registry import registry
from differing.runs import experiments, runs
from differing.traces import traces
from differing.writer import NONCE, Step, Writer

__all__ = ["NONCE", "TOPICS", "Step", "write"]

TOPICS: dict[str, Callable[[Writer], None]] = {
    "experiments": experiments,
    "runs": runs,
    "inputs": inputs,
    "artifacts": artifacts,
    "logged_models": logged_models,
    "registry": registry,
    "traces": traces,
    "raw": raw,
}


def write(seed: int, topics: tuple[str, ...] = (), length: int = 40) -> list[Step]:
    """Return the script of a seed, about one or two topics."""
    w = Writer(seed)
    chosen = list(topics) or w.random.sample(list(TOPICS), w.one([1, 2, 2]))
    w.add("create_experiment", "experiment", name=f"{NONCE}-a", tags={})
    w.add("create_experiment", "experiment", name=f"{NONCE}-b", tags={"a": "1"})
    for i in range(2):
        w.add(
            "create_run", "run", experiment_id={"$": "s0"}, start_time=w.start(), run_name=f"r{i}"
        )
    if "logged_models" in chosen or "inputs" in chosen:
        w.add("create_logged_model", "model", experiment_id={"$": "s0"}, name="m0")
    if "registry" in chosen:
        w.add("create_registered_model", name=f"{NONCE}-a")
        w.add("create_model_version", name=f"{NONCE}-a", source="s3://bucket/m")
    for _ in range(length):
        TOPICS[w.one(chosen)](w)
    return w.steps
