"""The environment variables of ours, and the configuration as it is shown."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pegboard.cli import variables
from pegboard.config import Config
from pegboard.host import Host

ROOT = Path(__file__).parents[1]
SOURCES = [path for part in ("core", "plugins", "contrib") for path in (ROOT / part).glob("*/src")]
TOML = """
[http]
headers = { "X-Team" = "a\\"b" }
[gateway]
budgets = [{ usd = 5, per = "day", by = "user" }]
[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "small"
api_key = { env = "HOME" }
limit = { calls = 100, by = "user" }
[[gateway.endpoints.guardrails]]
use = "regex"
patterns = ["a\\\\d", "b"]
[[gateway.endpoints]]
name = "two"
targets = [{ provider = "openai", model = "x", price = { input = 1 } }]
"""


def named() -> Iterator[str]:
    """Yield the variables that our sources name: in texts of their own, or by MLflow's names."""
    for source in SOURCES:
        for path in source.rglob("*.py"):
            text = path.read_text()
            if "PEGBOARD_" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from re.findall(r"^PEGBOARD_[A-Z_]+[A-Z]$", node.value)
            if path.parts[-2:] == ("client", "options.py"):
                yield from (f"PEGBOARD_{name}" for name in re.findall(r'env, "([A-Z_]+)"', text))


def test_all_variables_that_are_read_are_known() -> None:
    found = dict.fromkeys(named(), "1")
    assert {"PEGBOARD_TRACKING_TOKEN", "PEGBOARD_TRUST_PICKLE", "PEGBOARD_CONFIG"} <= found.keys()
    assert list(variables.unread(Host(Config()), found)) == []


def show(place: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: each for name, each in os.environ.items() if not name.startswith("PEGBOARD_")}
    command = [str(Path(sys.executable).with_name("pegboard")), *args]
    return subprocess.run(
        command,
        cwd=place,
        env={**kept, "XDG_CONFIG_HOME": str(place), **environ},
        capture_output=True,
        text=True,
        check=True,
    )


def test_what_config_show_prints_can_be_pasted_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pegboard.toml"
    file.write_text(TOML)
    wrong = {
        "PEGBOARD_TRACKING_URL": "x",
        "PEGBOARD_GATEWAY_LIMTS": "1",
        "PEGBOARD_GATEWAY_COLOUR": "1",
    }
    before = show(tmp_path, "config", "show", **wrong)
    assert "did you mean pegboard_tracking_uri?" in before.stderr.lower()
    assert "Did you mean PEGBOARD_GATEWAY_LIMITS?" in before.stderr
    # What is like nothing that is read gets no advice.
    assert (
        before.stderr.count("Did you mean") == 2 and "PEGBOARD_GATEWAY_COLOUR is" in before.stderr
    )
    for form in ("= None", "True", "(", "Endpoint"):
        assert form not in before.stdout
    file.write_text(before.stdout)
    after = show(tmp_path, "config", "show", "--json")
    found = {key: each["value"] for key, each in json.loads(after.stdout).items()}
    assert found["http.headers"] == {"X-Team": 'a"b'}
    assert found["plugins.gateway.budgets"] == [{"usd": 5.0, "per": "day", "by": "user"}]
    chat, two = found["plugins.gateway.endpoints"]
    assert chat["api_key"] == {"env": "HOME"} and chat["limit"] == {"calls": 100, "by": "user"}
    assert chat["guardrails"] == [{"use": "regex", "patterns": ["a\\d", "b"]}]
    assert two["targets"] == [{"provider": "openai", "model": "x", "price": {"input": 1.0}}]


def test_doctor_warns_of_misspelt_variables(tmp_path: Path) -> None:
    found = show(tmp_path, "doctor", "--json", PEGBOARD_TRACKING_URL="x")
    [finding] = [each for each in json.loads(found.stdout) if each["check"] == "environment"]
    assert finding["state"] == "warn" and "PEGBOARD_TRACKING_URL" in finding["found"]
    assert finding["advice"] == "Did you mean PEGBOARD_TRACKING_URI?"
