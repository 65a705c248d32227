"""A long history: reduced to a chart, and read whole."""

from __future__ import annotations

from typing import Any

from processes import OURS, available, folder, run
from rows import Row

_POINTS = {OURS: 1_000_000, "mlflow": 50_000}
_CHART = 2_000


def measure(quick: bool) -> list[Row]:
    """Write it, then read it in a fresh process."""
    answers = {
        system: _read(system, points // 10 if quick else points)
        for system, points in _POINTS.items()
        if available(system)
    }
    rates = {system: answer["points"] / answer["raw"] for system, answer in answers.items()}
    ours = answers[OURS]
    theirs = answers.get("mlflow")
    reduced = Row(
        f"a history of {ours['points']:,} points reduced to {_CHART:,}",
        "ms",
        ours["reduced"] * 1000,
        goal=150,
        better="less",
        note="the first call of a process",
    )
    whole = Row(
        "a history read whole",
        "points/s",
        rates.pop(OURS),
        goal=1_000_000,
        note=f"theirs has {theirs['points']:,} points" if theirs else "",
    )
    return [reduced, *whole.beside(rates)]


def _read(system: str, points: int) -> dict[str, Any]:
    with folder() as place:
        written = run("write_history", system, place, points=points)
        answer = run("read_history", system, place, run_id=written["run_id"], chart=_CHART)
    if answer["points"] != points:
        raise RuntimeError(f"{system} kept {answer['points']} of {points} points")
    return answer
