"""Groups of commands that several plugins add to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from click.testing import Result
from pegboard.hookspecs import Command, hookimpl
from pegboard.host import Host
from pegboard_testing.targets import target_of

Run = Callable[..., Result]


class Plugin:
    """Adds the commands that it is given."""

    def __init__(self, *commands: Command) -> None:
        self._commands = commands

    @hookimpl
    def pegboard_commands(self) -> Sequence[Command]:
        return self._commands


def _says(name: str) -> Command:
    command = click.command(name)(lambda: click.echo(f"this is {name}"))
    return Command(name, target_of(command), f"What {name} does.")


def _pets() -> Command:
    @click.group(help="All about pets.", epilog="Be kind.")
    @click.option("--loud", is_flag=True, help="Bark.")
    def pets(loud: bool) -> None:
        if loud:
            click.echo("woof")

    @pets.command()
    def feed() -> None:
        """Feed them all."""
        click.echo("fed")

    return Command("pets", target_of(pets), "Look after pets.")


def test_plugins_add_commands_to_the_group_of_another(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_says("pets walk")), "walker")
    plain_host.register(Plugin(_pets()), "keeper")
    plain_host.register(Plugin(_says("pets wash")), "washer")
    assert run("pets", "feed").output == "fed\n"
    assert run("pets", "--loud", "walk").output == "woof\nthis is pets walk\n"
    assert run("pets", "wash").output == "this is pets wash\n"
    text = run("pets", "--help").output
    for part in ("All about pets.", "Be kind.", "--loud", "Feed them all.", "What pets walk does."):
        assert part in text


def test_a_group_that_nobody_declares_is_made(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_says("pets walk")), "walker")
    plain_host.register(Plugin(_says("pets wash")), "washer")
    assert run("pets", "wash").output == "this is pets wash\n"
    listed = run("--help").output
    assert "walk, wash" in listed
    assert "pets walk" not in listed


def test_help_of_a_group_imports_none_of_what_others_add(plain_host: Host, run: Run) -> None:
    plain_host.register(
        Plugin(Command("pets walk", "no_such_module:never", "Walk them.")), "walker"
    )
    plain_host.register(Plugin(_pets()), "keeper")
    result = run("pets", "--help")
    assert result.exit_code == 0
    assert "Walk them." in result.output
    assert run("pets", "feed").output == "fed\n"


def test_the_groups_own_command_wins(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_says("pets feed")), "other")
    plain_host.register(Plugin(_pets()), "keeper")
    assert run("pets", "feed").output == "fed\n"
    assert "What pets feed does." not in run("pets", "--help").output


def test_two_plugins_that_add_the_same_command_are_named(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_says("pets walk")), "one")
    plain_host.register(Plugin(_says("pets walk")), "other")
    result = run("pets", "walk")
    assert result.exit_code == 1
    assert "'one'" in result.output
    assert "'other'" in result.output


def test_a_command_that_is_no_group_cannot_be_added_to(plain_host: Host, run: Run) -> None:
    plain_host.register(Plugin(_says("pets")), "keeper")
    plain_host.register(Plugin(_says("pets walk")), "walker")
    result = run("pets", "walk")
    assert result.exit_code == 1
    assert "not a group" in result.output


def test_an_unknown_command_of_a_group_suggests_what_others_added(
    plain_host: Host, run: Run
) -> None:
    plain_host.register(Plugin(_says("pets walk")), "walker")
    plain_host.register(Plugin(_pets()), "keeper")
    result = run("pets", "wlak")
    assert result.exit_code == 2
    assert "'walk'" in result.output
