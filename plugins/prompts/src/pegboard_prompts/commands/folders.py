"""``pegboard prompts export`` and ``import``: a folder of files that lives in git."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard_stores import command_options as options

from pegboard_prompts import composition, files, histories
from pegboard_prompts.client import prompts_of
from pegboard_prompts.commands import common
from pegboard_prompts.entities import PromptVersion
from pegboard_prompts.files import Draft
from pegboard_prompts.histories import History, differences
from pegboard_prompts.store import PromptStore

_PAGE = 1000
_FOLDER = click.Path(path_type=Path, file_okay=False)
_alias_option = click.option(
    "--alias", metavar="ALIAS", help="The version of this alias, not the newest one."
)


@click.command(
    epilog=output.examples(
        "pegboard prompts export prompts",
        "pegboard prompts export prompts support --alias production",
        "pegboard prompts export prompts --all-versions",
    )
)
@click.argument("folder", type=_FOLDER)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_alias_option
@click.option(
    "--all-versions",
    "every",
    is_flag=True,
    help="Every version, with the aliases and tags of the prompt: a folder NAME for each, with "
    "1.md, 2.md and prompt.yaml.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "yaml"]),
    default="markdown",
    show_default=True,
    help="Of texts; chats are always YAML.",
)
@output.json_option
def export(
    folder: Path,
    names: tuple[str, ...],
    alias: str | None,
    every: bool,
    form: str,
    as_json: bool,
) -> None:
    """Write prompts into a folder, one file each: all of them, or those that are named.

    A file holds one version, by default the newest. Of all prompts, one that cannot be read is told
    and left out, and the exit code is 1.
    """
    store = common.store()
    suffix = files.YAML if form == "yaml" else None
    if every:
        _export_every(store, folder, names, alias, suffix, as_json)
        return
    found: list[Draft] = []
    damaged: list[PegboardError] = []
    for version in _versions(store, names, alias):
        try:
            found.append(files.draft_of(version))
        except PegboardError as error:
            if names:
                raise
            damaged.append(error)
    if alias and not found and not damaged and any(True for _ in _all(store)):
        raise NotFound(f"No prompt has the alias {alias!r}.")
    for draft in found:
        if histories.are_in(folder, draft.name):
            raise InvalidValue(
                f"{folder} has all versions of {draft.name!r}.",
                hint="Export with --all-versions, or into another folder.",
            )
    _tell_export(len(found), files.write(folder, found, suffix), damaged, as_json)


def _tell_export(
    prompts: int, written: list[Path], damaged: list[PegboardError], as_json: bool
) -> None:
    told = f"Prompts: {prompts}, files written: {len(written)}."
    options.done({"prompts": prompts, "written": written}, as_json, told)
    for each in damaged:
        output.note(each.message)
    if damaged:
        click.get_current_context().exit(1)


def _export_every(
    store: PromptStore,
    folder: Path,
    names: tuple[str, ...],
    alias: str | None,
    suffix: str | None,
    as_json: bool,
) -> None:
    if alias:
        raise click.UsageError("--alias names one version, and --all-versions takes all.")
    found: list[History] = []
    damaged: list[PegboardError] = []
    for name in names or _all(store):
        try:
            made = histories.of_store(store, name)
        except PegboardError as error:
            if names:
                raise
            damaged.append(error)
            continue
        if made.drafts:
            found.append(made)
    _tell_export(len(found), histories.write(folder, found, suffix), damaged, as_json)


def _versions(
    store: PromptStore, names: tuple[str, ...], alias: str | None
) -> Iterator[PromptVersion]:
    """Yield the version of each prompt; without names, prompts that have none are left out."""
    for name in names or _all(store):
        try:
            yield store.load(f"{name}@{alias}" if alias else name)
        except PegboardError:
            if names:
                raise


def _all(store: PromptStore) -> Iterator[str]:
    search = partial(store.search, max_results=_PAGE)
    return (prompt.name for prompt in paging.items(search))


@click.command(
    "import",
    epilog=output.examples(
        "pegboard prompts import prompts", "pegboard prompts import prompts --check"
    ),
)
@click.argument("folder", type=_FOLDER)
@_alias_option
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if they do not agree.")
@click.option("-m", "--message", default="", metavar="TEXT", help="What is new, for all of them.")
@output.json_option
def import_folder(
    folder: Path, alias: str | None, check: bool, message: str, as_json: bool
) -> None:
    """Register what a folder has and the registry has not, each as the next version.

    Nothing is registered twice: what is the same as the newest version stays. Nothing is deleted.
    With --check, prompts that the folder has not count as well. What 'export --all-versions' wrote
    is registered under the same numbers, and its aliases, tags and shares are set.
    """
    drafts = list(files.read_all(folder))
    whole = list(histories.read_all(folder))
    if twice := {each.name for each in drafts} & {each.name for each in whole}:
        raise InvalidValue(f"{folder} has {min(twice)!r} twice: as a file, and as a folder.")
    if alias and whole:
        raise InvalidValue(f"{folder} has all versions of prompts, so it takes no --alias.")
    client = common.client(create=not check)
    store = prompts_of(client)
    wanted = [draft for draft in _in_order(drafts) if not _is_there(store, draft, alias)]
    if check:
        names = {draft.name for draft in drafts} | {each.name for each in whole}
        missing = [each.name for each in _versions(store, (), alias) if each.name not in names]
        others = {each.name: said for each in whole if (said := differences(store, each))}
        _tell_check([draft.name for draft in wanted], missing, others, as_json)
        return
    by = client._author(None, message)
    made = histories.register(store, whole, message, by)
    for each in () if as_json else made:
        click.echo(_has(each))
    for draft in wanted:
        try:
            version = draft.register(store, message, by)
        except InvalidValue as error:
            raise InvalidValue(f"{folder / draft.name}: {error.message}", hint=error.hint) from None
        made.append({"name": version.name, "version": version.version})
        if not as_json:
            click.echo(_has(made[-1]))
    prompts = len(drafts) + len(whole)
    told = f"Prompts: {prompts}, new versions: {len(made)}."
    options.done({"prompts": prompts, "registered": made}, as_json, told)


def _has(made: dict[str, Any]) -> str:
    return f"{made['name']} has version {made['version']} now."


def _is_there(store: PromptStore, draft: Draft, alias: str | None) -> bool:
    try:
        return draft.agrees(store.load(f"{draft.name}@{alias}" if alias else draft.name))
    except NotFound:
        return False
    except PegboardError:
        if alias is None:
            raise
        return False  # An alias that is not there.


def _in_order(drafts: list[Draft]) -> list[Draft]:
    """Return prompts so that what others include comes before them."""
    by_name = {draft.name: draft for draft in drafts}
    found: dict[str, Draft] = {}

    def add(draft: Draft, above: frozenset[str]) -> None:
        for name in composition.names_in(draft.template):
            if name in by_name and name not in above:
                add(by_name[name], above | {name})
        found.setdefault(draft.name, draft)

    for draft in drafts:
        add(draft, frozenset({draft.name}))
    return list(found.values())


def _tell_check(
    changed: list[str], missing: list[str], others: dict[str, list[str]], as_json: bool
) -> None:
    if as_json:
        output.print_json({"changed": [*changed, *others], "not_in_folder": missing})
    else:
        for name in changed:
            click.echo(f"{name}: the folder has another version than the registry")
        for said in others.values():
            click.echo("\n".join(said))
        for name in missing:
            click.echo(f"{name}: the folder does not have it")
        if not changed and not missing and not others:
            click.echo("The registry and the folder agree.")
    if changed or missing or others:
        click.get_current_context().exit(1)
