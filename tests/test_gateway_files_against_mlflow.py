"""The YAML files of MLflow's gateway: what the real MLflow reads is read here too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from gateway import files
from peers import interpreter
from pegboard import config as configuration
from pegboard.contracts.llm import Task
from pegboard.errors import ConfigError
from pegboard.host import Host
from pegboard_gateway.mlflow_file import read

# The example files of MLflow's repository, of several vendors.
VENDORS = """
endpoints:
  - name: claude
    endpoint_type: llm/v1/completions
    model:
      provider: anthropic
      name: claude-instant-1.1
      config:
        anthropic_api_key: $ANTHROPIC_API_KEY
  - name: azure
    endpoint_type: llm/v1/completions
    model:
      provider: openai
      name: gpt-35-turbo
      config:
        openai_api_type: "azuread"
        openai_api_key: $OPENAI_API_KEY
        openai_deployment_name: "{your_deployment_name}"
        openai_api_base: "https://resource.openai.azure.com/"
        openai_api_version: "2023-05-15"
  - name: embed
    endpoint_type: llm/v1/embeddings
    model:
      provider: cohere
      name: embed-english-v2.0
      config:
        cohere_api_key: $OPENAI_API_KEY
  - name: served
    endpoint_type: llm/v1/embeddings
    model:
      provider: mlflow-model-serving
      name: sentence-transformer
      config:
        model_server_url: http://127.0.0.1:4000
  - name: tgi
    endpoint_type: llm/v1/completions
    model:
      provider: huggingface-text-generation-inference
      name: llm
      config:
        hf_server_url: http://127.0.0.1:5000/generate
  - name: titan
    endpoint_type: llm/v1/completions
    model:
      provider: bedrock
      name: amazon.titan-tg1-large
      config:
        aws_config:
          aws_access_key_id: $AWS_ACCESS_KEY_ID
          aws_secret_access_key: x
          aws_region: us-east-1
  - name: mistral
    endpoint_type: llm/v1/embeddings
    model: {provider: mistral, name: mistral-embed, config: {mistral_api_key: $OPENAI_API_KEY}}
  - name: together
    endpoint_type: llm/v1/chat
    model: {provider: togetherai, name: m, config: {togetherai_api_key: $OPENAI_API_KEY}}
"""
ONE: Mapping[str, Any] = files.ONE
endpoints, model, config, routes = files.endpoints, files.model, files.config, files.routes
LIMIT = {"calls": 10, "renewal_period": "minute"}


def older(**change: Any) -> dict[str, Any]:
    made = {**ONE, **change, "route_type": ONE["endpoint_type"]}
    del made["endpoint_type"]
    return made


CASES: Mapping[str, dict[str, Any]] = {
    "documented": yaml.safe_load(files.DOCUMENTED),
    "vendors": yaml.safe_load(VENDORS),
    "two": endpoints({}, {"name": "b"}),
    "older names": {"routes": [older()]},
    "older type among endpoints": {"endpoints": [older()]},
    "older name of the list alone": {"routes": [dict(ONE)]},
    "a limit": endpoints({"limit": LIMIT}),
    "a limit by a key": endpoints({"limit": {**LIMIT, "key": None}}),
    "a limit of several minutes": endpoints({"limit": {**LIMIT, "renewal_period": "5 minutes"}}),
    "a limit a year": endpoints({"limit": {**LIMIT, "renewal_period": "year"}}),
    "a limit a fortnight": endpoints({"limit": {**LIMIT, "renewal_period": "fortnight"}}),
    "a limit of a word": endpoints({"limit": {**LIMIT, "calls": "many"}}),
    "a limit below nothing": endpoints({"limit": {**LIMIT, "calls": -1}}),
    "a limit without calls": endpoints({"limit": {"renewal_period": "minute"}}),
    "no limit": endpoints({"limit": None}),
    "no model's name": endpoints(model(name=None)),
    "capitals": endpoints(model(provider="OpenAI")),
    "same name": endpoints({}, {}),
    "a name with a blank": endpoints({"name": "a b"}),
    "a name with a slash": endpoints({"name": "a/b"}),
    "a name with a dot": endpoints({"name": "a.b"}),
    "an empty name": endpoints({"name": ""}),
    "a name of no text": endpoints({"name": None}),
    "no type": endpoints({"endpoint_type": None}),
    "another type": endpoints({"endpoint_type": "llm/v1/songs"}),
    "no model": endpoints({"model": None}),
    "no config": endpoints(model(config=None)),
    "another provider": endpoints(model(provider="opeai")),
    "no key": endpoints(config()),
    "a key that is a number": endpoints(config(openai_api_key=3)),
    "a variable": endpoints(config(openai_api_key="$OPENAI_API_KEY")),
    "a variable that is not set": endpoints(config(openai_api_key="$NOT_SET_AT_ALL")),
    "a key in a file": endpoints(config(openai_api_key="KEYFILE")),
    "a very long key": endpoints(config(openai_api_key="k" * 5000)),
    "azure without its rest": endpoints(config(openai_api_key="k", openai_api_type="azure")),
    "another type of api": endpoints(config(openai_api_key="k", openai_api_type="blue")),
    "anthropic's version": endpoints(
        model(provider="anthropic", config={"anthropic_api_key": "k", "anthropic_version": "v"})
    ),
    "routes": routes(),
    "a route to nothing": routes(destinations=[{"name": "c", "traffic_percentage": 100}]),
    "a route to a part": routes(destinations=[{"name": "a", "traffic_percentage": 90}]),
    "a route beyond all": routes(
        destinations=[
            {"name": "a", "traffic_percentage": 120},
            {"name": "b", "traffic_percentage": -20},
        ]
    ),
    "a route of another task": routes(task_type="llm/v1/embeddings"),
    "a route named as an endpoint": routes(name="a"),
    "another strategy": routes(routing_strategy="LUCK"),
    "nothing": {},
    "no list": {"endpoints": 3},
}
STRICTER: Mapping[str, dict[str, Any]] = {
    "a key that is misspelled": endpoints({"limits": LIMIT}),
    "an unknown key at the top": {**endpoints({}), "endpoint": []},
    "an unknown key of a model": endpoints(model(nam="m")),
    "an unknown key of a config": endpoints(config(openai_api_key="k", openai_key="k")),
    "an unknown key of a limit": endpoints({"limit": {**LIMIT, "by": "user"}}),
    "a limit of nothing": endpoints({"limit": {**LIMIT, "calls": 0}}),
    "a limit of two at once": endpoints({"limit": {**LIMIT, "renewal_period": "day;3/hour"}}),
    "a name that is a way up": endpoints({"name": ".."}),
    "an empty key": endpoints(config(openai_api_key="")),
}
"""What MLflow accepts, or passes over, and is refused here."""

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
from mlflow.gateway import config
from mlflow.gateway.provider_registry import provider_registry
named = {str(getattr(name, "value", name)) for name in provider_registry.keys()}
print(json.dumps(sorted(named | config.Provider.values())))
load = getattr(config, "_load_gateway_config", None) or config._load_route_config
for file in json.load(sys.stdin):
    try:
        load(file)
        print("yes")
    except Exception as error:
        print("no", type(error).__name__, str(error).splitlines()[:1], file=sys.stderr)
        print("no")
"""
ENVIRONMENT = {
    "OPENAI_API_KEY": "sk-of-the-environment",
    "ANTHROPIC_API_KEY": "ant",
    "AWS_ACCESS_KEY_ID": "aws",
    # 3.x reads variables and files only if it is told so, as its gateway does.
    "MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_ENV": "true",
    "MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_FILE": "true",
}


def written(place: Path, cases: Mapping[str, Any]) -> dict[str, Path]:
    key = place / "key"
    key.write_text("sk-of-the-file\n")
    files = {}
    for i, (name, content) in enumerate(cases.items()):
        files[name] = place / f"{i}.yaml"
        files[name].write_text(yaml.safe_dump(content).replace("KEYFILE", str(key)))
    return files


@frozen
class Judged:
    """The providers that a real MLflow names, and which cases it reads."""

    providers: frozenset[str]
    accepted: Mapping[str, bool]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Return what a real MLflow knows: 3.17 or, unless cases are of 3.x only, 2.17."""
    cases = {**CASES, **STRICTER}
    files = written(tmp_path_factory.mktemp("yaml"), cases)
    # 2.x passes over routes beside endpoints.
    common = {name: file for name, file in files.items() if len(cases[name]) < 2}
    with ThreadPoolExecutor(2) as pool:
        newer, older = pool.map(judged, ("mlflow", "mlflow-2"), (files, common))
    either = {name: newer.accepted[name] or older.accepted.get(name, False) for name in files}
    return Judged(newer.providers | older.providers, either)


@pytest.fixture
def accepted(told: Judged) -> Mapping[str, bool]:
    return told.accepted


def judged(peer: str, files: Mapping[str, Path]) -> Judged:
    done = subprocess.run(
        [interpreter(peer), "-c", PROGRAM],
        input=json.dumps([str(file) for file in files.values()]),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    names, _, rest = done.stdout.partition("\n")
    words = rest.split()
    assert len(words) == len(files), done.stderr
    accepted = {name: word == "yes" for name, word in zip(files, words, strict=True)}
    return Judged(frozenset(json.loads(names)), accepted)


def ours(file: Path) -> bool:
    try:
        read(file, ENVIRONMENT)
    except ConfigError as error:
        assert str(file) in error.message
        return False
    return True


@pytest.mark.parametrize("name", CASES)
def test_what_mlflow_reads_is_read_and_what_it_refuses_is_refused(
    name: str, accepted: Mapping[str, bool], tmp_path: Path
) -> None:
    assert ours(written(tmp_path, {name: CASES[name]})[name]) is accepted[name]


@pytest.mark.parametrize("name", STRICTER)
def test_what_mlflow_passes_over_is_refused_and_named(
    name: str, accepted: Mapping[str, bool], tmp_path: Path
) -> None:
    assert accepted[name]
    assert not ours(written(tmp_path, {name: STRICTER[name]})[name])


KEY = {"api_key": "k"}
PROVIDERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "ai21labs": ({"ai21labs_api_key": "k"}, "ai21labs"),
    "amazon-bedrock": (
        {
            "aws_config": {
                "aws_access_key_id": "i",
                "aws_secret_access_key": "k",
                "aws_region": "eu-central-1",
            }
        },
        "bedrock",
    ),
    "anthropic": ({"anthropic_api_key": "k"}, "anthropic"),
    "azure": (
        {
            "openai_api_key": "k",
            "openai_api_base": "https://r.openai.azure.com",
            "openai_api_version": "v1",
            "openai_deployment_name": "d",
        },
        "azure",
    ),
    "bedrock": ({"aws_config": {"aws_bearer_token": "k", "aws_region": "eu-central-1"}}, "bedrock"),
    "cohere": ({"cohere_api_key": "k"}, "cohere"),
    "databricks": (
        {"host": "https://dbc.example", "client_id": "c", "client_secret": "s"},
        "databricks",
    ),
    "databricks-model-serving": ({"host": "https://dbc.example", "token": "k"}, "databricks"),
    "deepseek": (KEY, "deepseek"),
    "gemini": ({"gemini_api_key": "k"}, "gemini"),
    "groq": (KEY, "groq"),
    "huggingface-text-generation-inference": (
        {"hf_server_url": "http://127.0.0.1:5000"},
        "huggingface-text-generation-inference",
    ),
    "litellm": (
        {
            "litellm_provider": "fireworks_ai",
            "litellm_auth_config": {**KEY, "auth_mode": "api_key"},
        },
        "fireworks",
    ),
    "mistral": ({"mistral_api_key": "k"}, "mistral"),
    "mlflow-model-serving": ({"model_server_url": "http://127.0.0.1:1"}, "mlflow-model-serving"),
    "mosaicml": ({"mosaicml_api_key": "k"}, "ended its inference service; 'databricks'"),
    "ollama": ({}, "ollama"),
    "openai": ({"openai_api_key": "k"}, "openai"),
    "openrouter": (KEY, "openrouter"),
    "palm": ({"palm_api_key": "k"}, "ended PaLM; its successor is 'gemini'"),
    "portkey": ({**KEY, "portkey_provider": "@openai-prod"}, "portkey"),
    "sap-ai-core": ({}, "sap-ai-core"),
    "togetherai": ({"togetherai_api_key": "k"}, "togetherai"),
    "typesafe": ({"typesafe_api_key": "k"}, "they do not chat, complete or embed. Ask them there"),
    "vertex_ai": ({"vertex_project": "p", "vertex_location": "europe-west4"}, "vertex-ai"),
    "xai": (KEY, "xai"),
}
"""For each of MLflow's providers a config, and which of ours it is, or why it is refused."""
REFUSED = ("mosaicml", "palm", "typesafe")


def test_all_of_mlflows_providers_are_in_the_table(told: Judged) -> None:
    assert told.providers == PROVIDERS.keys()


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_of_mlflows_providers_is_served_or_refused_with_what_is_there_instead(
    name: str, tmp_path: Path
) -> None:
    given, expected = PROVIDERS[name]
    file = written(tmp_path, {name: endpoints(model(provider=name, config=given))})[name]
    environment = {"MLFLOW_GENAI_JUDGE_BASE_URL": "https://egress.example/v2/completion"}
    if name in REFUSED:
        with pytest.raises(ConfigError) as raised:
            read(file, environment)
        assert expected in raised.value.hint
        return
    [target] = read(file, environment)[0].targets
    assert target.provider == expected
    made = Host(configuration.Config()).llm_provider(expected, target.options, name)
    assert Task.CHAT in made.takes_of(target.model)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (model(provider="ai21labs", name="j2-ultra", config={"ai21labs_api_key": "k"}), "jamba"),
        (model(provider="litellm", config={"litellm_provider": "replicate"}), "LiteLLM's proxy"),
        (model(provider="litellm", config={}), "LiteLLM's proxy"),
        (model(provider="sap-ai-core", config={}), "MLFLOW_GENAI_JUDGE_BASE_URL"),
        (model(provider="vertex_ai", config={}), "vertex_project"),
    ],
)
def test_what_of_a_vendor_is_not_served_is_said(
    change: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    file = written(tmp_path, {"it": endpoints(change)})["it"]
    with pytest.raises(ConfigError) as raised:
        read(file, {})
    assert said in str(raised.value)
