"""The runner under contract, and what can become of a job in a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve
from pegboard.errors import ConfigError, InvalidState
from pegboard_kubernetes import kubeconfig
from pegboard_kubernetes.runner import Kubernetes
from pegboard_kubernetes.settings import Settings
from pegboard_projects import Container, Job, Left, Outcome, Runner, RunnerContract, Submitted

from .conftest import Place

SERVER = "http://tracking.example.org:5000"
SECONDS = 60
RUN = "0" * 32
NAME = f"pegboard-{RUN}"


class TestKubernetes(RunnerContract):
    tracking_uri = SERVER

    @pytest.fixture(autouse=True)
    def _of_a_cluster(self, place: Place) -> None:
        self.place = place

    def runner(self) -> Runner:
        return Kubernetes()

    def runner_settings(self) -> Settings:
        return self.place.settings


def submitted(
    place: Place, command: str, log: list[bytes] | None = None, **changes: Any
) -> Submitted:
    settings = evolve(place.settings, **changes)
    asked = Container(
        image="python:3.12",
        volumes=["/data:/data:ro", "claim:/models"],
        environment=["HERE", ("THERE", "a b")],
    )
    job = Job(
        run_id=RUN,
        name="two words",
        command=command,
        directory=place.kubeconfig.parent,
        variables={"HERE": "here", "MLFLOW_RUN_ID": RUN, "PEGBOARD_KEY": "hush"},
        settings=settings,
        grace_seconds=0.2,
        container=asked,
    )
    return Kubernetes().submit(job, (log if log is not None else []).append)


def ended(job: Submitted) -> Outcome:
    outcome = job.wait(SECONDS)
    assert outcome is not None
    return outcome


def test_a_job_is_made_of_a_template(place: Place, tmp_path: Path) -> None:
    template = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "{replaced}", "namespace": "training"},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "nodeSelector": {"gpu": "a100"},
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "{replaced}",
                            "image": "{replaced}",
                            "command": ["x"],
                            "env": [{"name": "LEVEL", "value": "3"}],
                            "resources": {"limits": {"memory": "512Mi"}},
                        }
                    ],
                }
            },
        },
    }
    file = tmp_path / "template.yaml"
    file.write_text(yaml.safe_dump(template))
    log: list[bytes] = []
    command = 'echo "$HERE $THERE $LEVEL $PEGBOARD_KEY $MLFLOW_TRACKING_URI"'
    job = submitted(
        place, command, log, kube_job_template_path=str(file), tracking_uri="http://inside"
    )
    assert ended(job).code == 0
    assert b"".join(log) == b"here a b 3 hush http://inside\n"
    tags = job.describe()
    assert tags["pegboard.kubernetes.namespace"] == "training"
    assert tags["pegboard.kubernetes.image"].startswith("registry.example.org/team/p@sha256:")
    secret, made = place.double.seen
    assert "hush" not in str(made)
    spec = made["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["resources"] == {"limits": {"memory": "512Mi"}}
    assert container["image"] == tags["pegboard.kubernetes.image"]
    assert spec["nodeSelector"] == {"gpu": "a100"}
    assert spec["terminationGracePeriodSeconds"] == 1
    assert [volume["name"] for volume in spec["volumes"]] == ["pegboard-0", "pegboard-1"]
    assert spec["volumes"][0]["hostPath"] == {"path": "/data"}
    assert spec["volumes"][1]["persistentVolumeClaim"] == {"claimName": "claim"}
    assert container["volumeMounts"][0] == {
        "name": "pegboard-0",
        "mountPath": "/data",
        "readOnly": True,
    }
    assert secret["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert place.double.objects == {}


FATES: dict[str, tuple[dict[str, Any], str, int | None, str]] = {
    "out of memory": ({"reason": "OOMKilled"}, "exit 137", 137, "more memory"),
    "a deadline": ({"failed": "DeadlineExceeded"}, "exit 143", 143, "longer than its template"),
    "an image that is not there": ({"waiting": "ErrImagePull"}, "true", None, "no such image"),
    "a job that nothing is known of": ({"failed": "PodFailurePolicy"}, "true", None, "PodFailure"),
}


@pytest.mark.parametrize("name", FATES)
def test_ends_become_outcomes(name: str, place: Place) -> None:
    fate, command, code, reason = FATES[name]
    place.double.fate = fate
    outcome = ended(submitted(place, command, start_seconds=0))
    assert (outcome.code, outcome.cancelled) == (code, False)
    assert reason in outcome.reason
    assert outcome.timed_out == (name == "a deadline")
    assert place.double.objects == {}


def test_what_the_cluster_refuses_ends_the_job(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(
        "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [{nmae: x}]}}}}"
    )
    outcome = ended(submitted(place, "true", kube_job_template_path=str(file)))
    assert "nmae" in outcome.reason
    assert place.double.objects == {}


def test_a_cluster_that_is_gone_is_waited_for_so_long(place: Place, tmp_path: Path) -> None:
    go = tmp_path / "go"
    log: list[bytes] = []
    job = submitted(place, f"while [ ! -e {go} ]; do sleep 0.05; done", log)
    with place.double.changed:
        while ("ml", "jobs", NAME) not in place.double.objects:
            place.double.changed.wait(0.05)
        place.double.down = True
    left = Left(run_id=RUN, place=dict(job.describe()), settings=place.settings)
    assert job.wait(0) is None
    place.double.down = False
    again: list[bytes] = []
    second = Kubernetes().take_up(left, again.append)
    go.touch()
    assert {ended(job).code, ended(second).code} <= {0, None}
    with pytest.raises(InvalidState):
        Kubernetes().take_up(left, again.append)


REFUSED: dict[str, dict[str, Any]] = {
    "a context that is not there": {"kube_context": "nowhere"},
    "a template that is not there": {"kube_job_template_path": "nowhere.yaml"},
    "a repository that is an option": {"repository_uri": "--all"},
    "a store of this machine": {"uri": "sqlite:runs.db"},
    "options of docker": {"asked": Container(image="x", options={"memory": "2g"})},
    "a volume that is not one": {"asked": Container(image="x", volumes=["x"])},
    "no image": {"image": ""},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_told_before(name: str, place: Place) -> None:
    given = dict(REFUSED[name])
    uri, asked = given.pop("uri", SERVER), given.pop("asked", None)
    settings = evolve(place.settings, **given)
    with pytest.raises(ConfigError):
        Kubernetes().check(settings, uri)
        Kubernetes().container(settings, asked)


def test_access_is_read_as_kubectl_reads_it(place: Place, tmp_path: Path) -> None:
    document = yaml.safe_load(place.kubeconfig.read_text())

    def access(**user: Any) -> kubeconfig.Access:
        document["users"][0]["user"] = user
        place.kubeconfig.write_text(yaml.safe_dump(document))
        return kubeconfig.find("here")

    (tmp_path / "token").write_text("of a file\n")
    assert access(tokenFile="token").token() == "of a file"
    said = '{"status": {"token": "of a plugin"}}'
    plugin = {"command": sys.executable, "args": ["-ISc", f"print({said!r})"], "apiVersion": "v1"}
    assert access(exec=plugin).token() == "of a plugin"
    found = access(**{"client-certificate-data": "Q0VSVA==", "client-key-data": "S0VZ"})
    assert (found.certificate, found.key, found.namespace) == ("CERT", "KEY", "ml")
    with pytest.raises(ConfigError, match="gave no token"):
        access(exec={**plugin, "args": ["-ISc", "print(1)"]}).token()
    with pytest.raises(ConfigError, match="auth-provider"):
        access(**{"auth-provider": {"name": "gcp"}})
