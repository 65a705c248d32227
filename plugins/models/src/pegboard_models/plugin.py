"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, hookimpl


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``autolog``, ``models``, ``pyfunc`` and ``types`` of ``pegboard``."""
    return [
        ApiName("autolog", "pegboard_models.autologging:autolog", "Logs what any library trains"),
        ApiName("models", "pegboard_models.models", "Signatures, examples, all known of models"),
        ApiName("pyfunc", "pegboard_models.pyfunc", "Models in generic form, and custom ones"),
        ApiName("types", "pegboard_models.types", "What schemas of models are made of"),
    ]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what allows pickled models."""
    return ("PEGBOARD_TRUST_PICKLE",)
