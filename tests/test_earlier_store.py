"""A store of an earlier version (a run, a model, a deleted and a killed run) opens unchanged.

``data/earlier-store.tar.gz`` was written by the version before the core was divided, in /tmp/kept.
"""

from __future__ import annotations

import sqlite3
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
