"""The Job and the Secret that a run becomes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from pegboard.errors import ConfigError
from pegboard_docker import CODE, words
from pegboard_projects import Container

RUN = "pegboard.run"
_DEFAULT = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {},
    "spec": {
        "backoffLimit": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{}]}},
    },
}


def template(path: str) -> dict[str, Any]:
    """Return the Job that a run's is made of; ConfigError if the file does not hold one."""
    if not path:
        return deepcopy(_DEFAULT)
    try:
        found = yaml.safe_load(Path(path).expanduser().read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"The template {path} cannot be read: {error}") from error
    try:
        is_job = found["kind"] == "Job" and found["spec"]["template"]["spec"]["containers"][0]
    except (TypeError, KeyError, IndexError):
        is_job = False
    if not is_job:
        raise ConfigError(
            f"The template {path} is not a Job with a container.",
            hint="It needs kind: Job, and spec.template.spec.containers with one of them.",
        )
    found["metadata"] = found.get("metadata") or {}
    return dict(found)


def secret(name: str, run_id: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret that holds the variables of a run."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {RUN: run_id}},
        "type": "Opaque",
        "stringData": dict(variables),
    }


def job(
    base: Mapping[str, Any],
    *,
    name: str,
    run_id: str,
    container: Container,
    command: Sequence[str],
    grace_seconds: float,
) -> dict[str, Any]:
    """Return the Job of a run, which gets its variables from the Secret of the same name."""
    made = deepcopy(dict(base))
    made["metadata"] |= {"name": name}
    made["metadata"]["labels"] = {**(made["metadata"].get("labels") or {}), RUN: run_id}
    made["metadata"].pop("namespace", None)
    pod = made["spec"]["template"]["spec"]
    pod.setdefault("restartPolicy", "Never")
    pod.setdefault("terminationGracePeriodSeconds", max(1, math.ceil(grace_seconds)))
    first = pod["containers"][0]
    first |= {"name": container_name(base), "image": container.image, "command": list(command)}
    first.pop("args", None)
    first.setdefault("workingDir", CODE)
    named = [
        {"name": each[0], "value": each[1]}
        for each in container.environment
        if not isinstance(each, str)
    ]
    first["env"] = [*(first.get("env") or []), *named]
    first["envFrom"] = [*(first.get("envFrom") or []), {"secretRef": {"name": name}}]
    for number, (volume, mount) in enumerate(volumes(container.volumes)):
        label = f"pegboard-{number}"
        pod.setdefault("volumes", []).append({"name": label, **volume})
        first.setdefault("volumeMounts", []).append({"name": label, **mount})
    return made


def container_name(base: Mapping[str, Any]) -> str:
    """Return the name of the project's container; that of a template is a placeholder perhaps."""
    name = base["spec"]["template"]["spec"]["containers"][0].get("name") or ""
    return name if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) else "project"


def command(shell: str, text: str) -> list[str]:
    """Return the words of the container."""
    return words(shell, text)


def volumes(given: Sequence[str]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield docker's volumes as volumes of a pod, and where they are mounted.

    A path is one of the node; a name is that of a claim.
    """
    for text in given:
        source, _, rest = text.partition(":")
        place, _, mode = rest.partition(":")
        if not source or not place.startswith("/"):
            raise ConfigError(
                f"The volume {text!r} cannot be one of a pod.",
                hint="Write PATH:PATH or CLAIM:PATH, with ':ro' perhaps.",
            )
        volume = (
            {"hostPath": {"path": source}}
            if source.startswith("/")
            else {"persistentVolumeClaim": {"claimName": source}}
        )
        mount = {"mountPath": place}
        yield volume, {**mount, "readOnly": True} if mode == "ro" else mount
