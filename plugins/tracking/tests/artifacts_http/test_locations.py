"""Artifact locations that clients name: what is taken can be used, and what cannot is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard.config import Config, HttpConfig
from pegboard.errors import InvalidValue
from pegboard.host import Host

CREATE = "/api/2.0/mlflow/experiments/create"


def created(files: Any, location: str) -> str:
    """Create an experiment through the endpoint and return its id."""
    name = f"e{len(files.store.search_experiments())}"
    reply = files("POST", CREATE, name=name, artifact_location=location)
    return str(reply.json["experiment_id"])


def is_usable(files: Any, experiment_id: str) -> bool:
    """Whether a file can be kept in a run of an experiment, and read back."""
    run_id = files.store.create_run(experiment_id).info.run_id
    files("POST", "/api/2.0/mlflow/upload-artifact", b"x", run_id=run_id, path="file")
    return bool(files("GET", "/get-artifact", run_id=run_id, path="file").body == b"x")


UNUSABLE = [
    "mlflow-artifacts:/a\nb",
    "mlflow-artifacts:/a%0Ab",
    "mlflow-artifacts:/a%2Fb",
    "mlflow-artifacts:/a%5Cb",
    "mlflow-artifacts:/a\\b",
    "mlflow-artifacts:/a\u202eb",
    "mlflow-artifacts:/a\u200bb",
    "mlflow-artifacts:/C:/b",
    "mlflow-artifacts:/~/b",
    "mlflow-artifacts:\\host\\b",
    "mlflow-artifacts:/../b",
    "file://host/b",
    "file://{root}/a%2Fb",
    "file://{root}/a\x1bb",
    "{root}/a\\b",
    "{root}/a\tb",
    "https://host/b",
]


@pytest.mark.parametrize("location", UNUSABLE)
def test_a_location_that_could_not_be_used_is_refused_when_it_is_named(
    files: Any, location: str
) -> None:
    with pytest.raises(InvalidValue):
        created(files, location.format(root=files.root))
    assert len(files.store.search_experiments()) == 1


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/mine",
        "mlflow-artifacts:///mine",
        "mlflow-artifacts:/with blank/ünï/日本/🚀",
        "mlflow-artifacts:/with%20blank",
        "mlflow-artifacts:/100%25",
        "file://{root}/mine",
        "{root}/mine",
    ],
)
def test_a_location_of_the_servers_is_taken_and_can_be_used(files: Any, location: str) -> None:
    assert is_usable(files, created(files, location.format(root=files.root)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(
            ["a", "/", ":", "%", "%2F", "%25", "\\", "~", " ", "\u202e", "é", ".", "C:"]
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_taken_can_be_used(files: Any, parts: list[str]) -> None:
    try:
        experiment_id = created(files, f"mlflow-artifacts:/{''.join(parts)}")
    except InvalidValue:
        return
    assert is_usable(files, experiment_id)


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("some/where", "{here}/some/where"),
        ("./else", "{here}/else"),
        ("file:some/where", "file://{here}/some/where"),
    ],
)
def test_a_relative_location_is_below_the_working_directory_of_the_server(
    files: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, location: str, kept: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = created(files, location)
    monkeypatch.chdir("/")
    found = files.store.get_experiment(made).artifact_location
    assert found == kept.format(here=tmp_path)


def test_a_relative_location_is_served_if_it_is_in_the_place_of_the_server(
    files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put("mine/file", b"x")
    monkeypatch.chdir(files.root)
    assert is_usable(files, created(files, "mine"))


@pytest.mark.parametrize(
    ("allowed", "taken"),
    [
        (["files.example.org"], ["http://{}/x", "https://{}:8443/x", "mlflow-artifacts://{}:5/x"]),
        (["Files.Example.org:8443"], ["https://{}:8443/x", "mlflow-artifacts://{}:8443/x"]),
        (["files.example.org:443"], ["https://{}/x"]),
    ],
)
def test_the_owner_may_allow_locations_on_other_servers(
    files: Any, tmp_path: Path, allowed: list[str], taken: list[str]
) -> None:
    host = Host(Config(http=HttpConfig(artifact_allow=allowed)))
    ours = type(files)(host, f"sqlite:{tmp_path}/own.db", tmp_path)
    forms = [
        "http://{}/x",
        "https://{}/x",
        "https://{}:8443/x",
        "mlflow-artifacts://{}:5/x",
        "mlflow-artifacts://{}:8443/x",
        "https://{}.evil/x",
        "https://{}:8443@evil/x",
    ]
    if allowed == ["files.example.org"]:
        taken = [form for form in forms if "evil" not in form]
    for form in forms:
        location = form.format("files.example.org")
        if form in taken:
            made = created(ours, location)
            assert ours.store.get_experiment(made).artifact_location == location
        else:
            with pytest.raises(InvalidValue, match="another server"):
                created(ours, location)
    host.close()
