"""A vendor that misbehaves on command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .upstream_fake import FakeUpstream


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake
