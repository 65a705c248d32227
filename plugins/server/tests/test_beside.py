"""What plugins do beside the requests of a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Start


@pytest.mark.parametrize("workers", [1, 2])
def test_it_begins_in_each_process_and_is_ended_with_it(
    start: Start, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "beside").touch()
    server = start("--workers", str(workers))
    assert server.is_well()
    begun = sorted(tmp_path.glob("beside.started.*"))
    assert [file.read_text() for file in begun] == ["probe:store"] * workers
    assert server.stop() == 0
    assert len([*tmp_path.glob("beside.ended.*")]) == workers


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("beside.broken", "a plugin that is broken"),
        ("beside.exits", "a plugin that ends the process"),
        ("beside.wrong", "a plugin that returns a list"),
        ("beside.unending", "a plugin that does not end well"),
    ],
)
def test_a_plugin_that_fails_beside_is_logged_and_harms_nobody(
    start: Start, tmp_path: Path, file: str, said: str
) -> None:
    (tmp_path / file).touch()
    server = start()
    assert server.is_well()
    assert server.stop() == 0
    assert said in server.errors
    if file != "beside.unending":
        assert '"plugin":"probe"' in server.errors.replace('": "', '":"')
