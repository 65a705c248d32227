"""A cluster with a registry: the API's double, and a docker that builds and pushes to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from attrs import frozen
from pegboard_kubernetes.settings import Settings

from .double import Double, serving

DOCKER = """
import hashlib, json, sys
from pathlib import Path
root = Path(sys.argv[0]).resolve().parent.parent
command, rest = sys.argv[1], sys.argv[2:]
images = root / "images"
if command == "build":
    tag, file, folder = rest[0].removeprefix("--tag="), rest[1].removeprefix("--file="), rest[2]
    assert Path(file).read_text().startswith("FROM python:3.12\\nCOPY . ")
    (images / tag.replace("/", "%")).write_text(folder)
elif command == "push":
    digest = hashlib.sha256(rest[0].encode()).hexdigest()
    (root / f"sha256-{digest}").write_text((images / rest[0].replace("/", "%")).read_text())
elif command == "image":
    file = root / f"sha256-{hashlib.sha256(rest[1].encode()).hexdigest()}"
    digest = f"{rest[1].rpartition(':')[0]}@{file.name.replace('-', ':')}"
    digests = [digest] if file.exists() else []
    print(json.dumps([{"Id": "sha256:1", "RepoDigests": digests}]))
else:
    assert command == "version", command
"""


@frozen
class Place:
    """The cluster, its kubeconfig, and settings that suit it."""

    double: Double
    kubeconfig: Path
    settings: Settings


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root = tmp_path / "registry"
    for folder in ("bin", "images"):
        (root / folder).mkdir(parents=True)
    docker = root / "bin" / "docker"
    docker.write_text(f"#!{sys.executable} -IS{DOCKER}")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(root / "bin"), os.environ["PATH"]]))
    double = Double(root)
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBE_MLFLOW_TRACKING_URI", raising=False)
    with serving(double) as address:
        file.write_text(
            yaml.safe_dump(
                {
                    "current-context": "here",
                    "contexts": [
                        {
                            "name": "here",
                            "context": {"cluster": "c", "user": "u", "namespace": "ml"},
                        }
                    ],
                    "clusters": [{"name": "c", "cluster": {"server": address}}],
                    "users": [{"name": "u", "user": {"token": double.token}}],
                }
            )
        )
        settings = Settings(
            image="python:3.12", repository_uri="registry.example.org/team/p", poll_seconds=0.05
        )
        yield Place(double, file, settings)
