"""``pegboard gc`` keeps what registered versions have their files in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from pegboard import host
from pegboard.errors import InvalidState, NotFound
from pegboard_registry.store import removal
from pegboard_scripting.client import Client
from pegboard_stores import needed_files
from pegboard_stores.needed_files import FilesOwner
from pegboard_tracking.store.gc import Collector, Doomed


@frozen
class Made:
    """A client; a run and a logged model with a file each, both deleted."""

    client: Client
    run_id: str
    model_id: str
    run_uri: str
    model_uri: str

    def register(self, name: str, source: str) -> None:
        self.client.create_registered_model(name)
        self.client.create_model_version(name, source)

    def register_run(self) -> None:
        self.register("old", f"{self.run_uri}/net")

    def delete(self) -> None:
        self.client.delete_run(self.run_id)
        self.client.delete_logged_model(self.model_id)


@pytest.fixture
def made(alone: Path) -> Made:
    client = Client()
    experiment = client.create_experiment("flowers")
    run = client.create_run(experiment).info
    model = client.create_logged_model(experiment, "net", run.run_id)
    for uri in (run.artifact_uri, model.artifact_location):
        host.current().artifact_store(uri).write("net/x.bin", io.BytesIO(b"x" * 100))
    return Made(client, run.run_id, model.model_id, run.artifact_uri, model.model_uri)


def files(directory: Path) -> int:
    return len(list(directory.rglob("*.bin")))


def test_the_files_of_versions_are_kept_until_these_are_deleted(shell: Any, made: Made) -> None:
    made.register_run()
    made.register("iris", made.model_uri)
    made.client.copy_model_version("models:/iris/1", "copied")
    made.client.delete_model_version("iris", "1")
    made.delete()
    announced = shell("gc", "--dry-run")
    assert "would keep the run" in announced.stdout
    assert "models:/old/1" in announced.stdout
    report = shell.json("gc", "--yes")
    assert (report["runs"], report["logged_models"], files(shell.directory)) == ([], [], 2)
    notes = {note["id"]: note for note in report["notes"]}
    assert "models:/old/1" in notes[made.run_id]["note"]
    assert "models:/copied/1" in notes[made.model_id]["note"]
    assert all(note["kept"] for note in notes.values())
    result = shell("gc", "--yes")
    assert result.exit_code == 0
    assert "pegboard models delete copied/1" in result.stderr
    assert shell("models", "delete", "copied/1", "--yes").exit_code == 0
    assert shell.json("gc", "--yes")["logged_models"] == [made.model_id]
    made.client.delete_registered_model("old")
    assert shell.json("gc", "--yes")["runs"] == [made.run_id]
    assert files(shell.directory) == 0


def test_a_run_goes_though_a_version_of_its_model_stays(shell: Any, made: Made) -> None:
    made.register("iris", made.model_uri)
    assert made.client.get_model_version("iris", "1").run_id == made.run_id
    made.delete()
    report = shell.json("gc", "--yes")
    assert (report["runs"], report["logged_models"]) == ([made.run_id], [])
    assert files(shell.directory) == 1


def test_a_run_that_is_named_is_refused(shell: Any, made: Made) -> None:
    made.register_run()
    made.delete()
    result = shell("gc", "--yes", "--run-id", made.run_id)
    assert result.exit_code == 1
    assert "models:/old/1" in result.stderr
    assert files(shell.directory) == 2


def test_an_experiment_stays_with_what_is_kept_in_it(shell: Any, made: Made) -> None:
    made.register("iris", made.model_uri)
    experiment = made.client.get_run(made.run_id).info.experiment_id
    unneeded = made.client.create_logged_model(experiment, "other")
    made.client.delete_experiment(experiment)
    expected = shell.json("gc", "--dry-run")
    assert (expected["runs"], expected["experiments"]) == ([made.run_id], [])
    report = shell.json("gc", "--yes")
    assert (report["runs"], report["experiments"]) == ([made.run_id], [])
    assert [note["id"] for note in report["notes"]] == [made.model_id]
    assert made.client.get_logged_model(unneeded.model_id).name == "other"
    assert files(shell.directory) == 1
    made.client.delete_registered_model("iris")
    assert shell.json("gc", "--yes")["experiments"] == ["flowers"]
    assert files(shell.directory) == 0


def test_a_version_that_is_made_meanwhile_counts_too(made: Made) -> None:
    made.delete()
    here = host.current()
    collector = Collector(made.client.store, here.artifact_store, here.model_registry())
    assert [each.needed_by for each in collector.checked(collector.runs())] == [()]
    made.register_run()
    (found,) = collector.checked(collector.runs())
    assert found.needed_by == ("models:/old/1",)
    assert not found.kept.purged


# -- versions that are registered while it works ---------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, action: Callable[[], object]) -> None:
    """Have something done, once, right before a method of files is called."""
    kind = type(host.current().artifact_store("file:///nowhere"))
    method = getattr(kind, name)

    def first(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(kind, name, method)
        action()
        return method(*given, **named)

    monkeypatch.setattr(kind, name, first)


def test_no_version_is_made_of_files_that_are_about_to_go(
    shell: Any, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.client.create_registered_model("late")
    sources = (
        {"source": f"{made.run_uri}/net"},
        {"source": f"runs:/{made.run_id}/net"},
        {"source": f"s3://elsewhere/{made.run_id}/net", "run_id": made.run_id},
        {"source": "models:/gone/1", "storage_location": made.run_uri},
        {"source": made.model_uri},
    )
    refused, another = [], made.run_uri.replace(made.run_id, f"{made.run_id}0")

    def register() -> None:
        for source in sources:
            with pytest.raises(InvalidState, match="being removed"):
                made.client.registry.create_version("late", **source)
            refused.append(source)
        made.client.create_model_version("late", another)
        made.client.create_model_version("late", "s3://elsewhere/net", made.run_id)

    made.delete()
    meanwhile(monkeypatch, "delete", register)
    report = shell.json("gc", "--yes")
    assert (report["runs"], report["logged_models"]) == ([made.run_id], [made.model_id])
    assert len(refused) == len(sources)
    assert files(shell.directory) == 0
    versions = made.client.search_model_versions("name = 'late'")
    assert sorted(version.source for version in versions) == [
        another,
        "s3://elsewhere/net",
    ]


def test_a_version_that_is_made_before_its_files_are_claimed_keeps_them(
    shell: Any, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between what is asked first, to say what will go, and the removal."""
    made.delete()
    claimed = Collector.claimed

    def registered_before(collector: Collector, doomed: Iterable[Doomed]) -> Iterator[Doomed]:
        made.register_run()
        return claimed(collector, doomed)

    monkeypatch.setattr(Collector, "claimed", registered_before)
    report = shell.json("gc", "--yes")
    assert (report["runs"], report["logged_models"]) == ([], [made.model_id])
    assert [note["id"] for note in report["notes"]] == [made.run_id]
    assert files(shell.directory) == 1


def test_what_stays_after_all_can_be_registered_again(
    shell: Any, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.delete()
    here = host.current()
    collector = Collector(made.client.store, here.artifact_store, here.model_registry())
    for _ in collector.claimed(collector.runs()):
        with pytest.raises(InvalidState):
            made.register_run()
        made.client.restore_run(made.run_id)
    with pytest.raises(InvalidState):
        made.client.create_model_version("old", made.run_uri)
    later = removal.now_ms() + removal.AFTER_MS + 1
    monkeypatch.setattr(removal, "now_ms", lambda: later)
    assert made.client.create_model_version("old", made.run_uri).version == "1"


def test_a_removal_that_was_killed_is_forgotten_in_time(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = host.current().model_registry()
    needed_files.of(registry).begin_removal([FilesOwner(made.run_id, [made.run_uri])])
    with pytest.raises(InvalidState):
        made.register_run()
    later = removal.now_ms() + removal.LASTS_MS + 1
    monkeypatch.setattr(removal, "now_ms", lambda: later)
    assert made.client.create_model_version("old", made.run_uri).version == "1"
    needed_files.of(registry).begin_removal([FilesOwner("other", [])])
    with registry.database.reading() as connection:
        assert connection.execute("SELECT place FROM files_removed").fetchall() == [("other",)]


def test_a_registry_that_cannot_be_asked_keeps_everything(
    shell: Any, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.delete()
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "nowhere://registry")
    host.use(None)
    result = shell("gc", "--yes")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr
    assert files(shell.directory) == 2
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    host.use(None)
    assert shell.json("gc", "--yes")["runs"] == [made.run_id]
    with pytest.raises(NotFound):
        made.client.get_run(made.run_id)
