"""Options that commands share, so that one thing has one spelling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class RenamedOption(click.Option):
    """An option that understands older spellings, too, and shows none of them."""

    def __init__(self, declarations: Sequence[str], *, old: Sequence[str], **settings: Any) -> None:
        super().__init__(declarations, **settings)
        self._old = list(old)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser know every spelling."""
        shown, self.opts = self.opts, [*self.opts, *self._old]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown


def output_option(parameter: str, *old: str, **settings: Any) -> Callable[[F], F]:
    """Return the option that says where a command puts what it makes: ``-o`` and ``--output``.

    ``parameter`` is the argument of the function, ``old`` are spellings from before.
    """
    return click.option("-o", "--output", parameter, cls=RenamedOption, old=old, **settings)
