"""The runner under contract, and projects that name an image."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard import host
from pegboard.config import Config, PegboardConfig
from pegboard.errors import ConfigError, PegboardError
from pegboard.host import Host
from pegboard_docker.runner import Docker
from pegboard_docker.settings import Settings
from pegboard_projects import Container, Left, Runner, RunnerContract
from pegboard_testing.isolation import separate_tracking

from .conftest import IMAGE, Machine

PROJECT = """
name: Two Words
docker_env:
  image: {image}
  volumes: ["/data:/data:ro"]
  environment: [HERE, [THERE, "a b"]]
entry_points:
  main: {{command: "echo $HERE $THERE; pwd; {command}"}}
"""


class TestDocker(RunnerContract):
    @pytest.fixture(autouse=True)
    def _of_a_machine(self, machine: Machine) -> None:
        subprocess.run(["docker", "pull", IMAGE], check=True, stdout=subprocess.DEVNULL)

    def runner(self) -> Runner:
        return Docker()

    def runner_settings(self) -> Settings:
        return Settings(image=IMAGE, poll_seconds=0.05)


def project(place: Path, command: str = "true", image: str = IMAGE) -> Path:
    folder = place / "p"
    folder.mkdir(exist_ok=True)
    (folder / "MLproject").write_text(PROJECT.format(image=image, command=command))
    return folder


def test_a_project_that_names_an_image_runs_in_it(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "it's")
    metric = "import pegboard; pegboard.start_run(); pegboard.log_metric('m', 1)"
    folder = project(tmp_path, f'{sys.executable} -c \\"{metric}\\"')
    with separate_tracking(tmp_path):
        done = pegboard.run(
            str(folder),
            docker_args={"memory": "2g", "v": "/x:/x", "P": True},
            backend_config={"poll_seconds": 0.05},
        )
        run = pegboard.get_run(done.run_id)
        artifacts = run.info.artifact_uri.removeprefix("file://")
        assert done.logs() == f"Pulling {IMAGE}\nit's a b\n{folder}\n"
    assert run.info.status == "FINISHED"
    # By the server on loopback, which a container in this machine's network reaches.
    assert run.data.metrics == {"m": 1.0}
    tags = run.data.tags
    assert tags["mlflow.project.env"] == "docker"
    assert tags["mlflow.project.backend"] == "docker"
    assert tags["mlflow.docker.image.uri"] == IMAGE
    assert tags["mlflow.docker.image.id"].startswith("sha256:")
    assert tags["pegboard.docker.image.digest"] == f"{IMAGE}@sha256:abc"
    (words,) = machine.calls("run")
    for expected in (
        "--network=host",
        "--memory=2g",
        "-v=/x:/x",
        "-P",
        "--volume=/data:/data:ro",
        f"--volume={folder}:/mlflow/projects/code",
        f"--volume={artifacts}:{artifacts}",
        "--env=MLFLOW_TRACKING_TOKEN",
        "--env=THERE=a b",
    ):
        assert expected in words
    assert not any("TOKEN=" in word or "PEGBOARD_CONFIG" in word for word in words)
    assert machine.containers() == []


def test_an_image_is_built_with_the_project_inside(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "")
    with separate_tracking(tmp_path):
        folder = str(project(tmp_path))
        done = pegboard.run(folder, build_image=True, backend_config={"poll_seconds": 0.05})
        tags = pegboard.get_run(done.run_id).data.tags
    assert tags["mlflow.docker.image.uri"] == "two-words"
    assert "pegboard.docker.image.digest" not in tags
    (words,) = machine.calls("run")
    assert not any(word.endswith("/mlflow/projects/code") for word in words if "volume" in word)


WRONG: dict[str, dict[str, Any]] = {
    "an option's value as its name": {"docker_args": {"rm --privileged": True}},
    "an option of ours": {"docker_args": {"name": "x"}},
    "an image that is an option": {"image": "--privileged"},
    "a variable that is not set": {"unset": True},
    "an unknown setting": {"backend_config": {"nothing": 1}},
    "another program": {"backend_config": {"program": "nerdctl"}},
    "a runner without containers": {"disabled": True},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_before_there_is_a_run(
    name: str, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(WRONG[name])
    if not given.pop("unset", False):
        monkeypatch.setenv("HERE", "")
    folder = project(tmp_path, image=given.pop("image", IMAGE))
    with separate_tracking(tmp_path):
        if given.pop("disabled", False):
            host.use(Host(Config(pegboard=PegboardConfig(disabled=["docker"]))))
        with pytest.raises(PegboardError) as caught:
            pegboard.run(str(folder), **given)
        assert pegboard.search_runs(output_format="list") == []
    assert ("pegboard-docker" in str(caught.value)) == (name == "a runner without containers")


def test_an_image_that_cannot_be_had_ends_the_run_and_is_told(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "")
    with separate_tracking(tmp_path):
        handle = pegboard.run(str(project(tmp_path, image="nowhere/x")), synchronous=False)
        assert handle.wait(60) is False
        assert handle.get_status() == "FAILED"
        assert "pull access denied" in handle.logs()


def test_a_container_that_was_left_is_followed_again(machine: Machine, tmp_path: Path) -> None:
    settings = Settings(poll_seconds=0.05)
    left = Left(run_id="1" * 32, place={}, settings=settings)
    with pytest.raises(PegboardError, match="not there"):
        Docker().take_up(left, lambda _: None)
    (machine.root / "no_memory").touch()
    words = ["run", "--detach", f"--name=pegboard-{left.run_id}", "--workdir=/mlflow/projects/code"]
    mounted = f"--volume={tmp_path}:/mlflow/projects/code"
    for each in (["pull", IMAGE], [*words, mounted, IMAGE, "bash", "-c", "echo so; exit 137"]):
        subprocess.run(["docker", *each], check=True, stdout=subprocess.DEVNULL)
    log: list[bytes] = []
    outcome = Docker().take_up(left, log.append).wait(60)
    assert outcome is not None
    assert (outcome.code, b"".join(log)) == (137, b"so\n")
    assert "more memory" in outcome.reason
    assert machine.containers() == []


def test_without_an_image_or_a_program_it_says_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="needs an image"):
        Docker().container(Settings(), None)
    assert Docker().container(Settings(image=IMAGE), None) == Container(image=IMAGE)
    monkeypatch.setenv("PATH", str(machine.root / "bin"))
    Docker().check(Settings(), "http://server")
    (machine.root / "down").touch()
    with pytest.raises(ConfigError, match=r"daemon running.*podman is not installed"):
        Docker().check(Settings(), "http://server")
