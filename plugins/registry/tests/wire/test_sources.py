"""What may not be the source of a version: each kind of trick that MLflow's servers fell for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pegboard.config import Config, HttpConfig
from pegboard.errors import InvalidValue, NotFound
from pegboard.host import Host
from pegboard_registry.settings import SOURCE_SCHEMES


def created(wire, source, **fields):
    return wire.post("model-versions/create", name="iris", source=source, **fields)


@pytest.fixture
def on_this_machine(wire):
    """Return what makes the endpoints of a host on a store of its own."""
    return lambda host, place: type(wire)(host, f"sqlite:{place}/own.db")


def refused(wire, source, **fields):
    error = wire.refused("POST", "model-versions/create", name="iris", source=source, **fields)
    assert wire.registry.search_versions(filter="name = 'iris'") == []
    return error


@pytest.fixture(params=["behind the server", "on this machine"])
def served(request, wire, local):
    """A server whose files go through it, and one whose files are paths."""
    chosen = wire if request.param == "behind the server" else local
    chosen.post("registered-models/create", name="iris")
    return chosen


HOSTILE = {
    "CVE-2023-1177, a path of the server": ["/etc", "/etc/passwd", "/"],
    "CVE-2023-1177, a path of the server as a URI": ["file:///etc", "file:/etc", "FILE:///etc"],
    "CVE-2023-2780, a path that is relative": ["etc/passwd", ".", "~", "~root/.ssh", "C:/Windows"],
    "CVE-2023-2780, a path with a host": ["//etc/passwd", "//server/share", "file:////etc"],
    "CVE-2023-6014, a host in front of a path": ["file://evil/etc", "file://@/etc", "file://./etc"],
    "CVE-2023-6015, a climb in a path": ["{root}/../../..", "{root}/m/../../../secret"],
    "CVE-2023-6753, backslashes": ["{root}\\..\\..", "\\etc", "s3://bucket/..\\..\\x"],
    "CVE-2023-6831, encoded backslashes": ["{root}/%5c..%5c..", "s3://bucket/..%5cx"],
    "CVE-2023-6909, a climb in a remote path": ["s3://bucket/a/../../b", "s3://bucket/./a"],
    "CVE-2023-6977, a climb behind a host": ["mlflow-artifacts://host/../../etc", "s3://../x"],
    "CVE-2024-1483, a climb behind a fragment": ["{root}#/../../etc", "s3://bucket/m#/../../x"],
    "CVE-2024-1560, a climb that is encoded twice": ["{root}/%252e%252e/x", "{root}/%252e./x"],
    "CVE-2024-1560, a climb that is encoded often": ["{root}/%" + "25" * 12 + "2e%2e/x"],
    "CVE-2024-1593, a climb behind a semicolon": ["{root};/../../etc", "s3://bucket/m;a=/../x"],
    "CVE-2024-1594, a fragment": ["{root}#", "{root}#m", "s3://bucket/m#f", "{root}/%23m"],
    "CVE-2024-2928, a fragment of a local URI": ["file:///#/etc/passwd", "file:#/etc"],
    "CVE-2024-3573, a URI without a path": [
        "file:",
        "file://",
        "mlflow-artifacts:",
        "runs:",
        "s3:",
    ],
    "CVE-2024-3573, a URI whose scheme is hidden": [
        "file%3a///etc",
        " file:///etc",
        "fi\nle:///etc",
    ],
    "CVE-2024-3848, a query": [
        "{root}?/../../etc",
        "{root}?x",
        "{root}/%3fx",
        "s3://bucket/m?x=/../",
    ],
    "CVE-2024-4263, files of all runs": ["mlflow-artifacts:/", "mlflow-artifacts:/0", "{root}/.."],
    "CVE-2024-8859, a climb in a query": ["s3://bucket/m?path=../../etc", "dbfs:/m?x=1;../.."],
    "a NUL and other characters that are not seen": ["{root}/\0", "{root}/%00", "s3://b/\x1bm"],
    "the store itself": ["sqlite:/store.db", "memory:x"],
    "another server": [
        "http://169.254.169.254/latest",
        "https://10.0.0.1/m",
        "ftp://h/m",
        "sftp:///m",
    ],
    "another server's files": ["mlflow-artifacts://evil/0/run", "http://evil{path}"],
    "no scheme that files have": ["javascript:alert(1)", "data:text/html,x"],
    "a model nobody names so": ["models:", "models:/", "models://evil/iris/1", "models:/iris/1/m"],
}


@pytest.fixture(scope="module")
def runs(kept):
    """Of both kinds of servers: the server, and the id and the files of a run."""
    for server in kept.values():
        server.post("registered-models/create", name="iris")
    return [(server, *server.run(m__MLmodel="m")) for server in kept.values()]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_source_is_refused_that_is(kind, runs) -> None:
    for server, run_id, uri in runs:
        _is_refused(server, run_id, uri, HOSTILE[kind])


def _is_refused(server, run_id, uri, forms) -> None:
    place = {"root": uri, "path": "/api/2.0/mlflow-artifacts/artifacts/0/run"}
    for form in forms:
        source = form
        for name, value in place.items():
            source = source.replace(f"{{{name}}}", value)
        assert isinstance(refused(server, source), InvalidValue | NotFound), source
        assert isinstance(refused(server, source, run_id=run_id), InvalidValue | NotFound), source


def test_a_source_is_taken_that_lies_below_the_files_of_its_run(served) -> None:
    run_id, uri = served.run(m__MLmodel="m")
    for source in (uri, f"{uri}/m", f"runs:/{run_id}/m"):
        assert created(served, source, run_id=run_id)["model_version"]["run_id"] == run_id


def test_a_source_is_refused_that_lies_below_the_files_of_another_run(served) -> None:
    mine, _ = served.run(m__MLmodel="m")
    other, theirs = served.run(m__MLmodel="m")
    for source in (f"{theirs}/m", f"runs:/{other}/m", f"{theirs}x/m"):
        assert isinstance(refused(served, source, run_id=mine), InvalidValue)
        assert isinstance(refused(served, source, run_id="nobody"), InvalidValue)


def test_the_run_is_taken_from_the_source_where_that_names_it(wire) -> None:
    wire.post("registered-models/create", name="iris")
    run_id, uri = wire.run(m__MLmodel="m")
    for source in (f"runs:/{run_id}/m", f"runs:/{run_id}", uri, f"{uri}/m"):
        made = created(wire, source)["model_version"]
        assert (made["run_id"], made["source"]) == (run_id, source)


def test_a_path_of_the_servers_machine_needs_the_field_run_id(local) -> None:
    local.post("registered-models/create", name="iris")
    _, uri = local.run(m__MLmodel="m")
    for source in (uri, f"{uri}/m", uri.removeprefix("file://")):
        assert isinstance(refused(local, source), InvalidValue)


def test_a_run_that_is_not_there_is_not_found(served) -> None:
    gone = "0" * 32
    for fields in ({}, {"run_id": gone}):
        assert isinstance(refused(served, f"runs:/{gone}/m", **fields), NotFound)


def test_a_path_beside_the_files_of_a_run_names_no_run(wire) -> None:
    wire.post("registered-models/create", name="iris")
    run_id, uri = wire.run(m__MLmodel="m")
    beside = uri.removesuffix("/artifacts")
    for source in (beside, f"{beside}/other/m", f"mlflow-artifacts:/7/{run_id}/artifacts/m"):
        assert isinstance(refused(wire, source), InvalidValue)


def test_a_source_is_refused_that_lies_beside_the_files_of_the_run(served) -> None:
    run_id, uri = served.run(m__MLmodel="m")
    assert isinstance(refused(served, f"{uri}-other/m", run_id=run_id), InvalidValue)


def test_a_source_is_taken_that_lies_below_the_files_of_its_logged_model(served) -> None:
    model_id, uri = served.logged_model(MLmodel="m")
    for source in (uri, f"models:/{model_id}"):
        assert created(served, source, model_id=model_id)["model_version"]["model_id"] == model_id


def test_a_logged_model_has_to_be_there_and_be_named(served) -> None:
    model_id, uri = served.logged_model(MLmodel="m")
    other, _ = served.logged_model(MLmodel="m")
    for source in (uri, f"models:/{model_id}"):
        assert isinstance(refused(served, source), InvalidValue)
        assert isinstance(refused(served, source, model_id=other), InvalidValue)
    gone = "m-" + "0" * 32
    assert isinstance(refused(served, f"models:/{gone}", model_id=gone), InvalidValue)


def test_links_are_followed_before_a_path_is_taken(local, tmp_path: Path) -> None:
    local.post("registered-models/create", name="iris")
    run_id, uri = local.run(m__MLmodel="m")
    secret = tmp_path / "secret"
    secret.mkdir()
    root = Path(uri.removeprefix("file://"))
    (root / "link").symlink_to(secret)
    assert isinstance(refused(local, f"{root}/link", run_id=run_id), InvalidValue)
    assert created(local, f"{root}/m", run_id=run_id)


@pytest.mark.parametrize("scheme", SOURCE_SCHEMES)
def test_files_in_a_store_of_objects_need_no_run(kept, scheme) -> None:
    for number, server in enumerate(kept.values()):
        name = f"{scheme} {number}"
        server.post("registered-models/create", name=name)
        for source in (f"{scheme}://bucket/models/a%20b", f"{scheme}:/models/m"):
            asked = {"name": name, "source": source}
            assert (
                server.post("model-versions/create", **asked)["model_version"]["source"] == source
            )
        for source in (f"{scheme}://b/a\u202em", f"{scheme}://b/a%2Fm", f"{scheme}:m"):
            asked = {"name": name, "source": source}
            error = server.refused("POST", "model-versions/create", **asked)
            assert isinstance(error, InvalidValue)


@pytest.mark.parametrize(
    ("config", "taken"),
    [
        (Config(), set()),
        (
            Config(plugins={"registry": {"source_schemes": ["https"]}}),
            {"https://models.example.org/m", "https://models.example.org.evil/m"},
        ),
        (
            Config(http=HttpConfig(artifact_allow=["models.example.org"])),
            {
                "https://models.example.org/m",
                "http://models.example.org/m",
                "mlflow-artifacts://models.example.org/m",
            },
        ),
        (
            Config(http=HttpConfig(artifact_allow=["models.example.org:443"])),
            {"https://models.example.org/m"},
        ),
        (
            Config(plugins={"registry": {"source_schemes": ["ftp", "file", "path"]}}),
            {"ftp://models.example.org/m"},
        ),
    ],
)
def test_other_places_are_taken_if_the_owner_allows_them(
    on_this_machine, tmp_path, config, taken
) -> None:
    asked = {
        "https://models.example.org/m",
        "http://models.example.org/m",
        "https://models.example.org.evil/m",
        "mlflow-artifacts://models.example.org/m",
        "ftp://models.example.org/m",
        "/etc",
        "file:///etc",
    }
    if "registry" in config.plugins:
        asked.add("s3://bucket/m")
    server = on_this_machine(Host(config), tmp_path)
    server.post("registered-models/create", name="iris")
    for source in asked - taken:
        assert isinstance(refused(server, source), InvalidValue), source
    for source in taken:
        assert created(server, source)["model_version"]["source"] == source
    server.host.close()


def test_a_version_is_a_source_if_it_is_there_and_what_is_said_of_it_is_true(served) -> None:
    run_id, uri = served.run(m__MLmodel="m")
    for source in ("models:/iris/1", "models:/iris@champion", "models:/nobody/1"):
        assert isinstance(refused(served, source), NotFound | InvalidValue)
    created(served, f"{uri}/m", run_id=run_id)
    for source in ("models:/iris/1", "models:/iris/latest", "models:/iris/none"):
        made = created(served, source)["model_version"]
        assert made["source"].startswith("models:/iris/")
        assert made["run_id"] == run_id
    asked = {"name": "iris", "source": "models:/iris/1", "run_id": "another"}
    assert isinstance(served.refused("POST", "model-versions/create", **asked), InvalidValue)


def test_a_prompt_has_a_placeholder_for_a_source_and_is_none(served) -> None:
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    served.post("registered-models/create", name="hello", tags=prompt)
    asked = {"name": "hello", "tags": prompt}
    for source in ("/etc", "s3://bucket/m"):
        error = served.refused("POST", "model-versions/create", source=source, **asked)
        assert isinstance(error, InvalidValue)
    made = served.post("model-versions/create", source="dummy-source", **asked)
    assert made["model_version"]["version"] == "1"
    assert isinstance(refused(served, "models:/hello/1"), InvalidValue)
    assert isinstance(refused(served, "dummy-source"), InvalidValue)
