"""The functions of ``pegboard`` about prompts: the cache, and links to what used them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pegboard
import pydantic
import pytest
from pegboard.errors import InvalidValue, NotFound
from pegboard_prompts import api
from pegboard_prompts.store import PromptStore

LINKED = "mlflow.linkedPrompts"


def loaded(*words: Any, **options: Any) -> Any:
    found = pegboard.load_prompt(*words, **options)
    assert found is not None
    return found


def elsewhere() -> PromptStore:
    """Return what changes prompts as another process would: this one is not told."""
    return PromptStore(pegboard.Client().registry)


def test_missing_prompts_are_none_if_they_may_be(place: Path) -> None:
    pegboard.register_prompt("a", "x")
    for name in ("b", "prompts:/a/2", "prompts:/a@live"):
        assert pegboard.load_prompt(name, allow_missing=True) is None
        with pytest.raises(pegboard.PegboardError):
            pegboard.load_prompt(name)
    for name, version in (("prompts:/a/1", 1), ("a@x", 1), ("a", "one"), ("a", -1)):
        with pytest.raises(InvalidValue):
            pegboard.load_prompt(name, version)
    assert loaded("a", "1") == loaded("a", 1) == loaded("a", "latest") == loaded("prompts:/a/1")


def test_the_cache_keeps_versions_and_forgets_what_changes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pegboard.register_prompt("a", "one")
    assert loaded("a") is loaded("a")
    assert loaded("a", 1) is loaded("a", 1)
    elsewhere().register("a", "two")
    assert loaded("a").version == 1
    assert loaded("a", cache_ttl_seconds=0).version == 2
    assert loaded("a").version == 1
    # Whatever this process changes, it sees at once, by every name of the version.
    pegboard.set_prompt_alias("a", "live", 2)
    assert loaded("a").version == loaded("a@live").version == 2
    pegboard.genai.set_prompt_model_config("a", 2, {"model_name": "m"})
    for name in ("a", "a@live", "prompts:/a/2", "prompts:/a@latest"):
        assert loaded(name).model_config == {"model_name": "m"}
    pegboard.register_prompt("a", "three")
    assert loaded("a").version == 3
    pegboard.set_prompt_alias("a", "live", 3)
    assert loaded("a@live").version == 3
    pegboard.delete_prompt_version("a", 3)
    assert loaded("a").version == 2
    with pytest.raises(pegboard.PegboardError):
        loaded("a@live")
    monkeypatch.setenv("MLFLOW_ALIAS_PROMPT_CACHE_TTL_SECONDS", "0")
    pegboard.register_prompt("a", "four")
    assert loaded("a") is not loaded("a")
    assert loaded("a", 2) is loaded("a", 2)
    monkeypatch.setenv("MLFLOW_PROMPT_CACHE_MAX_SIZE", "1")
    first = loaded("a", 1)
    assert loaded("a", 2) is loaded("a", 2)
    assert loaded("a", 1) is not first
    monkeypatch.setenv("PEGBOARD_VERSION_PROMPT_CACHE_TTL_SECONDS", "soon")
    with pytest.raises(InvalidValue, match="PEGBOARD_VERSION_PROMPT_CACHE_TTL_SECONDS"):
        loaded("a", 4)


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"])
def test_the_cache_follows_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    stores = [f"sqlite:///{place}/{name}.db" for name in ("one", "two")]
    pegboard.set_tracking_uri(None)
    for store in stores:
        monkeypatch.setenv(variable, store)
        pegboard.register_prompt("a", store)
    for store in [*stores, *stores]:
        monkeypatch.setenv(variable, store)
        assert loaded("a", 1) is loaded("a", 1)
        assert loaded("a", 1).template == store
    monkeypatch.delenv(variable)
    assert pegboard.load_prompt("a", 1, allow_missing=True) is None


def test_what_is_returned_from_the_cache_is_not_changed_by_its_users(place: Path) -> None:
    pegboard.register_prompt("a", [{"role": "user", "content": "x"}], model_config={"top_k": 1})
    for _ in range(2):
        found = loaded("a", 1)
        assert (found.template[0]["content"], found.model_config) == ("x", {"top_k": 1})
        found.template[0]["content"] = found.tags["t"] = "y"
        found.model_config["top_k"] = 2


def test_a_loaded_prompt_is_linked_to_run_model_and_trace(place: Path) -> None:
    pegboard.set_experiment("e")
    pegboard.register_prompt("a", "x")
    pegboard.register_prompt("b", "y")
    named = [{"name": "a", "version": "1"}, {"name": "b", "version": "1"}]
    with pegboard.start_run() as run, pegboard.set_active_model(name="m") as model:
        with pegboard.start_span("root") as span:
            loaded("a")
            with pegboard.start_span("inner"):
                loaded("b", 1)
        loaded("a")
    client = pegboard.Client()
    assert json.loads(client.get_run(run.info.run_id).data.tags[LINKED]) == named
    assert json.loads(client.get_logged_model(model.model_id).tags[LINKED]) == named
    trace = client.get_trace(span.trace_id)
    assert json.loads(trace.info.tags[LINKED]) == named
    assert [json.loads(each.attributes[LINKED])[0]["name"] for each in trace.data.spans] == [
        "a",
        "b",
    ]
    found = pegboard.search_traces(filter_string="prompt = 'b/1'", return_type="list")
    assert [each.info.trace_id for each in found] == [span.trace_id]
    assert [each.uri for each in client.list_linked_prompts(run.info.run_id)] == [
        "prompts:/a/1",
        "prompts:/b/1",
    ]
    experiment = pegboard.get_experiment_by_name("e")
    assert experiment is not None
    by_experiment = f"experiment_id = '{experiment.experiment_id}'"
    assert [each.name for each in pegboard.search_prompts(by_experiment)] == ["a", "b"]


def test_a_run_that_takes_no_link_stops_nobody(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pegboard.register_prompt("a", "x")
    with pegboard.start_run() as run:
        pegboard.delete_run(run.info.run_id)
        assert loaded("a").template == "x"
    assert "prompts:/a/1 was not linked to the run" in caplog.text


def test_links_can_be_made_afterwards(place: Path) -> None:
    pegboard.register_prompt("a", "x")
    with pegboard.start_run() as run:
        pass
    with pegboard.start_span("s") as span:
        pass
    client = pegboard.Client()
    client.link_prompt_version_to_run(run.info.run_id, "prompts:/a/1")
    client.link_prompt_versions_to_trace([loaded("a")], span.trace_id)
    assert [each.name for each in client.list_linked_prompts(run.info.run_id)] == ["a"]
    assert len(pegboard.search_traces(filter_string="prompt = 'a/1'", return_type="list")) == 1
    client.delete_prompt("a")
    assert client.list_linked_prompts(run.info.run_id) == []
    assert client.get_prompt("a") is None
    with pytest.raises(NotFound):
        client.link_prompt_version_to_run(run.info.run_id, "prompts:/a/1")


def test_callers_of_an_alias_get_their_version_on_their_trace(place: Path) -> None:
    for text in ("x", "y"):
        pegboard.register_prompt("a", text)
    pegboard.set_prompt_alias("a", "production", 1)
    pegboard.set_prompt_traffic("a", {1: 50, 2: 50})
    seen = set()
    for user in range(20):
        with pegboard.start_span("s") as span:
            seen.add(version := loaded("a@production", key=str(user)).version)
        [link] = json.loads(pegboard.Client().get_trace(span.trace_id).info.tags[LINKED])
        assert link == {"name": "a", "version": str(version)}
    assert seen == {1, 2}
    assert loaded("a@production").version == 1


class Answer(pydantic.BaseModel):
    text: str


def test_genai_has_the_same_functions_and_entities_are_mlflows(place: Path) -> None:
    assert pegboard.genai.load_prompt is pegboard.load_prompt is api.load_prompt
    config = pegboard.entities.PromptModelConfig(model_name="m", extra_params={"seed": 1})
    made = pegboard.genai.register_prompt("a", "x", response_format=Answer, model_config=config)
    assert isinstance(made, pegboard.entities.PromptVersion)
    assert made.response_format == Answer.model_json_schema()
    assert made.model_config == {"model_name": "m", "seed": 1}
    pegboard.genai.set_prompt_tag("a", "k", 1)
    assert pegboard.genai.get_prompt_tags("a")["k"] == "1"
    pegboard.genai.delete_prompt_tag("a", "k")
    assert "k" not in pegboard.genai.get_prompt_tags("a")
    assert [each.version for each in pegboard.search_prompt_versions("a")] == [1]


LINKING = """
import sys, pegboard
pegboard.set_tracking_uri(sys.argv[1])
client = pegboard.Client()
print("ready", flush=True)
sys.stdin.readline()
for version in range(int(sys.argv[3]), 21, 2):
    uri = f"prompts:/a/{version}"
    client.link_prompt_version_to_run(sys.argv[2], uri)
    client.link_prompt_version_to_model("a", version, sys.argv[4])
"""


def test_what_two_processes_link_at_the_same_time_is_all_there(place: Path) -> None:
    uri = f"sqlite:///{place}/shared.db"
    pegboard.set_tracking_uri(uri)
    for number in range(20):
        pegboard.register_prompt("a", f"text {number}")
    with pegboard.start_run() as run:
        pass
    model = pegboard.create_external_model(name="m").model_id
    given = [[uri, run.info.run_id, first, model] for first in ("1", "2")]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LINKING, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for words in given
    ]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in started:
        each.communicate(timeout=60)
        assert each.returncode == 0
    client = pegboard.Client()
    there = [(each.name, each.version) for each in client.list_linked_prompts(run.info.run_id)]
    wanted = [("a", number) for number in range(1, 21)]
    assert sorted(there) == wanted
    kept = json.loads(client.get_logged_model(model).tags[LINKED])
    assert sorted((each["name"], int(each["version"])) for each in kept) == wanted
