"""Searching 10,000 registered models with 5 versions each."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from pegboard.entities.registry import Author
from pegboard_registry.store.sqlite import SqliteRegistry
from rows import Row

MODELS, VERSIONS = 10_000, 5
PAGE = 100
REPEATS = 7

Query = tuple[str, Sequence[str]]

MODEL_QUERIES: Sequence[Query] = (
    ("", ()),
    ("", ("name DESC",)),
    ("", ("timestamp DESC",)),
    ("", ("last_updated_timestamp",)),
    ("", ("creation_timestamp DESC", "name DESC")),
    ("name = 'model-00777'", ()),
    ("name != 'model-00777'", ("timestamp",)),
    ("name LIKE 'model-09%'", ("timestamp DESC",)),
    ("name LIKE '%77%'", ()),
    ("name LIKE '%nowhere%'", ()),
    ("name ILIKE '%MODEL-0%5'", ("timestamp DESC",)),
    ("name IN ('model-00001', 'model-09999')", ()),
    ("name NOT IN ('model-00001')", ()),
    ("tags.team = 'team-3'", ()),
    ("tags.team = 'team-3'", ("timestamp DESC",)),
    ("tags.team != 'team-3'", ("name DESC",)),
    ("tags.serial = 's-4242'", ("timestamp DESC",)),
    ("tags.serial LIKE '%4242'", ()),
    ("tags.serial ILIKE 'S-99%'", ("timestamp",)),
    ("tags.rare = 'x'", ("timestamp DESC",)),
    ("tags.unknown = 'x'", ()),
    ("tags.team = 'team-3' AND tags.serial = 's-4242'", ()),
    ("tags.team = 'team-3' AND tags.size = 'big' AND name LIKE '%9'", ("timestamp DESC",)),
    ("tags.team = 'team-1' OR tags.rare = 'x'", ("timestamp DESC",)),
    ("NOT tags.team = 'team-1'", ()),
    ("tags.rare IS NOT NULL", ()),
    ("tags.`mlflow.prompt.is_prompt` = 'true'", ()),
    ("tags.`mlflow.prompt.is_prompt` = 'false'", ()),
)

VERSION_QUERIES: Sequence[Query] = (
    ("", ()),
    ("", ("last_updated_timestamp",)),
    ("", ("name",)),
    ("", ("name DESC", "version_number")),
    ("", ("version_number",)),
    ("", ("version_number DESC",)),
    ("", ("version_number DESC", "creation_timestamp DESC")),
    ("", ("creation_timestamp",)),
    ("", ("creation_timestamp DESC",)),
    ("name = 'model-00777'", ()),
    ("name = 'model-00777'", ("version_number DESC",)),
    ("name != 'model-00777'", ("creation_timestamp",)),
    ("name LIKE 'model-09%'", ()),
    ("name LIKE '%77'", ("version_number",)),
    ("name LIKE '%nowhere%'", ()),
    ("name ILIKE '%-0%5'", ("name",)),
    ("name IN ('model-00001', 'model-09999')", ()),
    ("version_number = 3", ()),
    ("version_number > 4", ("name DESC",)),
    ("version_number > 9", ()),
    ("version_number != 3", ("version_number",)),
    ("run_id = 'run-31337'", ()),
    ("run_id != 'run-31337'", ()),
    ("run_id IN ('run-1', 'run-2', 'nothing')", ()),
    ("run_id LIKE 'run-31%'", ()),
    ("run_id LIKE '%31337'", ("name",)),
    ("run_id ILIKE 'RUN-9%'", ("creation_timestamp",)),
    ("run_id NOT IN ('run-1')", ("name",)),
    ("source_path = 's3://bucket/31337'", ()),
    ("source_path LIKE 's3://bucket/313%'", ()),
    ("source_path LIKE '%/31337'", ()),
    ("source_path LIKE 's3://%'", ("name",)),
    ("model_id = 'm-31337'", ()),
    ("tags.state = 'good'", ()),
    ("tags.state = 'good'", ("name",)),
    ("tags.state != 'good'", ("version_number",)),
    ("tags.score = '31337'", ()),
    ("tags.score LIKE '%31337'", ()),
    ("tags.score ILIKE '313%'", ("name",)),
    ("tags.rare = 'x'", ()),
    ("tags.unknown = 'x'", ("name",)),
    ("tags.state = 'good' AND name = 'model-00777'", ()),
    ("tags.state = 'good' AND version_number = 2", ("name DESC",)),
    ("tags.state = 'good' AND tags.state = 'bad'", ()),
    ("tags.state = 'bad' AND tags.even = 'no' AND version_number = 5", ("creation_timestamp",)),
    ("tags.rare = 'x' OR run_id = 'run-1'", ()),
    ("NOT tags.state = 'good'", ()),
    ("run_id IS NULL", ()),
    ("creation_timestamp > 0", ("name",)),
    ("last_updated_timestamp < 5", ()),
)


def build(folder: Path, models: int = MODELS, versions: int = VERSIONS) -> SqliteRegistry:
    """Return a new registry in ``folder`` with this many models, each with so many versions."""
    registry = SqliteRegistry(folder / f"registry-{models}.db", synchronous="normal")
    # One transaction for all: what follows joins it.
    with registry._database.writing():
        for i in range(models):
            _model(registry, i)
        for j in range(versions):
            for i in range(models):
                _version(registry, i, i * versions + j)
    return registry


def _model(registry: SqliteRegistry, i: int) -> None:
    tags = {"team": f"team-{_random(i) % 7}", "serial": f"s-{i}"}
    if i % 2:
        tags["size"] = "big"
    if i % 1000 == 3:
        tags["rare"] = "x"
    registry.create_model(f"model-{i:05}", tags=tags, description=f"The model no. {i}")


def _version(registry: SqliteRegistry, i: int, n: int) -> None:
    tags = {"state": "good" if _random(n) % 2 else "bad", "score": str(n)}
    tags["even"] = "no" if n % 2 else "yes"
    if n % 5000 == 3:
        tags["rare"] = "x"
    made = registry.create_version(
        f"model-{i:05}",
        f"s3://bucket/{n}",
        run_id=f"run-{n}",
        model_id=f"m-{n}",
        tags=tags,
        by=Author("ann"),
    )
    if n % 5 == 4:
        registry.set_alias(made.name, "champion", made.version)


def _random(n: int) -> int:
    return hashlib.sha256(str(n).encode()).digest()[0]


def time_of(search: Callable[[], object]) -> float:
    """Return the least milliseconds that a call takes, out of a few tries."""
    spent = []
    for _ in range(REPEATS):
        begin = perf_counter()
        search()
        spent.append((perf_counter() - begin) * 1000)
    return min(spent)


def times(registry: SqliteRegistry) -> dict[str, float]:
    """Return the milliseconds for the first page of each query."""
    found = {}
    for what, queries, search in (
        ("models", MODEL_QUERIES, registry.search_models),
        ("versions", VERSION_QUERIES, registry.search_versions),
    ):
        for text, order in queries:
            name = f"{what}: {text}" + (f" ORDER BY {', '.join(order)}" if order else "")
            page = partial(search, filter=text, order_by=order, max_results=PAGE)
            found[name] = time_of(page)
    return found


def measure(quick: bool) -> list[Row]:
    """Return the times of searching, by filter and order, and of finding a version by alias."""
    models = MODELS // 10 if quick else MODELS
    with tempfile.TemporaryDirectory() as folder:
        registry = build(Path(folder), models)
        found = times(registry)
        name = f"model-{models // 2:05}"
        alias = time_of(lambda: [registry.version_by_alias(name, "champion") for _ in range(100)])
        registry.close()
    worst = max(found, key=lambda name: found[name])
    size = f"{models:,} models × {VERSIONS} versions"
    return [
        Row(
            f"slowest search in {size}",
            "ms",
            found[worst],
            goal=20,
            better="less",
            note=f"of {len(found)}, pages of {PAGE}; {worst}",
        ),
        Row(
            f"middle search in {size}",
            "ms",
            statistics.median(found.values()),
            better="less",
        ),
        Row("versions found by alias, in this process", "a second", 100_000 / alias),
    ]


def main() -> None:
    """Print the time of every query."""
    with tempfile.TemporaryDirectory() as folder:
        begin = perf_counter()
        registry = build(Path(folder))
        print(f"built in {perf_counter() - begin:.1f} s")
        for name, spent in sorted(times(registry).items(), key=lambda item: item[1]):
            print(f"{spent:8.2f} ms  {name}")
        registry.close()


if __name__ == "__main__":
    main()
