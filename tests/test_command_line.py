"""What holds for every command, of the core and of every installed plugin."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from pegboard import host
from pegboard.cli.shell import cli
from pegboard_stores.options import RenamedOption

_WHERE_TO = {
    ("artifacts", "upload"): ["-t", "--to"],
    ("artifacts", "download"): ["-t", "--to"],
    ("models", "download"): ["-t", "--to"],
    ("models", "predict"): ["--output-path"],
    ("plugins", "new"): ["--directory"],
    ("runs", "export"): [],
    ("workflows", "graph"): [],
}
"""The commands that put something somewhere, and how they called the place before."""

Path_ = tuple[str, ...]


def _walk(command: click.Command, ctx: click.Context, path: Path_) -> Iterator[Path_]:
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from _walk(found, click.Context(found, ctx, name), (*path, name))


def _paths() -> list[Path_]:
    host.use(None)
    ctx = click.Context(cli, info_name="pegboard")
    found = list(_walk(cli, ctx, ()))
    host.use(None)
    return found


PATHS = _paths()
every_command = pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "-")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    host.use(None)
    yield
    host.use(None)


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), prog_name="pegboard")


def command_of(path: Path_) -> tuple[click.Command, click.Context]:
    command: click.Command = cli
    ctx = click.Context(cli, info_name="pegboard")
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(ctx, name)
        assert found is not None
        command, ctx = found, click.Context(found, ctx, name)
    return command, ctx


def test_every_command_is_found() -> None:
    # One of each plugin, so that the walk walks.
    assert {(), ("doctor",), ("runs", "list"), ("models", "serve"), ("demo",)} <= set(PATHS)
    assert ("registry", "webhooks", "create") in PATHS
    assert len(PATHS) > 55


@every_command
def test_h_alone_is_help(path: Path_) -> None:
    short, long = run(*path, "-h"), run(*path, "--help")
    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.output == long.output
    assert short.output.startswith("Usage: pegboard")


def test_h_with_an_address_is_still_the_host_that_mlflow_means() -> None:
    refused = run("server", "-h", "256.0.0.1.example.org", "--port", "nine")
    assert refused.exit_code == 2
    assert "--port" in refused.stderr
    assert "Usage" in refused.stderr


def _examples(path: Path_) -> list[str]:
    text = run(*path, "--help").output
    _, mark, after = text.partition("Example")
    assert mark, text
    return [line.strip() for line in after.splitlines()[1:] if line.startswith("    ")]


@every_command
def test_help_has_examples_that_the_command_understands(path: Path_) -> None:
    examples = _examples(path)
    assert examples
    for example in examples:
        program, *words = shlex.split(example)
        assert program == "pegboard"
        assert words[: len(path)] == list(path)
        _understood(cli, words, click.Context(cli, info_name="pegboard"))


def _understood(command: click.Command, words: list[str], ctx: click.Context) -> None:
    """Fail unless the words name commands, options and arguments that there are."""
    if words == ["--help"]:
        return
    command.parse_args(ctx, list(words))
    rest = [*ctx._protected_args, *ctx.args]
    if isinstance(command, click.Group) and rest:
        found = command.get_command(ctx, rest[0])
        assert found is not None, words
        if words[-1] != rest[0] or not isinstance(found, click.Group):
            _understood(found, rest[1:], click.Context(found, ctx, rest[0]))


@every_command
def test_help_fits_a_terminal_of_80_columns(path: Path_) -> None:
    for line in run(*path, "--help").output.splitlines():
        # A usage or an example is never broken: it is there to be copied.
        if "pegboard " not in line:
            assert len(line) <= 80, line


def _where_to() -> dict[Path_, click.Option]:
    found = {}
    for path in PATHS:
        for parameter in command_of(path)[0].params:
            if isinstance(parameter, click.Option) and "--output" in parameter.opts:
                found[path] = parameter
    return found


def test_where_to_is_spelt_alike_in_all_commands() -> None:
    assert set(_where_to()) == set(_WHERE_TO)
    assert {tuple(option.opts) for option in _where_to().values()} == {("-o", "--output")}
    other = re.compile(r"--(to|dst|dest|destination|out|output-(?!format)\w+|directory|target)")
    for path in PATHS:
        shown = {name for parameter in command_of(path)[0].params for name in parameter.opts}
        assert not [name for name in shown if other.fullmatch(name)], path


@pytest.mark.parametrize("path", _WHERE_TO, ids=" ".join)
def test_older_spellings_of_where_to_are_understood_and_not_shown(path: Path_) -> None:
    command, ctx = command_of(path)
    option = _where_to()[path]
    assert isinstance(option, RenamedOption)
    shown = option.get_help_record(ctx)
    assert shown is not None
    assert shown[0].startswith("-o, --output ")
    for name in _WHERE_TO[path]:
        values, _, _ = command.make_parser(ctx).parse_args([name, "there"])
        assert values[option.name] == "there"
