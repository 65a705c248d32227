"""The runner ``kubernetes``: makes a project a Job of a cluster, and follows it."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from pegboard.errors import ConfigError, InvalidState, PegboardError, StoreError
from pegboard_docker import Program, built, chosen, find, had, pushed
from pegboard_projects import (
    Container,
    Followed,
    Job,
    Left,
    Log,
    Outcome,
    Reading,
    Runner,
    Submitted,
    check_reachable,
    without_here,
)

from pegboard_kubernetes import kubeconfig, objects
from pegboard_kubernetes.cluster import Cluster
from pegboard_kubernetes.settings import Settings

NAME = "kubernetes"
JOB, NAMESPACE, IMAGE = (f"pegboard.kubernetes.{word}" for word in ("job", "namespace", "image"))
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._:/-]*")
_JOIN_SECONDS = 60.0
_STUCK = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")
_WHY = {"DeadlineExceeded": "it ran for longer than its template lets it"}


class Kubernetes(Runner):
    """Runs jobs in a cluster."""

    settings = Settings
    shares_machine = False

    def check(self, settings: Any, uri: str) -> None:
        """Refuse what cannot work: no cluster to be found, a tracking URI of this machine alone."""
        kubeconfig.find(settings.kube_context)
        objects.template(settings.kube_job_template_path)
        if settings.repository_uri:
            if not _REPOSITORY.fullmatch(settings.repository_uri):
                raise ConfigError(f"repository-uri {settings.repository_uri!r} is not a name.")
            find(settings.program)
        if not _tracking(settings):
            check_reachable(uri, NAME)

    def container(self, settings: Any, asked: Container | None) -> Container | None:
        """Return the container that is asked for, or that of the settings."""
        found = chosen(asked, settings.image, NAME)
        if found.options:
            raise ConfigError(
                "Options of 'docker run' mean nothing to Kubernetes.",
                hint="Say it in the template: kube-job-template-path.",
            )
        # Refuses volumes that a pod cannot have.
        list(objects.volumes(found.volumes))
        return found

    def submit(self, job: Job, log: Log) -> Submitted:
        """Begin to make a job of the cluster."""
        return _Running(job, log, job)

    def take_up(self, job: Left, log: Log) -> Submitted:
        """Follow a job of the cluster again."""
        found = _Running(job, log, None)
        if not found.is_there():
            raise InvalidState(f"The cluster has no job of the run {job.run_id!r}.")
        found.follow()
        return found


def _tracking(settings: Settings) -> str:
    return settings.tracking_uri or os.environ.get("KUBE_MLFLOW_TRACKING_URI", "")


class _Running(Followed):
    """A job of a cluster, from before its image is built until it is deleted."""

    def __init__(self, job: Job | Left, log: Log, begun: Job | None) -> None:
        settings: Settings = job.settings
        super().__init__(job.run_id, seconds=settings.poll_seconds, grace_seconds=job.grace_seconds)
        self._settings, self._log, self._begun = settings, log, begun
        self._name, self._run_id = f"pegboard-{job.run_id}", job.run_id
        access = kubeconfig.find(settings.kube_context)
        self._template = objects.template(settings.kube_job_template_path)
        named = self._template["metadata"].get("namespace") or access.namespace
        left = job.place.get(NAMESPACE) if isinstance(job, Left) else None
        self._namespace: str = left or settings.namespace or named
        self._cluster = Cluster(access, self._namespace)
        self._container = objects.container_name(self._template)
        self._image = ""
        self._program: Program | None = None
        self._pod = ""
        self._reader: threading.Thread | None = None
        self._reading = Reading(log)
        self._answered = time.monotonic()
        self._stuck_since: float | None = None
        self._outcome_of_pod = Outcome(code=None)
        if begun is not None:
            self.follow()

    def is_there(self) -> bool:
        """Whether the cluster has the job."""
        return self._cluster.get("jobs", self._name) is not None

    def describe(self) -> Mapping[str, str]:
        said = {JOB: self._name, NAMESPACE: self._namespace}
        return {**said, IMAGE: self._image} if self._image else said

    def cancel(self) -> None:
        super().cancel()
        if self._program is not None:
            self._program.end()

    def begin(self) -> None:
        job, settings = self._begun, self._settings
        if job is None:
            return
        assert job.container is not None
        container = evolve(job.container, image=self._built(job, job.container))
        self._image = container.image
        if self.cancelled:
            raise StoreError("It was cancelled before it began.")
        variables = without_here(job, _tracking(settings))
        body = objects.job(
            self._template,
            name=self._name,
            run_id=self._run_id,
            container=container,
            command=objects.command(settings.shell, job.command),
            grace_seconds=job.grace_seconds,
        )
        self._cluster.create("secrets", objects.secret(self._name, self._run_id, variables))
        try:
            made = self._cluster.create("jobs", body)
        except PegboardError:
            self._cluster.delete("secrets", self._name)
            raise
        # If nobody follows the job to its end, the secret goes with it.
        self._cluster.own("secrets", self._name, made)

    def _built(self, job: Job, container: Container) -> str:
        """Return the image to run: with the project inside, and by its digest, if it is pushed."""
        repository = self._settings.repository_uri
        if not repository:
            return container.image
        self._program = Program(find(self._settings.program))
        tag = f"{repository}:{self._run_id}"
        had(self._program, container.image, self._log)
        made = built(self._program, container.image, job.directory, tag, self._log)
        return pushed(self._program, made, self._log)

    def look(self) -> Outcome | None:
        try:
            job = self._cluster.get("jobs", self._name)
            pods = self._cluster.pods(self._name) if job is not None else []
        except StoreError as error:
            self._be_patient(error)
            return None
        self._answered = time.monotonic()
        if job is None:
            self._complete()
            reason = "" if self.cancelled else "The job was deleted, but not by this run."
            return evolve(self._outcome_of_pod, reason=reason, cancelled=self.cancelled)
        if pods:
            self._look_at(pods[-1])
        for condition in (job.get("status") or {}).get("conditions") or []:
            if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
                if "deletionTimestamp" in job["metadata"]:
                    break
                self._complete()
                return self._of(condition)
        return None

    def end(self, *, kill: bool) -> None:
        if kill:
            for pod in self._cluster.pods(self._name):
                self._cluster.delete("pods", pod["metadata"]["name"], gracePeriodSeconds=0)
        else:
            # The job stays until its pods are gone.
            self._cluster.delete("jobs", self._name, propagationPolicy="Foreground")

    def close(self) -> None:
        for kind in ("jobs", "secrets"):
            try:
                self._cluster.delete(kind, self._name, propagationPolicy="Background")
            except PegboardError as error:
                self._log(f"{error}\n".encode())

    def _be_patient(self, error: StoreError) -> None:
        limit = self._settings.patience_seconds
        if time.monotonic() - self._answered >= limit:
            raise StoreError(
                f"The cluster gave no answer about job {self._name} for {limit:g} s, "
                f"and the job may go on: {error.message}"
            )

    def _look_at(self, pod: Mapping[str, Any]) -> None:
        """See what became of a pod: its log, its exit code, an image that is not to be had."""
        statuses = (pod.get("status") or {}).get("containerStatuses") or []
        states = [each["state"] for each in statuses if each["name"] == self._container]
        state: Mapping[str, Any] = states[0] if states else {}
        self._check_start(state.get("waiting") or {})
        ended = state.get("terminated")
        if ended is not None:
            reason = "It used more memory than it may." if ended["reason"] == "OOMKilled" else ""
            self._outcome_of_pod = Outcome(code=ended["exitCode"], reason=reason)
        if ended is None and "running" not in state:
            return
        name = pod["metadata"]["name"]
        if name != self._pod:
            self._complete()
            self._pod, self._reading, self._reader = name, Reading(self._log), None
        if self._reader is None or not self._reader.is_alive():
            self._reader = threading.Thread(target=self._pass_on, args=(name,), daemon=True)
            self._reader.start()

    def _check_start(self, waiting: Mapping[str, Any]) -> None:
        if waiting.get("reason") not in _STUCK:
            self._stuck_since = None
            return
        said = f"{waiting['reason']}: {waiting.get('message', '')}"
        if self._stuck_since is None:
            self._stuck_since = time.monotonic()
            self._log(f"{said}\n".encode())
        if time.monotonic() - self._stuck_since >= self._settings.start_seconds:
            self._cluster.delete("jobs", self._name, propagationPolicy="Background")
            self.close()
            raise StoreError(f"The job could not begin: {said}")

    def _pass_on(self, pod: str) -> None:
        """Pass on what a pod says, from where the last time ended."""
        self._reading.begin()
        try:
            for piece in self._cluster.log(pod, self._container):
                self._reading.add(piece)
        except PegboardError:
            return  # It is tried again as long as there is a pod.

    def _complete(self) -> None:
        if self._reader is not None:
            self._reader.join(_JOIN_SECONDS)

    def _of(self, condition: Mapping[str, Any]) -> Outcome:
        found = self._outcome_of_pod
        if condition["type"] == "Complete":
            return evolve(found, code=0, reason="")
        why = str(condition.get("reason") or "")
        if why in _WHY:
            return evolve(found, reason=f"The job ended as {why}: {_WHY[why]}.", timed_out=True)
        if not found.code and not found.reason:
            said = f"{why}: {condition.get('message', '')}"
            return evolve(found, code=None, reason=f"The job failed. {said}")
        return found
