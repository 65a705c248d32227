"""``pegboard models``: making versions, and promoting them."""

from __future__ import annotations

from pathlib import Path

import click
from pegboard.cli import output
from pegboard_stores import formats, options

from pegboard_registry.commands import common


@click.command(
    epilog=output.examples(
        "pegboard models register runs:/0123456789abcdef0123456789abcdef/model iris"
    )
)
@click.argument("model_uri", metavar="MODEL")
@click.argument("name")
@click.option("--alias", "aliases", multiple=True, help="Let it point here; may be repeated.")
@click.option("--description", default="", metavar="TEXT", help="What is new.")
@common.tags_option
@common.reason_option
@output.json_option
def register(
    model_uri: str,
    name: str,
    aliases: tuple[str, ...],
    description: str,
    tags: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> None:
    """Make MODEL a version of a registered model, which is created if need be.

    MODEL is runs:/RUN/NAME, models:/m-ID, models:/NAME/3 or a directory.
    """
    from pegboard_scripting.client import registration

    client = common.client(create=True)
    given = common.key_values(tags)
    made = registration.register(client, model_uri, name, given, 0, description, reason)
    for alias in aliases:
        client.set_registered_model_alias(made.name, alias, made.version, reason=reason)
    made = client.get_model_version(made.name, made.version)
    pointing = "".join(f" @{alias}" for alias in made.aliases)
    common.done(made, as_json, f"Registered {made.model_uri}{pointing} from {made.source}")


@click.command(
    epilog=output.examples("pegboard models alias iris/3 champion --reason 'better on Mondays'")
)
@click.argument("version", metavar=common.VERSION)
@click.argument("alias")
@common.reason_option
@output.json_option
def alias(version: str, alias: str, reason: str, as_json: bool) -> None:
    """Let an alias point at a version, from wherever it points now."""
    client = common.client()
    found = common.version_of(client, version)
    before = client.get_registered_model(found.name).aliases.get(alias)
    client.set_registered_model_alias(found.name, alias, found.version, reason=reason)
    came = f" (before: {before})" if before not in (None, found.version) else ""
    message = f"{found.name}@{alias} is version {found.version} now{came}."
    common.done(client.get_model_version(found.name, found.version), as_json, message)


@click.command(epilog=output.examples("pegboard models unalias iris@champion"))
@click.argument("alias", metavar="NAME@ALIAS")
@common.reason_option
@output.json_option
def unalias(alias: str, reason: str, as_json: bool) -> None:
    """Remove an alias; 'pegboard registry rollback' brings it back."""
    client = common.client()
    name, key = common.alias_of(alias)
    version = client.get_model_version_by_alias(name, key)
    client.delete_registered_model_alias(name, key, reason=reason)
    after = client.get_model_version(name, version.version)
    common.done(after, as_json, f"Removed the alias {name}@{key} of version {version.version}.")


@click.command(epilog=output.examples("pegboard models stage iris/3 Production --archive-existing"))
@click.argument("version", metavar=common.VERSION)
@click.argument("stage")
@click.option(
    "--archive-existing", is_flag=True, help="Move the other versions of that stage to Archived."
)
@common.reason_option
@output.json_option
def stage(version: str, stage: str, archive_existing: bool, reason: str, as_json: bool) -> None:
    """Move a version to a stage."""
    client = common.client()
    found = common.version_of(client, version)
    moved = client.transition_model_version_stage(
        found.name, found.version, stage, archive_existing, reason=reason
    )
    message = (
        f"{moved.model_uri} is in the stage {moved.current_stage} now "
        f"(before: {found.current_stage})."
    )
    common.done(moved, as_json, message)


@click.command(epilog=output.examples("pegboard models copy iris@champion iris-live"))
@click.argument("version", metavar=common.VERSION)
@click.argument("new_name")
@common.reason_option
@output.json_option
def copy(version: str, new_name: str, reason: str, as_json: bool) -> None:
    """Make a version of another registered model, which is created if need be, from a version.

    The files are not copied: both versions have the same.
    """
    client = common.client()
    found = common.version_of(client, version)
    made = client.copy_model_version(found.model_uri, new_name, reason=reason)
    common.done(made, as_json, f"Made {made.model_uri} from {found.model_uri}.")


@click.command(epilog=output.examples("pegboard models download iris@champion -o iris"))
@click.argument("version", metavar=common.VERSION)
@options.output_option(
    "target",
    "-t",
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default="the working directory",
    help="The directory to put them into.",
)
@output.json_option
def download(version: str, target: Path, as_json: bool) -> None:
    """Copy the files of a model to a directory.

    It is a version, a logged model (models:/m-ID), a model of a run (runs:/RUN/NAME) or in any
    other place that has a URI.
    """
    from pegboard_scripting import artifacts

    client = common.client()
    uri = common.uri_of(client, version)
    target.mkdir(parents=True, exist_ok=True)
    place = artifacts.download_artifacts(uri, dst_path=target, tracking_uri=client.tracking_uri)
    common.done({"uri": uri, "path": place}, as_json, f"Downloaded {uri} to {formats.place(place)}")


COMMANDS = (register, alias, unalias, stage, copy, download)
