"""A cluster's API: jobs, secrets, pods and their logs, by plain HTTP."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from pegboard.errors import InvalidState, InvalidValue, PegboardError, StoreError
from pegboard_wire.client.sessions import session

from pegboard_kubernetes.kubeconfig import Access

_TRIES = 2
_CHUNK = 1 << 16


class Cluster:
    """A namespace of a cluster."""

    def __init__(self, access: Access, namespace: str) -> None:
        self._access, self._namespace = access, namespace
        # Of its owner's alone; gone with this object.
        self._folder = tempfile.TemporaryDirectory(prefix="pegboard-kubernetes-")
        verify: bool | str = access.verify
        if access.verify and access.authority:
            verify = self._file("authority", access.authority)
        self._session = session(verify=verify, timeout=60.0, retries=_TRIES, backoff=0.5)
        if access.certificate:
            self._session.cert = (
                self._file("certificate", access.certificate),
                self._file("key", access.key),
            )
        self._token = access.token()

    def _file(self, name: str, text: str) -> str:
        file = Path(self._folder.name) / name
        file.write_text(f"{text}\n")
        return str(file)

    def create(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object; InvalidValue says what the cluster has against it."""
        found: dict[str, Any] = self._call("POST", kind, json=body).json()
        return found

    def own(self, kind: str, name: str, owner: Mapping[str, Any]) -> None:
        """Let an object go with another."""
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        self._call(
            "PATCH",
            f"{kind}/{name}",
            json={"metadata": {"ownerReferences": [reference]}},
            headers={"Content-Type": "application/merge-patch+json"},
        )

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object; None if there is none."""
        try:
            found: dict[str, Any] = self._call("GET", f"{kind}/{name}").json()
        except InvalidState:
            return None
        return found

    def pods(self, job: str) -> list[dict[str, Any]]:
        """Return the pods of a job, the newest last."""
        found = self._call("GET", "pods", params={"labelSelector": f"job-name={job}"}).json()
        return sorted(found["items"], key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def delete(self, kind: str, name: str, **options: Any) -> None:
        """Delete an object, if it is there."""
        with contextlib.suppress(InvalidState):
            self._call("DELETE", f"{kind}/{name}", json=options)

    def log(self, pod: str, container: str) -> Iterator[bytes]:
        """Yield what a container says, from the beginning, until it ends or the line is cut."""
        parameters = {"container": container, "follow": "true"}
        response = self._call("GET", f"pods/{pod}/log", params=parameters, stream=True)
        with response, contextlib.suppress(requests.RequestException):
            yield from response.iter_content(_CHUNK)

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        group = "apis/batch/v1" if path.startswith("jobs") else "api/v1"
        url = f"{self._access.server}/{group}/namespaces/{self._namespace}/{path}"
        headers = options.pop("headers", {})
        for attempt in range(_TRIES):
            bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            try:
                response = self._session.request(
                    method, url, headers={**headers, **bearer}, allow_redirects=False, **options
                )
            except requests.RequestException as error:
                raise StoreError(
                    f"The cluster {self._access.server} gave no answer: {error}"
                ) from error
            if response.status_code != HTTPStatus.UNAUTHORIZED or attempt:
                break
            self._token = self._access.token()
        if response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return response
        raise _fault(response, f"{method} {path}")


def _fault(response: requests.Response, what: str) -> PegboardError:
    try:
        said = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = response.reason
    message = f"The cluster refused {what} ({response.status_code}): {said}"
    if response.status_code == HTTPStatus.NOT_FOUND:
        return InvalidState(message)
    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidValue(message)
    return StoreError(message)
