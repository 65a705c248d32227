"""Artifacts behind a server: where they are, and servers that answer oddly."""

from __future__ import annotations

import io
import json

import pytest
from pegboard import host, uris
from pegboard.config import Config, HttpConfig
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound, UnknownScheme, UnsafePath
from pegboard.host import Host
from pegboard_tracking.client.artifacts import (
    ENDPOINT,
    HttpArtifactStore,
    open_proxied,
    open_relative,
    resolve,
)
from pegboard_tracking.settings import Settings
from pegboard_wire.client.connection import connect
from pegboard_wire.client.errors import Unreachable
from pegboard_wire.client.options import server_of

QUICK = HttpConfig(backoff_seconds=0.01, retries=1)
SETTINGS = Settings(http=QUICK)


@pytest.fixture
def files(server) -> HttpArtifactStore:
    return HttpArtifactStore(connect(server.url, QUICK), "0/run/artifacts")


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("mlflow-artifacts:/0/x", f"https://host:81/base{ENDPOINT}/0/x"),
        ("mlflow-artifacts:///0/x", f"https://host:81/base{ENDPOINT}/0/x"),
        ("mlflow-artifacts:/", f"https://host:81/base{ENDPOINT}"),
        ("mlflow-artifacts://other:82/0/x", f"https://other:82/base{ENDPOINT}/0/x"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("file:///x", "file:///x"),
        ("/x", "/x"),
    ],
)
def test_artifacts_of_a_server_are_found_by_url(uri, where):
    assert resolve(uri, server_of("https://ann:secret@host:81/base/")) == where


def test_a_server_is_told_who_wants_its_files_and_no_other_is():
    server = server_of("http://host:81")
    there = f"http://ann:p%40ss@host:81{ENDPOINT}/x"
    assert resolve("mlflow-artifacts:/x", server, "ann:p%40ss") == there
    assert resolve("mlflow-artifacts://host:81/x", server, "ann:p%40ss") == there
    other = f"http://other{ENDPOINT}/x"
    assert resolve("mlflow-artifacts://other/x", server, "ann:p%40ss") == other


def test_files_of_runs_go_through_the_server_as_the_user_of_the_uri(server, open_store, fault):
    store = open_store(server.url.replace("//", "//ann:secret@"))
    location = "mlflow-artifacts:/7"
    made = store.create_experiment("placed", artifact_location=location)
    assert made.artifact_location == location
    info = store.create_run(made.experiment_id).info
    assert info.artifact_uri == f"{location}/{info.run_id}/artifacts"
    files = Host(Config()).artifact_store(store.located(info.artifact_uri))
    server.fault = lambda _: fault(200, body=b"content")
    with files.read("a b") as stream:
        assert stream.read() == b"content"
    last = server.seen[-1]
    assert last.path == f"{ENDPOINT}/7/{info.run_id}/artifacts/a b"
    assert last.headers["authorization"].startswith("Basic ")


def test_the_scheme_of_a_server_is_that_of_the_tracking_uri(server, monkeypatch, fault):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    host.use(None)
    files = open_relative(uris.parse("mlflow-artifacts:/0/x"), SETTINGS)
    server.fault = lambda _: fault(200, body=b"content")
    with files.read("a b") as stream:
        assert stream.read() == b"content"
    assert server.seen[-1].path == f"{ENDPOINT}/0/x/a b"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:x.db")
    host.use(None)
    with pytest.raises(UnknownScheme, match="behind a tracking server"):
        open_relative(uris.parse("mlflow-artifacts:/0/x"), SETTINGS)
    host.use(None)


def test_a_url_that_is_no_artifact_root_is_refused():
    for url in ("http://host", "http://host/x", f"http://ann:secret@host{ENDPOINT}x"):
        with pytest.raises(InvalidValue) as caught:
            open_proxied(uris.parse(url), SETTINGS)
        assert "secret" not in str(caught.value)
    with pytest.raises(UnsafePath):
        open_proxied(uris.parse(f"http://host{ENDPOINT}/../../x"), SETTINGS)


def test_a_root_that_no_plugin_opens_is_said_to_be():
    with pytest.raises(UnknownScheme, match="s3"):
        Host(Config()).artifact_store("s3://bucket/x")


def test_a_file_is_sent_whole_again_after_a_passing_trouble(server, files, fault):
    troubles = [fault(503)]
    server.fault = lambda _: troubles.pop() if troubles else fault(200, body=b"{}")
    assert files.write("a", io.BytesIO(b"content")) == FileInfo("a", False, 7)
    assert [seen.body for seen in server.seen] == [b"content"] * 2
    assert {seen.path for seen in server.seen} == {f"{ENDPOINT}/0/run/artifacts/a"}


def test_a_range_is_cut_out_if_the_server_knows_no_ranges(server, files, fault):
    server.fault = lambda _: fault(200, body=b"0123456789")
    for start, end in ((0, 4), (3, 7), (3, None), (9, 99), (12, 14), (5, 5)):
        with files.read("digits", start=start, end=end) as stream:
            assert stream.read() == b"0123456789"[start:end]


def test_a_range_is_asked_for(server, files, fault):
    server.fault = lambda _: fault(206, body=b"345")
    with files.read("digits", start=3, end=6) as stream:
        assert stream.read() == b"345"
    assert server.seen[-1].headers["range"] == "bytes=3-5"


def test_a_range_behind_the_end_is_empty(server, files, fault):
    server.fault = lambda _: fault(416)
    with files.read("digits", start=100) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize("status", [400, 404])
def test_a_file_that_is_not_there_is_not_found(server, files, fault, status):
    server.fault = lambda _: fault(status)
    with pytest.raises(NotFound, match="missing"):
        files.read("missing")


def test_an_answer_that_breaks_off_is_an_error_not_a_short_file(server, files, fault):
    server.fault = lambda _: fault(200, {"Content-Length": "100", "Connection": "close"}, b"short")
    with pytest.raises(Unreachable), files.read("a") as stream:
        stream.read()


def test_a_listing_cannot_lead_out(server, files, fault):
    listed = {"files": [{"path": "../../etc/passwd", "is_dir": False, "file_size": 1}]}
    server.fault = lambda _: fault(200, body=json.dumps(listed).encode())
    with pytest.raises(UnsafePath):
        files.list()


def test_a_listing_is_below_the_root(server, files, fault):
    listed = {"files": [{"path": "b", "is_dir": True}, {"path": "a", "file_size": "3"}]}
    server.fault = lambda _: fault(200, body=json.dumps(listed).encode())
    assert files.list("x") == [FileInfo("x/a", False, 3), FileInfo("x/b", True)]
    assert server.seen[-1].query == {"path": "0/run/artifacts/x"}
