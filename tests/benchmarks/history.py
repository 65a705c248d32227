"""A long history: reduced to a chart, and read whole."""

from __future__ import annotations

from processes import OURS, available, folder, run
from rows import Row

_POINTS = {OURS: 1_000_000, "mlflow": 50_000}
_CHART = 2_000


def measure(quick: bool) -> list[Row]:
    """Write it, then read it in a fresh process."""
    answers = {}
    for system, points in _POINTS.items():
        if available(system):
            count = points // 10 if quick else points
            with folder() as place:
                written = run("write_history", system, place, points=count)
                run_id = written["run_id"]
                answers[system] = run("read_history", system, place, run_id=run_id, chart=_CHART)
            if answers[system]["points"] != count:
                raise RuntimeError(f"{system} kept {answers[system]['points']} of {count} points")
    ours = answers[OURS]
    theirs = answers.get("mlflow", {"points": 0, "raw": 1.0})
    return [
        Row(
            f"a history of {ours['points']:,} points reduced to {_CHART:,}", "ms",
            ours["reduced"] * 1000, goal=150, better="less",
            note="the first call of a process; theirs has no such call",
        ),
        Row(
            "a history read whole", "points/s", ours["points"] / ours["raw"], goal=1_000_000,
            peer="mlflow", theirs=theirs["points"] / theirs["raw"],
            note=f"theirs with {theirs['points']:,} points",
        ),
    ]  # fmt: skip
