"""Tokens for machines: OAuth 2.0's client credentials.

Source: RFC 6749, sections 4.4 (client credentials), 5.1 (token) and 5.2 (errors).
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from attrs import field, frozen
from pegboard.config import HttpConfig
from pegboard.contracts.llm import HttpReply, LLMError, Trouble
from pegboard.errors import quoted
from pegboard_llm import errors
from pegboard_llm.renewing import Fetched, Token
from pegboard_llm.sessions import session

_CONNECT_S, _ANSWER_S = 10.0, 20.0
_MOST_BYTES = 1 << 20
_USUAL_S = 300.0
"""How long a token holds whose server does not say."""


@frozen
class Client:
    """Who asks for tokens, and where."""

    vendor: str
    url: str
    client_id: str
    client_secret: str = field(repr=False)
    http: HttpConfig
    more: Mapping[str, str] = {}
    """Other fields of the request, such as ``scope``."""

    def token(self) -> Token:
        """Return the token, which is still to be fetched."""
        return Token(self.vendor, self._fetched)

    def _fetched(self) -> Fetched:
        reply = self._asked()
        if reply.status != 200:
            raise self._refused(reply)
        try:
            said = orjson.loads(reply.body)
            token, seconds = said["access_token"].strip(), float(said.get("expires_in", _USUAL_S))
            sound = token.isascii() and token.isprintable() and token and seconds > 0
        except (ValueError, KeyError, TypeError, AttributeError):
            sound = False
        if not sound:
            raise self._error(Trouble.GARBAGE, "answered with no token")
        return Fetched(token, seconds)

    def _asked(self) -> HttpReply:
        import requests

        with session(self.http) as made:
            try:
                # Redirects are not followed: the secret goes where it was meant to go.
                with made.post(
                    self.url,
                    data={"grant_type": "client_credentials", **self.more},
                    auth=(self.client_id, self.client_secret),
                    headers={"accept": "application/json"},
                    timeout=(_CONNECT_S, _ANSWER_S),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    body = response.raw.read(_MOST_BYTES, decode_content=True)
            except (requests.RequestException, OSError) as error:
                raise self._error(Trouble.UNREACHABLE, "cannot be reached") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpReply(response.status_code, headers, body)

    def _refused(self, reply: HttpReply) -> LLMError:
        if reply.status == 429:
            error = self._error(Trouble.RATE, "was asked too often")
            error.retry_after = errors.retry_after(reply.headers)
            return error
        if reply.status >= 500:
            return self._error(Trouble.SERVER, f"failed (status {reply.status})")
        what = f"gives no token (status {reply.status})"
        return self._error(Trouble.CREDENTIALS, what, "Check the client's id, secret and address.")

    def _error(self, trouble: Trouble, what: str, hint: str = "") -> LLMError:
        where = f"What gives tokens for {self.vendor}, {quoted(self.url)},"
        return LLMError(trouble, f"{where} {what}.", hint=hint)
