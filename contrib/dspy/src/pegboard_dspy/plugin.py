"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces programs of DSPy by itself."""
    return [
        Autologger(
            "dspy",
            "dspy",
            "pegboard_dspy.api:autolog",
            "Programs of DSPy: modules, models, adapters, tools, evaluations and compilations",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.dspy``."""
    return [ApiName("dspy", "pegboard_dspy.api", "Tracing of DSPy")]
