"""The contract of LLM providers: OpenAI's form in, a vendor's HTTP out, and back again.

The standard form of requests, answers and stream events is OpenAI's, as plain mappings: what the
field's tools speak needs no translation. A provider does no I/O. It says which HTTP call to make
and reads what came back; its user (the gateway, a script) owns connections, time-outs and retries.
A model in this process is a ``LocalProvider``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from attrs import field, frozen

from pegboard.errors import PegboardError

Json: TypeAlias = dict[str, Any]


class Task(StrEnum):
    """What a model is asked for, by the name that MLflow's gateway gives it."""

    CHAT = "llm/v1/chat"
    COMPLETION = "llm/v1/completions"
    EMBEDDING = "llm/v1/embeddings"


@frozen
class LLMRequest:
    """One request, in OpenAI's form.

    ``body`` holds the fields of ``/v1/chat/completions``, ``/v1/completions`` or ``/v1/embeddings``
    without ``model``, ``stream`` and ``stream_options``; it was checked for types and ranges.
    ``model`` is the vendor's name of the model.
    """

    task: Task
    model: str
    body: Mapping[str, Any]
    stream: bool = False


@frozen
class HttpCall:
    """An HTTP request to make. Its headers hold credentials, so no output shows them."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


@frozen
class HttpReply:
    """An HTTP answer, whole. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Trouble(StrEnum):
    """The kinds of trouble with a model, whoever its vendor is.

    ``status`` is the HTTP status that a client of ours sees; ``passes`` whether the same request
    may succeed a little later, ``elsewhere`` whether it may with another model or vendor.
    """

    def __new__(cls, name: str, status: int, passes: bool, elsewhere: bool) -> Trouble:
        """Make a member of its name and what holds for it."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.status, member.passes, member.elsewhere = status, passes, elsewhere
        return member

    status: int
    passes: bool
    elsewhere: bool

    INVALID = "invalid_request", 400, False, False
    """The vendor calls the request wrong."""
    UNSUPPORTED = "unsupported", 400, False, True
    """The provider or the model has no such ability."""
    TOO_LONG = "context_length_exceeded", 400, False, True
    FILTERED = "content_filter", 400, False, True
    """The vendor's own filter refuses it."""
    CREDENTIALS = "upstream_credentials", 502, False, True
    """The vendor refuses our key. It is not the client's key, so its status is not 401."""
    NO_MODEL = "model_not_found", 404, False, True
    RATE = "rate_limit_exceeded", 429, True, True
    QUOTA = "insufficient_quota", 429, False, True
    """The account with the vendor is empty: waiting does not help."""
    OVERLOADED = "overloaded", 503, True, True
    SERVER = "upstream_error", 502, True, True
    """The vendor's server failed."""
    UNREACHABLE = "upstream_unreachable", 502, True, True
    """No connection, or it broke before an answer."""
    TIMEOUT = "upstream_timeout", 504, True, True
    GARBAGE = "upstream_garbage", 502, True, True
    """What came back is no answer, or too large."""
    CUT = "upstream_cut", 502, True, True
    """The answer or stream ended before its end."""


class LLMError(PegboardError):
    """A model gave no answer: ``trouble`` says why. ``retry_after``: seconds, if that was said."""

    def __init__(
        self,
        trouble: Trouble,
        message: str,
        *,
        hint: str = "",
        retry_after: float | None = None,
        param: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.trouble = trouble
        self.retry_after = retry_after
        self.param = param
        """The field of the request that is wrong, where one is."""


class Renewal(StrEnum):
    """Whether a provider has to fetch credentials, such as a token that expires."""

    NOT_DUE = "not_due"
    DUE = "due"
    """Those it has still hold: calls go on with them while others are fetched."""
    NEEDED = "needed"
    """It has none that hold: calls wait."""


class EventReader(ABC):
    """Reads a streamed answer, in chunks as they come from the network, cut anywhere."""

    @abstractmethod
    def feed(self, data: bytes) -> Sequence[Json]:
        """Return the events that are complete now: OpenAI's ``chat.completion.chunk`` objects.

        Raises LLMError for an error that comes in the stream, and GARBAGE for what is no event.
        """

    @abstractmethod
    def end(self) -> Sequence[Json]:
        """Return what is left when the connection ended: at least a chunk with ``usage``.

        The last event of a stream has no ``choices`` and holds the ``usage``, whether the vendor
        counts or not (then ``usage`` has ``"estimated": true``). Raises CUT if the answer was not
        complete.
        """


class Model(ABC):
    """What both kinds of providers have. It is made from an instance of ``settings``."""

    settings: ClassVar[type[Any]]
    """The attrs class of an upstream's settings, read as ``pegboard.settings`` reads tables."""

    takes: ClassVar[Mapping[Task, frozenset[str]]]
    """The tasks, and for each the fields of OpenAI's body that reach the model. A request with
    others is refused before it gets here, so nothing is left out silently."""

    def __init__(self, settings: Any) -> None:
        self.options = settings

    def takes_of(self, model: str) -> Mapping[Task, frozenset[str]]:  # noqa: ARG002
        """Return ``takes`` as it holds for one model."""
        return self.takes

    def output_limit(self, model: str) -> int | None:  # noqa: ARG002
        """Return what answers are limited to where a request says nothing; None: not by us."""
        return None


class LLMProvider(Model):
    """A vendor behind HTTP. Threads may call its methods; all but ``renew`` are quick."""

    def renewal(self) -> Renewal:
        """Return whether ``renew`` is to be called before ``call``."""
        return Renewal.NOT_DUE

    def renew(self) -> None:
        """Fetch credentials, which takes seconds: an event loop leaves that to a thread.

        Threads that call it at one time share one fetch. Raises LLMError, but not TIMEOUT or CUT,
        which are of models that may have worked.
        """

    compacts: bool = False
    """Whether the vendor has OpenAI's ``responses/compact``."""

    @abstractmethod
    def call(self, request: LLMRequest) -> HttpCall:
        """Return the HTTP request for ``request``.

        A streamed answer is asked to tell its usage where the vendor has a switch for that.
        Raises LLMError (UNSUPPORTED or INVALID, with ``param``) for what the vendor has not.
        """

    @abstractmethod
    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        """Return a reply of status 200 as OpenAI's object; it always has ``usage``."""

    @abstractmethod
    def events(self, request: LLMRequest) -> EventReader:
        """Return a new reader of a streamed answer."""

    def passed(self, path: str, body: bytes) -> HttpCall | None:  # noqa: ARG002
        """Return the HTTP request that passes a client's JSON on as it is, to a path of the API.

        ``path`` is below the API's address, such as ``chat/completions``, and cannot leave it. None
        if the vendor's API is not called so.
        """
        return None

    @abstractmethod
    def error(self, reply: HttpReply) -> LLMError:
        """Return what a reply of another status means. Its text repeats no key of ours."""


class LocalProvider(Model):
    """A model in this process. Methods are called in threads, several at once."""

    @abstractmethod
    def answer(self, request: LLMRequest) -> Json:
        """Return OpenAI's object, with ``usage``."""

    @abstractmethod
    def events(self, request: LLMRequest) -> Iterator[Json]:
        """Yield OpenAI's chunks, the last with ``usage``; when it is closed, the model stops."""

    def close(self) -> None:
        """Release the model's memory."""
