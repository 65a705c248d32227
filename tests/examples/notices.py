"""A plugin with a hook of its own, which other plugins implement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen
from pegboard.hookspecs import hookimpl, hookspec
from pegboard.targets import check, resolve

if TYPE_CHECKING:
    from pegboard.host import Host


@frozen
class Notice:
    """A way to tell people something; ``target`` names a function of the text."""

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_notices() -> Sequence[Notice]:
    """Declare ways to tell people something."""
    return ()


KINDS = {"notice": ("pegboard_notices", Notice)}


def tell(host: Host, text: str) -> None:
    """Tell people something in every way that plugins declare."""
    for notice in host.declared("notice").values():
        resolve(notice.target)(text)


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hooks, which is this one."""
    return "examples.notices"
