"""What README.md shows is true."""

from __future__ import annotations

import doctest
from pathlib import Path

import pegboard
import pytest
from pegboard_tracing import tracing

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_give_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(README), module_relative=False)
    tracing.reset()
    pegboard.flush_async_logging()
    assert (failed, tried > 10) == (0, True)
