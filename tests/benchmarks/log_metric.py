"""Calls of log_metric a second, as the caller sees it; and what is left of them after kill -9."""

from __future__ import annotations

from pathlib import Path

from processes import OURS, available, folder, run
from rows import Row

_CALLS = {OURS: 400_000, "mlflow": 1_500, "trackio": 100_000, "wandb": 20_000}


def measure(quick: bool) -> list[Row]:
    """Log from one process that then kills itself; count what another process finds."""
    found: dict[str, tuple[float, int, int]] = {}
    for system, calls in _CALLS.items():
        if available(system):
            count = calls // 10 if quick else calls
            with folder() as place:
                answer = run("log_metric", system, place, calls=count)
                kept = _kept(system, place, answer["run_id"])
            found[system] = (count / answer["seconds"], count, kept)
    rate, count, kept = found[OURS]
    rows = [
        Row(
            "log_metric calls found again after kill -9", "%", 100 * kept / count, goal=100,
            peer=system, theirs=100 * their_kept / their_count,
            note=f"{kept:,} of {count:,}; theirs {their_kept:,} of {their_count:,}",
        )
        for system, (_, their_count, their_kept) in found.items() if system != OURS
    ]  # fmt: skip
    for system, (their_rate, _, _) in found.items():
        if system != OURS:
            rows.insert(
                0,
                Row("log_metric", "calls/s", rate, goal=200_000, peer=system, theirs=their_rate),
            )
    return rows


def _kept(system: str, place: Path, run_id: str) -> int:
    found: int = run("count_points", system, place, run_id=run_id, prefix="loss")["points"]
    return found
