"""The benchmarks work. What they measure is not judged here: that depends on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"
NAMES = (
    "log_metric",
    "steps",
    "many_processes",
    "startup",
    "history",
    "server",
    "registry",
    "tracing",
)


def test_the_benchmarks_run_and_no_logged_point_is_missing(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--alone"]
    for name in NAMES:
        command += ["--only", name]
    done = subprocess.run(
        [*command, "--json", str(result)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row for row in json.loads(result.read_text())}
    assert rows["log_metric calls found again after kill -9"]["ours"] == 100
    assert rows["spans found again after kill -9"]["ours"] == 100
    assert len(rows) >= len(NAMES)
    assert all(row["ours"] > 0 for row in rows.values())
    assert all(row["what"] in " ".join(done.stdout.split()) for row in rows.values())


def test_goals_and_ratios_are_judged_in_the_right_direction() -> None:
    code = """
from rows import Row
faster = Row("a", "calls/s", 200.0, goal=150, peer="x", theirs=50.0)
slower = Row("b", "ms", 20.0, goal=10, better="less", peer="x", theirs=40.0)
assert (faster.ratio, faster.met) == (4.0, True)
assert (slower.ratio, slower.met) == (2.0, False)
assert Row("c", "", 1.0).met is None
assert Row("d", "ms", 1.0, better="less", goal_ratio=50, theirs=49.0).met is False
assert [row.peer for row in slower.beside({"y": 1.0, "z": 2.0})] == ["y", "z"]
assert slower.beside({}) == [slower]
"""
    subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, check=True)
