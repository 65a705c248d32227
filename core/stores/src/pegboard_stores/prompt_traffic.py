"""Sharing the callers of an alias between versions: ``{3: 90, 4: 10}``, the same for a key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from pegboard.errors import InvalidValue

from pegboard_stores.prompt_tags import TRAFFIC
from pegboard_stores.validation import version_number

_MOST = 1_000_000


def checked(shares: Mapping[Any, Any]) -> dict[int, float]:
    """Return weights of versions, each written as 3, "3" or "v3"; InvalidValue."""
    found: dict[int, float] = {}
    for version, weight in shares.items():
        number = version_number(str(version).removeprefix("v"))
        whole = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not whole or not 0 <= weight <= _MOST:
            raise InvalidValue(
                f"The share of version {number} is {weight!r:.40}, "
                f"not a number from 0 to {_MOST:,}.",
                hint="Write {3: 90, 4: 10}.",
            )
        if number in found:
            raise InvalidValue(f"Version {number} has two shares.")
        found[number] = weight
    if found and not sum(found.values()):
        raise InvalidValue("All shares are 0, so no version is left.")
    return found


def read(tags: Mapping[str, str], alias: str) -> dict[int, float]:
    """Return the weights that the tags of a prompt have for an alias; empty: it has none."""
    try:
        return checked(json.loads(tags.get(f"{TRAFFIC}{alias}", "{}")))
    except (InvalidValue, ValueError, TypeError, AttributeError):
        return {}  # Written by somebody else.


def refuse_for_new(tags: Iterable[str]) -> None:
    """Refuse shares among the tags of what is new: they would be of versions that come later."""
    if any(key.startswith(TRAFFIC) for key in tags):
        raise InvalidValue(
            "A new prompt has no versions to share callers between.",
            hint="Register versions, set the alias, then share.",
        )


def dumped(shares: Mapping[int, float]) -> str:
    """Return weights as the text of a tag, always in the same order."""
    return json.dumps({str(version): shares[version] for version in sorted(shares)})


def chosen(name: str, alias: str, shares: Mapping[int, float], key: str) -> int:
    """Return the version for a key: always the same one while the shares stay.

    Where a version gets more, the keys of the others that do not move to it stay where they are
    (as long as it is the last one).
    """
    # Not Python's hash, which differs between processes.
    digest = blake2b(f"{name}\0{alias}\0{key}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64 * sum(shares.values())
    for version in sorted(shares):
        point -= shares[version]
        if point < 0:
            return version
    return max(version for version in shares if shares[version])


def percent(shares: Mapping[int, float], version: int) -> str:
    """Return the share of a version as it is shown."""
    return f"{100 * shares[version] / sum(shares.values()):g}%"
