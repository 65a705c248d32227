"""The options of ``pegboard server``, MLflow's names among them."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from attrs import fields
from pegboard.errors import ConfigError
from pegboard_server.settings import Configured, Settings
from pegboard_server.stores import served, with_artifacts

from .conftest import COMMAND, SECONDS, Start, environment


def test_mlflows_names_mean_the_same(start: Start) -> None:
    server = start(
        "--backend-store-uri",
        "probe:other",
        "-h",
        "localhost",
        "-w",
        "1",
        "--static-prefix",
        "/x",
        "--cors-allowed-origins",
        "https://a.example,https://b.example",
    )
    answer = server("GET", "/x/api/probe/quick", headers={"Origin": "https://b.example"})
    assert answer.json["store"] == "probe:other"
    assert answer.headers["access-control-allow-origin"] == "https://b.example"


@pytest.mark.parametrize(
    "uri, artifacts, expected",
    [
        ("sqlite:a.db", None, "sqlite:a.db"),
        ("sqlite:a.db", "s3://b/c d", "sqlite:a.db?artifacts=s3://b/c%20d"),
        (
            "sqlite:a.db?artifacts=x&synchronous=full",
            "file:///y?z&w",
            "sqlite:a.db?synchronous=full&artifacts=file:///y%3Fz%26w",
        ),
        ("/data/runs", "s3://b", "file:///data/runs?artifacts=s3://b"),
    ],
)
def test_the_artifacts_go_into_the_uri_of_the_store(
    uri: str, artifacts: str | None, expected: str
) -> None:
    assert with_artifacts(uri, artifacts) == expected


@pytest.mark.parametrize(
    "arguments, through, expected",
    [
        (("sqlite:a.db",), True, "sqlite:a.db?artifacts=mlflow-artifacts:/"),
        (
            ("sqlite:a.db", "s3://b"),
            True,
            "sqlite:a.db?artifacts=mlflow-artifacts:/&destination=s3://b",
        ),
        (
            ("sqlite:a.db?artifacts=s3://b",),
            True,
            "sqlite:a.db?artifacts=mlflow-artifacts:/&destination=s3://b",
        ),
        (
            ("sqlite:a.db", "s3://b", "s3://c"),
            True,
            "sqlite:a.db?artifacts=s3://c&destination=s3://b",
        ),
        (
            ("sqlite:a.db", "s3://b", "mlflow-artifacts:/"),
            True,
            "sqlite:a.db?artifacts=mlflow-artifacts:/&destination=s3://b",
        ),
        (("sqlite:a.db", "s3://b"), False, "sqlite:a.db?artifacts=s3://b&destination="),
        (("sqlite:a.db",), False, "sqlite:a.db?destination="),
        (("memory:x",), True, "memory:x"),
    ],
)
def test_the_server_opens_the_store_with_a_place_for_files(
    arguments: tuple[str, ...], through: bool, expected: str
) -> None:
    uri, _, _ = served(*arguments, through=through).partition("&patience=")
    assert uri == expected


@pytest.mark.parametrize("uri", ["http://localhost:5000", "HTTPS://tracking.example"])
def test_a_server_does_not_serve_a_server(uri: str) -> None:
    with pytest.raises(ConfigError, match="server itself"):
        with_artifacts(uri, None)


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = Settings(tracking_uri="sqlite:a", allowed_hosts=("a", "b"), token="x")
    assert Settings.from_json(settings.to_json()) == settings


def test_every_setting_of_the_configuration_is_a_setting() -> None:
    configured, plain = Configured(), Settings(tracking_uri="x")
    for setting in fields(Configured):
        assert getattr(plain, setting.name) == getattr(configured, setting.name), setting.name


def failing(plugins: Path, folder: Path, *options: str) -> str:
    result = subprocess.run(
        [*COMMAND, "server", *options],
        cwd=folder,
        env=environment(plugins, folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_port_in_use_is_told(plugins: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = failing(plugins, tmp_path, "--port", port)
    assert "Cannot listen" in said
    assert "--port 0" in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_store_that_cannot_be_opened_is_told(plugins: Path, tmp_path: Path, workers: str) -> None:
    options = ("--port", "0", "--workers", workers, "--store", "nonsense:x")
    assert "nonsense" in failing(plugins, tmp_path, *options)


@pytest.mark.parametrize(
    "options, said",
    [
        (("--tls-cert", "x"), "both"),
        (("--tls-cert", "x", "--tls-key", "y"), "does not exist"),
        (("--port", "99999"), "99999"),
        (("--store", "http://localhost:1"), "server itself"),
        (("--store", "memory:x", "--artifacts", "y"), "cannot be used"),
    ],
)
def test_options_that_cannot_work_are_told(
    plugins: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    assert said in failing(plugins, tmp_path, *options)
