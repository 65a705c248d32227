"""What the tests of the core share."""

from __future__ import annotations

import signal

import pytest
from pegboard_testing.isolation import forget


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let processes that tests start be interrupted.

    What a shell starts in the background ignores interrupts, and so would all its descendants.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> None:
    """Keep what the tests of another file left behind from those of this one."""
    forget()
