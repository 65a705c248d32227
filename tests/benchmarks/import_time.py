"""How long it takes to import the package, and how many modules come with it."""

from __future__ import annotations

import subprocess
import sys

from processes import OURS, available, python_of
from rows import Row

_PEER = "mlflow"
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
    theirs, their_modules = {}, {}
    if available(_PEER):
        seconds, count = _import(_PEER, "__name__", 3 if quick else 5)
        theirs, their_modules = {_PEER: seconds * 1000}, {_PEER: float(count)}
    imported = Row("import the package", "ms", ours * 1000, better="less", goal_ratio=50)
    loaded = Row("modules after the import", "", modules, goal=89, better="less")
    looked_up = Row(
        "import it and look up start_run",
        "ms",
        used * 1000,
        better="less",
        note=f"{modules_used} modules",
    )
    return [*imported.beside(theirs), *loaded.beside(their_modules), *looked_up.beside(theirs)]


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
