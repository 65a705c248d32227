"""``pegboard prompts register``, ``alias``, ``traffic``, ``delete`` and what takes them back."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from attrs import evolve
from pegboard.cli import output
from pegboard.errors import InvalidState, InvalidValue
from pegboard_stores import command_options as options
from pegboard_stores import prompt_traffic as traffic

from pegboard_prompts import files, uris
from pegboard_prompts.client import prompts_of
from pegboard_prompts.commands import common, reading


@click.command(
    epilog=output.examples(
        "pegboard prompts register support prompts/support.md -m 'Shorter'",
    )
)
@click.argument("name")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("-m", "--message", default="", metavar="TEXT", help="What is new in this version.")
@options.tags_option
@output.json_option
def register(
    name: str, file: Path | None, message: str, tags: tuple[str, ...], as_json: bool
) -> None:
    """Add the next version to a prompt, which is made if need be.

    FILE is what 'export' writes, or a text; without it, or with -, the text is read from standard
    input.
    """
    if file in (None, Path("-")):
        draft = files.loaded(name, sys.stdin.read(), files.MARKDOWN)
    else:
        draft = files.read(file, name)
    client = common.client(create=True)
    draft = evolve(draft, tags={**draft.tags, **options.key_values(tags)})
    made = draft.register(prompts_of(client), message, client._author(None, message))
    told = f"{made.name} has version {made.version} now."
    options.done(reading.told(made), as_json, told)


@click.command(epilog=output.examples("pegboard prompts alias support/4 production -m 'Tested'"))
@click.argument("version", metavar="NAME[/VERSION]")
@click.argument("alias")
@options.reason_option
@output.json_option
def alias(version: str, alias: str, reason: str, as_json: bool) -> None:
    """Let an alias point at a version; by default the newest. Gates may refuse it."""
    client = common.client()
    found = prompts_of(client).load(version)
    client.set_prompt_alias(found.name, alias, found.version, reason=reason)
    told = f"{found.name}@{alias} is version {found.version} now."
    options.done({"name": found.name, "alias": alias, "version": found.version}, as_json, told)


@click.command(epilog=output.examples("pegboard prompts unalias support@production"))
@click.argument("reference", metavar="NAME@ALIAS")
@options.reason_option
def unalias(reference: str, reason: str) -> None:
    """Remove an alias."""
    name, key = common.alias_of(reference)
    client = common.client()
    common.known_alias(prompts_of(client), name, key)
    client.delete_prompt_alias(name, key, reason=reason)
    click.echo(f"{name} has no alias {key} any more.")


@click.command(epilog=output.examples("pegboard prompts rollback support@production -m 'Too long'"))
@click.argument("reference", metavar="NAME@ALIAS")
@options.reason_option
@output.json_option
def rollback(reference: str, reason: str, as_json: bool) -> None:
    """Take the last move of an alias back."""
    name, key = common.alias_of(reference)
    client = common.client()
    try:
        found = client.rollback_prompt_alias(name, key, reason=reason)
    except InvalidState:
        # An alias that was removed can be brought back; one that never was has no past.
        common.known_alias(prompts_of(client), name, key)
        raise
    told = f"{name}@{key} is version {found.version} again."
    options.done({"name": name, "alias": key, "version": found.version}, as_json, told)


@click.command(
    "traffic",
    epilog=output.examples(
        "pegboard prompts traffic support@production 3=90 4=10",
        "pegboard prompts traffic support@production --end",
    ),
)
@click.argument("reference", metavar="NAME@ALIAS")
@click.argument("shares", nargs=-1, metavar="[VERSION=SHARE]...")
@click.option("--end", is_flag=True, help="Give everybody the alias's version again.")
@output.json_option
def share(reference: str, shares: tuple[str, ...], end: bool, as_json: bool) -> None:
    """Share the callers of an alias between versions, or show how they are shared.

    A caller who says for whom, load_prompt(…, key=USER) or 'user' in a call of the gateway, always
    gets the same version. Others get the alias's. The gates of the alias are asked for each.
    """
    name, key = common.alias_of(reference)
    client = common.client()
    if end and shares:
        raise click.UsageError("--end ends all shares, so it takes none.")
    if end or shares:
        found = client.set_prompt_traffic(name, _weights(shares), key)
    else:
        found = common.known_alias(prompts_of(client), name, key).traffic(key)
    parts = [f"version {each}: {traffic.percent(found, each)}" for each in sorted(found)]
    told = ", ".join(parts) or f"{name}@{key} is not shared: all get the alias's version."
    options.done({"name": name, "alias": key, "shares": found}, as_json, told)


def _weights(shares: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in shares:
        [(version, text)] = options.key_values((each,)).items()
        if version in found:
            raise InvalidValue(f"Version {version} has two shares.")
        found[version] = _number(text)
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidValue(
            f"The share {text!r} is not a number.", hint="Write 3=90 4=10."
        ) from None


@click.command(epilog=output.examples("pegboard prompts delete support/3"))
@click.argument("prompt", metavar="NAME[/VERSION]")
@options.reason_option
@options.yes_option
def delete(prompt: str, reason: str, yes: bool) -> None:
    """Remove a version of a prompt, or the prompt with all of them; the history is kept."""
    client = common.client()
    found = uris.parse(prompt)
    if found.version is not None:
        version = prompts_of(client).find(found)
        options.confirm(f"Delete version {version.version} of {version.name}?", yes)
        client.delete_prompt_version(version.name, version.version, reason=reason)
        click.echo(f"{version.name} has no version {version.version} any more.")
        return
    if prompt != found.name:
        raise InvalidValue(f"{prompt!r} is not of the form NAME or NAME/VERSION.")
    prompts_of(client).get(found.name)
    options.confirm(f"Delete the prompt {found.name} with all its versions?", yes)
    client.delete_prompt(found.name, reason=reason)
    click.echo(f"The prompt {found.name} is deleted.")
