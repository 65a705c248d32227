"""``pegboard config``: the configuration that applies here, and where it comes from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from pegboard import config as configuration
from pegboard import settings, uris
from pegboard.cli import output, variables
from pegboard.cli.opening import open_host

if TYPE_CHECKING:
    from pegboard.config import Config
    from pegboard.host import Host

_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|credential|(^|_)key$|api_?key)")
_MASK = "****"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@click.group(epilog=output.examples("pegboard config show"))
def config() -> None:
    """Show the configuration and where it comes from."""


@config.command(epilog=output.examples("pegboard config show"))
@output.json_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Print each value in effect and its origin: default, file, variable or option.

    What is printed is TOML, as in pegboard.toml. Values that look like secrets are masked.
    """
    host = open_host(ctx)
    for found, advice in variables.unread(host, os.environ):
        output.note(f"{found}. {advice}".rstrip())
    values = list(_effective(host))
    if as_json:
        output.print_json({key: {"value": found, "origin": at} for key, found, at in values})
        return
    click.echo("\n".join([_file_in_use(host.config), *_document(values)]))


def _file_in_use(config: Config) -> str:
    if config.file is not None:
        return f"# {config.file.absolute()}\n"
    places = (Path.cwd() / configuration.FILE_NAME, configuration.user_file(os.environ))
    return "\n".join(
        ["# There is no file; it may be one of:", *(f"#   {each}" for each in places), ""]
    )


def _effective(host: Host) -> Iterator[tuple[str, object, str]]:
    """Yield key, value and origin of everything that can be set."""
    config = host.config
    for section in ("pegboard", "http"):
        part = getattr(config, section)
        for key in settings.keys(type(part)):
            dotted = f"{section}.{key}"
            origin = config.origins.get(dotted, "default")
            yield dotted, masked(key, getattr(part, key)), origin
    loaded = (p.name for p in host.plugins.values() if not p.error and not p.disabled)
    for plugin in sorted(loaded):
        found = host.settings(plugin)
        for key in sorted(settings.keys(type(found))):
            value = masked(key, getattr(found, key))
            yield f"plugins.{plugin}.{key}", value, _origin(config, plugin, key)


def _origin(config: Config, plugin: str, key: str) -> str:
    variable = settings.variable(f"PEGBOARD_{plugin}", key)
    if variable in os.environ:
        return variable
    return str(config.file) if key in config.plugins.get(plugin, {}) else "default"


def masked(key: str, value: object) -> object:
    """Return a value as plain data, without the secrets that a name or form gives away."""
    if isinstance(value, settings.Secret):
        return _MASK if value else ""
    if attrs.has(type(value)):
        value = _plain(value)
    if isinstance(value, Mapping):
        return {name: masked(str(name), each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(key, each) for each in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET_NAME.search(key):
        return _MASK
    return uris.without_secrets(value, _MASK)


def _plain(value: object) -> dict[str, object]:
    """Return what is set of a nested table, as it stands in a file."""
    given: dict[str, object] = {}
    others = settings.others_of(type(value))
    for field in attrs.fields(type(value)):  # type: ignore[arg-type]
        found = getattr(value, field.name)
        if field.name == others:
            given |= found
        elif found != _default(field, value):
            given[field.name] = found
    return given


def _default(field: attrs.Attribute[object], instance: object) -> object:
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        made = field.default
        return made.factory(instance) if made.takes_self else made.factory()  # type: ignore[attr-defined]
    return field.default


def _document(values: Iterable[tuple[str, object, str]]) -> Iterator[str]:
    """Yield the lines of a TOML file with values, and comments that say where they are from."""
    tables: dict[str, list[tuple[str, object, str]]] = {}
    for dotted, value, origin in values:
        table, _, name = dotted.rpartition(".")
        tables.setdefault(table, []).append((name, value, origin))
    for number, (table, rows) in enumerate(tables.items()):
        path = ".".join(map(toml_key, table.split(".")))
        yield from ([""] if number else [])
        yield f"[{path}]"
        for name, value, origin in sorted(rows, key=lambda row: _is_tables(row[1])):
            if _is_tables(value):
                for each in value:  # type: ignore[attr-defined]
                    yield f"\n[[{path}.{toml_key(name)}]]  # {origin}"
                    yield from (
                        f"{toml_key(key)} = {toml_value(inner)}"
                        for key, inner in each.items()
                        if inner is not None
                    )
            else:
                shown = f"{toml_key(name)} = {toml_value(value)}"
                yield f"{shown}  # {origin}" if value is not None else f"# {name}: none  # {origin}"


def toml_key(name: str) -> str:
    """Return a key of TOML, in quotes if it needs them."""
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(value: str) -> str:
    """Return a text in quotes. What JSON escapes is escaped as TOML has it, and DEL besides."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(given: object) -> str:
    """Return a value as TOML on one line, without what is None in it."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, Mapping):
        pairs = [f"{toml_key(str(k))} = {toml_value(v)}" for k, v in given.items() if v is not None]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(given, list | tuple):
        return f"[{', '.join(toml_value(each) for each in given if each is not None)}]"
    return _quoted(str(given))


def _is_tables(given: object) -> bool:
    """Whether a value is written as an array of tables, ``[[name]]``."""
    return isinstance(given, list) and bool(given) and all(isinstance(e, Mapping) for e in given)
