from __future__ import annotations

import fcntl
import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from pegboard import host
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import LifecycleStage, RunInfo, ViewType
from pegboard.errors import NotFound, StoreError
from pegboard_tracking.store.gc import Collector

from .conftest import Shell

Names = Callable[[str], str]


def _files(shell: Shell) -> set[str]:
    return {path.name for path in shell.directory.rglob("*.bin")}


@pytest.fixture
def deleted(filled: Shell, run_id: Names) -> Shell:
    """Return the command line on a store whose run a1 is deleted; a1 and a2 have files."""
    filled.write(run_id("a1"), "a1.bin", b"x" * 1000)
    filled.write(run_id("a2"), "a2.bin", b"x" * 1000)
    filled.store.delete_run(run_id("a1"))
    return filled


def test_a_deleted_run_and_its_files_are_removed_and_others_stay(
    deleted: Shell, run_id: Names
) -> None:
    report = deleted.json("gc", "--yes")
    assert report["runs"] == [run_id("a1")]
    assert report["file_bytes"] == 1000
    assert report["bytes_freed"] >= 1000
    assert _files(deleted) == {"a2.bin"}
    with pytest.raises(NotFound):
        deleted.store.get_run(run_id("a1"))
    assert deleted.store.get_run(run_id("a2")).data.metrics["r2"] == 0.3


def test_the_bytes_freed_are_printed(deleted: Shell) -> None:
    result = deleted("gc", "--yes")
    assert result.exit_code == 0
    assert "Removed 1 run, 0 logged models and 0 experiments. Freed" in result.stdout
    assert "1.0 kB of files" in result.stdout


def test_a_dry_run_removes_nothing(deleted: Shell, run_id: Names) -> None:
    result = deleted("gc", "--dry-run")
    assert result.exit_code == 0
    assert run_id("a1") in result.stdout
    assert "1.0 kB" in result.stdout
    assert deleted.json("gc", "--dry-run")["bytes_freed"] == 0
    assert _files(deleted) == {"a1.bin", "a2.bin"}


def test_nothing_is_removed_without_consent(deleted: Shell) -> None:
    result = deleted("gc", input="")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert _files(deleted) == {"a1.bin", "a2.bin"}


def test_a_deleted_experiment_goes_with_its_runs(deleted: Shell) -> None:
    deleted.store.delete_experiment(deleted.json("experiments", "show", "alpha")["experiment_id"])
    report = deleted.json("gc", "--yes")
    assert report["experiments"] == ["alpha"]
    assert len(report["runs"]) == 2
    assert deleted.store.get_experiment_by_name("alpha") is None
    assert _files(deleted) == set()
    # The name is free again.
    assert deleted("experiments", "create", "alpha").exit_code == 0


def test_what_was_deleted_recently_stays(deleted: Shell) -> None:
    assert deleted.json("gc", "--yes", "--older-than", "1h")["runs"] == []
    assert deleted("gc", "--older-than", "soon", "--yes").exit_code == 2


def test_the_experiment_and_the_run_can_be_chosen(deleted: Shell, run_id: Names) -> None:
    deleted.store.delete_run(run_id("b1"))
    assert deleted.json("gc", "--yes", "-x", "beta")["runs"] == [run_id("b1")]
    assert deleted.json("gc", "--yes", "--run-id", run_id("a1"))["runs"] == [run_id("a1")]


def test_a_run_that_is_in_use_is_refused(deleted: Shell, run_id: Names) -> None:
    result = deleted("gc", "--yes", "--run-id", run_id("a1"), "--run-id", run_id("a2"))
    assert result.exit_code == 1
    assert _files(deleted) == {"a1.bin", "a2.bin"}


def test_files_that_are_gone_already_are_no_trouble(deleted: Shell, run_id: Names) -> None:
    for path in deleted.directory.rglob("a1.bin"):
        path.unlink()
    report = deleted.json("gc", "--yes")
    assert (report["runs"], report["file_bytes"]) == ([run_id("a1")], 0)


def test_an_interruption_after_the_files_is_made_up_for(
    deleted: Shell, run_id: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: TrackingStore, run_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(deleted.store), "purge_run", interrupted)
        assert deleted("gc", "--yes").exit_code == 130
    assert _files(deleted) == {"a2.bin"}
    assert deleted.store.get_run(run_id("a1")).info.lifecycle_stage is LifecycleStage.DELETED
    assert deleted.json("gc", "--yes")["runs"] == [run_id("a1")]


def test_a_run_whose_files_cannot_be_removed_is_kept(
    deleted: Shell, run_id: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pegboard_tracking.artifacts.files import FileArtifactStore

    def refuse(self: FileArtifactStore, path: str = "") -> int:
        raise StoreError("The disk is read-only.")

    monkeypatch.setattr(FileArtifactStore, "delete", refuse)
    result = deleted("gc", "--yes")
    assert result.exit_code == 1
    assert "kept: The disk is read-only." in result.stderr
    assert deleted.store.get_run(run_id("a1")).info.lifecycle_stage is LifecycleStage.DELETED


def test_files_outside_the_store_go_only_with_the_directory_of_the_run(shell: Shell) -> None:
    outside = shell.directory / "outside"
    location = outside.as_uri()
    experiment = shell.store.create_experiment("out", artifact_location=location)
    run = shell.store.create_run(experiment.experiment_id).info
    shell.write(run.run_id, "own.bin", b"x")
    (outside / "others.bin").write_bytes(b"x")
    shell.store.delete_run(run.run_id)
    assert shell.json("gc", "--yes")["runs"] == [run.run_id]
    assert _files(shell) == {"others.bin"}


@pytest.fixture
def model_ids(filled: Shell) -> tuple[str, str]:
    """Return the ids of two models of ``alpha`` with files; the first is deleted."""
    models = filled.store.logged_models()
    alpha = filled.store.get_experiment_by_name("alpha")
    assert alpha is not None
    ids = []
    for name in ("m1", "m2"):
        model = models.create(alpha.experiment_id, name=name)
        files = host.current().artifact_store(model.artifact_location)
        files.write(f"{name}.bin", io.BytesIO(b"x" * 1000))
        ids.append(model.model_id)
    models.delete(ids[0])
    return ids[0], ids[1]


def test_a_deleted_logged_model_and_its_files_are_removed_and_others_stay(
    filled: Shell, model_ids: tuple[str, str]
) -> None:
    expected = filled.json("gc", "--dry-run")
    assert (expected["logged_models"], expected["file_bytes"]) == ([model_ids[0]], 1000)
    assert _files(filled) == {"m1.bin", "m2.bin"}
    report = filled.json("gc", "--yes")
    assert (report["logged_models"], report["file_bytes"]) == ([model_ids[0]], 1000)
    assert _files(filled) == {"m2.bin"}
    models = filled.store.logged_models()
    assert list(models.deleted()) == []
    assert models.get(model_ids[1]).name == "m2"


def test_a_deleted_logged_model_stays_if_others_were_asked_for(
    deleted: Shell, run_id: Names, model_ids: tuple[str, str]
) -> None:
    for chosen in (["--older-than", "1h"], ["-x", "beta"], ["--run-id", run_id("a1")]):
        assert deleted.json("gc", "--yes", *chosen)["logged_models"] == []
    assert _files(deleted) == {"a2.bin", "m1.bin", "m2.bin"}


def test_all_logged_models_of_a_deleted_experiment_go_with_it(
    filled: Shell, model_ids: tuple[str, str]
) -> None:
    filled.store.delete_experiment(filled.json("experiments", "show", "alpha")["experiment_id"])
    assert set(filled.json("gc", "--dry-run")["logged_models"]) == set(model_ids)
    report = filled.json("gc", "--yes")
    assert report["experiments"] == ["alpha"]
    assert set(report["logged_models"]) == set(model_ids)
    assert _files(filled) == set()


class _Elsewhere:
    """A store whose run says that its files lie in a directory of others."""

    def __init__(self, shell: Shell, info: RunInfo) -> None:
        self._shell = shell
        self._info = info

    def __getattr__(self, name: str) -> object:
        return getattr(self._shell.store, name)

    def deleted_runs(self, **_: object) -> list[RunInfo]:
        return [self._info]


@pytest.mark.parametrize("ending", ["", "precious", "precious/artifacts"])
def test_a_directory_that_is_not_the_runs_own_is_left_in_place(
    deleted: Shell, run_id: Names, tmp_path: Path, ending: str
) -> None:
    precious = tmp_path / "precious" / "artifacts"
    precious.mkdir(parents=True)
    (precious / "keep.bin").write_bytes(b"x")
    info = evolve(
        deleted.store.get_run(run_id("a1")).info, artifact_uri=(tmp_path / ending).as_uri()
    )
    collector = Collector(_Elsewhere(deleted, info), host.current().artifact_store)  # type: ignore[arg-type]
    removed = [collector.remove(each) for each in collector.runs()]
    assert "left in place" in removed[0].note
    assert "keep.bin" in _files(deleted)
    assert not deleted.store.search_runs(
        [info.experiment_id], filter="attributes.run_name = 'a1'", view=ViewType.ALL
    )


@pytest.mark.parametrize("location", [".", "{}", "file://{}"])
def test_a_working_directory_that_gc_leaves_empty_stays(
    shell: Shell, tmp_path: Path, monkeypatch, location: str
) -> None:
    work, uri = tmp_path / "work", f"sqlite:{tmp_path / 'store.db'}"
    work.mkdir()
    monkeypatch.chdir(work)
    store = host.current().tracking_store(uri)
    experiment = store.create_experiment("here", artifact_location=location.format(work))
    run_id = store.create_run(experiment.experiment_id).info.run_id
    files = host.current().artifact_store(store.get_run(run_id).info.artifact_uri)
    files.write("a/b.txt", io.BytesIO(b"12345"))
    assert any(work.rglob("b.txt"))
    store.delete_run(run_id)
    result = shell("--tracking-uri", uri, "gc", "--yes")
    assert "1 run" in result.output
    assert result.exit_code == 0
    assert Path.cwd() == work
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("own_place", [False, True])
def test_what_killed_writers_left_is_removed_once_it_is_old(
    shell: Shell, tmp_path: Path, monkeypatch, own_place: bool
) -> None:
    place = str(tmp_path / "elsewhere") if own_place else None
    experiment = shell.store.create_experiment("x", artifact_location=place).experiment_id
    run_id = shell.store.create_run(experiment).info.run_id
    shell.write(run_id, "deep/file.txt", b"kept")
    (file,) = tmp_path.rglob("file.txt")
    left = file.with_name(".pegboard-0123456789abcdef.part")
    left.write_bytes(b"torn")
    of_others = file.parents[3] / "notes.part"
    of_others.write_bytes(b"not ours")
    assert shell.json("gc", "--yes")["file_bytes"] == 0
    assert left.exists()

    in_two_days = time.time() + 2 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: in_two_days)
    with left.open("rb") as stream:
        # A process that writes for long holds a lock.
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert shell.json("gc", "--yes")["file_bytes"] == 0
        assert left.exists()
    assert shell.json("gc", "--yes")["file_bytes"] == 4
    assert not left.exists()
    assert file.read_bytes() == b"kept"
    assert of_others.exists()
