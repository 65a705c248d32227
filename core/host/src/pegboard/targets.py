"""Targets: what declarations name, as ``package.module:attribute``, and import on first use."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from attrs import Attribute

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?")


def resolve(target: str) -> Any:
    """Return what a target names: an attribute of a module, or the module itself.

    ImportError if there is no such module, or nothing of that name in it.
    """
    module, _, attribute = target.partition(":")
    found = import_module(module)
    try:
        return getattr(found, attribute) if attribute else found
    except AttributeError:
        raise ImportError(f"the module {module!r} has no {attribute!r}") from None


def check(declaration: object, attribute: Attribute[str], value: object) -> None:
    """Refuse what is not a target, when it is declared; for fields of attrs classes."""
    if isinstance(value, str) and _TARGET.fullmatch(value):
        return
    kind = type(declaration).__name__
    if callable(value):
        raise TypeError(
            f"{kind}: {attribute.name!r} is {value!r}. A declaration names what it offers as a "
            "text, 'package.module:attribute', which is imported on first use"
        )
    raise TypeError(f"{kind}: {attribute.name!r} is {value!r}, not 'package.module:attribute'")
