"""Plugins for earlier versions of pegboard: what to change in them; read when one has failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache


@cache
def tables() -> Mapping[str, Mapping[str, str]]:
    """Return what has moved or gone; ``former.toml`` says it."""
    import tomllib
    from importlib import resources

    text = resources.files("pegboard").joinpath("former.toml").read_text("utf-8")
    return tomllib.loads(text)


def name(wanted: str) -> str:
    """Return what became of a name of ``pegboard.hookspecs``; "" if it had none of that name."""
    return tables()["names"].get(wanted, "")


def advice(error: BaseException, hooks: Iterable[str]) -> str:
    """Return what to change in a plugin that failed so; "" if nothing is known.

    ``hooks`` are the names of the hooks that there are.
    """
    known, said = tables(), str(error)
    if isinstance(error, ImportError):
        found = re.match(r"cannot import name '(\w+)' from 'pegboard'", said)
        wanted = f"pegboard.{found[1]}" if found else error.name or ""
        if new := known["modules"].get(wanted):
            distribution = new.partition(".")[0].replace("_", "-")
            return f"It is in {new} now; depend on {distribution}"
    if found := re.match(r"unknown hook '(\w+)'", said):
        return _of_hook(found[1], hooks)
    return next((do for words, do in known["words"].items() if re.search(words, said)), "")


def _of_hook(wanted: str, hooks: Iterable[str]) -> str:
    from difflib import get_close_matches

    if near := get_close_matches(wanted, list(hooks), n=1, cutoff=0.8):
        return f"Did you mean {near[0]}?"
    return (
        "If another plugin brings this hook, mark it @hookimpl(optionalhook=True): your plugin "
        "then loads without the other one"
    )
