"""PATH: nothing outside the place for files is read, written, listed or removed."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from target import API, FILES, PROXY, SECRET, Target, refused

CLIMBING = ("../secret", "mine/../../secret", "..\\secret", "./../secret", "mine//..//..//secret")


@pytest.mark.parametrize("path", CLIMBING)
def test_path_1_a_path_that_climbs_is_refused(target: Target, path: str) -> None:
    """CVE-2023-6015 (upload), CVE-2023-6831 (delete), CVE-2023-6909, CVE-2023-6977 (list)."""
    refused(
        target("PUT", f"{PROXY}/{path}", body=b"planted"),
        target("DELETE", f"{PROXY}/{path}"),
        target("GET", f"{PROXY}/{path}"),
        target("GET", f"{PROXY}?path={path}"),
        target("POST", f"{FILES}/mpu/create/{path}", {"path": "x"}),
    )


def test_path_1_the_file_of_an_upload_in_parts_does_not_climb(target: Target) -> None:
    made = target("POST", f"{FILES}/mpu/create/mine", {"path": ".."})
    refused(made)
    assert target("POST", f"{FILES}/mpu/create/mine", {"path": "/etc/x"}).status == 200


@pytest.mark.parametrize(
    "path", [*CLIMBING, "%2e%2e%2fsecret", "%252e%252e/secret", "/etc/hostname"]
)
def test_path_1_the_files_of_runs_models_and_traces_do_not_climb(target: Target, path: str) -> None:
    """CVE-2023-6977."""
    run = target.run()
    made = target("POST", f"{API}/logged-models", {"experiment_id": "0"})
    model = f"{API}/logged-models/{made.json['model']['info']['model_id']}/artifacts"
    refused(
        target("GET", f"/get-artifact?run_id={run}&path={path}"),
        target("GET", f"{API}/artifacts/list?run_id={run}&path={path}"),
        target("POST", f"{API}/upload-artifact?run_id={run}&path={path}", body=b"planted"),
        target("GET", f"{model}/files?artifact_file_path={path}"),
        target("GET", f"{model}/directories?artifact_directory_path={path}"),
        target("GET", f"{API}/get-trace-artifact?request_id={path}&path={path}"),
    )


@pytest.mark.parametrize(
    "path",
    [
        "..%2fsecret",
        "%2e%2e/secret",
        "%2E%2E%2Fsecret",
        "mine/..%5c..%5csecret",
        "%252e%252e/secret",
        "%252E%252E%252Fsecret",
        "%25252e%25252e%25252fsecret",
        "%c0%ae%c0%ae/secret",
        "%2e%2e%00/secret",
        "%u002e%u002e/%2e./secret",
        "%" + "25" * 12 + "2e%2e/secret",
    ],
)
def test_path_2_a_path_that_climbs_is_refused_however_it_is_encoded(
    target: Target, path: str
) -> None:
    """CVE-2024-1560."""
    refused(
        target("DELETE", f"{PROXY}/{path}"),
        target("GET", f"{PROXY}/{path}"),
        target("PUT", f"{PROXY}/{path}", body=b"planted"),
    )


def test_path_2_a_quoted_name_is_another_name(target: Target) -> None:
    """CVE-2024-3099."""
    assert target.experiment("a name").status == 200
    reply = target("GET", f"{API}/experiments/get-by-name?experiment_name=a%2520name")
    assert reply.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "//etc/hostname",
        "%2Fetc%2Fhostname",
        "C:/x",
        "c%3a%5cx",
        "%5c%5cserver%5cshare%5cx",
        "//server/share/x",
        "~root/x",
        "file:///etc/hostname",
        "file:x",
    ],
)
def test_path_3_a_path_that_is_not_relative_is_refused(target: Target, path: str) -> None:
    """CVE-2023-1176, CVE-2023-2780."""
    refused(
        target("GET", f"{PROXY}/{path}"),
        target("PUT", f"{PROXY}/{path}", body=b"planted"),
        target("DELETE", f"{PROXY}/{path}"),
    )


@pytest.mark.parametrize("path", ["a%00b", "a%00/../secret", "a%0d%0ab", "a%1bb", "a%7fb", "a%5cb"])
def test_path_4_characters_that_others_read_differently_are_refused(
    target: Target, path: str
) -> None:
    refused(target("GET", f"{PROXY}/{path}"), target("PUT", f"{PROXY}/{path}", body=b"planted"))


def test_path_5_a_link_leads_nowhere_else(target: Target) -> None:
    """CVE-2023-6975."""
    mine = next(path for path in target.place.rglob("mine") if path.is_dir())
    (mine / "link").symlink_to(target.place.parent / "secret")
    (mine / "folder").symlink_to(target.place.parent)
    (mine / "loop").symlink_to("loop")
    for path in ("link", "folder/secret", "loop"):
        refused(target("GET", f"{PROXY}/mine/{path}"))
    for path in ("link", "folder/secret"):
        refused(target("PUT", f"{PROXY}/mine/{path}", body=b"planted"))
    listed = target("GET", f"{PROXY}?path=mine").json["files"]
    assert {"link", "folder", "loop"}.isdisjoint(file["path"] for file in listed)
    refused(target("GET", f"{PROXY}?path=mine/folder"))


def test_path_5_what_is_no_plain_file_is_not_opened(target: Target) -> None:
    mine = next(path for path in target.place.rglob("mine") if path.is_dir())
    os.mkfifo(mine / "pipe")
    assert target("GET", f"{PROXY}/mine/pipe").status == 404


@pytest.mark.parametrize(
    "location",
    [
        "{outside}",
        "file://{outside}",
        "file:{outside}",
        "FILE://{outside}",
        "file://localhost{outside}",
        "file://host{outside}",
        "file://..{outside}",
        "{served}/..",
        "file://{served}/../",
        "file://{served}/%2e%2e",
        "file://{served}/%252e%252e/",
        "dbfs:/../x",
        "sqlite:{served}/s.db",
    ],
)
def test_path_6_files_at_a_location_that_a_client_names_are_not_served(
    target: Target, location: str
) -> None:
    """CVE-2023-1177, CVE-2024-3573."""
    places = {"outside": target.place.parent, "served": target.place}
    refused(*target.files_of(f"plain {location}", location.format(**places)))


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/x#/../../../..{outside}",
        "file://{outside}#",
        "file://{served}/x#/../..",
        "mlflow-artifacts:/#/../..",
        "http://host/?/../../../../../../../..{outside}",
        "mlflow-artifacts:/x?../../../..{outside}",
        "file://{served}?x=/../..",
        "mlflow-artifacts:/x;/../../../..{outside}",
        "mlflow-artifacts://host/../..{outside}",
    ],
)
def test_path_7_no_part_of_a_location_hides_another(target: Target, location: str) -> None:
    """CVE-2024-1594 (fragment), CVE-2023-6909 (query)."""
    places = {"outside": target.place.parent, "served": target.place}
    refused(*target.files_of(f"hidden {location}", location.format(**places)))


@pytest.mark.parametrize(
    "query",
    [
        "run_id={run};&path=../secret",
        "run_id={run}&path=..%3B/secret",
        "run_id={run}&path=a&path=../secret",
        "run_id={run}&path=../secret&path=a",
        "run_id=../{run}&path=a",
    ],
)
def test_path_7_no_part_of_a_query_hides_another(target: Target, query: str) -> None:
    """CVE-2024-1593."""
    refused(target("GET", f"/get-artifact?{query.format(run=target.run())}"))


@pytest.mark.parametrize(
    "source",
    [
        "{outside}",
        "file://{outside}",
        "mlflow-artifacts:/../..{outside}",
        "mlflow-artifacts:/0/other/artifacts",
        "runs:/{run}/../../..",
        "models:/../..",
        "{served}/s.db",
        "s3://bucket/a/../../b",
    ],
)
def test_path_8_a_version_comes_from_no_other_place(target: Target, source: str) -> None:
    """CVE-2023-6015, CVE-2024-2928, CVE-2024-3848."""
    target("POST", f"{API}/registered-models/create", {"name": "placed"})
    run = target.run()
    text = source.format(outside=target.place.parent, served=target.place, run=run)
    fields = {"name": "placed", "source": text}
    create = f"{API}/model-versions/create"
    refused(target("POST", create, fields), target("POST", create, {**fields, "run_id": run}))


@pytest.mark.parametrize("path", [*CLIMBING, "%2e%2e%2fsecret", "/etc/hostname", "a%00b"])
def test_path_8_the_files_of_a_version_do_not_climb(target: Target, path: str) -> None:
    run = target.run()
    upload = f"{API}/upload-artifact?run_id={run}&path=m/MLmodel"
    assert target("POST", upload, body=b"m").status == 200
    name = f"climbing-{run}"
    target("POST", f"{API}/registered-models/create", {"name": name})
    fields = {"name": name, "source": f"runs:/{run}/m", "run_id": run}
    assert target("POST", f"{API}/model-versions/create", fields).status == 200
    asked = f"/model-versions/get-artifact?name={name}&version=1&path="
    assert target("GET", f"{asked}MLmodel").text == "m"
    refused(target("GET", f"{asked}{path}"))


@pytest.mark.parametrize(
    "path",
    [
        ".pegboard-content",
        ".Pegboard-Content",
        ".pegboard-content/blobs",
        ".pegboard-0.part",
        "a/.pegboard-1.part",
    ],
)
def test_path_9_the_stores_own_files_are_nobodys(target: Target, path: str) -> None:
    refused(
        target("GET", f"{PROXY}/{path}"),
        target("PUT", f"{PROXY}/{path}", body=b"planted"),
        target("DELETE", f"{PROXY}/{path}"),
        target("GET", f"{PROXY}?path={path}"),
    )
    assert ".pegboard" not in target("GET", PROXY).text


@pytest.mark.parametrize("path", ["", ".", "./", "mine/..", "%2e"])
def test_path_9_all_files_at_once_are_not_removed(target: Target, path: str) -> None:
    refused(target("DELETE", f"{PROXY}/{path}"))
    assert target("GET", f"{PROXY}/mine/file").text == "mine"


def test_path_10_an_archive_is_a_file_and_is_not_unpacked(target: Target) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("../planted", "/planted", "link"):
            member = tarfile.TarInfo(name)
            member.size = 7
            archive.addfile(member, io.BytesIO(b"planted"))
    assert target("PUT", f"{PROXY}/mine/a.tar.gz", body=content.getvalue()).status == 200
    assert not list(target.place.parent.rglob("*planted*"))
    assert (target.place.parent / "secret").read_text() == SECRET
    assert target("DELETE", f"{PROXY}/mine/a.tar.gz").status == 200


@pytest.mark.parametrize("path", ["a" * 300, "é" * 150, "a/" * 1500 + "b"])
def test_path_11_a_name_that_is_too_long_is_refused(target: Target, path: str) -> None:
    from urllib.parse import quote

    refused(target("PUT", f"{PROXY}/{quote(path)}", body=b"planted"))


@pytest.mark.parametrize(
    "name", ["a%2Fb", "a\u200bb", "a\u202eb", "a\nb", "a\x00b", "\ufeffa", "a\u2066b"]
)
def test_path_12_a_name_that_looks_like_another_is_refused(target: Target, name: str) -> None:
    """CVE-2024-3099."""
    for path, field in (("experiments/create", "name"), ("registered-models/create", "name")):
        assert target("POST", f"{API}/{path}", {field: name}).status == 400
