"""Which target is tried next, and when: split, fallback, retries, breaker and limiter.

All of it is pure: it is told the time and given its random numbers, and does nothing but decide.
"""

from __future__ import annotations

from pegboard_gateway.routing.plan import Later, Over, Plan, Queue, Try
from pegboard_gateway.routing.upstreams import State, Upstreams

__all__ = ["Later", "Over", "Plan", "Queue", "State", "Try", "Upstreams"]
