"""Who calls Bedrock: AWS's credential chain and signatures, by botocore.

botocore fetches credentials that expire, such as a role's, when it is asked for them. Only
``fetch`` asks it, and requests are signed with what it returned last.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen, validators
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_llm import errors
from pegboard_llm.renewing import Credentials
from pegboard_llm.vendors import checked_url, from_environment

VENDOR = "Amazon Bedrock"
_REFUSED = frozenset({400, 401, 403, 404})


@frozen(kw_only=True)
class BedrockSettings:
    """An account with AWS; what is left out is found as AWS's own tools find it."""

    region: str = ""
    profile: str = ""
    access_key_id: Secret = field(factory=Secret)
    secret_access_key: Secret = field(factory=Secret)
    session_token: Secret = field(factory=Secret)
    role_arn: str = ""
    """A role to take on, by the credentials that are found."""
    role_seconds: int = field(default=3600, validator=validators.in_(range(900, 43_201)))
    """How long to be in it before it is taken on anew."""
    bearer_token: Secret = field(factory=Secret)
    """A key of Bedrock's own, in place of AWS's credentials."""
    endpoint_url: str = ""
    """Such as that of a VPC."""


class Signer(Credentials):
    """Signs requests to Bedrock's runtime. May be used by threads."""

    def __init__(self, settings: BedrockSettings) -> None:
        from botocore import session

        super().__init__()
        made = session.Session(profile=settings.profile or None)
        region = settings.region or made.get_config_variable("region")
        region = region or from_environment("AWS_REGION")
        if not region:
            raise ConfigError(
                "There is no region of Amazon Bedrock.",
                hint='Set "region" in the settings of this provider, or AWS_REGION.',
            )
        self._region: str = region
        self.url = _url(made, region, settings)
        self._bearer = settings.bearer_token.value
        # The environment's key goes to AWS and nowhere else, whoever names the address.
        trusted = not settings.endpoint_url or is_bedrock(settings.endpoint_url)
        if not self._bearer and not settings.access_key_id and trusted:
            self._bearer = from_environment("AWS_BEARER_TOKEN_BEDROCK")
        self._found: Any = None
        self._now: Any = None
        if not self._bearer:
            self._found = _credentials(made, region, settings)
            if not hasattr(self._found, "refresh_needed"):
                self._now = self._found.get_frozen_credentials()

    def secrets(self) -> Iterable[str]:
        """Return what no error may repeat."""
        now = self._now
        if now is None:
            return [self._bearer]
        return [now.access_key, now.secret_key, now.token or ""]

    def left(self) -> float:
        """Return for how many seconds the credentials hold, as far as botocore tells."""
        if not hasattr(self._found, "refresh_needed"):
            return math.inf
        if self._now is None or self._found.refresh_needed(self.last_s):
            return 0.0
        return self.early_s if self._found.refresh_needed(self.early_s) else math.inf

    def fetch(self) -> None:
        """Let botocore fetch credentials; LLMError."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._now = self._found.get_frozen_credentials()
        except ClientError as error:
            raise _refused(error.response) from None
        except (BotoCoreError, RuntimeError) as error:
            message = f"No credentials for {VENDOR} could be fetched ({type(error).__name__})."
            raise LLMError(Trouble.UNREACHABLE, message) from None

    def headers(self, url: str, body: bytes, accept: str) -> Mapping[str, str]:
        """Return the headers of a request, with those that say who calls; LLMError."""
        plain = {"content-type": "application/json", "accept": accept}
        if self._bearer:
            return {**plain, "authorization": f"Bearer {self._bearer}"}
        signed_by = self._now  # Another thread may fetch others meanwhile.
        if signed_by is None:
            raise LLMError(Trouble.CREDENTIALS, f"No credentials for {VENDOR} were fetched.")
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=plain)
        SigV4Auth(signed_by, "bedrock", self._region).add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}


def _refused(response: Mapping[str, Any]) -> LLMError:
    """Return the error for an answer of the service that gives credentials."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    said = response.get("Error", {})
    code = str(said.get("Code", ""))
    trouble = errors.trouble_of(status, code)
    if "throttl" in code.lower():
        trouble = Trouble.RATE
    elif status in _REFUSED:
        trouble = Trouble.CREDENTIALS
    elif trouble in (Trouble.TIMEOUT, Trouble.CUT):
        trouble = Trouble.SERVER
    return errors.error_of(VENDOR, trouble, str(said.get("Message", "")), code=code)


_HOST = re.compile(
    r"https://(vpce-[\w-]+\.)?bedrock-runtime(-fips)?\.[a-z]{2}(-[a-z]+)+-\d(\.vpce)?"
    r"\.(amazonaws\.com(\.cn)?|api\.aws)(:443)?(/.*)?",
    re.I,
)


def is_bedrock(url: str) -> bool:
    """Whether an address is one of Bedrock's own, in a region or in a VPC."""
    return _HOST.fullmatch(url) is not None


def _url(session: Any, region: str, settings: BedrockSettings) -> str:
    if settings.endpoint_url:
        return checked_url(settings.endpoint_url, "endpoint_url")
    # Made without credentials: it only knows where the region's endpoint is.
    client = session.create_client(
        "bedrock-runtime",
        region_name=region,
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106
    )
    return checked_url(str(client.meta.endpoint_url), "endpoint_url")


def _credentials(session: Any, region: str, settings: BedrockSettings) -> Any:
    if settings.access_key_id:
        if not settings.secret_access_key:
            raise ConfigError('With "access_key_id", "secret_access_key" is needed too.')
        session.set_credentials(
            settings.access_key_id.value,
            settings.secret_access_key.value,
            settings.session_token.value or None,
        )
    found = session.get_credentials()
    if found is None:
        raise ConfigError(
            "There are no credentials for Amazon Bedrock.",
            hint="Set them in the settings of this provider or in AWS's own variables and files, "
            'or set "bearer_token".',
        )
    return _of_role(session, region, found, settings) if settings.role_arn else found


def _of_role(session: Any, region: str, found: Any, settings: BedrockSettings) -> Any:
    from botocore.config import Config
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    patience = Config(connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 2})

    def client(name: str, **more: Any) -> Any:
        return session.create_client(name, **{"region_name": region, "config": patience, **more})

    how = {"DurationSeconds": settings.role_seconds}
    fetcher = AssumeRoleCredentialFetcher(client, found, settings.role_arn, extra_args=how)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
