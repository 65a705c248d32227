"""Facts of vendors' models, kept as data: by provider, then by the model's name.

The date of a version is not looked at unless the data has that version: new versions of a model are
as their predecessors, and where they are not the data names them.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import orjson

ANY = "*"
"""The name of the model whose entry holds for all that have none of their own."""

_ENDINGS = re.compile(r"(-\d{4}-\d\d-\d\d|[-@]\d{8}|-latest|:latest|-\d{3}|-v\d+(:\d+)?|:\d+)$")
_REGION = re.compile(r"^(us|us-gov|eu|apac|jp|au|ca|global)\.")
_VENDORS = {"google": "gemini", "mistralai": "mistral", "x-ai": "xai", "meta-llama": "togetherai"}
"""OpenRouter's names of vendors, where they differ from ours."""


def look_up(file: str, provider: str, model: str) -> Any:
    """Return what a file of this package says of a vendor's model; None if it does not."""
    table = read(file).get(provider)
    if isinstance(table, list):
        # It sells what several vendors make.
        found = (look_up(file, vendor, model) for vendor in table)
        return next((each for each in found if each is not None), None)
    if not isinstance(table, dict):
        return None
    name = model.removeprefix("models/")
    for candidate in _candidates(name):
        if candidate in table:
            return table[candidate]
    if provider == "openrouter" and "/" in name:
        vendor, _, rest = name.partition("/")
        return look_up(file, _VENDORS.get(vendor, vendor), rest.partition(":")[0])
    return table.get(ANY)


@lru_cache(maxsize=4096)
def most_output(provider: str, model: str) -> int | None:
    """Return the most tokens that a vendor's model answers with; None if that is not known.

    Where a vendor bounds an answer by the model's context alone, it is that.
    """
    found: int | None = look_up("outputs.json", provider, model)
    return found


@cache
def read(file: str) -> dict[str, Any]:
    """Return what is in a file of this package."""
    content = resources.files("pegboard_llm").joinpath(file).read_bytes()
    made: dict[str, Any] = orjson.loads(content)
    return made


def region_of(model: str) -> str:
    """Return the region that a model's name begins with: ``us``; "" if it names none."""
    found = _REGION.match(model)
    return found[1] if found else ""


def _candidates(name: str) -> list[str]:
    """Return a model's name, and what is left without region, version and date."""
    found = [name, _REGION.sub("", name)]
    while (shorter := _ENDINGS.sub("", found[-1])) != found[-1]:
        found.append(shorter)
    return found
