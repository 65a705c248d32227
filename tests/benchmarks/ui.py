"""What the page costs: bytes, requests, work of its thread, heap and time, beside MLflow's page.

``uv run --no-sync python tests/benchmarks/ui.py [--runs N] [--keys N] [--points N] [--repeats N]
[--alone] [--folder DIR]`` prints one Markdown table: the budget of each page and action, ours, and
MLflow's on the same data in the same browser. Ours is the median of some repeats, each with a
server that has just started; MLflow's is one. The exit code is 1 if a budget is missed.

Times are those of a quiet machine: what else works there is told behind the table. The stores take
half of the time; a folder that is named keeps them for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ui_data
from attrs import frozen
from playwright.sync_api import Browser
from processes import OURS, available, folder
from server_systems import Server, serving
from ui_browser import LIMIT_S, SCROLL, Cost, Window, browsing
from ui_data import FILTER, MODEL, Data
from ui_judged import NEWEST, PROMPT

Costs = dict[str, Cost]

ROW, FRAMES = 28, 120
LIVE = "0.7313"
FIGURES = {
    "wall_ms": "ms",
    "thread_ms": "ms of the main thread",
    "requests": "requests",
    "code_kb": "KB of code",
    "data_kb": "KB of data",
    "heap_mb": "MB of heap",
}
_LOAD = {"wall_ms": 500, "thread_ms": 250, "requests": 9, "code_kb": 140, "heap_mb": 40}
BUDGETS: dict[str, dict[str, float]] = {
    "home, first load": _LOAD,
    "table, first load": {**_LOAD, "data_kb": 40},
    "table, loaded again": {"wall_ms": 250, "requests": 9},
    "table, sort by a metric": {"wall_ms": 300, "data_kb": 40},
    "table, filter": {"wall_ms": 300, "data_kb": 40, "heap_mb": 40},
    "table, a key to its completions": {"wall_ms": 50},
    "table, 120 frames of 50 rows": {"blank": 0},
    "charts, 20 runs": {"wall_ms": 700, "data_kb": 200, "code_kb": 30},
    "charts, 20 runs, zoom": {"wall_ms": 300},
    "chart, 1 long run": {"wall_ms": 1000},
    "run, page change": {"wall_ms": 100, "code_kb": 15},
    "registry, page change": {"wall_ms": 100, "code_kb": 12},
    "traces, page change": {"wall_ms": 100, "code_kb": 14},
    "prompts, page change": {"wall_ms": 100, "code_kb": 25},
    "prompt of 30 versions, page change": {"wall_ms": 100, "code_kb": 25},
    "playground, page change": {"wall_ms": 100, "code_kb": 25},
    "prompt, first load": {"wall_ms": 500, "thread_ms": 250, "code_kb": 165},
    "evaluation grid of 400 rows, page change": {"wall_ms": 100, "code_kb": 25},
    "recipe, page change": {"wall_ms": 100, "code_kb": 25},
    "compare 100 runs": {"wall_ms": 1000, "code_kb": 20},
    "a point that was acknowledged": {"wall_ms": 1500},
}


@frozen
class Line:
    """One figure of the table."""

    what: str
    unit: str
    budget: float | None
    ours: float
    theirs: float | None

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept."""
        return None if self.budget is None else self.ours <= self.budget


class _Told(Costs):
    """Costs, said as they come."""

    def __setitem__(self, what: str, cost: Cost) -> None:
        _say(f"  {what}: {cost.wall_ms:,.0f} ms")
        super().__setitem__(what, cost)


def _has(selector: str, text: str) -> str:
    """Return an expression: some element says a text."""
    found = f"[...document.querySelectorAll({json.dumps(selector)})]"
    return f"{found}.some((each) => each.textContent.includes({json.dumps(text)}))"


def ours(browser: Browser, server: Server, data: Data, points: int) -> Costs:
    """Go through pegboard's page."""
    table = f"{server.url}/experiments/{data.experiment}"
    charts = f"{server.url}/experiments/{data.curves_in}?view=charts&runs={','.join(data.curves)}"
    figure = "document.querySelector('figure.chart[aria-label*=\"{}\"] canvas')?.width > 0"
    first = "[role=treegrid] [role=row]"
    costs: Costs = _Told()
    prompt = f"{server.url}/prompts/{PROMPT}"
    with _window(browser) as home:
        costs["home, first load"] = home.open(f"{server.url}/", _has("td", "large"))
    with _window(browser) as window:
        costs["prompt, first load"] = window.open(prompt, _has("main", NEWEST))
    with _window(browser) as window:
        costs["table, first load"] = window.open(table, _has(first, data.newest))
        costs["table, loaded again"] = window.open(table, _has(first, data.newest))
        sort = f"{table}?sort=-metrics.acc"
        costs["table, sort by a metric"] = window.follow(sort, _has("#row-0", data.best))
        fits = f"{table}?q={quote(FILTER)}"
        costs["table, filter"] = window.follow(fits, _has("#row-0", data.fitting))
        window.follow(table, _has("#row-0", data.newest))
        costs["table, a key to its completions"] = _completed(window)
        window.follow(table, _has("#row-0", data.newest))
        # As with a wheel: the pointer is over the table before it turns.
        window.page.mouse.move(700, 500)
        window.page.wait_for_timeout(300)
        blank = window.page.evaluate(SCROLL, ["[role=treegrid]", ".row", 50 * ROW, FRAMES])
        costs["table, 120 frames of 50 rows"] = Cost(blank, *[math.nan] * 5)
        counted = f"20 runs, {20 * points:,} points"
        costs["charts, 20 runs"] = window.follow(charts, figure.format(counted))
        low, high = 3 * points // 10, 4 * points // 10
        counted = f"20 runs, {20 * (high - low + 1):,} points"
        zoomed = f"{charts}&from={low}&to={high}"
        costs["charts, 20 runs, zoom"] = window.follow(zoomed, figure.format(counted))
        run = f"{server.url}/runs/{data.newest_id}"
        costs["run, page change"] = window.follow(run, _has(".run-head h1", data.newest))
        long = f"{server.url}/runs/{data.long}?tab=metrics&key=loss"
        counted = f"1 run, {10 * points:,} points"
        costs["chart, 1 long run"] = window.follow(long, figure.format(counted))
        model = f"{server.url}/models/{MODEL}"
        costs["registry, page change"] = window.follow(model, _has("main", "champion"))
        traces = f"{server.url}/traces?exp={data.curves_in}"
        costs["traces, page change"] = window.follow(traces, _has("[role=row]", "answer 49"))
        listed = window.follow(f"{server.url}/prompts", _has("td", "answer-"))
        costs["prompts, page change"] = listed
        costs["prompt of 30 versions, page change"] = window.follow(prompt, _has("main", NEWEST))
        play = f"{server.url}/playground?prompt={PROMPT}"
        text = (
            f"[...document.querySelectorAll('textarea')].some((e) => e.value.includes('{PROMPT}'))"
        )
        costs["playground, page change"] = window.follow(play, text)
        grid = f"{server.url}/evaluate?runs={','.join(data.judged)}"
        shown = _has("main", "reply 4 of 0")
        costs["evaluation grid of 400 rows, page change"] = window.follow(grid, shown)
        recipe = f"{server.url}/recipes/{data.recipe}"
        costs["recipe, page change"] = window.follow(recipe, _has("main", "transform"))
        both = f"{server.url}/compare?runs={','.join(data.wide)}"
        costs["compare 100 runs"] = window.follow(both, _has("main", "layer/0/norm"))
        costs["a point that was acknowledged"] = _live(server, window, f"{server.url}/runs/{{}}")
    return costs


def theirs(browser: Browser, server: Server, data: Data, _points: int) -> Costs:
    """Go through MLflow's page, as far as it has the same."""
    place = f"{server.url}/#/experiments"
    table = f"{place}/{data.experiment}/runs"
    prompt = f"{server.url}/#/prompts/{PROMPT}"
    plot = "document.querySelectorAll('.js-plotly-plot path.js-line').length >= {}"
    costs: Costs = _Told()
    with _window(browser) as home:
        costs["home, first load"] = home.open(f"{server.url}/", _has("a", "large"))
        costs["prompt, first load"] = home.open(prompt, _has("#root", NEWEST))
        # Before its store is locked by what the large table asks for.
        run = f"{place}/0/runs/{{}}/model-metrics"
        costs["a point that was acknowledged"] = _live(server, home, run)
    with _window(browser) as window:
        costs["table, first load"] = window.open(table, _has(".ag-row", data.newest))
        costs["table, loaded again"] = window.open(table, _has(".ag-row", data.newest))
        sort = f"{table}?orderByKey=metrics.%60acc%60&orderByAsc=false"
        costs["table, sort by a metric"] = window.follow(sort, _has(".ag-row", data.best))
    with _window(browser) as window:
        window.open(table, _has(".ag-row", data.newest))
        fits = f"{table}?searchFilter={quote(FILTER)}"
        costs["table, filter"] = window.follow(fits, _has(".ag-row", data.fitting))
        run = f"{place}/{data.experiment}/runs/{data.newest_id}"
        costs["run, page change"] = window.follow(run, _has("h1, h2, h3", data.newest))
        long = f"{place}/{data.curves_in}/runs/{data.long}/model-metrics"
        costs["chart, 1 long run"] = window.follow(long, plot.format(1))
        model = f"{server.url}/#/models/{MODEL}"
        costs["registry, page change"] = window.follow(model, _has("a", "Version 1"))
        traces = f"{place}/{data.curves_in}/traces"
        costs["traces, page change"] = window.follow(traces, _has("td, [role=cell]", "question 49"))
        listed = window.follow(f"{server.url}/#/prompts", _has("td a, [role=cell] a", "answer-"))
        costs["prompts, page change"] = listed
        costs["prompt of 30 versions, page change"] = window.follow(prompt, _has("#root", NEWEST))
        found = f"runs={json.dumps(data.wide)}&experiments={json.dumps([data.wide_in])}"
        both = f"{server.url}/#/compare-runs?{quote(found, '=&')}"
        costs["compare 100 runs"] = window.follow(both, _has("main a, td a, th a", data.wide[-1]))
    with _window(browser) as window:
        charts = f"{place}/{data.curves_in}/runs?compareRunsMode=CHART"
        costs["charts, 20 runs"] = window.open(charts, plot.format(10))
    return costs


def _completed(window: Window) -> Cost:
    """Type into the filter; the second key is what counts, as the list is there for the first."""
    typed = (
        "const i = document.querySelector('input[role=combobox]'); i.focus(); i.value = {};"
        " i.dispatchEvent(new InputEvent('input', {{bubbles: true}}))"
    )
    listed = "#filter-list:not(.hide) [role=option]"
    window.act(typed.format("'metrics.l'"), _has(listed, "loss"))
    found = window.act(typed.format("'metrics.va'"), _has(listed, "val/f1"))
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("Escape")
    return found


def _live(server: Server, window: Window, address: str) -> Cost:
    """Log a point of a run that is looked at, and wait until it is seen."""
    run = server.create_run()
    point = {"run_id": run, "key": "acc", "timestamp": int(time.time() * 1000)}
    server.post("runs/log-metric", {**point, "value": 0.5, "step": 0})
    window.open(address.format(run), _has("main, #root", "acc"))
    server.post("runs/log-metric", {**point, "value": float(LIVE), "step": 1})
    return window.act("", _has("main, #root", LIVE.removeprefix("0")))


@contextlib.contextmanager
def _window(browser: Browser) -> Iterator[Window]:
    window = Window(browser)
    yield window
    window.close()


def measure(place: Path, options: argparse.Namespace) -> list[Line]:
    """Make both stores, go through both pages."""
    own, other = place / "pegboard", place / "mlflow"
    _say("the stores …")
    beside = not options.alone and available("mlflow")
    data = ui_data.made(place, (options.runs, options.keys, options.points), beside)
    repeats: list[Costs] = []
    found: Costs = {}
    with browsing() as browser:
        for number in range(options.repeats):
            _say(f"pegboard's page, {number + 1} of {options.repeats} …")
            with serving(OURS, own) as server:
                repeats.append(ours(browser, server, data, options.points))
        if beside:
            _say("MLflow's page …")
            with serving("mlflow", other) as server:
                found = theirs(browser, server, data, options.points)
    return list(_lines(repeats, found))


def _lines(repeats: list[Costs], theirs_costs: Costs) -> Iterator[Line]:
    for what, budget in BUDGETS.items():
        if "blank" in budget:
            worst = max(each[what].wall_ms for each in repeats)
            yield Line(what, "blank frames", 0, worst, None)
            continue
        other = theirs_costs.get(what)
        for name, unit in FIGURES.items():
            own = statistics.median(getattr(each[what], name) for each in repeats)
            seen = getattr(other, name) if other else None
            yield Line(what, unit, budget.get(name), own, seen)


def markdown(lines: list[Line]) -> str:
    """Return the table."""
    rows = ["| page or action | figure | budget | pegboard | MLflow 3.17.2 | kept |"]
    rows.append("| --- | --- | ---: | ---: | ---: | --- |")
    last = ""
    for line in lines:
        what = line.what if line.what != last else ""
        last = line.what
        budget = "" if line.budget is None else f"≤ {line.budget:g}"
        kept = {True: "yes", False: "**no**", None: ""}[line.met]
        figures = f"{budget} | {_number(line.ours)} | {_number(line.theirs)}"
        rows.append(f"| {what} | {line.unit} | {figures} | {kept} |")
    return "\n".join(rows)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isnan(value):
        return f"> {LIMIT_S:g} s"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--keys", type=int, default=1_000)
    parser.add_argument("--points", type=int, default=100_000, help="of each of the 20 runs")
    parser.add_argument("--repeats", type=int, default=2, help="of pegboard's page")
    parser.add_argument("--alone", action="store_true", help="without MLflow")
    parser.add_argument("--folder", type=Path, help="where the stores are kept")
    options = parser.parse_args()
    with contextlib.nullcontext(options.folder) if options.folder else folder() as place:
        lines = measure(place, options)
    print(markdown(lines))
    print(f"\nWhile this was measured {os.getloadavg()[1]:.1f} processes wanted to work, of which")
    print(f"{os.cpu_count()} can.")
    return int(any(line.met is False for line in lines))


if __name__ == "__main__":
    sys.exit(main())
