"""An API of a cluster on loopback, which validates objects by the published schemas, and runs pods.

A pod is a process of this machine, in the folder of the image that ``docker`` built and pushed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = json.loads(Path(__file__).with_name("schemas.json").read_text())
KINDS = {"jobs": "io.k8s.api.batch.v1.Job", "secrets": "io.k8s.api.core.v1.Secret"}
MARK = "DOUBLE_POD"
PATH = re.compile(
    r"/(?:apis/batch/v1|api/v1)/namespaces/(?P<space>[^/]+)/(?P<kind>jobs|secrets|pods)"
    r"(?:/(?P<name>[^/]+))?(?P<log>/log)?"
)


class Double:
    """The state of a cluster; ``fate`` says what becomes of the next pod: a reason, say."""

    def __init__(self, folders: Path) -> None:
        self.folders = folders
        """A file for each image by its digest, with the folder of its project."""
        self.token = "open"
        self.fate: dict[str, Any] = {}
        self.down = False
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.seen: list[dict[str, Any]] = []
        """All objects that were created."""
        self.logs: dict[str, Path] = {}
        self.changed = threading.Condition()

    def create(self, space: str, kind: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        schema = {**SCHEMAS, "$ref": f"#/$defs/{KINDS[kind]}"}
        try:
            jsonschema.Draft202012Validator(schema).validate(body)
        except jsonschema.ValidationError as error:
            return 422, {"message": f"{kind} is invalid: {error.message}"}
        name = body["metadata"]["name"]
        if (space, kind, name) in self.objects:
            return 409, {"message": f'{kind} "{name}" already exists'}
        body["metadata"] |= {"uid": f"uid-{kind}-{name}"}
        self.objects[space, kind, name] = body
        self.seen.append(body)
        if kind == "jobs":
            self._begin_pod(space, body)
        return 201, body

    def _begin_pod(self, space: str, job: dict[str, Any]) -> None:
        name = f"{job['metadata']['name']}-x1"
        spec = job["spec"]["template"]["spec"]
        container = spec["containers"][0]
        pod: dict[str, Any] = {
            "metadata": {
                "name": name,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"job-name": job["metadata"]["name"]},
            },
            "status": {"containerStatuses": [{"name": container["name"], "state": {}}]},
        }
        self.objects[space, "pods", name] = pod
        if waiting := self.fate.get("waiting"):
            self._state(pod, {"waiting": {"reason": waiting, "message": "no such image"}})
            return
        variables = {"PATH": os.environ["PATH"], MARK: name}
        for source in container["envFrom"]:
            secret = self.objects[space, "secrets", source["secretRef"]["name"]]
            variables |= secret["stringData"]
        variables |= {each["name"]: each["value"] for each in container["env"]}
        digest = container["image"].rpartition("@")[2].replace(":", "-")
        folder = (self.folders / digest).read_text()
        self.logs[name] = self.folders / f"{name}.log"
        with self.logs[name].open("wb") as log:
            process = subprocess.Popen(
                container["command"], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        pod["process"] = process
        self._state(pod, {"running": {"startedAt": "2026-01-01T00:00:00Z"}})
        threading.Thread(target=self._wait, args=(space, job, pod), daemon=True).start()

    @staticmethod
    def _state(pod: dict[str, Any], state: dict[str, Any]) -> None:
        pod["status"]["containerStatuses"][0]["state"] = state

    def _wait(self, space: str, job: dict[str, Any], pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        code = pod["process"].wait()
        while found := list(processes(name)):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        code = 128 - code if code < 0 else code
        reason = self.fate.get("reason", "Error" if code else "Completed")
        with self.changed:
            self._state(pod, {"terminated": {"exitCode": code, "reason": reason}})
            kind = "Failed" if code or "failed" in self.fate else "Complete"
            why = self.fate.get("failed", "BackoffLimitExceeded")
            job["status"] = {"conditions": [{"type": kind, "status": "True", "reason": why}]}
            if "deletionTimestamp" in job["metadata"]:
                self._remove_job(space, job["metadata"]["name"])
            self.changed.notify_all()

    def _remove_job(self, space: str, name: str) -> None:
        uid = self.objects[space, "jobs", name]["metadata"]["uid"]
        for key, each in list(self.objects.items()):
            owners = each["metadata"].get("ownerReferences", [])
            owned = any(owner["uid"] == uid for owner in owners)
            if owned or each["metadata"].get("labels", {}).get("job-name") == name:
                del self.objects[key]
        del self.objects[space, "jobs", name]

    def delete(self, space: str, kind: str, name: str, how: dict[str, Any]) -> None:
        found = self.objects[space, kind, name]
        pods = [
            each
            for (_, other, _), each in self.objects.items()
            if other == "pods"
            and name in (each["metadata"]["name"], each["metadata"]["labels"]["job-name"])
        ]
        living = [pod for pod in pods if "process" in pod and pod["process"].poll() is None]
        if kind == "secrets":
            del self.objects[space, kind, name]
        elif kind == "pods":
            assert how == {"gracePeriodSeconds": 0}
            for pod in living:
                pod["process"].kill()
        elif living:
            found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            for pod in living:
                pod["process"].terminate()
        else:
            self._remove_job(space, name)

    def ended(self, pod: str) -> bool:
        """Whether a pod says no more."""
        for (_, kind, name), each in list(self.objects.items()):
            if kind == "pods" and name == pod:
                return "terminated" in each["status"]["containerStatuses"][0]["state"]
        return True


def processes(pod: str) -> Iterator[int]:
    mark = f"\0{MARK}={pod}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and mark in b"\0" + (entry / "environ").read_bytes():
                yield int(entry.name)


class Handler(BaseHTTPRequestHandler):
    """Answers as the API does."""

    double: Double
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body, default=lambda _: None).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _serve(self) -> None:
        double = self.double
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        path, _, query = self.path.partition("?")
        found = PATH.fullmatch(path)
        if double.down:
            self._answer(503, {"message": "the server is currently unable to handle the request"})
        elif self.headers.get("Authorization") != f"Bearer {double.token}":
            self._answer(401, {"message": "Unauthorized"})
        elif found is None:
            self._answer(404, {"message": "page not found"})
        else:
            with double.changed:
                key = (found["space"], found["kind"], found["name"] or "")
                if found["name"] and key not in double.objects:
                    self._answer(404, {"message": f'{key[1]} "{key[2]}" not found'})
                    return
                if self.command == "POST":
                    self._answer(*double.create(key[0], key[1], body))
                elif self.command == "DELETE":
                    double.delete(*key, body)
                    self._answer(200, {"status": "Success"})
                elif self.command == "PATCH":
                    assert self.headers["Content-Type"] == "application/merge-patch+json"
                    double.objects[key]["metadata"] |= body["metadata"]
                    self._answer(200, double.objects[key])
                elif found["log"] is None and found["name"]:
                    self._answer(200, double.objects[key])
                elif found["log"] is None:
                    label = query.removeprefix("labelSelector=job-name%3D")
                    pods = [
                        each
                        for (_, kind, _), each in double.objects.items()
                        if kind == "pods" and each["metadata"]["labels"]["job-name"] == label
                    ]
                    self._answer(200, {"items": pods})
            if found["log"]:
                self._stream(found["name"])

    def _stream(self, pod: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with self.double.logs[pod].open("rb") as file, contextlib.suppress(OSError):
            while True:
                over = self.double.ended(pod)
                if piece := file.read():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if over:
                    self.wfile.write(b"0\r\n\r\n")
                    return
                time.sleep(0.02)

    do_GET = do_POST = do_DELETE = do_PATCH = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(double: Double) -> Iterator[str]:
    """Serve a cluster as long as the block lasts; yield its address."""
    handler = type("OfOne", (Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def encoded(text: str) -> str:
    """Return a text as kubeconfig files hold it."""
    return base64.b64encode(text.encode()).decode()
