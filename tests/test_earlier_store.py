"""A store of an earlier version (a run, a model, a deleted and a killed run) opens unchanged.

``data/earlier-store.tar.gz`` was written by the version before the core was divided, in /tmp/kept.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from pegboard.entities import RunStatus, ViewType
from pegboard_scripting.client import Client

DATA = Path(__file__).parent / "data" / "earlier-store.tar.gz"
WRITTEN_IN = "/tmp/kept"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    with tarfile.open(DATA) as archive:
        archive.extractall(tmp_path, filter="data")
    file = tmp_path / "runs" / "pegboard.db"
    # Locations are absolute, and the store lies elsewhere now.
    with sqlite3.connect(file) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if kind.upper() == "TEXT" and "fts" not in table:
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) "
                        f"WHERE {column} LIKE '%' || ?1 || '%'",
                        (WRITTEN_IN, str(tmp_path)),
                    )
    connection.close()
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", f"sqlite:{file}")
    return Client(f"sqlite:{file}")


def test_a_store_of_an_earlier_version_tells_all_it_held_and_goes_on(
    client: Client, tmp_path: Path
) -> None:
    found = {run.info.run_name: run for run in client.search_runs(["1"])}
    assert set(found) == {"whole", "killed"}
    whole, killed = found["whole"], found["killed"]
    assert whole.data.params == {"rate": "0.1"}
    assert whole.data.metrics == {"loss": 0.5, "acc": 1.0}
    assert whole.data.tags["team"] == "blue"
    assert whole.info.status is RunStatus.FINISHED
    # What lay in the journal of a killed process is still brought in.
    points = client.get_metric_history(killed.info.run_id, "m")
    assert [(point.step, point.value) for point in points] == [(n, float(n)) for n in range(5)]
    assert [
        run.info.run_name for run in client.search_runs(["1"], run_view_type=ViewType.DELETED_ONLY)
    ] == ["gone"]
    place = client.download_artifacts(whole.info.run_id, "notes/a.txt", str(tmp_path / "down"))
    assert Path(place).read_text() == "hello"
    client.log_metric(whole.info.run_id, "acc", 2.0, step=3)
    assert len(client.get_metric_history(whole.info.run_id, "acc")) == 4


def test_its_registered_model_loads_and_predicts(client: Client) -> None:
    import pegboard

    version = client.get_model_version_by_alias("line", "champion")
    assert str(version.version) == "1"
    model = pegboard.pyfunc.load_model("models:/line@champion")
    assert model.predict([[3.0]]).tolist() == pytest.approx([6.0])


EARLIER_FILE = """
[tracking]
uri = "sqlite:runs/pegboard.db"

[host]
disabled = ["demo"]

[registry]
stages = ["None", "Live"]
gates = { champion = ["approval"] }

[plugins.tracking]
heartbeat_seconds = 5.0

[plugins.registry]
approvals_needed = 2
"""

MOVED = {
    "record_git = false": "[plugins.context]",
    "record_command = false": "[plugins.context]",
    "system_metrics = true": "[plugins.context]",
    "http_retries = 3": "retries in [http]",
    "http_headers = {}": "headers in [http]",
    "http_verify = false": "verify in [http]",
}
"""Keys that were in ``[plugins.tracking]``, and where the error says that they are."""


def _configured(place: Path, text: str) -> subprocess.CompletedProcess[str]:
    (place / "pegboard.toml").write_text(text)
    return subprocess.run(
        [Path(sys.executable).with_name("pegboard"), "config", "show", "--json"],
        cwd=place,
        env={"HOME": str(place), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_configuration_of_an_earlier_version_holds(tmp_path: Path) -> None:
    done = _configured(tmp_path, EARLIER_FILE)
    assert done.returncode == 0, done.stderr
    shown = {key: each["value"] for key, each in json.loads(done.stdout).items()}
    assert shown["pegboard.tracking_uri"] == f"sqlite:{tmp_path}/runs/pegboard.db"
    assert shown["pegboard.disabled"] == ["demo"]
    assert shown["plugins.registry.stages"] == ["None", "Live"]
    assert shown["plugins.registry.gates"] == {"champion": ["approval"]}
    assert shown["plugins.registry.approvals_needed"] == 2
    assert shown["plugins.tracking.heartbeat_seconds"] == 5.0


@pytest.mark.parametrize(("line", "home"), MOVED.items())
def test_a_key_that_has_moved_is_refused_with_its_new_place(
    tmp_path: Path, line: str, home: str
) -> None:
    done = _configured(tmp_path, f"[plugins.tracking]\n{line}\n")
    assert done.returncode == 2
    assert line.partition(" ")[0] in done.stderr
    assert home in done.stderr
