"""Measure pegboard beside other systems and print one table.

``uv run python tests/benchmarks/run.py`` with ``--only NAME``, ``--quick``, ``--alone``,
``--json FILE`` or ``--markdown FILE``.

Figures depend on the machine; ratios much less. The exit code is 1 if a goal is missed in a full
run, 2 if a benchmark failed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import processes
from rich.console import Console
from rich.table import Table
from rows import Row

NAMES = (
    "import_time",
    "log_metric",
    "steps",
    "many_processes",
    "startup",
    "search_pages",
    "history",
    "ui_series",
    "installed",
    "server",
    "server_search",
    "server_artifacts",
    "model_server",
    "server_registry",
    "registry",
    "model_loading",
    "evaluation",
    "prompts",
    "projects",
    "workflows",
    "traces",
    "tracing",
    "gateways",
)
ON_DEMAND = ("gateway_memory", "recipes")
"""Those that take long are measured only if they are named."""
_HEADINGS = ("what", "pegboard", "goal", "peer", "theirs", "times better", "met", "note")


def main() -> int:
    """Measure, print, write."""
    options = _options()
    if options.alone:
        os.environ[processes.ALONE] = "1"
    rows: list[Row] = []
    failed = []
    for name in options.only or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            rows += importlib.import_module(name).measure(options.quick)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    _show(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    if options.markdown:
        options.markdown.write_text(_markdown(rows))
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
        return 2
    return int(not options.quick and any(row.met is False for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=(*NAMES, *ON_DEMAND), help="measure this; repeatable"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try it out")
    parser.add_argument("--alone", action="store_true", help="without the other systems")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


def _show(rows: list[Row]) -> None:
    title = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=title)
    for heading in _HEADINGS:
        numbers = heading in ("pegboard", "goal", "theirs", "times better")
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=heading == "what")
    for row in rows:
        table.add_row(*_cells(row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _markdown(rows: list[Row]) -> str:
    lines = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Row) -> tuple[str, ...]:
    bound = "≥" if row.better == "more" else "≤"
    goals = []
    if row.goal is not None:
        goals.append(f"{bound} {_number(row.goal)} {row.unit}".rstrip())
    if row.goal_ratio is not None:
        goals.append(f"≥ {row.goal_ratio:g} ×")
    met = {True: "yes", False: "no", None: ""}[row.met]
    theirs = "" if row.theirs is None else f"{_number(row.theirs)} {row.unit}".rstrip()
    ratio = "" if row.ratio is None else f"{_number(row.ratio)} ×"
    ours = f"{_number(row.ours)} {row.unit}".rstrip()
    return (row.what, ours, ", ".join(goals), row.peer, theirs, ratio, met, row.note)


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
