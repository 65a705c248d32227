"""What tests across distributions share."""

from __future__ import annotations

import os
import signal
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from mlflow_server import MlflowServer
from peers import interpreter
from peers.warm import warm
from pegboard_testing.isolation import forget

# Threads of libraries for numbers wait by spinning, and other tests need the processors.
for _library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
# Peers start many times here, and most of a first start of theirs is compiling.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def without_senders() -> Iterator[None]:
    """Let clients of servers start no sender: it would outlive the test that made it need one.

    The tests of senders switch them on, and see to their end.
    """
    with mock.patch.dict(os.environ, PEGBOARD_TRACKING_SENDER="off"):
        yield


@pytest.fixture(scope="session")
def mlflow_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the Python of an environment that holds the real MLflow, imported already."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with warm(interpreter("mlflow"), "mlflow", tmp_path_factory.mktemp("warm"), **quiet) as python:
        yield python


@pytest.fixture(scope="session")
def _mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mlflow_server(_mlflow_server: MlflowServer) -> MlflowServer:
    """Return the real MLflow's server as if it were new: to start one takes many seconds."""
    _mlflow_server.clear()
    return _mlflow_server


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let processes that tests start be interrupted.

    What a shell starts in the background ignores interrupts, and so would all its descendants.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def boosted_python(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return MLflow's interpreter, with our XGBoost and LightGBM where it looks for packages."""
    return _with_ours(mlflow_python, tmp_path_factory.mktemp("boosted"), "xgboost lightgbm")


LLM_CLIENTS = (
    "openai anthropic httpx2 httpcore2 jiter sniffio docstring_parser truststore tqdm "
    "langchain_core langchain_protocol langgraph langgraph_sdk langsmith tenacity jsonpatch "
    "jsonpointer uuid_utils xxhash ormsgpack orjson zstandard requests_toolbelt httpx httpcore "
    "distro websockets"
)


@pytest.fixture(scope="session")
def llm_python(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return MLflow's interpreter, with our clients of language models."""
    return _with_ours(mlflow_python, tmp_path_factory.mktemp("llm"), LLM_CLIENTS)


def _with_ours(python: Path, place: Path, names: str) -> Path:
    """Return an interpreter that finds some of our packages before its own."""
    ours = Path(sysconfig.get_path("purelib"))
    for name in names.split():
        for pattern in (name, f"{name}.py", f"{name}.libs", f"{name}-*"):
            for found in ours.glob(pattern):
                (place / found.name).symlink_to(found)
    made = place / "python"
    made.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec "{python}" "$@"\n')
    made.chmod(0o755)
    return made


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> None:
    """Keep what the tests of another file left behind from those of this one."""
    forget()
