"""What providers of vendors behind HTTP have in common: reading answers, streams and errors safely.

A vendor's provider derives from ``HttpProvider`` and its reader from ``Stream``. Whatever a vendor
sends, what comes out is OpenAI's object or an LLMError, and never a text that holds a key of ours.
"""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import orjson
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
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

from pegboard_llm import errors, estimate, shapes, sse
from pegboard_llm.renewing import Credentials

_WRONG_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError)

_URL = re.compile(r"[!-~]+")

DONE = b"[DONE]"

_NOT_THE_ENVIRONMENTS = (
    ". The environment's keys go to the vendor's own address, or to that which the environment "
    "names beside them."
)


class HttpProvider(LLMProvider):
    """A vendor whose requests and answers are JSON.

    ``vendor`` is its name for people. A subclass says what it sends (``path_and_body``), and how it
    reads an answer (``read``) and a stream (``events``).
    """

    vendor: ClassVar[str]
    credentials: Credentials | None = None
    """Those that expire, if it has such."""

    @abstractmethod
    def url(self, request: LLMRequest) -> str:
        """Return where a request goes."""

    @abstractmethod
    def body(self, request: LLMRequest) -> Json:
        """Return what is sent; LLMError UNSUPPORTED or INVALID for what the vendor has not."""

    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """Return the headers that hold credentials, and others of the vendor's own."""

    @abstractmethod
    def read(self, request: LLMRequest, value: Json) -> Json:
        """Return the vendor's answer as OpenAI's object; KeyError and the like for a wrong form."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        given = [value.value for value in _values(options) if isinstance(value, Secret)]
        # They are sent without the blanks around them.
        self._secrets = [*given, *(text.strip() for text in given if text != text.strip())]

    def secrets(self) -> Iterable[str]:
        """Return the texts that no error repeats."""
        if self.credentials is None:
            return self._secrets
        return [*self._secrets, *self.credentials.secrets()]

    def keep_secret(self, text: str) -> str:
        """Return a secret that is not of the settings, and remember to repeat it nowhere."""
        self._secrets.append(text)
        return text

    def renewal(self) -> Renewal:
        """Return whether credentials have to be fetched."""
        return Renewal.NOT_DUE if self.credentials is None else self.credentials.renewal()

    def renew(self) -> None:
        """Fetch credentials; LLMError."""
        if self.credentials is not None:
            self.credentials.renew()

    def call(self, request: LLMRequest) -> HttpCall:
        """Return the HTTP request."""
        return HttpCall(
            self.url(request),
            shapes.encoded(self.body(request)),
            {"content-type": "application/json", **self.headers()},
        )

    def passed(self, path: str, body: bytes) -> HttpCall | None:
        """Return the request that passes a client's JSON on as it is; None if that is not done."""
        root = self.root()
        if not root:
            return None
        # Clients may begin with the version that the address ends with.
        version, _, rest = path.partition("/")
        below = rest if rest and root.endswith(f"/{version}") else path
        headers = {"content-type": "application/json", **self.headers()}
        return HttpCall(f"{root}/{below}", body, headers)

    def root(self) -> str:
        """Return the address of the API, below which requests may be passed on as they are."""
        return ""

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        """Return a reply of status 200 as OpenAI's object."""
        value = shapes.decoded(reply.body, self.vendor)
        if value.get("error"):
            raise self.error(reply)
        try:
            return self.read(request, value)
        except _WRONG_SHAPE:
            raise garbage(self.vendor) from None

    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply of another status means."""
        return errors.vendor_error(self.vendor, reply, secrets=self.secrets())


class Stream(EventReader):
    """One streamed answer, of server-sent events that hold JSON.

    A subclass says what an event means (``on``). It sets ``usage`` when the vendor has counted, and
    ``complete`` when the answer is; ``said`` collects what is needed if the vendor never counts.
    """

    def __init__(self, provider: HttpProvider, request: LLMRequest) -> None:
        self.provider, self.request = provider, request
        self.chunks = shapes.Chunks(request.model, task=request.task)
        self.usage: Json | None = None
        self.complete = False
        self.said: list[str] = []
        self._events = sse.Events()

    @abstractmethod
    def on(self, name: str, event: Json) -> Iterable[Json]:
        """Return the chunks that an event stands for."""

    def feed(self, data: bytes) -> Sequence[Json]:
        """Return the chunks that are complete now."""
        return self._read(self._events.feed(data))

    def end(self) -> Sequence[Json]:
        """Return what is left, and the usage."""
        try:
            chunks = self._read(self._events.end())
        except LLMError as error:
            if error.trouble is not Trouble.GARBAGE:
                raise
            chunks = []  # The last event is not whole.
        if not self.complete:
            raise LLMError(Trouble.CUT, f"The stream of {self.provider.vendor} ended too early.")
        usage = self.usage or estimate.usage(self.request, "".join(self.said))
        return [*chunks, self.last(usage)]

    def last(self, usage: Json) -> Json:
        """Return the last chunk."""
        return self.chunks.usage(usage)

    def fail(self, event: Mapping[str, Any], status: int = 200) -> LLMError:
        """Return the error that an event stands for."""
        message, code, param = errors.words_of(event)
        trouble = errors.trouble_of(status, f"{code} {message}")
        secrets = self.provider.secrets()
        vendor = self.provider.vendor
        return errors.error_of(vendor, trouble, message, code=code, param=param, secrets=secrets)

    def _read(self, events: Iterable[sse.Event]) -> list[Json]:
        found: list[Json] = []
        for name, data in events:
            if data == DONE:
                found.extend(self.done())
                continue
            try:
                event = orjson.loads(data)
                found.extend(self.on(name, event))
            except _WRONG_SHAPE:
                raise garbage(self.provider.vendor) from None
        return found

    def done(self) -> Iterable[Json]:
        """Return the chunks that ``[DONE]`` stands for; most vendors said all before it."""
        return ()


def garbage(vendor: str) -> LLMError:
    """Return the error for an answer that is not what the vendor documents."""
    return LLMError(Trouble.GARBAGE, f"{vendor} answered in a form that is not its own.")


def from_environment(*variables: str) -> str:
    """Return the first of some environment variables that is set, or an empty text."""
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), "")


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses have the same scheme, host and port; one that is wrong has none."""
    try:
        return _origin(one) == _origin(other)
    except ValueError:
        return False


def variables_of(address: str, home: str, *variables: str) -> tuple[str, ...]:
    """Return environment variables whose credentials may go to an address.

    Credentials belong to the origin that they were given for. ``home`` is that of the variables:
    the address that the environment names too, else the vendor's own. At any other origin, also
    another customer's of the same vendor, none of them may be looked at.
    """
    return variables if home and same_origin(address, home) else ()


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port or (443 if scheme == "https" else 80)
    return scheme, (parts.hostname or "").rstrip("."), port


def key_of(given: Secret, vendor: str, *variables: str, needed: bool = True) -> str:
    """Return a key: the one given, else the one in the vendor's usual environment variables.

    ConfigError if there is none but one is needed, or one that no header can carry.
    """
    key = given.value.strip() or from_environment(*variables)
    if not key and needed:
        more = f", or the variable {variables[0]}." if variables else _NOT_THE_ENVIRONMENTS
        raise ConfigError(
            f"There is no key for {vendor}.",
            hint=f'Set "api_key" in the settings of this provider{more}',
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"The key for {vendor} has characters that no key has.")
    return key


def checked_url(url: str, what: str) -> str:
    """Return the address of an API without a slash at its end; ConfigError if it is none."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment or "@" in parts.netloc or not _URL.fullmatch(url):
        raise ConfigError(
            f"{what} must be an address such as https://api.example.com/v1.",
            hint="It has no user, no password, no query and no blanks.",
        )
    return url.rstrip("/")


def segment(name: str) -> str:
    """Return a name, such as a model's, as one segment of a path that it cannot leave."""
    return quote(name, safe="").replace("..", "%2E%2E")


def as_json(text: str | None) -> Json:
    """Return a tool's arguments as an object; none are an empty one. LLMError INVALID."""
    try:
        value = orjson.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise LLMError(
            Trouble.INVALID,
            "The arguments of a tool call must be a JSON object, as text.",
            param="messages",
        )
    return value


def fields(task_fields: Mapping[Task, str]) -> Mapping[Task, frozenset[str]]:
    """Return ``takes``, whose fields are given as words."""
    return {task: frozenset(words.split()) for task, words in task_fields.items()}


def _values(settings: Any) -> Iterator[Any]:
    for name in getattr(type(settings), "__attrs_attrs__", ()):
        value = getattr(settings, name.name)
        yield from value.values() if isinstance(value, Mapping) else (value,)
