"""Amazon Bedrock keeps the contract; its requests have botocore's shapes and AWS's signature."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import pytest
from botocore import session, validate
from pegboard import config, host
from pegboard.contracts.llm import (
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    Renewal,
    Task,
    Trouble,
)
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_bedrock.provider import Bedrock
from pegboard_bedrock.signing import BedrockSettings
from pegboard_llm import prices
from pegboard_testing import LLMProviderContract
from pegboard_testing.llm import MARKER
from pegboard_testing.llm_server import FakeOpenAI, Fault

KEY = Secret(MARKER)
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SHAPES = session.Session().get_service_model("bedrock-runtime")
SAID = [{"role": "user", "content": "Hello"}]
EMBEDDING = {"inputText": str, "dimensions": int, "texts": list, "input_type": object}
VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nothing of this machine's own account be found."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def settings(**more: Any) -> BedrockSettings:
    return BedrockSettings(region="us-east-1", **more)


class TestBedrock(LLMProviderContract):
    recorded = Path(__file__).parent / "recorded"
    wanting: ClassVar = {
        "max_tokens": {"max_tokens": 2000},
        "max_completion_tokens": {"max_completion_tokens": 2000},
        "service_tier": {"service_tier": "priority"},
    }

    # To make one takes botocore a second, and no test changes it.
    @pytest.fixture(scope="class")
    @classmethod
    def provider(cls) -> LLMProvider:
        return Bedrock(settings(access_key_id=KEY, secret_access_key=KEY, session_token=KEY))

    @pytest.fixture
    def model(self) -> str:
        return CLAUDE

    def conforms(self, request: LLMRequest, body: Json) -> None:
        if request.task is Task.EMBEDDING:
            assert all(isinstance(value, EMBEDDING[key]) for key, value in body.items())
            return
        operation = "ConverseStream" if request.stream else "Converse"
        shape = SHAPES.operation_model(operation).input_shape
        given = {"modelId": request.model, **body}
        report = validate.ParamValidator().validate(given, shape)
        assert not report.has_errors(), report.generate_report()
        assert given.keys() <= shape.members.keys()


@pytest.mark.parametrize("model", ["amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"])
def test_embedders_send_what_they_take(model: str) -> None:
    provider = Bedrock(settings(bearer_token=KEY))
    [(task, taken)] = provider.takes_of(model).items()
    assert task is Task.EMBEDDING
    own: Json = {"dimensions": 256, "input_type": "search_query"}
    body = {"input": "x", **{key: own[key] for key in own if key in taken}}
    sent = json.loads(provider.call(LLMRequest(task, model, body)).body)
    assert len(sent) == len(body)


def test_models_take_different_things() -> None:
    provider = Bedrock(settings(bearer_token=KEY))
    nova = provider.takes_of("amazon.nova-lite-v1:0")[Task.CHAT]
    assert "temperature" in nova
    assert not nova & {"top_k", "reasoning_effort"}
    assert {"temperature", "top_k", "reasoning_effort"} <= provider.takes_of(CLAUDE)[Task.CHAT]
    new = provider.takes_of("global.anthropic.claude-opus-4-7")[Task.CHAT]
    assert "reasoning_effort" in new
    assert "temperature" not in new


def test_tokens_of_texts_are_those_that_bedrock_counts() -> None:
    provider = Bedrock(settings(bearer_token=KEY))
    request = LLMRequest(Task.EMBEDDING, "cohere.embed-english-v3", {"input": ["a"]})
    headers = {"x-amzn-bedrock-input-token-count": "17"}
    answer = provider.answer(request, HttpReply(200, headers, b'{"embeddings": [[0.5]]}'))
    assert answer["usage"] == {"prompt_tokens": 17, "total_tokens": 17}
    assert prices.price("bedrock", request.model, answer["usage"]) == 1700


def signed(text: str, key: bytes) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def test_requests_have_the_signature_of_version_4() -> None:
    """Computed anew, as the AWS General Reference describes it."""
    provider = Bedrock(
        settings(access_key_id=Secret("AKID"), secret_access_key=KEY, session_token=Secret("tok"))
    )
    call = provider.call(LLMRequest(Task.CHAT, "amazon.nova-lite-v1:0", {"messages": SAID}))
    url, headers = urlsplit(call.url), {**call.headers}
    headers["host"] = url.netloc
    kind, _, rest = headers["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    scope = parts["Credential"].removeprefix("AKID/")
    date, region, service, _ = scope.split("/")
    assert (kind, region, service) == ("AWS4-HMAC-SHA256", "us-east-1", "bedrock")
    names = parts["SignedHeaders"].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    lines = [f"{name}:{headers[name]}" for name in names]
    path = quote(url.path, safe="/~")
    content = hashlib.sha256(call.body).hexdigest()
    canonical = "\n".join(["POST", path, "", *lines, "", ";".join(names), content])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join([kind, headers["x-amz-date"], scope, hashed])
    key = f"AWS4{MARKER}".encode()
    for word in (date, region, service, "aws4_request"):
        key = signed(word, key)
    assert parts["Signature"] == signed(to_sign, key).hex()


def test_a_key_of_bedrocks_own_needs_no_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    request = LLMRequest(Task.CHAT, "m", {"messages": SAID})
    assert Bedrock(settings(bearer_token=KEY)).call(request).headers["authorization"] == (
        f"Bearer {MARKER}"
    )
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "from-outside")
    headers = Bedrock(settings()).call(request).headers
    assert headers["authorization"] == "Bearer from-outside"


def test_credentials_are_found_as_awss_own_tools_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = LLMRequest(Task.CHAT, "m", {"messages": SAID})
    with pytest.raises(ConfigError, match="no credentials"):
        Bedrock(settings())
    (tmp_path / "credentials").write_text(
        f"[work]\naws_access_key_id = FROMFILE\naws_secret_access_key = {MARKER}\n"
    )
    (tmp_path / "config").write_text("[profile work]\nregion = eu-central-1\n")
    call = Bedrock(BedrockSettings(profile="work")).call(request)
    assert "FROMFILE" in call.headers["authorization"]
    assert call.url.startswith("https://bedrock-runtime.eu-central-1.amazonaws.com/")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", MARKER)
    assert "FROMENV" in Bedrock(settings()).call(request).headers["authorization"]


ROLE = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>{until}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Type>Sender</Type><Code>{}</Code><Message>No.</Message></Error></ErrorResponse>"""


def role(key: str, **hold: float) -> Fault:
    until = (datetime.now(UTC) + timedelta(**hold)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Fault(200, ROLE.format(key=key, until=until).encode(), {"content-type": "text/xml"})


def in_role(monkeypatch: pytest.MonkeyPatch, address: str) -> Bedrock:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
    arn = "arn:aws:iam::123456789012:role/models"
    own = settings(access_key_id=KEY, secret_access_key=KEY, role_arn=arn, role_seconds=900)
    return Bedrock(own)


def test_a_role_is_taken_on_and_renewed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenAI(role("FIRST", minutes=4), role("SECOND", minutes=15)) as sts:
        provider = in_role(monkeypatch, sts.address)
        assert provider.renewal() is Renewal.NEEDED
        with pytest.raises(LLMError, match="No credentials"):
            provider.call(ASKED)
        assert not sts.seen
        provider.renew()
        assert "FIRST" in provider.call(ASKED).headers["authorization"]
        assert provider.renewal() is Renewal.DUE
        assert len(sts.seen) == 1, "a call renewed the role itself"
        provider.renew()
        assert provider.renewal() is Renewal.NOT_DUE
        assert "SECOND" in provider.call(ASKED).headers["authorization"]
        assert sts.seen[0].body["DurationSeconds"] == "900"
        assert "secret" not in str(provider.error(HttpReply(500, {}, b"secret")))


@pytest.mark.parametrize(
    ("status", "code", "trouble"),
    [
        (403, "AccessDenied", Trouble.CREDENTIALS),
        (400, "ExpiredTokenException", Trouble.CREDENTIALS),
        (400, "Throttling", Trouble.RATE),
        (0, "", Trouble.UNREACHABLE),
    ],
)
def test_a_role_that_is_not_given_is_an_error_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, trouble: Trouble
) -> None:
    fault = Fault(status, DENIED.format(code).encode(), {"content-type": "text/xml"})
    with FakeOpenAI(fault, fault) as sts:
        # Nobody listens on the port of the last line.
        provider = in_role(monkeypatch, sts.address if status else "http://127.0.0.1:9")
        with pytest.raises(LLMError) as raised:
            provider.renew()
    assert raised.value.trouble is trouble
    assert MARKER not in str(raised.value)


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ConfigError, match="region"):
        Bedrock(BedrockSettings(bearer_token=KEY))
    with pytest.raises(ConfigError, match="secret_access_key"):
        Bedrock(settings(access_key_id=KEY))


def test_an_endpoint_of_ones_own_is_called() -> None:
    own = settings(bearer_token=KEY, endpoint_url="https://vpce-1.example.com/")
    call = Bedrock(own).call(LLMRequest(Task.CHAT, "m", {"messages": SAID}))
    assert call.url == "https://vpce-1.example.com/model/m/converse"


@pytest.mark.parametrize(
    ("url", "is_its_own"),
    [
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", True),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/", True),
        ("https://bedrock-runtime.us-east-1.api.aws", True),
        ("https://vpce-0a1b-c2.bedrock-runtime.us-east-1.vpce.amazonaws.com", True),
        ("http://bedrock-runtime.eu-central-1.amazonaws.com", False),
        ("https://bedrock-runtime.s3.amazonaws.com", False),
        ("https://x.execute-api.us-east-1.amazonaws.com", False),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com.example.com", False),
        ("https://example.com/bedrock-runtime.eu-central-1.amazonaws.com", False),
        ("https://proxy.example.com", False),
    ],
)
def test_the_environments_key_goes_to_aws_alone(
    monkeypatch: pytest.MonkeyPatch, url: str, is_its_own: bool
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", MARKER)
    try:
        sent = str(Bedrock(settings(endpoint_url=url)).call(ASKED).headers)
    except ConfigError:
        sent = ""  # There is nothing else to call it with.
    assert (MARKER in sent) is is_its_own


ASKED = LLMRequest(Task.CHAT, "m", {"messages": SAID})
ANSWER = b"""{"output": {"message": {"role": "assistant", "content": [{"text": "A wren."}]}},
"stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}}"""


def test_the_example_of_the_readme_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text()
    [example] = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    with FakeOpenAI(Fault(200, ANSWER)) as server:
        mine = {"region": "eu-central-1", "endpoint_url": server.address, "bearer_token": MARKER}
        tables = {"llm": {"providers": {"bedrock": mine}}}
        host.use(host.Host(config.Config(plugins=tables)))
        try:
            exec(compile(example, "README.md", "exec"), {})
        finally:
            host.use(None)
    assert capsys.readouterr().out.startswith("A wren. {'prompt_tokens': 3, ")
    [seen] = server.seen
    assert seen.path == "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    assert seen.headers["authorization"] == f"Bearer {MARKER}"
