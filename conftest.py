"""What holds for the tests of all distributions."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says what else the machine does, and nothing about the example.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
