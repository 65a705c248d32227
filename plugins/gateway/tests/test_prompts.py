"""Endpoints with a prompt: callers send variables, and a move of the alias is in force at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from pegboard.config import Config
from pegboard.contracts.llm import Json
from pegboard.contracts.registry import ModelRegistry
from pegboard.errors import StoreError
from pegboard.host import Host
from pegboard_gateway import prompts
from pegboard_gateway.entities import Outcome
from pegboard_gateway.prompts import Prompts

from . import upstream_fake as fakes
from .control.test_server import Served, serve
from .plain_provider import endpoint
from .running import SECONDS, Running, running
from .upstream_fake import FakeUpstream

__all__ = ["serve"]
NAME = "support"


def register(registry: ModelRegistry, text: str, name: str = NAME, **tags: str) -> str:
    kept = {"mlflow.prompt.is_prompt": "true"}
    if not registry.search_models(filter=f"name = '{name}' AND {_PROMPTS}"):
        registry.create_model(name, tags=kept)
    given = {**kept, "mlflow.prompt.text": text, **tags}
    return registry.create_version(name, "prompt-template", tags=given).version


_WAYS = ("", "/1", "@live")
"""In which an endpoint may name a version of a prompt, after the name."""
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"


def until() -> Iterator[None]:
    """Go on until what is looked for has come; it has to in time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield
    raise AssertionError("it did not happen in time")


class Place:
    """A registry that can be taken away, and a gateway beside it."""

    def __init__(self, registry: ModelRegistry, gateway: Running) -> None:
        self.registry, self.gateway = registry, gateway

    def post(self, path: str, **body: Any) -> requests.Response:
        return requests.post(f"{self.gateway.url}{path}", json=body, timeout=SECONDS)

    def ask(self, model: str = NAME, **body: Any) -> requests.Response:
        return self.post("/v1/chat/completions", model=model, **body)

    def until(self, version: str, **body: Any) -> None:
        """Ask until a version answers."""
        for _ in until():
            count = len(self.gateway.notes.records)
            self.ask(**body)
            if self.gateway.notes.wait(count + 1)[-1].prompt == version:
                return


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[ModelRegistry]:
    host = Host(Config())
    yield host.model_registry(f"memory:{tmp_path}")
    host.close()


@pytest.fixture
def place(tmp_path: Path, upstream: FakeUpstream, registry: ModelRegistry) -> Iterator[Place]:
    register(registry, "Hi {{name}} of {{town}}.")
    registry.set_alias(NAME, "production", "1")
    ends = (
        endpoint(NAME, upstream.url, prompt=f"{NAME}@production"),
        endpoint("newest", upstream.url, prompt=NAME),
        endpoint("first", upstream.url, prompt=f"{NAME}/1"),
        endpoint("gone", upstream.url, prompt=f"{NAME}@nobody"),
        endpoint("ninth", upstream.url, prompt=f"{NAME}/9"),
        *(endpoint(f"none{i}", upstream.url, prompt=f"none{at}") for i, at in enumerate(_WAYS)),
        endpoint("plain", upstream.url),
        *(endpoint(f"twice-{each}", upstream.url, prompt="twice@x") for each in "ab"),
        endpoint("passes", upstream.url, prompt=NAME, proxy=("responses",)),
    )
    known = Prompts(lambda: registry)
    with running(tmp_path, *ends, prompts=known) as gateway:
        yield Place(registry, gateway)


ANN = {"name": "Ann", "town": "Ulm"}


def sent(upstream: FakeUpstream) -> Json:
    found: Json = json.loads(upstream.requests[-1].body)
    return found


ASKED = {
    "chat": ("/v1/chat/completions", {"model": NAME, "variables": ANN}, []),
    "no messages": ("/v1/chat/completions", {"model": NAME, "messages": [], "variables": ANN}, []),
    "MLflow": (f"/gateway/{NAME}/invocations", {"variables": ANN}, []),
    "Anthropic": (
        "/anthropic/v1/messages",
        {"model": NAME, "max_tokens": 5, "variables": ANN},
        ["Why?"],
    ),
    "Responses": ("/v1/responses", {"model": NAME, "input": "Why?", "variables": ANN}, ["Why?"]),
    "no input": ("/v1/responses", {"model": NAME, "prompt_version": 1, "variables": ANN}, []),
    "Gemini": (f"/gemini/v1beta/models/{NAME}:generateContent", {"variables": ANN}, []),
    "Gemini, streamed": (
        f"/gemini/v1beta/models/{NAME}:streamGenerateContent",
        {"variables": ANN, "contents": [{"parts": [{"text": "Why?"}]}]},
        ["Why?"],
    ),
}


def test_callers_send_variables_in_each_api(place: Place, upstream: FakeUpstream) -> None:
    for path, body, after in ASKED.values():
        users = [{"role": "user", "content": text} for text in after]
        answer = place.post(path, **body, **({"messages": users} if "max_tokens" in body else {}))
        assert answer.status_code == 200, answer.text
        ours = {"role": "system" if after else "user", "content": "Hi Ann of Ulm."}
        if "gemini" in path:
            users = [{"role": "user", "content": [{"type": "text", "text": x}]} for x in after]
        assert sent(upstream)["messages"] == [ours, *users]
    assert {each.prompt for each in place.gateway.notes.wait(len(ASKED))} == {"support/1"}


def test_a_completion_is_of_the_prompt_and_a_stream_is_streamed(
    place: Place, upstream: FakeUpstream
) -> None:
    client = place.gateway.openai()
    client.completions.create(model=NAME, prompt=None, extra_body={"variables": ANN})  # type: ignore[call-overload]
    assert sent(upstream)["prompt"] == "Hi Ann of Ulm."
    stream: Any = client.chat.completions.create(
        model="first", messages=[], stream=True, extra_body={"variables": ANN}
    )
    said = "".join(each.choices[0].delta.content or "" for each in stream if each.choices)
    assert said == "".join(fakes.WORDS)


def test_openais_client_names_a_prompt(place: Place, upstream: FakeUpstream) -> None:
    client = place.gateway.openai()
    given: Any = {**ANN, "town": {"type": "input_text", "text": "{{name}}"}}
    answer = client.responses.create(prompt={"id": NAME, "version": "1", "variables": given})
    assert answer.output_text == "".join(fakes.WORDS)
    assert answer.prompt is not None
    assert (answer.prompt.id, answer.prompt.version) == (NAME, "1")
    stream = client.responses.create(
        model="newest", input="Why?", stream=True, prompt={"id": NAME, "variables": given}
    )
    said = "".join(each.delta for each in stream if each.type == "response.output_text.delta")
    assert said == "".join(fakes.WORDS)
    messages = sent(upstream)["messages"]
    assert [each["content"] for each in messages] == ["Hi Ann of {{name}}.", "Why?"]
    assert {each.prompt for each in place.gateway.notes.wait(2)} == {f"{NAME}/1"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"prompt": {"id": NAME, "version": "2"}}, "has version 1 of the prompt"),
    "no version": ({"prompt": {"id": NAME, "version": "²"}}, "must be the number of a version"),
    "other prompt": ({"prompt": {"id": "other"}}, "no endpoint for the prompt 'other'"),
    "other endpoint": ({"model": "plain", "prompt": {"id": NAME}}, "'plain' is not for"),
    "several": ({"prompt": {"id": "twice"}}, "Several endpoints have the prompt 'twice'"),
    "no id": ({"prompt": {"version": "1"}}, "'prompt.id' must be text"),
    "a picture": (
        {"prompt": {"id": NAME, "variables": {"name": {"type": "input_image"}}}},
        "takes no pictures",
    ),
    "no object": ({"prompt": "support"}, "'prompt' must be an object"),
}


def test_a_prompt_that_no_endpoint_has_is_refused(place: Place, upstream: FakeUpstream) -> None:
    for body, said in REFUSED.values():
        answer = place.post("/v1/responses", **body)
        assert answer.status_code in (400, 404)
        assert said in answer.json()["error"]["message"]
    assert not upstream.requests


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "all missing": ({}, 400, "lacks the variables 'name', 'town'"),
    "misspelt": ({"variables": {**ANN, "nmae": 1, "name": None}}, 400, "'name' by 'nmae'"),
    "no object": ({"variables": ["Ann"]}, 400, "'variables' must be an object"),
    "long": ({"variables": {**ANN, "name": "{{town}}" * (3 << 20)}}, 400, "16,777,216 characters"),
    "no alias": (
        {"model": "gone"},
        404,
        "The prompt 'support@nobody' of this endpoint is not there. The prompt 'support' has no "
        "alias 'nobody'.",
    ),
    "no version": ({"model": "ninth"}, 404, "The prompt 'support' has no version '9'."),
    **{
        f"no prompt{at}": ({"model": f"none{i}"}, 404, "There is no prompt named 'none'.")
        for i, at in enumerate(_WAYS)
    },
    "no prompt": ({"model": "plain", "messages": [], "variables": ANN}, 400, "messages"),
}


def test_what_is_wrong_is_said(place: Place, upstream: FakeUpstream) -> None:
    for body, status, said in WRONG.values():
        answer = place.ask(**{"model": NAME, **body})
        assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True)
    answer = place.post("/gateway/proxy/passes/responses", input="Hi")
    assert (answer.status_code, "has a prompt" in answer.text) == (501, True)
    assert not upstream.requests


def test_values_stay_text_whatever_they_look_like(place: Place, upstream: FakeUpstream) -> None:
    odd = {"name": '{{town}} {% raw %} "<script>alert(1)</script>', "town": "{{name}}" * 100_000}
    assert place.ask(variables=odd).status_code == 200
    assert sent(upstream)["messages"][0]["content"] == f"Hi {odd['name']} of {odd['town']}."


def test_a_move_of_the_alias_is_in_force_and_recorded(place: Place, upstream: FakeUpstream) -> None:
    place.ask(variables=ANN)
    place.registry.set_alias(NAME, "production", register(place.registry, "Bye {{name}}."))
    place.until("support/2", variables=ANN)
    assert sent(upstream)["messages"][0]["content"] == "Bye Ann."
    place.ask("first", variables=ANN)
    place.ask("newest", variables=ANN)
    assert [each.prompt for each in place.gateway.notes.wait()[-2:]] == ["support/1", "support/2"]


def test_jinja_is_rendered_and_callers_are_shared_by_who_they_are(
    place: Place, upstream: FakeUpstream
) -> None:
    texts = ("{% for each in names %}{{ each }},{% endfor %}", "Two {{ names }}", "Three")
    numbers = [register(place.registry, text) for text in texts]
    tag = "pegboard.prompt.traffic.production"
    place.registry.set_model_tag(NAME, tag, json.dumps({numbers[0]: 50, numbers[1]: 50}))
    given = {"variables": {**ANN, "names": ["{{ town }}", "b"]}}
    place.until(f"{NAME}/{numbers[0]}", user="user-0", **given)
    assert sent(upstream)["messages"][0]["content"] == "{{ town }},b,"
    users = [{"user": f"user-{each}"} for each in range(12)]
    users += [{"user": "user-0"}, {}]
    found = []
    for _ in range(2):
        before = len(place.gateway.notes.records)
        for user in users:
            assert place.ask(**user, **given).status_code == 200
        found.append([each.prompt for each in place.gateway.notes.wait(before + 14)[before:]])
    assert found[0] == found[1]
    assert set(found[0][:12]) == {f"{NAME}/{number}" for number in numbers[:2]}
    assert found[0][12:] == [f"{NAME}/{numbers[0]}", f"{NAME}/1"]
    place.registry.delete_version(NAME, numbers[0])
    place.until(f"{NAME}/1", user="user-0", **given)
    place.registry.set_model_tag(NAME, tag, json.dumps({numbers[2]: 1}))
    place.until(f"{NAME}/{numbers[2]}", user="user-0", **given)


def test_a_call_keeps_its_version_and_a_deleted_prompt_is_a_404(
    place: Place, upstream: FakeUpstream
) -> None:
    upstream.next(fakes.held)
    answers: list[requests.Response] = []
    asking = threading.Thread(target=lambda: answers.append(place.ask(variables=ANN)))
    asking.start()
    upstream.wait_for_requests(1)
    place.registry.delete_model(NAME)
    for _ in until():
        refused = place.ask(variables=ANN)
        if refused.status_code != 200:
            break
    upstream.release()
    asking.join(SECONDS)
    assert answers[0].status_code == 200
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "prompt_not_found"
    [last] = [each for each in place.gateway.notes.wait(2) if each.status == 404]
    assert (last.outcome, last.trouble) == (Outcome.REFUSED, "prompt_not_found")


def test_a_registry_that_is_away_stops_only_what_was_never_read(
    tmp_path: Path, upstream: FakeUpstream, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "FRESH_SECONDS", -1.0)
    register(registry, "Hi {{name}}.")
    is_away = threading.Event()

    def opened() -> ModelRegistry:
        if is_away.is_set():
            raise StoreError("The secret place is away.")
        return registry

    ends = [endpoint(name, upstream.url, prompt=f"{NAME}/1") for name in ("one", "other")]
    ends.append(endpoint("unread", upstream.url, prompt=NAME))
    with running(tmp_path, *ends, prompts=Prompts(opened)) as gateway:
        place = Place(registry, gateway)
        assert place.ask("one", variables=ANN).status_code == 200
        is_away.set()
        assert place.ask("other", variables=ANN).status_code == 200
        refused = place.ask("unread", variables=ANN)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["error"]["code"] == "prompt_unusable"
        assert "secret" not in refused.text
        is_away.clear()
        assert place.ask("unread", variables=ANN).status_code == 200


def test_a_model_in_place_of_a_prompt_is_a_503(
    tmp_path: Path, upstream: FakeUpstream, registry: ModelRegistry
) -> None:
    registry.create_model("model")
    registry.create_version("model", "s3://elsewhere/model")
    ours = endpoint(NAME, upstream.url, prompt="model@latest")
    with running(tmp_path, ours, prompts=Prompts(lambda: registry)) as gateway:
        answer = Place(registry, gateway).ask(variables=ANN)
    assert (answer.status_code, "not a prompt" in answer.text) == (503, True)


def test_a_server_takes_a_prompt_from_its_registry_and_keeps_which_it_was(
    serve: Any, tmp_path: Path
) -> None:
    more = 'prompt = "support@production"\ntrace = { experiment = "calls" }'
    with serve(more) as running_server:
        assert isinstance(running_server, Served)
        host = Host(Config())
        registry = host.model_registry(running_server.url)
        register(registry, "Hi {{name}}.")
        with pytest.raises(openai.NotFoundError):
            running_server.ask()
        registry.set_alias(NAME, "production", "1")
        body = {"model": "chat", "variables": {"name": "Ann"}}
        url = f"{running_server.url}/v1/chat/completions"
        for _ in until():
            asked = requests.post(url, json=body, timeout=SECONDS)
            if asked.status_code != 404:
                break
        assert asked.status_code == 200, asked.text
        host.close()
    assert ("support/1",) in running_server.rows("SELECT prompt FROM gateway_call")
    ours = Host(Config())
    store = ours.tracking_store(f"sqlite:{tmp_path}/s.db")
    [experiment] = [each for each in store.search_experiments() if each.name == "calls"]
    [trace] = [
        each
        for each in store.traces().search([experiment.experiment_id])
        if each.tags.get("mlflow.linkedPrompts")
    ]
    assert json.loads(trace.tags["mlflow.linkedPrompts"]) == [{"name": NAME, "version": "1"}]
    ours.close()
