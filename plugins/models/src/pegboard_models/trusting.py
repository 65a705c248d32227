"""What a load may do: said by the caller, or by the environment for scripts that cannot say it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue, Refused, quoted

VARIABLE = "PEGBOARD_TRUST_PICKLE"

TrustLike: TypeAlias = Trust | bool | Sequence[str] | None
"""True trusts the files of a model whatever they do; names of types trust these only."""


def trust_of(given: TrustLike) -> Trust:
    """Return what is trusted; None: what the environment variable says."""
    if isinstance(given, Trust):
        return given
    if given is None:
        return Trust(pickle=_trusted_by_environment())
    if isinstance(given, bool):
        return Trust(pickle=given)
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise InvalidValue(
            f"trust is {quoted(given)}.",
            hint="It is True, a list of names of types, or pegboard.models.Trust.",
        )
    return Trust(pickle=_trusted_by_environment(), types=tuple(given))


def _trusted_by_environment() -> bool:
    return os.environ.get(VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def require_pickle(trust: Trust, what: str) -> None:
    """Raise Refused if files that can run any code are not trusted; ``what`` says what would."""
    if not trust.pickle:
        raise Refused(
            f"{what} can run any code when it is loaded, and this model is not trusted.",
            hint="If you know who made it: load it with trust=True, or set the environment "
            f"variable {VARIABLE}=1 where the script cannot be changed.",
        )
