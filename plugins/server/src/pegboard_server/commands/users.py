"""``pegboard server user``: who may log in."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import NotFound
from pegboard_stores import tables
from pegboard_wire.http import Permission

from pegboard_server import users
from pegboard_server.names import NAME

_DEFAULT = "pegboard-users"

_file_option = click.option(
    "--users", "file", metavar="FILE", help="The file, if not the configured one."
)
_level_option = click.option(
    "--level",
    type=click.Choice([str(level) for level in users.LEVELS]),
    default=str(Permission.DELETE),
    show_default=True,
    help="What the user may do; each level includes those before it.",
)


@click.group(
    epilog=output.examples("pegboard server user add ann"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
def user() -> None:
    """Add, list and remove users; a running server notices within a second."""


@user.command(
    epilog=output.examples(
        "pegboard server user add ann", "pegboard server user add ci --level write --token"
    )
)
@click.argument("name")
@_level_option
@_file_option
@click.option("--token", is_flag=True, help="Make a token and print it, instead of a password.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of asking."
)
@click.pass_context
def add(
    ctx: click.Context, name: str, level: str, file: str | None, token: bool, password_stdin: bool
) -> None:
    """Add a user with a password, or change it; or give the user a token."""
    path = _path(ctx, file)
    known = users.read(path) if path.exists() else []
    users.checked_name(name)
    if token:
        made = users.new_token()
        added = users.Credential(name, Permission(level), users.token_hash(made))
        users.write(path, [*known, added])
        output.note(_may(name, level, "a new token"))
        output.note("The token is shown only now; give it as MLFLOW_TRACKING_TOKEN:")
        click.echo(made)
        return
    password = (
        sys.stdin.readline().rstrip("\n")
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    kept = [each for each in known if (each.name, each.kind) != (name, "password")]
    secret = users.password_hash(password)
    users.write(path, [*kept, users.Credential(name, Permission(level), secret)])
    output.note(f"{_may(name, level, 'this password')} {path} says so.")


def _may(name: str, level: str, secret: str) -> str:
    """Say what a user may do, and how that is changed."""
    return f"{name} may come in with {secret}, at level {level} (change it with --level)."


@user.command("list", epilog=output.examples("pegboard server user list"))
@_file_option
@output.json_option
@click.pass_context
def list_users(ctx: click.Context, file: str | None, as_json: bool) -> None:
    """List who may log in, and with what."""
    path = _path(ctx, file)
    known = users.read(path) if path.exists() else []
    if as_json:
        output.print_json([{"name": c.name, "level": c.level, "kind": c.kind} for c in known])
        return
    columns = [tables.Column("Name", style="bold"), tables.Column("Level"), tables.Column("With")]
    tables.print_table(columns, [[c.name, c.level, c.kind] for c in known])


@user.command(epilog=output.examples("pegboard server user remove ann"))
@click.argument("name")
@_file_option
@click.pass_context
def remove(ctx: click.Context, name: str, file: str | None) -> None:
    """Remove a user with the password and all tokens."""
    path = _path(ctx, file)
    known = users.read(path) if path.exists() else []
    kept = [each for each in known if each.name != name]
    if len(kept) == len(known):
        raise NotFound(f"{path} has no user {name!r}.")
    users.write(path, kept)


def _path(ctx: click.Context, file: str | None) -> Path:
    host = open_host(ctx)
    base = Path.cwd() if host.config.file is None else host.config.file.absolute().parent
    configured = str(host.settings(NAME).users_file)
    if file is not None:
        return Path(file)
    if not configured:
        output.note(
            f"Name the file in the configuration: [plugins.server] users_file = {_DEFAULT!r}"
        )
    return base / Path(configured or _DEFAULT).expanduser()
