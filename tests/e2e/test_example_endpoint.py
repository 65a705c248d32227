"""The plugin with an endpoint that PLUGIN_GUIDE.md shows, served by a real server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard import Client
from pegboard.entities import Metric
from served import serving

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a server that finds the plugin as if it had been installed."""
    metadata = tmp_path / "site" / "pegboard_leaderboard-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pegboard-leaderboard\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text("[pegboard]\nleaderboard = leaderboard\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", f"{metadata.parent}:{EXAMPLES}")
    with serving(tmp_path) as address:
        yield address


def test_the_endpoint_answers(url: str) -> None:
    client = Client(url)
    for name, value in (("poor", 0.1), ("best", 0.9), ("good", 0.5)):
        run_id = client.create_run("0", run_name=name).info.run_id
        client.log_batch(run_id, metrics=[Metric("r2", value, 0)])
    for prefix in ("api", "ajax-api"):
        with urllib.request.urlopen(f"{url}/{prefix}/leaderboard/0/r2") as answer:
            assert json.load(answer) == {"best": [["best", 0.9], ["good", 0.5], ["poor", 0.1]]}


def test_its_faults_are_answered_in_the_form_of_all_others(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"{url}/api/leaderboard/0/a%60b")
    assert raised.value.code == 400
    assert json.load(raised.value)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_it_is_part_of_the_description(url: str) -> None:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    (operation,) = paths["/api/leaderboard/{experiment_id}/{metric}"].values()
    assert operation["summary"] == "The best runs of an experiment."
