"""Paths and locations that lead elsewhere. Nothing here may reach beyond ``tmp_path``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pegboard.errors import InvalidValue, NotFound, NotSupported, Refused, UnsafePath
from pegboard_testing.artifacts import HOSTILE_PATHS
from pegboard_wire.places import checked

from .conftest import PROXY, Files

RESERVED = [
    ".pegboard-content",
    ".pegboard-content/blobs/ab/cd",
    "a/.pegboard-content/x",
    "a/.pegboard-0123.part",
]
TOO_LONG = ["a" * 201, "ä" * 101, "a/" * 1100 + "a", "x/" + "a" * 100_000]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_hostile_path_is_refused_before_it_is_used(path: str) -> None:
    with pytest.raises(UnsafePath):
        checked(path)


@pytest.mark.parametrize("path", [*HOSTILE_PATHS, *RESERVED, *TOO_LONG])
def test_a_hostile_path_is_refused_by_every_endpoint(files: Files, path: str) -> None:
    run_id = files.run()
    before = files.on_disk()
    calls: list[tuple[Any, ...]] = [
        (files.get, path),
        (files.put, path, b"x"),
        (files.listed, path),
    ]
    for call, *arguments in calls:
        with pytest.raises(InvalidValue) as caught:
            call(*arguments)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    for method, endpoint, body in (
        ("GET", "/api/2.0/mlflow/artifacts/list", None),
        ("GET", "/get-artifact", None),
        ("POST", "/api/2.0/mlflow/upload-artifact", b"x"),
    ):
        with pytest.raises(InvalidValue):
            files(method, endpoint, body, run_id=run_id, path=path)
    with pytest.raises(InvalidValue):
        files(
            "POST",
            PROXY + "/mpu/create/{artifact_path:path}",
            artifact_path=path,
            path="/x/y",
        )
    assert files.on_disk() == before


@pytest.mark.parametrize("path", ["", ".", "./", "a/..", "x/../../y", ".pegboard-content"])
def test_deleting_needs_a_safe_path_that_is_not_everything(files: Files, path: str) -> None:
    files.put("a", b"x")
    with pytest.raises(InvalidValue):
        files.delete(path)
    assert files.get("a").body == b"x"


@pytest.mark.parametrize("path", ["", "."])
def test_all_is_not_a_file(files: Files, path: str) -> None:
    run_id = files.run()
    with pytest.raises(InvalidValue):
        files.put(path, b"x")
    with pytest.raises(InvalidValue):
        files("POST", "/api/2.0/mlflow/upload-artifact", b"x", run_id=run_id, path=path)


def test_links_that_lead_out_are_not_followed(files: Files, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    files.put("a", b"x")
    (files.root / "out").symlink_to(secret)
    (files.root / "file").symlink_to(secret / "file")
    for path in ("out/file", "file"):
        with pytest.raises(UnsafePath):
            files.get(path)
        with pytest.raises(UnsafePath):
            files.put(path, b"y")
    assert files.listed() == ["a"]
    assert (secret / "file").read_text() == "secret"


@pytest.mark.parametrize(
    "location",
    [
        "file://{outside}",
        "{outside}",
        "file://{root}/../outside",
        "file://{root}-beside",
        "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts/x",
        "memory:other",
        "nonsense:x",
    ],
)
def test_a_location_that_is_not_the_servers_is_not_opened_for_clients(
    files: Files, tmp_path: Path, location: str
) -> None:
    outside = tmp_path / "outside"
    place = location.format(outside=outside, root=files.root)
    run_id = files.run(artifact_location=place)
    directory = outside / run_id / "artifacts"
    directory.mkdir(parents=True)
    (directory / "file").write_text("secret")
    for method, endpoint, body in (
        ("GET", "/api/2.0/mlflow/artifacts/list", None),
        ("GET", "/get-artifact", None),
        ("POST", "/api/2.0/mlflow/upload-artifact", b"x"),
    ):
        with pytest.raises(Refused, match="not in a place that this server hands out"):
            files(method, endpoint, body, run_id=run_id, path="file")
    assert [path.name for path in directory.iterdir()] == ["file"]
    assert (directory / "file").read_text() == "secret"


@pytest.mark.parametrize("place", ["mlflow-artifacts:/../x", "mlflow-artifacts:/%2e%2e/x"])
def test_a_location_that_climbs_is_refused(files: Files, place: str) -> None:
    run_id = files.run(artifact_location=place)
    with pytest.raises(InvalidValue):
        files("GET", "/get-artifact", run_id=run_id, path="file")


@pytest.mark.parametrize(
    "location", ["mlflow-artifacts:/mine", "mlflow-artifacts://host:1/mine", "file://{root}/mine"]
)
def test_a_location_of_the_servers_is_served(files: Files, location: str) -> None:
    run_id = files.run(artifact_location=location.format(root=files.root))
    files("POST", "/api/2.0/mlflow/upload-artifact", b"x", run_uuid=run_id, path="a/b.txt")
    listed = files("GET", "/api/2.0/mlflow/artifacts/list", run_id=run_id, path="a").json
    assert listed["files"] == [{"path": "a/b.txt", "is_dir": False, "file_size": 1}]
    assert listed["root_uri"] == files.store.get_run(run_id).info.artifact_uri
    assert files("GET", "/get-artifact", run_id=run_id, path="a/b.txt").body == b"x"
    assert files.get(f"mine/{run_id}/artifacts/a/b.txt").body == b"x"
    with pytest.raises(NotFound):
        files("GET", "/get-artifact", run_id=run_id, path="a")


def test_a_server_that_serves_no_files_says_so(host, tmp_path: Path) -> None:
    files = Files(host, f"sqlite:{tmp_path}/s.db?destination=", tmp_path)
    run_id = files.run()
    for call in (
        lambda: files.get("a"),
        lambda: files.put("a", b"x"),
        lambda: files("GET", "/api/2.0/mlflow/artifacts/list", run_id=run_id),
    ):
        with pytest.raises(NotSupported):
            call()
    assert files("GET", "/api/3.0/mlflow/server-info").json["resumable_uploads_enabled"] is False
