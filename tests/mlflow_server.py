"""A real MLflow server, in a process of its own."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import requests
from peers import interpreter, mlflow_database


class MlflowServer:
    """A process of MLflow's server on a SQLite file."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.database = place / "mlflow.db"
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            self.url = f"http://127.0.0.1:{chosen.getsockname()[1]}"
        mlflow_database(self.database)
        self._log = (place / "server.log").open("w")
        self._process = subprocess.Popen(
            [
                *(str(interpreter("mlflow")), "-m", "mlflow", "server"),
                *("--workers", "1", "--host", "127.0.0.1"),
                *("--port", self.url.rpartition(":")[2]),
                *("--backend-store-uri", f"sqlite:///{self.database}"),
                *("--artifacts-destination", str(place / "artifacts")),
            ],
            cwd=place,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "DO_NOT_TRACK": "true",
                # Seven more processes, for jobs that nobody starts here.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()
        with sqlite3.connect(self.database) as connection:
            (self._default,) = connection.execute("SELECT * FROM experiments").fetchall()

    def _wait(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if requests.get(f"{self.url}/health", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise AssertionError((self.place / "server.log").read_text())

    def clear(self) -> None:
        """Bring the server's store back to what it was when it was new."""
        with sqlite3.connect(self.database, timeout=30) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            kept = ("alembic_version", "sqlite_sequence", "workspaces")
            for (name,) in [row for row in tables if row[0] not in kept]:
                connection.execute(f'DELETE FROM "{name}"')
            marks = ", ".join("?" * len(self._default))
            connection.execute(f"INSERT INTO experiments VALUES ({marks})", self._default)

    def stop(self) -> None:
        """End it at once: asked to stop, it waits half a minute for connections that are open."""
        os.killpg(self._process.pid, 9)
        self._process.wait(60)
        self._log.close()
