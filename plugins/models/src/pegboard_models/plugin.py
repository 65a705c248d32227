"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from pegboard.hookspecs import ApiName, hookimpl

_MODULES = {
    "models": "Signatures, examples and what else is known of models",
    "pyfunc": "Models in their generic form, and custom Python models",
    "types": "What schemas of models are made of",
}


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``autolog``, ``models``, ``pyfunc`` and ``types`` of ``pegboard``."""
    return [
        ApiName("autolog", _autolog, "Logging by itself what any library trains"),
        *(
            ApiName(name, partial(import_module, f"pegboard_models.{name}"), summary)
            for name, summary in _MODULES.items()
        ),
    ]


def _autolog() -> Any:
    from pegboard_models.autologging import autolog

    return autolog
