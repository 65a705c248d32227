"""Two servers, each with a client of its own."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import IO, Any

from differing.compare import Difference, same
from differing.known import expected
from differing.scripts import NONCE, Step

DRIVER = Path(__file__).with_name("driver.py")


class Client:
    """A process with MLflow's client, which runs scripts against one server."""

    def __init__(self, python: Path, url: str, log: Path) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW", "PEGBOARD", "PYTHONPATH"))
        }
        environment |= {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_TRACKING_URI": url,
            "MLFLOW_REGISTRY_URI": url,
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
        }
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [str(python), str(DRIVER), url],
                env=environment,
                cwd=log.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._log = log

    def send(self, steps: list[Step]) -> None:
        """Start to run a script."""
        pipe: IO[str] | None = self._process.stdin
        assert pipe is not None
        pipe.write(json.dumps({"steps": steps}) + "\n")
        pipe.flush()

    def outcomes(self) -> list[dict[str, Any]]:
        """Return what came of the script that was sent."""
        pipe: IO[str] | None = self._process.stdout
        assert pipe is not None
        line = pipe.readline()
        assert line, self._log.read_text()
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


class Pair:
    """MLflow's server and ours."""

    def __init__(self, python: Path, theirs: str, ours: str, place: Path) -> None:
        self._clients = [
            Client(python, theirs, place / "theirs.log"),
            Client(python, ours, place / "ours.log"),
        ]
        self.calls = 0
        self.excused: dict[str, int] = {}

    def run(self, steps: list[Step]) -> list[list[dict[str, Any]]]:
        """Run a script against both servers and return the outcomes of both."""
        digits = uuid.uuid4().hex[: len(NONCE)]
        fresh = json.loads(json.dumps(steps).replace(NONCE, digits))
        for client in self._clients:
            client.send(fresh)
        self.calls += len(steps)
        return [
            json.loads(json.dumps(client.outcomes()).replace(digits, NONCE))
            for client in self._clients
        ]

    def difference(self, steps: list[Step]) -> Difference | None:
        """Return the first difference that nothing explains; what follows from it is none."""
        both = self.run(steps)
        for number, (step, theirs, ours) in enumerate(zip(steps, *both, strict=True)):
            if same(theirs, ours):
                continue
            found = Difference(step, number, theirs, ours)
            reason = expected(found, steps)
            if reason is None:
                return found
            self.excused[reason.why] = self.excused.get(reason.why, 0) + 1
            if reason.lasting:
                return None
        return None

    def close(self) -> None:
        """End the clients."""
        for client in self._clients:
            client.close()
