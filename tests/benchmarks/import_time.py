"""How long it takes to import the package, and how many modules come with it."""

from __future__ import annotations

import subprocess
import sys

from processes import OURS, python_of
from rows import Row

_CODE = """
import time
start = time.perf_counter()
import {name}
{name}.{attribute}
spent = time.perf_counter() - start
import sys
print(spent, len(sys.modules))
"""


def measure(quick: bool) -> list[Row]:
    """Import in fresh processes; the best of several."""
    times = 3 if quick else 10
    ours, modules = _import(OURS, "__name__", times)
    used, modules_used = _import(OURS, "start_run", times)
    theirs, their_modules = _import("mlflow", "__name__", 3 if quick else 5)
    return [
        Row(
            "import the package", "ms", ours * 1000, better="less", peer="mlflow",
            theirs=theirs * 1000, goal_ratio=50,
        ),
        Row(
            "modules after the import", "", modules, goal=89, better="less", peer="mlflow",
            theirs=their_modules,
        ),
        Row(
            "import it and look up start_run", "ms", used * 1000, better="less", peer="mlflow",
            theirs=theirs * 1000, note=f"{modules_used} modules",
        ),
    ]  # fmt: skip


def _import(name: str, attribute: str, times: int) -> tuple[float, int]:
    spent, modules = [], 0
    for _ in range(times):
        output = subprocess.run(
            [python_of(name), "-c", _CODE.format(name=name, attribute=attribute)],
            check=True,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
        ).stdout.split()
        spent.append(float(output[-2]))
        modules = int(output[-1])
    return min(spent), modules
