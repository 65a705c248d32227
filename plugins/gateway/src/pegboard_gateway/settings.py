"""The settings of the gateway, ``[plugins.gateway]`` or ``[gateway]``, as classes.

All that says what an endpoint is comes in these classes, whether it was read from pegboard.toml,
from a YAML file of MLflow's gateway or from the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import Attribute, field, frozen, validators
from pegboard.contracts.llm import Task, Trouble
from pegboard.settings import others

TASKS = ("", *(task.value for task in Task))
"""The tasks of an endpoint; empty for all that its models can do."""
PERIOD = re.compile(r"\s*(?:([1-9]\d{0,5})\s+)?(second|minute|hour|day|week|month|year)s?\s*")
"""What limits and budgets count by: ``minute``, ``10 minutes``."""
SHARES = ("endpoint", "key", "user", "address", "team", "workspace", "global")
"""Whose calls a limit or budget counts together: all of the endpoint, or those of each client."""
NAME = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9_.-]{1,250}")
"""What an endpoint may be called: it is a part of URLs."""
DEFAULT_FALLBACK = tuple(trouble.value for trouble in Trouble if trouble.elsewhere)
"""The troubles after which another target is tried, by ``pegboard.contracts.llm.Trouble``."""

Validator: TypeAlias = "Callable[[Any, Attribute[Any], Any], None]"


def one_of(*words: str) -> Validator:
    """Return a check that a value is one of some words."""

    def check(_: Any, __: Attribute[Any], value: str) -> None:
        if value not in words:
            named = ", ".join(repr(word) for word in words)
            raise ValueError(f"expected one of {named}, not {value!r}")

    return check


def period(_: Any, __: Attribute[Any], value: str) -> None:
    """Check what a limit or budget counts by."""
    if not PERIOD.fullmatch(value):
        raise ValueError(f"expected 'minute', '10 minutes', 'month' and the like, not {value!r}")


def name_of_endpoint(_: Any, __: Attribute[Any], value: str) -> None:
    """Check the name of an endpoint."""
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} cannot be a name: it has 1 to 250 letters, digits, '_', '-' and '.'"
        )


_POSITIVE: Validator = validators.gt(0)
_NOT_NEGATIVE: Validator = validators.ge(0)
_SOME_PRICE: Validator = validators.optional(validators.ge(0))
_SOME: Validator = validators.optional(validators.ge(1))


@frozen
class Limit:
    """How many calls or tokens there may be in a period: ``{ calls = 100, per = "minute" }``."""

    calls: int | None = field(default=None, validator=_SOME)
    tokens: int | None = field(default=None, validator=_SOME)
    per: str = field(default="minute", validator=period)
    """``second``, ``minute``, ``hour``, ``day``, ``week``, ``month``, ``year``, or several."""
    by: str = field(default="endpoint", validator=one_of(*SHARES))
    of: str = ""
    """The key (its id), user, address… that it is for, in place of the one for all others."""

    def __attrs_post_init__(self) -> None:
        """Refuse a limit of nothing."""
        if self.calls is None and self.tokens is None:
            raise ValueError('expected calls or tokens, as in { calls = 100, per = "minute" }')


@frozen
class Budget:
    """How much may be spent in a period: ``{ usd = 20, per = "month" }``."""

    usd: float = field(validator=_NOT_NEGATIVE)
    per: str = field(default="month", validator=period)
    by: str = field(default="endpoint", validator=one_of(*SHARES))
    action: str = field(default="reject", validator=one_of("reject", "alert"))
    """What happens to a call beyond it: ``reject``, or only ``alert``."""
    unpriced: str = field(default="refuse", validator=one_of("refuse", "allow"))
    """What happens to calls of a model whose price is not known, if the action is ``reject``."""
    of: str = ""
    """The key (its id), user, address… that it is for, in place of the one for all others."""
    name: str = ""
    """What people call it; messages say it."""


@frozen
class Cache:
    """How long answers are kept for the same request."""

    ttl_seconds: float = field(default=3600.0, validator=_POSITIVE)
    max_mib: int = field(default=64, validator=validators.ge(1))
    """How much memory the answers of the endpoint may take."""
    shared: bool = False
    """Whether an answer to one caller may be given to another who asks the same."""


@frozen
class Timeouts:
    """How long to wait for an upstream, in seconds."""

    connect_seconds: float = field(default=10.0, validator=_POSITIVE)
    first_token_seconds: float = field(default=120.0, validator=_POSITIVE)
    """For the first byte of an answer or stream."""
    idle_seconds: float = field(default=60.0, validator=_POSITIVE)
    """For the next piece of a stream."""
    total_seconds: float = field(default=300.0, validator=_POSITIVE)
    """For one call in all, with all its attempts."""


@frozen
class Retries:
    """How a target is tried again after a trouble that may pass."""

    attempts: int = field(default=2, validator=validators.ge(1))
    """How often one target is tried."""
    total: int = field(default=5, validator=validators.ge(1))
    """How often all targets together are."""
    backoff_seconds: float = field(default=0.5, validator=_NOT_NEGATIVE)
    """How long to wait before the second attempt; it doubles from one to the next."""
    max_backoff_seconds: float = field(default=8.0, validator=_NOT_NEGATIVE)


@frozen
class Breaker:
    """When a target that fails is left alone for a while."""

    failures: int = field(default=5, validator=validators.ge(1))
    """After so many failures in a row."""
    seconds: float = field(default=30.0, validator=_POSITIVE)
    """For so long; then one call tries it."""


def _troubles(_: Any, __: Attribute[Any], value: tuple[str, ...]) -> None:
    for word in value:
        if word not in DEFAULT_FALLBACK:
            named = ", ".join(DEFAULT_FALLBACK)
            raise ValueError(f"{word!r} is no trouble that another model may mend: {named}")


@frozen
class Routing:
    """When another target is tried."""

    fallback_on: tuple[str, ...] = field(default=DEFAULT_FALLBACK, validator=_troubles)
    fallback_attempts: int | None = field(default=None, validator=_SOME)
    """How many targets are tried at most; without it, all."""


@frozen
class Price:
    """What a model costs, in US dollars per million tokens."""

    input: float = field(validator=_NOT_NEGATIVE)
    output: float = field(default=0.0, validator=_NOT_NEGATIVE)
    cached_input: float | None = field(
        default=None, validator=validators.optional(validators.ge(0))
    )
    """Without one: what ``input`` costs."""


@frozen
class Guardrail:
    """A check of requests or answers: ``{ use = "pii", stage = "before" }``."""

    use: str
    stage: str = field(default="before", validator=one_of("before", "after", "both"))
    action: str = field(default="block", validator=one_of("block", "rewrite"))
    options: dict[str, Any] = others()
    """The other keys of the table, which are the guardrail's own."""


@frozen
class Trace:
    """Whether calls are logged as traces to the tracking store."""

    experiment: str = "gateway"
    """The name of the experiment."""
    experiment_id: str = ""
    """Its id, which goes before the name."""
    content: bool = True
    """Whether with what was asked and answered; else with figures only."""


@frozen
class TargetTable:
    """``[[gateway.endpoints.targets]]``: a model that answers calls of an endpoint.

    Its other keys are the settings of the provider: ``api_key``, ``base_url`` and the like.
    """

    provider: str
    model: str
    weight: float = field(default=1.0, validator=_NOT_NEGATIVE)
    """Its share of the calls, among targets of the same ``fallback``; 0: none."""
    fallback: int = field(default=0, validator=_NOT_NEGATIVE)
    """0: a first choice; others are tried after those with lower numbers have failed."""
    price: Price | None = None
    """In place of the price in the table that is shipped."""
    max_parallel: int | None = field(default=None, validator=_SOME)
    """How many calls it gets at one time."""
    max_output_tokens: int | None = field(default=None, validator=_SOME)
    """The most tokens of an answer: what a call that limits itself less, or not, is limited to."""
    completions: str = field(default="auto", validator=one_of("auto", "native", "chat"))
    """How it completes texts: as a task of its own, or with the prompt as what a user says; by
    itself that is so for models that only chat."""
    options: dict[str, Any] = others()


_PATH = re.compile(r"[A-Za-z0-9_.:*-]+(/[A-Za-z0-9_.:*-]+)*")


def _paths(_: Any, __: Attribute[Any], value: tuple[str, ...]) -> None:
    for path in value:
        if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError(f"{path!r} is not a path of an API, such as 'responses' or 'models/*'")


PROMPT = re.compile(
    r"(?:prompts:/)?(?P<name>[A-Za-z0-9_.-]{1,250})"
    r"(?:@(?P<alias>[A-Za-z0-9_.-]{1,255})|/(?P<version>[1-9]\d{0,9}))?"
)
"""What names a prompt of the registry: ``support@production``, ``support/3``, or its newest."""


def _prompt(_: Any, __: Attribute[Any], value: str) -> None:
    if value and not PROMPT.fullmatch(value):
        raise ValueError(
            f"{value!r} names no prompt: expected NAME@ALIAS, NAME/VERSION or NAME, such as "
            "'support@production'"
        )


@frozen
class EndpointTable:
    """``[[gateway.endpoints]]``: a name for one or several models.

    With one target its keys may stand here, and so may the settings of its provider.
    """

    name: str = field(validator=name_of_endpoint)
    task: str = field(default="", validator=one_of(*TASKS))
    targets: tuple[TargetTable, ...] = ()
    limit: Limit | None = None
    limits: tuple[Limit, ...] = ()
    budget: Budget | None = None
    budgets: tuple[Budget, ...] = ()
    cache: Cache | None = None
    """Without it nothing is cached."""
    timeouts: Timeouts = field(factory=Timeouts)
    retries: Retries = field(factory=Retries)
    breaker: Breaker = field(factory=Breaker)
    routing: Routing = field(factory=Routing)
    guardrails: tuple[Guardrail, ...] = ()
    trace: Trace | None = None
    tags: dict[str, str] = field(factory=dict)
    prompt: str = field(default="", validator=_prompt)
    """A prompt of the registry that each call is filled into: ``support@production``. Callers send
    its ``variables``."""
    proxy: tuple[str, ...] = field(default=(), validator=_paths)
    """Paths of the vendor's API that clients may call as they are, at ``/gateway/proxy/NAME/PATH``:
    ``responses``, ``models/*``. They are called with the key of the target."""
    # The short form of one target.
    provider: str = ""
    model: str = ""
    price: Price | None = None
    max_parallel: int | None = field(default=None, validator=_SOME)
    max_output_tokens: int | None = field(default=None, validator=_SOME)
    options: dict[str, Any] = others()


@frozen
class Settings:
    """The settings of ``[plugins.gateway]``."""

    endpoints: tuple[EndpointTable, ...] = ()
    mlflow_config: str = ""
    """A YAML file of MLflow's gateway whose endpoints are served too."""
    database: str = "pegruns/gateway.db"
    """Where endpoints, secrets and keys are kept that are made while the gateway runs."""
    secret_key_file: str = ""
    """The key that encrypts the secrets in the database.  Without one: a file beside it."""
    ledger: str = ""
    """Where limits and budgets count: ``memory`` for this process, or the URI of a place that
    several share, such as ``sqlite:`` (beside the database).  Empty: ``memory`` with one worker,
    ``sqlite:`` with several."""
    limits: tuple[Limit, ...] = ()
    """Of all endpoints: ``by = "global"`` counts all calls together."""
    budgets: tuple[Budget, ...] = ()
    """Of all endpoints."""
    retention_days: int = field(default=0, validator=_NOT_NEGATIVE)
    """How long the records of calls are kept; 0: for ever."""
    providers: tuple[str, ...] = ()
    """The only providers that models may be of; empty: all that are installed."""
    upstream_allow: tuple[str, ...] = ()
    """Hosts of upstreams beyond the public internet, with or without a port, that endpoints made
    through the API may name."""
