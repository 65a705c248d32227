"""``pegboard prompts list``, ``show``, ``versions`` and ``diff``."""

from __future__ import annotations

from functools import partial
from itertools import islice

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.entities import Page
from pegboard.errors import NotFound
from pegboard_stores import command_options as options
from pegboard_stores import formats, tables
from pegboard_stores import prompt_traffic as traffic

from pegboard_prompts import diffing, uris
from pegboard_prompts.commands import common
from pegboard_prompts.entities import Prompt, PromptVersion
from pegboard_prompts.store import PromptStore

_PAGE = 1000
_SHOWN = 10
_COLORS = {diffing.REMOVED: ("red", "[-{}-]"), diffing.ADDED: ("green", "{{+{}+}}")}


@click.command("list", epilog=output.examples("pegboard prompts list --filter \"name LIKE 'a%'\""))
@click.option("--filter", "where", default="", metavar="TEXT", help="By name, tags, experiment_id.")
@options.limit_option(100)
@output.json_option
def list_prompts(where: str, limit: int, as_json: bool) -> None:
    """List prompts, by their names."""
    search = partial(_search, common.store(), where)
    options.print_found(
        paging.items(search),
        limit,
        as_json,
        [
            tables.Column("Name", style="bold", most=40),
            tables.Column("Latest", right=True),
            tables.Column("Aliases", style="cyan", most=40),
            tables.Column("Updated", optional=2),
            tables.Column("Description", optional=3, most=40),
        ],
        _row,
        "No prompt matches.",
    )


def _search(store: PromptStore, where: str, page_token: str | None = None) -> Page[Prompt]:
    return store.search(where, max_results=_PAGE, page_token=page_token)


def _row(prompt: Prompt) -> list[object]:
    aliases = ", ".join(f"{name}={number}" for name, number in sorted(prompt.aliases.items()))
    updated = prompt.last_updated_timestamp or 0
    latest = "-" if prompt.latest is None else prompt.latest
    return [prompt.name, latest, aliases, formats.age(updated), prompt.description or ""]


@click.command(epilog=output.examples("pegboard prompts versions support"))
@click.argument("name")
@options.limit_option(100)
@output.json_option
def versions(name: str, limit: int, as_json: bool) -> None:
    """List the versions of a prompt, the newest first."""
    store, name = common.store(), common.name_of(name)
    found = paging.items(lambda page_token=None: store.versions(name, page_token=page_token))
    if as_json:
        output.print_json([told(each) for each in islice(found, limit)])
        return
    options.print_found(
        found,
        limit,
        as_json,
        [
            tables.Column("Version", right=True, style="bold"),
            tables.Column("Aliases", style="cyan", most=40),
            tables.Column("When"),
            tables.Column("By", most=16, optional=2),
            tables.Column("Message", most=60, optional=1),
        ],
        lambda each: [
            each.version,
            ", ".join(each.aliases),
            formats.moment(each.creation_timestamp),
            each.user_id or "-",
            each.commit_message or "",
        ],
        "The prompt has no version.",
    )


@click.command(epilog=output.examples("pegboard prompts show support@production"))
@click.argument("prompt", metavar=common.VERSION)
@output.json_option
def show(prompt: str, as_json: bool) -> None:
    """Show a version of a prompt: its text, variables and settings; by default the newest."""
    store = common.store()
    version = store.load(prompt)
    if as_json:
        output.print_json(told(version))
        return
    facts: list[tuple[str, object]] = [
        ("prompt", version.name),
        ("version", version.version),
        ("aliases", ", ".join(version.aliases) or "-"),
        ("created", formats.moment(version.creation_timestamp)),
        ("by", version.user_id or "-"),
    ]
    config = version.model_config or {}
    facts += [
        *([("message", version.commit_message)] if version.commit_message else []),
        *((f"model {key}", value) for key, value in config.items()),
        *((f"tag {key}", value) for key, value in sorted(version.tags.items())),
        *(("variable", text) for text in _variables(version)),
        *(("includes", text) for text in _includes(store, version)),
        *(("traffic", text) for text in _traffic(store, version)),
    ]
    if version.response_format:
        facts.append(("response format", output.json_text(version.response_format)))
    output.print_record(facts)
    click.echo()
    for message in version.messages:
        if not version.is_text_prompt:
            output.heading(str(message["role"]))
        content = message.get("content")
        text = content if isinstance(content, str) else output.json_text(message, indent=2)
        click.echo("\n".join(map(output.clean, text.split("\n"))))


def _variables(version: PromptVersion) -> list[str]:
    lines = []
    for name in version.variable_names:
        known = version.variable_info.get(name)
        words = [name]
        if known is not None:
            default = "" if known.default is None else f", by default {known.default!r}"
            words.append(f"({known.type}{default})")
            words += [known.description] if known.description else []
        lines.append(" ".join(words))
    return lines


def _includes(store: PromptStore, version: PromptVersion) -> list[str]:
    """Return what a version includes, and whether the alias it was asked by has moved since."""
    lines = []
    for each in version.includes:
        text = f"{each.asked}, which was version {each.version}"
        if each.alias is not None:
            try:
                now = store.load(f"{uris.SCHEME}{each.name}@{each.alias}").version
            except NotFound:
                now = each.version
            if now != each.version:
                text += f" and is {now} now; register it again to take that"
        lines.append(text if each.alias else each.asked)
    return lines


def _traffic(store: PromptStore, version: PromptVersion) -> list[str]:
    prompt = store.get(version.name)
    lines = []
    for alias in prompt.aliases:
        shares = prompt.traffic(alias)
        if version.version in shares:
            lines.append(f"{traffic.percent(shares, version.version)} of {alias}")
    return lines


def told(version: PromptVersion) -> dict[str, object]:
    """Return what is told of a version as JSON."""
    return {
        "name": version.name,
        "version": version.version,
        "uri": version.uri,
        "template": version.template,
        "variables": {
            name: known.plain() if (known := version.variable_info.get(name)) else {}
            for name in version.variable_names
        },
        "model_config": version.model_config,
        "response_format": version.response_format,
        "includes": [{"name": each.name, "version": each.version} for each in version.includes],
        "commit_message": version.commit_message,
        "tags": version.tags,
        "aliases": list(version.aliases),
        "creation_timestamp": version.creation_timestamp,
        "user_id": version.user_id,
    }


@click.command(
    epilog=output.examples(
        "pegboard prompts diff support/3 support/4",
        "pegboard prompts diff support@production support",
        "pegboard prompts diff support@production prompts/support.md --exit-code",
    )
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if they differ.")
@output.json_option
def diff(before: str, after: str, exit_code: bool, as_json: bool) -> None:
    """Show what differs between two versions, word by word: [-removed-] and {+added+}.

    Each is NAME, NAME/3, NAME@ALIAS or a file. Chats are compared message by message.
    """
    store = common.store()
    sections = diffing.compare(*(common.version_in(store, each) for each in (before, after)))
    if as_json:
        output.print_json(sections)
    elif not sections:
        output.note("They are the same.")
    for section in () if as_json else sections:
        output.heading(section.title)
        click.echo("".join(map(_painted, section.parts)).rstrip("\n"))
    if sections and exit_code:
        click.get_current_context().exit(1)


def _painted(part: diffing.Part) -> str:
    text = "\n".join(map(output.clean, part.text.split("\n")))
    if part.kind == diffing.SAME:
        return text
    color, form = _COLORS[part.kind]
    return click.style(form.format(text), fg=color)
