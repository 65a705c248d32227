"""What README.md shows is run, in front of the fake vendor."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import fields
from pegboard_gateway.settings import Settings

from .upstream_fake import SECONDS, WORDS, FakeUpstream

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text()
FILE = re.compile(r'^```(?:toml|yaml) title="(.*?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES: Mapping[str, str] = dict(FILE.findall(TEXT))


@pytest.fixture
def environment(tmp_path: Path, upstream: FakeUpstream) -> Mapping[str, str]:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    keys = {f"{name}_API_KEY": "sk-marker" for name in ("OPENAI", "MISTRAL", "ANTHROPIC")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, **keys, "PATH": path, "OPENAI_BASE_URL": upstream.url}


def run(words: list[str], place: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        words, cwd=place, env=environment, capture_output=True, text=True, timeout=3 * SECONDS
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("name", FILES)
def test_each_configuration_is_right(
    name: str, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    run(["pegboard", "gateway", "check", name], tmp_path, environment)


def test_the_commands_run_one_after_the_other(
    tmp_path: Path, environment: Mapping[str, str], upstream: FakeUpstream
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    said = ""
    for code in SHELL.findall(TEXT):
        words = ["bash", "-euo", "pipefail", "-c", code.replace("5000", str(port))]
        said += run(words, tmp_path, environment)
    assert "".join(WORDS) in said
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-marker"
    assert "sk-marker" not in said


def test_every_setting_is_there() -> None:
    table = TEXT[TEXT.index("## Settings") :]
    missing = [each.name for each in fields(Settings) if f"`{each.name}`" not in table]
    assert missing == []
