"""Who calls Bedrock: AWS's credential chain and signatures, by botocore.

Credentials that expire are renewed by botocore when they are used, minutes before they do: that,
and finding them when a provider is made, is the only time that anything here waits for the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from pegboard.errors import ConfigError
from pegboard.settings import Secret
from pegboard_llm.vendors import checked_url, from_environment


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
    bearer_token: Secret = field(factory=Secret)
    """A key of Bedrock's own, in place of AWS's credentials."""
    endpoint_url: str = ""
    """Such as that of a VPC."""


class Signer:
    """Signs requests to Bedrock's runtime. May be used by threads."""

    def __init__(self, settings: BedrockSettings) -> None:
        from botocore import session

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
        self._credentials = None if self._bearer else _credentials(made, region, settings)

    def secrets(self) -> list[str]:
        """Return what no error may repeat."""
        if self._credentials is None:
            return [self._bearer]
        frozen_now = self._credentials.get_frozen_credentials()
        return [frozen_now.access_key, frozen_now.secret_key, frozen_now.token or ""]

    def headers(self, url: str, body: bytes, accept: str) -> Mapping[str, str]:
        """Return the headers of a request, with those that say who calls."""
        plain = {"content-type": "application/json", "accept": accept}
        if self._credentials is None:
            return {**plain, "authorization": f"Bearer {self._bearer}"}
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=plain)
        # Frozen, so that another thread which renews them changes nothing in between.
        signed_by = self._credentials.get_frozen_credentials()
        SigV4Auth(signed_by, "bedrock", self._region).add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}


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
    return _of_role(session, region, found, settings.role_arn) if settings.role_arn else found


def _of_role(session: Any, region: str, found: Any, role_arn: str) -> Any:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    def client(name: str, **more: Any) -> Any:
        return session.create_client(name, **{"region_name": region, **more})

    fetcher = AssumeRoleCredentialFetcher(client, found, role_arn)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
