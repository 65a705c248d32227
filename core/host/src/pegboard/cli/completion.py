"""``pegboard completion``: teach a shell to complete commands and options."""

from __future__ import annotations

import click

from pegboard.cli import output


@click.command(epilog=output.examples("pegboard completion bash"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: add to ~/.bashrc   eval "$(pegboard completion bash)"
    zsh:  add to ~/.zshrc    eval "$(pegboard completion zsh)"
    fish: run once           pegboard completion fish > ~/.config/fish/completions/pegboard.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"Click cannot complete for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "pegboard", "_PEGBOARD_COMPLETE").source())
