"""Which distribution of ours offers a thing that is missing, and what to use where none does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pegboard import uris
from pegboard.errors import command_line

if TYPE_CHECKING:
    from pegboard.plugin_calls import Plugin

_REFERENCES = {"artifact store": ("runs", "models")}
"""Schemes that name files of a run or a model, which are found before a store is opened."""


@cache
def _known() -> Mapping[str, Any]:
    # Loaded only when something is missing.
    import tomllib
    from importlib import resources

    return tomllib.loads(resources.files("pegboard").joinpath("known.toml").read_text("utf-8"))


def offering(kind: str) -> Mapping[str, str]:
    """Return what distributions of ours offer of a kind: name or scheme to distribution."""
    return {name: owner for owner, names in _known().get(kind, {}).items() for name in names}


def install(kind: str, name: str) -> str:
    """Say how to get a thing of a kind; "" if no distribution of ours offers it."""
    wanted = offering(kind).get(name)
    return f"It comes with {wanted}: {command_line('pip', 'install', wanted)}" if wanted else ""


def first_step() -> str:
    """Say what to install first."""
    return f"Try: {command_line('pip', 'install', offering('tracking store')['sqlite'])}"


def out_of_use(plugins: Iterable[Plugin]) -> str:
    """Say which plugins are installed but not in use; "" if all are."""
    known = list(plugins)
    broken = sorted(plugin.name for plugin in known if plugin.error)
    disabled = sorted(plugin.name for plugin in known if plugin.disabled)
    said = f" Failed to load: {', '.join(broken)} (see 'pegboard plugins')." if broken else ""
    if disabled:
        said += f" Disabled in the configuration: {', '.join(disabled)}."
    return said


def near(name: str, known: Iterable[str]) -> str:
    """Ask whether a known name was meant, with a space behind; empty if none is like it."""
    import difflib

    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"Did you mean {found[0]!r}? " if found else ""


def for_scheme(kind: str, scheme: str, known: Iterable[str]) -> str:
    """Say what to use in place of a scheme that no plugin opens as a store of a kind."""
    import difflib

    ours = offering(kind)
    offered = sorted(set(known) - {uris.PLAIN_PATH})
    hint = f"Schemes that can be opened: {', '.join(f'{name}:' for name in offered) or 'none'}."
    if scheme in ours:
        return f"{hint} Try: {command_line('pip', 'install', ours[scheme])}"
    usual = {*offered, *ours, *_REFERENCES.get(kind, ())} - {uris.PLAIN_PATH}
    if near := difflib.get_close_matches(scheme, sorted(usual), n=2, cutoff=0.7):
        return f"Did you mean {' or '.join(f'{name}:' for name in near)}? {hint}"
    if name := _known()["elsewhere"].get(scheme.partition("+")[0]):
        instead = _known()["instead"]
        return f"There is no store for {name}. {instead.get(kind, instead['else'])} {hint}"
    return hint
