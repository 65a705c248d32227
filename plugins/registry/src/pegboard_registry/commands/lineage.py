"""``pegboard lineage``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click
from pegboard.cli import output
from pegboard_stores import formats, tables

from pegboard_registry.commands import common
from pegboard_registry.lineage import Data, Lineage, Node, trace

_REQUIREMENTS = 30
"""How many packages are listed by name."""

_PLACES = ("uri", "url", "path", "table_name")
"""Where the source of a dataset says its place."""


@click.command(epilog=output.examples("pegboard lineage models:/iris@champion"))
@click.argument("model", metavar="models:/NAME/VERSION")
@output.json_option
def lineage(model: str, as_json: bool) -> None:
    """Show what a version or a logged model was made from, and what came of it.

    The code, the data, the params, the environment, what it came from and where it went. MODEL is
    models:/NAME/3, models:/NAME@ALIAS (also without "models:/"), models:/m-ID or runs:/RUN/NAME.
    """
    client = common.client()
    found = trace(client, common.uri_of(client, model))
    if as_json:
        output.print_json(found)
    else:
        _print(found)


def _print(found: Lineage) -> None:
    output.heading(found.uri)
    output.print_record(_summary(found), indent="  ")
    _section("Code", _code(found.code))
    data = [(each.name, each.context or "-", each.digest, _source(each)) for each in found.data]
    columns = [tables.Column(title) for title in ("Dataset", "Context", "Digest")]
    _table("Data", [*columns, tables.Column("Source", most=60)], data)
    _section("Params", sorted(found.params.items()))
    metrics = sorted(found.metrics.items())
    _section("Metrics", [(key, formats.number(value)) for key, value in metrics])
    _section("Environment", _environment(found.environment))
    _nodes("Upstream", found.upstream)
    _nodes("Downstream", found.downstream)
    for text in found.unknown:
        output.note(f"Not known: {text}")


def _summary(found: Lineage) -> list[tuple[str, object]]:
    version = found.version
    facts: list[tuple[str, object]] = []
    if version is not None:
        facts = [
            ("created", common.moment(version.creation_timestamp)),
            ("by", version.user_id or "-"),
            ("stage", version.current_stage),
            ("source", version.source),
        ]
    more = [("logged model", found.model_id), ("run", found.run_id), ("files", found.files)]
    return [*facts, *((name, value) for name, value in more if value)]


def _source(data: Data) -> str:
    """Return where data came from in short: the place, or else what kind of source it was."""
    try:
        facts = json.loads(data.source)
    except ValueError:
        return data.source
    named = facts if isinstance(facts, dict) else {}
    return str(next((named[key] for key in _PLACES if named.get(key)), data.source_type))


def _code(code: Mapping[str, str]) -> list[tuple[str, object]]:
    shown = {key: value for key, value in code.items() if key != "uncommitted_changes"}
    if "commit" in shown and code.get("uncommitted_changes", "").lower() == "true":
        shown["commit"] += " with uncommitted changes"
    return [(key.replace("_", " "), value) for key, value in shown.items()]


def _environment(environment: Mapping[str, object]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = []
    python, platform = environment.get("python"), environment.get("platform")
    if isinstance(python, Mapping):
        facts.append(("python", python.get("version", "-")))
    if isinstance(platform, Mapping):
        words = (platform.get(key) for key in ("system", "release", "machine"))
        facts.append(("machine", " ".join(str(word) for word in words if word)))
    for key, name in (("requirements", "requires"), ("installed", "installed")):
        packages = environment.get(key)
        if isinstance(packages, list):
            facts.append((name, _packages(packages)))
    return facts


def _packages(packages: Sequence[str]) -> str:
    if len(packages) <= _REQUIREMENTS:
        return ", ".join(packages) or "nothing"
    return f"{formats.counted(len(packages), 'package')}; --json lists them"


def _nodes(title: str, nodes: Sequence[Node]) -> None:
    columns = [
        tables.Column("How"),
        tables.Column("What"),
        tables.Column("Name", style="bold", most=40),
        tables.Column("Detail", optional=2),
        tables.Column("ID", optional=1),
    ]
    rows = [(each.relation, each.kind, each.name, each.detail, _id(each)) for each in nodes]
    _table(title, columns, rows)


def _id(node: Node) -> str:
    return "" if node.kind in ("version", "alias", "dataset") else node.id


def _section(title: str, pairs: Sequence[tuple[str, object]]) -> None:
    if pairs:
        click.echo()
        output.heading(title)
        output.print_record(pairs, indent="  ")


def _table(title: str, columns: Sequence[tables.Column], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        click.echo()
        output.heading(title)
        tables.note_hidden(tables.print_table(columns, rows))
