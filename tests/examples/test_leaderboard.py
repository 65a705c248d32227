"""The example's endpoints answer from a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pegboard
import pytest
from pegboard_testing.isolation import separate_tracking
from served import serving

TESTS = Path(__file__).resolve().parent.parent


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a store with two runs; the plugin is installed for the server."""
    info = tmp_path / "site" / "leaderboard-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaderboard\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pegboard]\nleaderboard = examples.leaderboard\n")
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/s.db")
        for name, accuracy in (("good", 0.9), ("poor", 0.5)):
            with pegboard.start_run(run_name=name):
                pegboard.log_metric("accuracy", accuracy)
    monkeypatch.setenv("PYTHONPATH", f"{info.parent}:{TESTS}")
    with serving(tmp_path) as url:
        yield url


def read(url: str) -> str:
    with urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def test_the_endpoints_answer(url: str) -> None:
    best = json.loads(read(f"{url}/api/leaderboard/0/accuracy"))
    assert best == {"best": [["good", 0.9], ["poor", 0.5]]}
    best = json.loads(read(f"{url}/api/leaderboard/0/accuracy?count=1"))
    assert best == {"best": [["good", 0.9]]}
    with pytest.raises(HTTPError) as refused:
        read(f"{url}/api/leaderboard/0/accuracy?count=0")
    assert refused.value.code == 400
    assert "count" in json.loads(refused.value.read())["message"]
    assert "<title>Leaderboard</title>" in read(f"{url}/leaderboard/")
    assert read(f"{url}/leaderboard/whoami/now") == "nobody"
