"""What a call cost, told to who asked: a header of whole answers, and the usage of a stream.

Nothing is told where the price is not known: 0 is the cost of what costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from pegboard.contracts.llm import Json
from pegboard_wire.http import Answer, Result

from pegboard_gateway.entities import Answered
from pegboard_gateway.money import DOLLAR, Money, dollars

HEADER = "x-pegboard-response-cost"
TOLD = {
    HEADER: "What the call cost, in US dollars (0.000042), all attempts together; 0 if the answer "
    "came from the cache. It is missing where the price is not known, and in streams: those "
    "of OpenAI's chats have it as usage.cost in the last chunk if stream_options.include_usage is "
    "set, those of other APIs as cost in the usage at their end."
}
"""What the header says, for the description of the endpoints."""


def result(found: Answered) -> Result:
    """Return a whole answer, with what it cost."""
    if found.cost is None:
        return found.body
    return Answer(orjson.dumps(found.body), headers=headers(found.cost))


def headers(cost: Money | None) -> Mapping[str, str]:
    """Return the header that tells a cost; none if it is not known."""
    return {} if cost is None else {HEADER: dollars(cost)}


def with_cost(event: Json, cost: Money | None) -> Json:
    """Return a chunk whose usage tells the cost too; the same if that is not known."""
    if cost is None:
        return event
    return {**event, "usage": {**event["usage"], **in_usage(cost)}}


def in_usage(cost: Money | None) -> Json:
    """Return what the usage at the end of a stream has beside the tokens; nothing if not known."""
    return {} if cost is None else {"cost": cost / DOLLAR}
