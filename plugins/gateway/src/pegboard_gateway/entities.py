"""What all rooms of the gateway speak of: who asks for what, what it took, and how it ended.

They are plain values. Those that are made once a call have slots and check nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from attrs import define, field, frozen
from pegboard.contracts.llm import Json, LLMError, Task, Trouble

from pegboard_gateway.money import Money

MAX_TOKENS = 2**40
"""The most tokens that a vendor's count is taken for."""

TargetKey: TypeAlias = str
"""The name of one target: ``ENDPOINT/NUMBER``, such as ``chat/0``."""


@frozen
class Caller:
    """Who calls the gateway."""

    key_id: str = ""
    """The public id of the client's key (never the key); empty if it came without one."""
    user: str = ""
    """The name that the server or the key gives the caller."""
    address: str = ""
    """The network address of the client."""
    team: str = ""
    """What the key belongs to, where it belongs to something."""
    workspace: str = ""
    """The workspace that the call is for, where the server has several."""


NOBODY = Caller()
"""A caller of whom nothing is known."""


@frozen
class Estimate:
    """How many tokens a call may take, before it is made: the most that is likely."""

    input: int
    output: int
    open_ended: bool = False
    """Whether nobody knows how long its answer may be; ``output`` is what counts if nobody learns
    how it ended."""

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output


@frozen
class Passed:
    """A request that goes to the vendor as it is, and whose answer comes back so."""

    path: str
    """Below the address of the vendor's API; it cannot leave that."""
    content: bytes = field(repr=False)
    prompt: int
    """About how many tokens the content has."""


@frozen
class Fill:
    """What the prompt of an endpoint is filled with."""

    variables: Mapping[str, Any] = field(factory=dict, repr=False)
    version: str = ""
    """The only version of the prompt that the client takes; empty: whichever it is now."""


NO_FILL = Fill()


@frozen
class Asked:
    """What a client asks for, the same whichever face it came through.

    ``body`` is OpenAI's, checked, without ``model``, ``stream`` and ``stream_options``.
    """

    endpoint: str
    task: Task
    body: Mapping[str, Any]
    stream: bool = False
    caller: Caller = NOBODY
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """The client's headers by name in any case of letters; they may hold its key."""
    face: str = "openai"
    """The form that it was asked in: ``openai``, ``responses``, ``anthropic``, ``gemini``,
    ``mlflow``, ``proxy``."""
    fill: Fill = NO_FILL
    """What the prompt of the endpoint is filled with."""
    prompt: str = ""
    """The version of the prompt that ``body`` was made of, ``NAME/VERSION``; empty: of none."""
    passed: Passed | None = None
    """What is passed on as it is; then ``body`` says no more than ``n``, and ``stream`` is true."""


@frozen
class Tokens:
    """How many tokens a call took. ``cached`` are those of ``input`` that the vendor had kept."""

    input: int = 0
    output: int = 0
    cached: int = 0
    estimated: bool = False
    """Whether they were estimated, as the vendor did not count."""
    reasoning: int = 0
    """Those of ``output`` that the model thought with and nobody saw."""
    cache_write: int = 0
    """Those of ``input`` that the vendor put into its cache."""

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    @staticmethod
    def sum(each: Sequence[Tokens]) -> Tokens:
        """Return what several took together."""
        return Tokens(
            sum(one.input for one in each),
            sum(one.output for one in each),
            sum(one.cached for one in each),
            any(one.estimated for one in each),
            sum(one.reasoning for one in each),
            sum(one.cache_write for one in each),
        )

    @staticmethod
    def of(usage: Mapping[str, Any] | None) -> Tokens:
        """Return what OpenAI's ``usage`` object says; nothing for None."""
        if not usage:
            return NO_TOKENS
        details = usage.get("prompt_tokens_details")
        thought = usage.get("completion_tokens_details")
        prompt = _count(usage.get("prompt_tokens"))
        if not details and not thought:
            output = _count(usage.get("completion_tokens"))
            return Tokens(prompt, output, 0, bool(usage.get("estimated")))
        details, thought = details or {}, thought or {}
        # Parts are no more than the whole, whatever a vendor says.
        cached = min(_count(details.get("cached_tokens")), prompt)
        return Tokens(
            prompt,
            _count(usage.get("completion_tokens")),
            cached,
            bool(usage.get("estimated")),
            _count(thought.get("reasoning_tokens")),
            min(_count(details.get("cache_write_tokens")), prompt - cached),
        )


def _count(said: Any) -> int:
    """Return a vendor's count of tokens: never less than none, never more than can be counted."""
    return max(0, min(int(said or 0), MAX_TOKENS))


NO_TOKENS = Tokens()


@frozen
class Spent:
    """What one attempt took of what was reserved for it."""

    target: TargetKey
    tokens: Tokens
    cost: Money


class Answered(NamedTuple):
    """A whole answer, and what its caller is charged for it."""

    body: Json
    """OpenAI's object, or what a face made of it."""
    cost: Money | None
    """Of all attempts together; None if nobody knows, 0 if it came from the cache."""


class Busy(LLMError):
    """Other calls of this gateway were in the way: it says nothing of the upstream."""

    def __init__(self, text: str) -> None:
        super().__init__(Trouble.OVERLOADED, text, retry_after=1)


class LeftAlone(LLMError):
    """All upstreams failed several times, and nothing is sent to them for a while."""

    def __init__(self, retry_after: float) -> None:
        text = "The model's server failed several times and is left alone for a while."
        super().__init__(Trouble.OVERLOADED, text, retry_after=retry_after)


class Outcome(StrEnum):
    """How a call ended."""

    DONE = "done"
    """The client got its answer, all of it."""
    CACHED = "cached"
    """The answer came from the cache."""
    REFUSED = "refused"
    """The gateway refused it: a key, a limit, a budget, a guardrail, a wrong body."""
    FAILED = "failed"
    """No upstream gave an answer, or it broke off in mid-stream."""
    GONE = "gone"
    """The client went away before the end."""
    LOST = "lost"
    """The gateway was killed meanwhile; it counts with what was reserved for it."""


@define(kw_only=True)
class Attempt:
    """One attempt of a call at one target."""

    target: TargetKey
    provider: str
    model: str
    trouble: str = ""
    """What went wrong (a ``Trouble``); empty for success."""
    status: int = 0
    """The vendor's HTTP status; 0 if there was none."""
    seconds: float = 0.0
    tokens: Tokens = NO_TOKENS
    cost: Money = 0
    is_unpriced: bool = False
    """Whether it took what nobody knows the price of; ``cost`` is 0 then."""


@define(kw_only=True)
class UsageRecord:
    """One call that is over. It holds no text of the client's or the model's and no secret."""

    id: str
    """The id of the request, as in ``x-request-id``."""
    started_ms: int
    """When it came, in milliseconds since the epoch (UTC)."""
    endpoint: str
    task: str
    face: str
    outcome: Outcome
    status: int
    """The HTTP status that the client got; 499 if it had gone."""
    caller: Caller = NOBODY
    stream: bool = False
    trouble: str = ""
    """Why it failed or was refused: a ``Trouble``, or a word of the gateway's such as
    ``budget_exceeded``; empty if it did not."""
    provider: str = ""
    """The provider of the target that answered, or was tried last."""
    model: str = ""
    target: TargetKey = ""
    tokens: Tokens = NO_TOKENS
    """Of all attempts together."""
    cost: Money = 0
    """As far as it is known."""
    is_unpriced: bool = False
    """Whether it took something that ``cost`` lacks, because nobody knows its price."""
    seconds: float = 0.0
    """From the request to the last byte of the answer."""
    first_token_seconds: float = 0.0
    """From the request to the first event of a stream; 0 for what was not streamed."""
    upstream_seconds: float = 0.0
    """How long upstreams took, all attempts together."""
    attempts: tuple[Attempt, ...] = ()
    prompt: str = ""
    """The version of the endpoint's prompt that was used, ``NAME/VERSION``."""
    tags: Mapping[str, str] = field(factory=dict)
    """Those of the endpoint."""

    @property
    def is_cached(self) -> bool:
        """Whether the answer came from the cache."""
        return self.outcome is Outcome.CACHED

    @property
    def fell_back(self) -> bool:
        """Whether more than one target was tried."""
        return len({attempt.target for attempt in self.attempts}) > 1
