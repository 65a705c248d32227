"""The shell around all commands: global options, plugins' commands, errors and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

import pegboard
from pegboard import builtin, distributions
from pegboard.cli import output
from pegboard.cli.groups import grouped
from pegboard.cli.lazy import Entry, LazyGroup, loaded
from pegboard.cli.opening import TRACKING_OPTION, open_host
from pegboard.errors import InvalidValue, PegboardError

if TYPE_CHECKING:
    from pegboard.host import Host

_CONFIG_OPTION = "--config"


class _Root(LazyGroup):
    """The command ``pegboard``: core's commands, and those of plugins."""

    def declared(self, ctx: click.Context) -> Mapping[str, Entry]:
        """Return core's commands and those of plugins, which may add to core's groups."""
        try:
            added = grouped(open_host(ctx).commands())
        except PegboardError as error:
            # Help and core's commands have to work when the configuration is what is broken.
            ctx.find_root().meta["pegboard.trouble"] = error.message
            added = {}
        return {**self._declared, **added}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the global options; the one that names the store may follow the command too."""
        return super().parse_args(ctx, _tracking_option_first(args))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of core, which needs no host, or else of a plugin."""
        if own := self._declared.get(cmd_name):
            command = loaded(own)
            is_group = isinstance(command, click.Group)
            return loaded(self.declared(ctx)[cmd_name]) if is_group else command
        if not ctx.resilient_parsing:
            # Unlike completion, a call has to say what is wrong with the configuration.
            _name_left_out(open_host(ctx))
        return super().get_command(ctx, cmd_name)

    def explain_unknown(self, ctx: click.Context, name: str) -> str:
        """Say which plugin may be missing, disabled or broken."""
        message = super().explain_unknown(ctx, name)
        return message + distributions.out_of_use(open_host(ctx).plugins.values())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what is amiss with the plugins, then how to get completion."""
        if trouble := ctx.find_root().meta.get("pegboard.trouble"):
            formatter.write_paragraph()
            formatter.write_text(f"Commands of plugins are missing from this list: {trouble}")
        super().format_epilog(ctx, formatter)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run, report an error on stderr without a traceback, and exit."""
        extra["standalone_mode"] = False
        extra.setdefault("color", _color())
        code = _guarded(lambda: super(_Root, self).main(args, prog_name, **extra))
        sys.exit(code)


def _name_left_out(host: Host) -> None:
    """Say once, beside what a command prints, which plugins are left out for a fault."""
    for fault in host.left_out():
        click.secho("warning: ", fg="yellow", nl=False, err=True, color=_color())
        click.echo(fault, err=True)


def _tracking_option_first(args: Sequence[str]) -> list[str]:
    end = args.index("--") if "--" in args else len(args)
    for i, word in enumerate(args[:end]):
        if word.startswith(f"{TRACKING_OPTION}=") or (word == TRACKING_OPTION and i + 1 < end):
            length = 2 if word == TRACKING_OPTION else 1
            return [*args[i : i + length], *args[:i], *args[i + length :]]
    return list(args)


def _guarded(run: Callable[[], Any]) -> int:
    """Return the exit code of ``run``, having reported its error."""
    try:
        _tolerate_encodings()
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted; the interpreter must not flush into the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (click.Abort, KeyboardInterrupt):
        # Click has ended the line that holds "^C".
        click.echo("Aborted.", err=True)
        return 130
    except Exception as error:
        if os.environ.get("PEGBOARD_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        return _report(error)
    return code if isinstance(code, int) else 0


def _color() -> bool | None:
    """Return False if colours are not wanted, None if it depends on the terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _tolerate_encodings() -> None:
    """Let text that the terminal cannot show be escaped, not be the end of the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _report(error: Exception) -> int:
    """Write an error for people to stderr; return the exit code for it."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    if isinstance(error, click.UsageError):
        if error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        _write(error.format_message(), _usage_hint(error))
        return 2
    if isinstance(error, click.ClickException):
        _write(error.format_message())
        return error.exit_code
    if isinstance(error, PegboardError):
        _write(error.message, error.hint)
        return 2 if isinstance(error, InvalidValue) else 1
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        _write(f"{where}{error.strerror}.")
        return 1
    _write(
        f"Something unexpected went wrong: {type(error).__name__}: {error}",
        "Set PEGBOARD_DEBUG=1 and run it again to see where; 'pegboard doctor' checks the set-up.",
    )
    return 1


def _usage_hint(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption) and error.option_name == _CONFIG_OPTION:
        return f"{_CONFIG_OPTION} goes first: pegboard {_CONFIG_OPTION} FILE …"
    path = error.ctx.command_path if error.ctx is not None else "pegboard"
    return f"'{path} --help' shows what is possible."


def _write(message: str, hint: str = "") -> None:
    color = _color()
    click.secho("error: ", fg="red", bold=True, nl=False, err=True, color=color)
    click.echo(message, err=True)
    if hint:
        click.secho("hint: ", fg="cyan", nl=False, err=True, color=color)
        click.echo(hint, err=True)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"pegboard {pegboard.__version__}")
        ctx.exit()


@click.group(
    name="pegboard",
    cls=_Root,
    declared=builtin.pegboard_commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        f"{output.examples('pegboard demo', 'pegboard runs list', 'pegboard runs show --help')}\n\n"
        "Completion of commands and options: add this to the start-up file of your shell, "
        'for instance ~/.bashrc: eval "$(pegboard completion bash)" (or zsh, fish).'
    ),
)
@click.option(
    TRACKING_OPTION,
    "tracking_uri",
    metavar="URI",
    is_eager=True,
    help="The store to use, for instance sqlite:runs.db; overrides the configuration.",
)
@click.option(
    _CONFIG_OPTION,
    "config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    help="The configuration file to read instead of the one that is found.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli(**_: object) -> None:
    """Track machine-learning runs, and whatever else the installed plugins do."""
