"""MLflow's YAML files become endpoints. A table in tests/ compares with the real MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pegboard.errors import ConfigError
from pegboard_gateway.mlflow_file import read
from pegboard_gateway.settings import Limit

from .mlflow_files import DOCUMENTED, config, endpoints, model, routes

ENVIRONMENT = {"OPENAI_API_KEY": "sk-of-the-environment"}


def test_the_documented_file_becomes_the_same_endpoints(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(DOCUMENTED)
    found = read(file, ENVIRONMENT)
    assert [(each.name, each.task) for each in found] == [
        ("completions", "llm/v1/completions"),
        ("chat", "llm/v1/chat"),
        ("embeddings", "llm/v1/embeddings"),
    ]
    [target] = found[0].targets
    assert (target.provider, target.model) == ("openai", "gpt-4o-mini")
    assert target.options == {"api_key": "sk-of-the-environment"}
    # MLflow counts for each address.
    assert found[0].limits == (Limit(10, per="minute", by="address"),)


def test_a_route_shares_calls_among_the_models_of_its_destinations(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(routes()))
    *_, route = read(file, {})
    assert route.name == "r"
    assert [(each.model, each.weight, each.fallback) for each in route.targets] == [
        ("m", 80.0, 0),
        ("m", 20.0, 0),
    ]


def test_a_key_in_a_file_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "config.yaml"
    key.write_text("sk-of-the-file\n")
    file.write_text(yaml.safe_dump(endpoints(config(openai_api_key=str(key)))))
    [endpoint] = read(file, {})
    assert endpoint.targets[0].options["api_key"] == "sk-of-the-file"


def test_no_key_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(DOCUMENTED)
    assert "sk-of" not in repr(read(file, ENVIRONMENT))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (endpoints(config(openai_api_kye="k")), "openai_api_kye: unknown key. Did you mean 'open"),
        (endpoints({"limit": {"calls": 3, "per": "day"}}), "renewal_period"),
        (endpoints({"endpoint_typ": "x"}), "did you mean 'endpoint_type'?"),
        (endpoints(model(provider="openia")), "Did you mean 'openai'?"),
        (endpoints(model(provider="palm", config={})), "successor is 'gemini'"),
        (routes(destinations=[{"name": "aa", "traffic_percentage": 100}]), "Did you mean 'a'?"),
    ],
)
def test_errors_say_where_and_what_was_meant(
    content: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        read(file, {})
    assert said in " ".join(str(caught.value).split())


@pytest.mark.parametrize("text", ["{", "- a", "3", "", "a: !!python/object:os.system x", "\x00"])
def test_what_is_no_such_file_is_an_error_with_its_name(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=str(file)):
        read(file, {})
    with pytest.raises(ConfigError, match="Cannot read"):
        read(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    "text",
    [
        "endpoints:\n  - openai_api_key: sk-MARKER: oops\n",
        'endpoints:\n  - openai_api_key: "sk-MARKER\n',
        "endpoints: {a: sk-MARKER, b: @x}\n",
        "endpoints:\n  - api_key: !sk-MARKER x\n",
        "endpoints:\n  - api_key: *sk-MARKER\n",
        "endpoints:\n  - {sk-MARKER: 1}: 2\n    api_key: ? [sk-MARKER\n",
        "endpoints:\n  - api_key: 2024-99-99\n    sk-MARKER: \x07\n",
    ],
)
def test_no_key_is_shown_of_what_is_not_yaml(text: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="is not valid YAML") as raised:
        read(file, {})
    assert "MARKER" not in str(raised.value)
