"""Whether a cluster has a node for a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lacking(nodes: Sequence[Mapping[str, Any]], wanted: Mapping[str, float]) -> str:
    """Return a sentence on why no node can have a run, whatever else runs there; "" if one can."""
    alive = [dict(each["Resources"]) for each in nodes if each["Alive"]]
    for has in alive:
        if all(has.get(name, 0.0) >= amount for name, amount in wanted.items()):
            return ""
    asked = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items())
    most = {name: max([each.get(name, 0.0) for each in alive], default=0.0) for name in wanted}
    there = ", ".join(f"{name} {amount:g}" for name, amount in most.items())
    return f"No node of the cluster has {asked}; the most that one has: {there}."
