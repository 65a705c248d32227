"""MLflow's routes: what they refuse, and how errors look. tests/ has the real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from . import upstream_fake as fakes
from .plain_provider import endpoint
from .running import Running, running
from .upstream_fake import FakeUpstream

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
PROXY = "/ajax-api/2.0/mlflow/gateway-proxy"


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream) -> Iterator[Running]:
    with running(tmp_path, endpoint("chat", upstream.url)) as started:
        yield started


def proxied(gateway: Running, path: object, data: Any = None) -> requests.Response:
    body = {"gateway_path": path, "json_data": data or {"messages": MESSAGES}}
    return requests.post(gateway.url + PROXY, json=body, timeout=30)


# -- the proxy of the tracking server (C3: CVE-2025-52967) -------------------------------------

HOSTILE = [
    "../../admin",
    "gateway/../api/2.0/endpoints",
    "gateway/../../chat/invocations",
    "gateway/chat/../chat/invocations",
    "gateway/chat/invocations/../../admin",
    "gateway/chat/invocations?x=1",
    "gateway/chat/invocations#x",
    "gateway/chat/invocations\r\nHost: evil",
    "gateway/chat%0d%0aHost:evil/invocations",
    "gateway/%2e%2e/invocations",
    "gateway/../invocations",
    "gateway/@evil/invocations",
    "gateway/cha t/invocations",
    "gateway//invocations",
    "//evil.example.org/gateway/chat/invocations",
    "//gateway/chat/invocations",
    "gateway/chat/invocations//",
    "@evil.example.org/gateway/chat/invocations",
    "http://169.254.169.254/latest",
    "http://evil.example.org/gateway/chat/invocations",
    "api/2.0/endpoints",
    "api/2.0/mlflow/experiments/delete",
    "health",
    "metrics",
    "v1/chat/completions",
    "",
    "/",
    3,
    None,
    ["gateway/chat/invocations"],
    {"a": 1},
]


@pytest.mark.parametrize("path", HOSTILE)
def test_c3_the_proxy_leads_to_endpoints_only(
    path: object, gateway: Running, upstream: FakeUpstream
) -> None:
    answer = proxied(gateway, path)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert upstream.requests == []


@pytest.mark.parametrize(
    "path", [*(each for each in HOSTILE if isinstance(each, str)), "gateway/chat/invocations"]
)
def test_c3_the_proxy_reads_the_list_only(path: str, gateway: Running) -> None:
    answer = requests.get(gateway.url + PROXY, params={"gateway_path": path}, timeout=30)
    assert answer.status_code == (200 if path == "api/2.0/endpoints" else 400)


def test_the_proxy_lists_and_asks(gateway: Running, upstream: FakeUpstream) -> None:
    for path in ("api/2.0/endpoints", "/api/2.0/endpoints/"):
        listed = requests.get(gateway.url + PROXY, params={"gateway_path": path}, timeout=30)
        assert [each["name"] for each in listed.json()["endpoints"]] == ["chat"]
    answer = proxied(gateway, "gateway/chat/invocations")
    assert answer.json()["choices"][0]["message"]["content"] == "".join(fakes.WORDS)
    assert gateway.notes.wait()[0].face == "mlflow"


def test_errors_of_the_proxy_have_mlflows_form(gateway: Running, upstream: FakeUpstream) -> None:
    none = proxied(gateway, "gateway/other/invocations")
    assert (none.status_code, none.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "failed with error code 404" in none.json()["message"]
    wrong = proxied(gateway, "gateway/chat/invocations", {"messages": MESSAGES, "n": 0})
    assert wrong.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    upstream.always(fakes.failing(500))
    failed = proxied(gateway, "gateway/chat/invocations")
    assert (failed.status_code, failed.json()["error_code"]) == (502, "INTERNAL_ERROR")


# -- invocations -------------------------------------------------------------------------------


def test_clients_choose_no_upstream(gateway: Running, upstream: FakeUpstream) -> None:
    for field in ("api_base", "api_key", "base_url", "organization", "proxy", "headers"):
        answer = requests.post(
            f"{gateway.url}/gateway/chat/invocations",
            json={"messages": MESSAGES, field: "https://evil.example.org"},
            timeout=30,
        )
        assert answer.status_code == 422
        assert field in answer.json()["detail"]
    assert upstream.requests == []


def test_headers_of_clients_stay_here(gateway: Running, upstream: FakeUpstream) -> None:
    marker = "of-the-client"
    headers = {
        "Authorization": f"Bearer {marker}",
        "Cookie": marker,
        "X-MLflow-Guardrail-Bypass": marker,
        "X-Forwarded-For": marker,
    }
    requests.post(
        f"{gateway.url}/gateway/chat/invocations",
        json={"messages": MESSAGES},
        headers=headers,
        timeout=30,
    )
    assert marker not in str(dict(upstream.requests[0].headers))


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (fakes.failing(401, "Wrong key sk-marker-upstream."), 502),
        (fakes.failing(400, "It is wrong."), 400),
        (fakes.rate(7), 429),
        (fakes.garbage, 502),
    ],
)
def test_troubles_of_upstreams_are_details(
    behaviour: Any, status: int, gateway: Running, upstream: FakeUpstream
) -> None:
    upstream.always(behaviour)
    answer = requests.post(
        f"{gateway.url}/gateway/chat/invocations", json={"messages": MESSAGES}, timeout=60
    )
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert "sk-marker" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 429)


def test_limits_and_shares_are_told(gateway: Running) -> None:
    for path in ("/api/2.0/endpoints/limits/chat", "/api/2.0/gateway/limits/chat"):
        assert requests.get(gateway.url + path, timeout=30).json() == {"limits": []}
    shares = requests.get(f"{gateway.url}/api/3.0/gateway/route/chat", timeout=30).json()
    assert shares["destinations"] == [{"name": "chat/0", "traffic_percentage": 100}]


def test_a_page_token_that_was_made_up_is_refused(gateway: Running) -> None:
    for token in ("x", "' OR 1=1 --", "eyJpbmRleCI6IC0xfQ=="):
        answer = requests.get(
            f"{gateway.url}/api/2.0/endpoints/", params={"page_token": token}, timeout=30
        )
        assert answer.status_code == 400
