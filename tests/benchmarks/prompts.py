"""Loading, filling in and finding prompts: beside MLflow, each through its own server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from pegboard_prompts import tagging
from pegboard_prompts.store import PromptStore
from pegboard_registry.store.sqlite import SqliteRegistry
from pegboard_stores import prompt_tags
from processes import OURS, finish, start, takes_part
from rows import Row
from server_systems import serving

PROMPTS, VERSIONS = 10_000, 20
LOADS = 2_000
_PEER = "mlflow"
_KINDS = {
    "cached": ("load_prompt, cached", "µs", 1e6, 5.0),
    "uncached": ("load_prompt through a local server, not cached", "ms", 1e3, 2.0),
    "filled": ("format of two variables", "µs", 1e6, None),
}


def measure(quick: bool) -> list[Row]:
    """Load through a server, and search a registry of many prompts; the best of several."""
    systems = [OURS, *([_PEER] if takes_part(_PEER) else [])]
    spent = {system: _loading(system, LOADS // 10 if quick else LOADS) for system in systems}
    rows = []
    for kind, (what, unit, factor, goal) in _KINDS.items():
        row = Row(what, unit, spent[OURS][kind] * factor, goal=goal, better="less")
        rows += row.beside({s: each[kind] * factor for s, each in spent.items() if s != OURS})
    return rows + _searching(PROMPTS // 10 if quick else PROMPTS)


def _loading(system: str, count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as made, serving(system, Path(made)) as server:
        found: dict[str, float] = finish(
            start("load_prompts", system, Path(made), url=server.url, count=count)
        )
        return found


def _searching(count: int) -> list[Row]:
    """Search prompts with many versions each, in one file; the slowest query counts."""
    with tempfile.TemporaryDirectory() as made:
        registry = SqliteRegistry(Path(made) / "registry.db", synchronous="normal")
        store = PromptStore(registry)
        with registry._database.writing():
            for number in range(count):
                name = f"prompt-{number:05}"
                registry.create_model(name, tags={prompt_tags.IS_PROMPT: "true"})
                for version in range(VERSIONS):
                    tags = tagging.tags_of(f"{version} {{{{x}}}}")
                    registry.create_version(name, prompt_tags.PLACEHOLDER, tags=tags)
        queries = ("", "name LIKE '%77%'", "name = 'prompt-00777'", "experiment_id = '3'")
        slowest = max(_best(lambda each=each: store.search(each)) for each in queries)
        listed = _best(lambda: store.versions("prompt-00777"))
        what = f"of {count:,} prompts × {VERSIONS} versions"
        return [
            Row(f"a page {what}, the slowest of {len(queries)} searches", "ms", slowest * 1e3,
                goal=30, better="less"),
            Row(f"the versions of one {what}", "ms", listed * 1e3, goal=30, better="less"),
        ]  # fmt: skip


def _best(do: Callable[[], object]) -> float:
    spent = []
    for _ in range(5):
        begun = perf_counter()
        do()
        spent.append(perf_counter() - begun)
    return min(spent)


if __name__ == "__main__":
    print(json.dumps([row.what for row in measure(quick=True)]))
