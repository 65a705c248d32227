"""``pegboard models``: showing registered models, and changing their descriptions and tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.entities.registry import ModelVersion, RegisteredModel
from pegboard.errors import command_line
from pegboard.literals import literal
from pegboard_scripting.client import Client
from pegboard_stores import formats, tables
from pegboard_stores.filters import MODEL_VERSIONS, REGISTERED_MODELS

from pegboard_registry.commands import common, logged_model, promotion

_PAGE = 1000
_SHOWN = 10
"""How many versions are shown with a model."""

_STAGES = {"Production": "green", "Staging": "yellow", "Archived": "dim"}
_VERSIONS = [
    tables.Column("Version", style="bold", most=50),
    tables.Column("Stage", styles=_STAGES),
    tables.Column("Aliases", style="cyan", most=40),
    tables.Column("Created", optional=2),
    tables.Column("By", optional=3, most=16),
    tables.Column("Run", optional=4),
    tables.Column("Tags", optional=5, most=40),
    tables.Column("Source", optional=6, most=60),
]


@click.group(epilog=output.examples("pegboard models list", "pegboard models show iris@champion"))
def models() -> None:
    """List, register, promote and change registered models.

    A version is named by NAME/3, NAME@ALIAS, NAME/latest or NAME/STAGE, with or without "models:/"
    before it.
    """


for command in promotion.COMMANDS:
    models.add_command(command)


@models.command(
    "list", epilog=output.examples("pegboard models list --filter \"name LIKE 'iris%'\"")
)
@common.filter_option
@common.order_option
@common.limit_option(100)
@output.json_option
def list_models(filter_text: str, order_by: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List registered models, by name."""
    client = common.client()
    search = partial(client.search_registered_models, filter_text, min(limit + 1, _PAGE), order_by)
    found = common.print_found(
        paging.items(search),
        limit,
        as_json,
        [
            tables.Column("Name", style="bold", most=40),
            tables.Column("Latest", right=True),
            tables.Column("Aliases", style="cyan", most=40),
            tables.Column("Updated", optional=2),
            tables.Column("Tags", optional=3, most=40),
            tables.Column("Description", optional=4, most=40),
        ],
        _model_row,
        "No registered model matches.",
    )
    if not found:
        everything = paging.items(partial(client.search_registered_models, "", _PAGE))
        common.note_unknown_tags(filter_text, REGISTERED_MODELS, everything, "No registered model")


def _model_row(model: RegisteredModel) -> list[object]:
    latest = max((int(version.version) for version in model.latest_versions), default=None)
    return [
        model.name,
        "-" if latest is None else latest,
        _aliases(model),
        formats.age(model.last_updated_timestamp),
        common.listed(dict(model.tags)),
        model.description,
    ]


def _aliases(model: RegisteredModel) -> str:
    return ", ".join(f"{alias}={version}" for alias, version in sorted(model.aliases.items()))


@models.command(
    epilog=output.examples("pegboard models show iris", "pegboard models show iris@champion")
)
@click.argument("model", metavar="NAME[/VERSION]")
@output.json_option
def show(model: str, as_json: bool) -> None:
    """Show a registered model or one version of it, or a logged model.

    A logged model is named by models:/m-ID or runs:/RUN/NAME.
    """
    client = common.client()
    if (model_id := common.logged_model_of(client, model)) is not None:
        logged_model.show(client, model_id, as_json)
        return
    if common.names_version(model):
        _show_version(client, common.version_of(client, model), as_json)
        return
    found = client.get_registered_model(common.name_of(model))
    if as_json:
        output.print_json(found)
        return
    output.print_record(
        [
            ("name", found.name),
            ("created", common.moment(found.creation_timestamp)),
            ("updated", common.moment(found.last_updated_timestamp)),
            ("aliases", _aliases(found) or "-"),
            *([("description", found.description)] if found.description else []),
            *((f"tag {key}", value) for key, value in sorted(found.tags.items())),
        ]
    )
    versions = _of_model(client, found.name)
    shown = list(islice(versions, _SHOWN))
    if shown:
        click.echo()
        output.heading("Versions")
        tables.note_hidden(tables.print_table(_VERSIONS, [_version_row(each) for each in shown]))
    if next(versions, None) is not None:
        more = command_line("pegboard", "models", "versions", found.name)
        output.note(f"There are more; see: {more}")


def _show_version(client: Client, version: ModelVersion, as_json: bool) -> None:
    files = client.get_model_version_download_uri(version.name, version.version)
    if as_json:
        output.print_json({**output.json_ready(version), "download_uri": files})
        return
    facts: list[tuple[str, object]] = [
        ("model", version.name),
        ("version", version.version),
        ("stage", version.current_stage),
        ("aliases", ", ".join(version.aliases) or "-"),
        ("status", version.status),
        ("created", common.moment(version.creation_timestamp)),
        ("updated", common.moment(version.last_updated_timestamp)),
        ("by", version.user_id or "-"),
        ("source", version.source),
    ]
    if files != version.source:
        facts.append(("files", files))
    more = [
        ("run", version.run_id),
        ("link", version.run_link),
        ("logged model", version.model_id),
        ("description", version.description),
        ("message", version.status_message),
        *((f"tag {key}", value) for key, value in sorted(version.tags.items())),
    ]
    output.print_record([*facts, *((name, value) for name, value in more if value)])


@models.command(epilog=output.examples("pegboard models versions iris"))
@click.argument("name", required=False)
@common.filter_option
@common.order_option
@common.limit_option(100)
@output.json_option
def versions(
    name: str | None, filter_text: str, order_by: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """List the versions of one registered model, or of all.

    Those of one come with the newest first, those of all with the last updated first.
    """
    client, asked = common.client(), filter_text
    if name is not None:
        name = client.get_registered_model(common.name_of(name)).name
        condition = f"name = {literal(name)}"
        filter_text = f"({filter_text}) AND {condition}" if filter_text.strip() else condition
        order_by = order_by or ("version_number DESC",)
    search = partial(client.search_model_versions, filter_text, min(limit + 1, _PAGE), order_by)
    nothing = "No version matches."
    matching = paging.items(search)
    if not common.print_found(matching, limit, as_json, _VERSIONS, _version_row, nothing):
        everything = paging.items(partial(client.search_model_versions, "", _PAGE))
        common.note_unknown_tags(asked, MODEL_VERSIONS, everything, "No version")


def _of_model(client: Client, name: str) -> Iterator[ModelVersion]:
    condition, order = f"name = {literal(name)}", ("version_number DESC",)
    return paging.items(partial(client.search_model_versions, condition, _SHOWN + 1, order))


def _version_row(version: ModelVersion) -> list[object]:
    return [
        f"{version.name}/{version.version}",
        version.current_stage,
        ", ".join(version.aliases),
        formats.age(version.creation_timestamp),
        version.user_id or "-",
        version.run_id or "-",
        common.listed(dict(version.tags)),
        version.source,
    ]


# -- making and changing ---------------------------------------------------------------------------


@models.command(
    epilog=output.examples("pegboard models create iris --description 'Kinds of flowers'")
)
@click.argument("name")
@click.option("--description", default="", metavar="TEXT", help="What the model is for.")
@common.tags_option
@output.json_option
def create(name: str, description: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Create a registered model, without versions."""
    given = common.key_values(tags)
    made = common.client(create=True).create_registered_model(name, given, description)
    common.done(made, as_json, f"Created the registered model {made.name!r}.")


@models.command(
    epilog=output.examples("pegboard models update iris/3 --description 'With more leaves'")
)
@click.argument("model", metavar="NAME[/VERSION]")
@click.option("--description", required=True, metavar="TEXT", help="The new description.")
@output.json_option
def update(model: str, description: str, as_json: bool) -> None:
    """Change the description of a registered model, or of one version of it."""
    client = common.client()
    changed: RegisteredModel | ModelVersion
    if common.names_version(model):
        version = common.version_of(client, model)
        changed = client.update_model_version(version.name, version.version, description)
    else:
        changed = client.update_registered_model(common.name_of(model), description)
    common.done(changed, as_json, f"Changed the description of {model!r}.")


@models.command(epilog=output.examples("pegboard models tag iris/3 team=blue"))
@click.argument("model", metavar="NAME[/VERSION]")
@click.argument("tags", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--remove", multiple=True, metavar="KEY", help="Remove this tag; may be repeated.")
@output.json_option
def tag(model: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Set or remove tags of a registered model, or of one version of it."""
    if not tags and not remove:
        raise click.UsageError("Nothing to do: give KEY=VALUE or --remove KEY.")
    given = common.key_values(tags)
    client = common.client()
    changed: RegisteredModel | ModelVersion
    if common.names_version(model):
        found = common.version_of(client, model)
        name, version = found.name, found.version
        for key, value in given.items():
            client.set_model_version_tag(name, version, key, value)
        for key in remove:
            client.delete_model_version_tag(name, version, key)
        changed = client.get_model_version(name, version)
    else:
        name = common.name_of(model)
        for key, value in given.items():
            client.set_registered_model_tag(name, key, value)
        for key in remove:
            client.delete_registered_model_tag(name, key)
        changed = client.get_registered_model(name)
    common.done(changed, as_json, f"Changed the tags of {model!r}.")


@models.command(epilog=output.examples("pegboard models rename iris flowers"))
@click.argument("name")
@click.argument("new_name")
@common.reason_option
@output.json_option
def rename(name: str, new_name: str, reason: str, as_json: bool) -> None:
    """Give a registered model, with its versions and its history, another name."""
    changed = common.client().rename_registered_model(name, new_name, reason=reason)
    common.done(changed, as_json, f"Renamed the registered model {name!r} to {new_name!r}.")


@models.command(epilog=output.examples("pegboard models delete iris/3"))
@click.argument("model", metavar="NAME[/VERSION]")
@common.yes_option
@common.reason_option
@output.json_option
def delete(model: str, yes: bool, reason: str, as_json: bool) -> None:
    """Remove a version, or a registered model with all its versions.

    The history is kept, and so are the files, which belong to runs and logged models. Numbers of
    versions are not given again.
    """
    client = common.client()
    gone: RegisteredModel | ModelVersion
    if common.names_version(model):
        gone = version = common.version_of(client, model)
        held = f", which {_listed(version.aliases)} points at" if version.aliases else ""
        common.confirm(f"Delete {version.model_uri}{held}?", yes)
        client.delete_model_version(version.name, version.version, reason=reason)
        message = f"Deleted {version.model_uri}."
    else:
        gone = client.get_registered_model(common.name_of(model))
        common.confirm(f"Delete the registered model {gone.name!r} with all its versions?", yes)
        client.delete_registered_model(gone.name, reason=reason)
        message = f"Deleted the registered model {gone.name!r}."
    common.done(gone, as_json, message)


def _listed(aliases: Sequence[str]) -> str:
    return " and ".join(f"@{alias}" for alias in aliases)
