"""Groups of commands that are imported only when one of them is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from pegboard import distributions, plugin_calls
from pegboard.errors import PluginError
from pegboard.hookspecs import Command
from pegboard.targets import resolve

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@frozen
class Entry:
    """A sub-command before it is imported; ``load`` returns it."""

    name: str
    load: Callable[[], Any]
    summary: str

    @classmethod
    def of(cls, command: Command) -> Entry:
        """Return the entry of a declaration."""
        return cls(command.name, partial(resolve, command.target), command.summary)


class LazyGroup(click.Group):
    """A group whose sub-commands are declared by name and summary.

    Help, completion and suggestions use the declarations alone; what they name is imported for the
    one command that is run.
    """

    def __init__(self, *args: Any, declared: Iterable[Command | Entry] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        entries = (each if isinstance(each, Entry) else Entry.of(each) for each in declared)
        self._declared = {entry.name: entry for entry in entries}

    @property
    def entries(self) -> Iterable[Entry]:
        """The sub-commands that were declared when the group was made."""
        return self._declared.values()

    def declared(self, ctx: click.Context) -> Mapping[str, Entry]:
        """Return the sub-commands by name."""
        del ctx
        return self._declared

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all sub-commands, sorted."""
        return sorted({*self.commands, *self.declared(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a sub-command, imported if need be; None if there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        if command is None and (declaration := self.declared(ctx).get(cmd_name)):
            command = loaded(declaration)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command that the arguments name; a usage error suggests others."""
        name = args[0]
        if not name.startswith("-") and not ctx.resilient_parsing:
            command = self.get_command(ctx, name)
            if command is None:
                raise click.UsageError(self.explain_unknown(ctx, name), ctx)
            return name, command, args[1:]
        return super().resolve_command(ctx, args)

    def explain_unknown(self, ctx: click.Context, name: str) -> str:
        """Say that there is no such sub-command, which one may be meant, and what to install."""
        import difflib

        message = f"'{ctx.command_path}' has no command {name!r}."
        near = difflib.get_close_matches(name, self.list_commands(ctx))
        if near:
            message += f" Did you mean {' or '.join(map(repr, near))}?"
        # Without the name of the program, which is that of the root.
        hint = distributions.install("command", " ".join([*ctx.command_path.split()[1:], name]))
        return f"{message} {hint}".rstrip()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands from their summaries."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what may complete a word, without importing any sub-command."""
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(name, help=self._summary(ctx, name))
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in self.commands:
            return self.commands[name].get_short_help_str(limit=200)
        return self.declared(ctx)[name].summary


def loaded(declaration: Entry) -> click.Command:
    """Return the declared command; PluginError if it cannot be loaded, or is not a command."""
    fault = "The fault is the plugin's that declares it; 'pegboard plugins' shows which."
    with plugin_calls.blamed(f"The command {declaration.name!r} could not be loaded", fault):
        command = declaration.load()
    if not isinstance(command, click.Command):
        raise PluginError(
            f"The command {declaration.name!r} is {type(command).__name__}, not a click command.",
            hint="Its target has to name what @click.command or @click.group made.",
        )
    return command
