"""What the plugin tells ``pegboard doctor``."""

from __future__ import annotations

import pytest
from pegboard_context import plugin


def test_a_git_that_is_missing_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    [finding] = plugin.pegboard_checks()
    assert (finding.check, finding.state) == ("git", "warn")
    assert "Install git" in finding.advice
