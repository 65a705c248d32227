"""Endpoints, models and secrets that MLflow 3's own client makes, changes and deletes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from gateway import Served, fake, serving
from served import scripts
from target import token_of

Run = Callable[[str, str], Any]

SECRET = "sk-marker-of-a-client-0123456789abcdef"
TOML = """
[gateway]
upstream_allow = ["127.0.0.1"]

[[gateway.endpoints]]
name = "of-a-file"
provider = "openai"
model = "small"
api_key = "KEY"
base_url = "UPSTREAM"
"""
PRELUDE = """
from mlflow.tracking._tracking_service.utils import _get_store
from mlflow.entities import (
    FallbackConfig, FallbackStrategy, GatewayEndpointModelConfig as Config,
    GatewayEndpointTag as Tag, GatewayModelLinkageType as Linkage, GatewayResourceType as Resource,
    RoutingStrategy,
)
from mlflow.exceptions import MlflowException

store = _get_store()

def code(act):
    try:
        act()
    except MlflowException as error:
        return [error.error_code, str(error)]

def made(name, **config):
    secret = store.create_gateway_secret(
        f"{name} key", {"api_key": KEY}, provider="openai", auth_config={"api_base": UPSTREAM}
    )
    return store.create_gateway_model_definition(name, secret.secret_id, "openai", name)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("gateway")
    token = token_of(place / "users", "root", "admin")
    reader = token_of(place / "users", "reader", "delete")
    (place / "tokens").write_text(json.dumps([token, reader]))
    with serving(place, "--users", "users", pegboard_toml=TOML) as running:
        yield running


@pytest.fixture
def tokens(served: Served) -> Mapping[str, str]:
    admin, reader = json.loads((served.place / "tokens").read_text())
    return {"admin": admin, "reader": reader}


@pytest.fixture(scope="module")
def client(mlflow_python: Path, served: Served) -> Iterator[Run]:
    """Return what runs code with MLflow's own store, by token."""
    given = f"KEY, UPSTREAM = {SECRET!r}, {served.upstream.url!r}\n"
    with scripts(mlflow_python, served.url, served.place) as run:

        def by(token: str, code: str) -> Any:
            identity = f"import os; os.environ['MLFLOW_TRACKING_TOKEN'] = {token!r}\n"
            return run(identity + given + PRELUDE + code)

        yield by


def ask(served: Served, token: str, endpoint: str, stream: bool = False) -> requests.Response:
    return requests.post(
        f"{served.url}/gateway/{endpoint}/mlflow/invocations",
        json={"messages": [{"role": "user", "content": "Hi"}], "stream": stream},
        headers={"authorization": f"Bearer {token}"},
        timeout=30,
    )


def test_an_endpoint_is_made_and_serves_at_once(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["admin"],
        """
first, second = made("one-a"), made("one-b")
endpoint = store.create_gateway_endpoint(
    "one",
    [
        Config(first.model_definition_id, Linkage.PRIMARY, 1.0),
        Config(second.model_definition_id, Linkage.FALLBACK, 1.0, 0),
    ],
    routing_strategy=RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT,
    fallback_config=FallbackConfig(FallbackStrategy.SEQUENTIAL, 1),
)
store.set_gateway_endpoint_tag(endpoint.endpoint_id, Tag("team", "search"))
again = store.get_gateway_endpoint(name="one")
answer = {
    "same": again.endpoint_id == endpoint.endpoint_id,
    "models": [
        [m.model_definition.name, m.linkage_type.value, m.weight, m.fallback_order]
        for m in again.model_mappings
    ],
    "tags": [[t.key, t.value] for t in again.tags],
    "routing": again.routing_strategy.value,
    "fallback": [again.fallback_config.strategy.value, again.fallback_config.max_attempts],
    "experiment": mlflow.get_experiment(again.experiment_id).name,
    "listed": [e.name for e in store.list_gateway_endpoints()],
    "of openai": [e.name for e in store.list_gateway_endpoints(provider="openai")],
    "of others": [e.name for e in store.list_gateway_endpoints(provider="cohere")],
    "by": again.created_by,
}
""",
    )
    assert found == {
        "same": True,
        "models": [["one-a", "PRIMARY", 1.0, None], ["one-b", "FALLBACK", 1.0, 0]],
        "tags": [["team", "search"]],
        "routing": "REQUEST_BASED_TRAFFIC_SPLIT",
        "fallback": ["SEQUENTIAL", 1],
        "experiment": "gateway/one",
        "listed": ["one"],
        "of openai": ["one"],
        "of others": [],
        "by": "root",
    }
    served.upstream.requests.clear()
    served.upstream.next(fake.failing(401, "Wrong key."))
    answer = ask(served, tokens["reader"], "one")
    assert answer.status_code == 200, answer.text
    # The first refused, so the second answered.
    assert [each.json["model"] for each in served.upstream.requests] == ["one-a", "one-b"]
    assert served.upstream.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_secrets_are_masked_changed_and_forgotten(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["admin"],
        """
definition = made("two")
secret = store.get_secret_info(secret_id=definition.secret_id)
changed = store.update_gateway_secret(secret.secret_id, {"api_key": KEY[::-1]})
answer = {
    "masked": dict(secret.masked_values),
    "config": dict(secret.auth_config),
    "changed": dict(changed.masked_values),
    "kept": dict(changed.auth_config),
    "listed": "two key" in [s.secret_name for s in store.list_secret_infos(provider="openai")],
    "again": code(lambda: store.create_gateway_secret("two key", {"api_key": "x"})),
}
store.delete_gateway_secret(secret.secret_id)
answer["orphan"] = store.get_gateway_model_definition(definition.model_definition_id).secret_id
answer["gone"] = code(lambda: store.get_secret_info(secret_id=secret.secret_id))[0]
""",
    )
    assert found["masked"] == {"api_key": "sk-...cdef"}
    assert found["config"] == found["kept"] == {"api_base": served.upstream.url}
    assert found["changed"] == {"api_key": "fed...m-ks"}
    assert found["listed"]
    assert found["again"][0] == "RESOURCE_ALREADY_EXISTS"
    assert found["orphan"] is None
    assert found["gone"] == "RESOURCE_DOES_NOT_EXIST"


def test_definitions_links_tags_and_bindings_are_changed(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["admin"],
        """
first, second = made("three-a"), made("three-b")
renamed = store.update_gateway_model_definition(
    first.model_definition_id, name="three-c", model_name="other"
)
endpoint = store.create_gateway_endpoint(
    "three", [Config(first.model_definition_id, Linkage.PRIMARY)], usage_tracking=False
)
eid = endpoint.endpoint_id
attached = store.attach_model_to_endpoint(
    eid, Config(second.model_definition_id, Linkage.FALLBACK, 2.0, 3)
)
answer = {
    "renamed": [renamed.name, renamed.model_name],
    "in use": code(lambda: store.delete_gateway_model_definition(first.model_definition_id)),
    "attached": [attached.weight, attached.fallback_order, attached.linkage_type.value],
    "twice": code(lambda: store.attach_model_to_endpoint(
        eid, Config(second.model_definition_id, Linkage.FALLBACK)))[0],
    "untracked": [endpoint.experiment_id, endpoint.usage_tracking],
}
store.detach_model_from_endpoint(eid, second.model_definition_id)
store.delete_gateway_model_definition(second.model_definition_id)
binding = store.create_endpoint_binding(eid, Resource.SCORER, "s-1")
listed = store.list_endpoint_bindings(eid)
answer["bound"] = [[b.resource_type.value, b.resource_id] for b in listed]
store.delete_endpoint_binding(eid, Resource.SCORER.value, "s-1")
answer["unbound"] = len(store.list_endpoint_bindings(eid))
store.set_gateway_endpoint_tag(eid, Tag("a", "1"))
store.set_gateway_endpoint_tag(eid, Tag("a", "2"))
answer["tag"] = [[t.key, t.value] for t in store.get_gateway_endpoint(eid).tags]
store.delete_gateway_endpoint_tag(eid, "a")
answer["untagged"] = [t.key for t in store.get_gateway_endpoint(eid).tags]
changed = store.update_gateway_endpoint(eid, name="three-renamed", usage_tracking=True)
answer["changed"] = [changed.name, changed.usage_tracking, bool(changed.experiment_id)]
store.delete_gateway_endpoint(eid)
answer["gone"] = code(lambda: store.get_gateway_endpoint(eid))[0]
answer["left"] = [d.name for d in store.list_gateway_model_definitions(secret_id=first.secret_id)]
""",
    )
    assert found["renamed"] == ["three-c", "other"]
    assert found["in use"][0] == "INVALID_STATE"
    assert "currently in use by endpoints" in found["in use"][1]
    assert found["attached"] == [2.0, 3, "FALLBACK"]
    assert found["twice"] == "RESOURCE_ALREADY_EXISTS"
    assert found["untracked"] == [None, False]
    assert found["bound"] == [["scorer", "s-1"]]
    assert found["unbound"] == 0
    assert found["tag"] == [["a", "2"]]
    assert found["untagged"] == []
    assert found["changed"] == ["three-renamed", True, True]
    assert found["gone"] == "RESOURCE_DOES_NOT_EXIST"
    assert found["left"] == ["three-c"]


def test_guardrails_of_mlflows_judges_guard_whole_answers_and_streams(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["admin"],
        """
from mlflow.entities import GuardrailAction as Action, GuardrailStage as Stage
from mlflow.genai.judges import make_judge

models = {name: made(name).model_definition_id for name in ("guarded", "asked")}
ends = {
    name: store.create_gateway_endpoint(name, [Config(model, Linkage.PRIMARY)]).endpoint_id
    for name, model in models.items()
}
make_judge(
    name="polite", model="gateway:/asked", instructions="Answer yes if {{ outputs }} is polite."
).register(experiment_id="0")
[scorer] = store.list_scorers("0")
guards = [
    store.create_gateway_guardrail(
        f"guard {stage.value}", scorer.scorer_id, scorer.scorer_version, stage, Action.VALIDATION
    )
    for stage in (Stage.BEFORE, Stage.AFTER)
]
for guard in guards:
    store.add_guardrail_to_endpoint(ends["guarded"], guard.guardrail_id)
store.update_endpoint_guardrail_config(ends["guarded"], guards[1].guardrail_id, execution_order=7)
answer = {
    "names": [each.name for each in store.list_gateway_guardrails()],
    "one": store.get_gateway_guardrail(guards[0].guardrail_id).stage.value,
    "configs": sorted(
        [each.guardrail_id == guards[1].guardrail_id, each.execution_order]
        for each in store.list_endpoint_guardrail_configs(ends["guarded"])
    )[-1],
    "ids": [ends["guarded"], *(each.guardrail_id for each in guards)],
}
""",
    )
    assert sorted(found["names"]) == ["guard AFTER", "guard BEFORE"]
    assert (found["one"], found["configs"]) == ("BEFORE", [True, 7])

    def judging(*words: str) -> None:
        """Let the judge say these words, one for each question."""
        for word in words:
            message = {"role": "assistant", "content": word}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "asked"}
            verdicts.append({**whole, "choices": choices, "usage": fake.USAGE})

    verdicts: list[Any] = []

    async def judge(exchange: Any) -> None:
        await exchange.whole(verdicts.pop(0))

    served.upstream.always(judge, model="asked")
    for stream in (False, True):
        judging("ALLOW", "ALLOW")
        assert (answer := ask(served, tokens["reader"], "guarded", stream)).status_code == 200
        assert "fake" in answer.text and "error" not in answer.text
        judging("BLOCK")
        answer = ask(served, tokens["reader"], "guarded", stream)
        assert answer.status_code == 400 and "refuses" in answer.text
        judging("ALLOW", "BLOCK")
        answer = ask(served, tokens["reader"], "guarded", stream)
        assert answer.status_code == (200 if stream else 400)
        assert "refuses" in answer.text and "fake" not in answer.text
    assert not verdicts
    left = client(
        tokens["admin"],
        f"""
endpoint, *guards = {found["ids"]!r}
for guard in guards:
    store.remove_guardrail_from_endpoint(endpoint, guard)
    store.delete_gateway_guardrail(guard)
answer = [
    len(each) for each in (
        store.list_gateway_guardrails(), store.list_endpoint_guardrail_configs(endpoint))
]
""",
    )
    assert left == [0, 0]
    assert ask(served, tokens["reader"], "guarded").status_code == 200


def test_what_is_wrong_is_refused_with_mlflows_codes(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["admin"],
        """
d = made("four").model_definition_id
link = [Config(d, Linkage.PRIMARY)]
store.create_gateway_endpoint("four", link)
secret = lambda **config: lambda: store.create_gateway_secret(
    "x", {"api_key": "k"}, auth_config=config)
answer = {
    "no models": code(lambda: store.create_gateway_endpoint("x", []))[0],
    "a name": code(lambda: store.create_gateway_endpoint("a b", link))[0],
    "the same name": code(lambda: store.create_gateway_endpoint("four", link))[0],
    "a file's name": code(lambda: store.create_gateway_endpoint("of-a-file", link)),
    "no such model": code(lambda: store.create_gateway_endpoint(
        "x", [Config("d-none", Linkage.PRIMARY)]))[0],
    "no value": code(lambda: store.create_gateway_secret("x", {}))[0],
    "a steering value": code(lambda: store.create_gateway_secret(
        "x", {"api_key": "k", "base_url": "https://evil.example.org"}))[0],
    "a hidden address": code(lambda: store.create_gateway_secret(
        "x", {"api_key": "k", "anything": "https://evil.example.org"}))[0],
    "a vendor that is gone": code(lambda: store.create_gateway_model_definition(
        "x", store.get_secret_info(secret_name="four key").secret_id, "palm", "m")),
    "no provider": code(lambda: store.create_gateway_model_definition(
        "x", store.get_secret_info(secret_name="four key").secret_id, "opeai", "m")),
    "metadata": code(secret(api_base="https://169.254.169.254/latest"))[0],
    "private": code(secret(api_base="https://10.0.0.1"))[0],
    "odd address": code(secret(api_base="https://0x7f000001"))[0],
    "plain": code(secret(api_base="http://example.org"))[0],
    "with a password": code(secret(api_base="https://user:hunter2@example.org")),
    "a file": code(secret(api_base="file:///etc/passwd"))[0],
}
""",
    )
    wrong = "INVALID_PARAMETER_VALUE"
    assert found["no models"] == found["a name"] == found["no value"] == wrong
    assert found["a steering value"] == found["odd address"] == found["a file"] == wrong
    assert found["a hidden address"] == found["a vendor that is gone"][0] == wrong
    assert "its successor is 'gemini'" in found["a vendor that is gone"][1]
    assert found["the same name"] == found["a file's name"][0] == "RESOURCE_ALREADY_EXISTS"
    assert "pegboard.toml" in found["a file's name"][1]
    assert found["no such model"] == "RESOURCE_DOES_NOT_EXIST"
    assert found["no provider"][0] == wrong
    assert found["metadata"] == found["private"] == found["plain"] == "PERMISSION_DENIED"
    assert found["with a password"][0] == wrong
    assert "hunter2" not in found["with a password"][1]


def test_budgets_are_made_hold_and_are_told(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    code_of_budgets = """
from mlflow.entities.gateway_budget_policy import (
    BudgetAction, BudgetDuration, BudgetDurationUnit, BudgetTargetScope, BudgetUnit,
)
def budget(scope, amount=5.0, target=None, action=BudgetAction.REJECT):
    month = BudgetDuration(BudgetDurationUnit.MONTHS, 1)
    return store.create_budget_policy(
        BudgetUnit.USD, amount, month, scope, action, target_value=target
    )
"""
    found = client(
        tokens["admin"],
        code_of_budgets
        + """
endpoint = store.create_gateway_endpoint(
    "five", [Config(made("gpt-4o-mini").model_definition_id, Linkage.PRIMARY)]
)
own = budget(BudgetTargetScope.ENDPOINT, 5.0, endpoint.endpoint_id)
other = budget(BudgetTargetScope.USER, 1.0, "nobody", BudgetAction.ALERT)
changed = store.update_budget_policy(own.budget_policy_id, budget_amount=0.0)
page = store.list_budget_policies(max_results=1)
rest = store.list_budget_policies(max_results=1, page_token=page.token)
answer = {
    "made": [own.budget_amount, own.duration.unit.value, own.duration.value, own.created_by],
    "changed": [changed.budget_amount, changed.target_value == endpoint.endpoint_id],
    "pages": [[p.target_scope.value for p in each] for each in (page, rest)],
    "got": store.get_budget_policy(other.budget_policy_id).target_value,
    "no target": code(lambda: budget(BudgetTargetScope.USER)),
    "a target": code(lambda: budget(BudgetTargetScope.GLOBAL, target="x"))[0],
    "no endpoint": code(lambda: budget(BudgetTargetScope.ENDPOINT, target="e-1"))[0],
    "negative": code(lambda: budget(BudgetTargetScope.GLOBAL, -1.0))[0],
    "ids": [own.budget_policy_id, other.budget_policy_id],
}
store.delete_budget_policy(other.budget_policy_id)
answer["gone"] = code(lambda: store.get_budget_policy(other.budget_policy_id))[0]
""",
    )
    assert found["made"] == [5.0, "MONTHS", 1, "root"]
    assert found["changed"] == [0.0, True]
    assert found["pages"] == [["ENDPOINT"], ["USER"]]
    assert found["got"] == "nobody"
    assert "target_value is required" in found["no target"][1]
    assert found["a target"] == found["negative"] == "INVALID_PARAMETER_VALUE"
    assert found["no endpoint"] == found["gone"] == "RESOURCE_DOES_NOT_EXIST"
    # A budget of nothing is spent, so a model that costs something is not asked.
    refused = ask(served, tokens["reader"], "five")
    assert refused.status_code == 429, refused.text
    told = requests.get(
        f"{served.url}/api/3.0/mlflow/gateway/budgets/windows",
        headers={"authorization": f"Bearer {tokens['admin']}"},
        timeout=30,
    )
    [window] = told.json()["windows"]
    assert window["budget_policy_id"] == found["ids"][0]
    assert window["window_start_ms"] < window["window_end_ms"]
    assert window["current_spend"] == 0.0


def test_only_administrators_may_look_or_change(
    client: Run, served: Served, tokens: Mapping[str, str]
) -> None:
    found = client(
        tokens["reader"],
        """
answer = [code(act)[0] for act in (
    store.list_secret_infos, store.list_gateway_endpoints, store.list_gateway_model_definitions,
    lambda: store.create_gateway_secret("x", {"api_key": KEY}),
    lambda: store.delete_gateway_endpoint("e-1"),
)]
""",
    )
    assert found == ["PERMISSION_DENIED"] * 5


def test_no_secret_is_on_the_disk_or_in_the_log(served: Served) -> None:
    for file in served.place.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
