"""What a script loads that only logs: every module more is waited for by every job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import pegboard
pegboard.set_tracking_uri("sqlite:runs.db")
with pegboard.start_run():
    pegboard.log_metric("a", 1)
import sys
print(*sys.modules)
"""
SPARED = {
    "asyncio",
    "cattrs",
    "numpy",
    "pandas",
    "pegboard.former",
    "pegboard_scripting.resolver",
    "pegboard_stores.curves",
    "pegboard_stores.filters.parser",
    "pegboard_tracking.store.logged_models",
    "pegboard_tracking.traces.store",
    "requests",
    "rich",
    "ssl",
}


def test_a_first_run_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "pegboard_tracking.store.sqlite" in loaded
    assert loaded & SPARED == set()
