"""The judges of guardrails: copies of registered scorers, which the tracking store keeps.

They are never run here. A judge says in words what is to hold, and which endpoint it asks; that is
what a guardrail takes from it. With a copy it guards on, whatever becomes of the scorer and of the
tracking store: who may change scorers cannot take a guard away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue, PegboardError, quoted
from pegboard_stores import refusals
from pegboard_stores.scorers import Scorers, ScorerVersion, content
from pegboard_stores.sqlite import Database

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore

_START = "gateway:/"


def judge_of(scorer: ScorerVersion) -> tuple[str, str]:
    """Return which endpoint a judge asks, and what is to hold; InvalidValue if it is none."""
    judge = content.judge(content.data(scorer.serialized))
    model, rule = judge.get("model"), judge.get("guidelines") or judge.get("instructions")
    if isinstance(rule, list):
        rule = "\n".join(map(str, rule))
    if not isinstance(rule, str) or not rule:
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} says in no words what is to hold.",
            hint="Use a judge made with make_judge, Guidelines or Safety.",
        )
    if not isinstance(model, str) or not model.startswith(_START):
        raise InvalidValue(
            f"The scorer {quoted(scorer.name)} asks {quoted(str(model))}, which is not an "
            "endpoint of this gateway.",
            hint='Its model is to be "gateway:/NAME".',
        )
    for field in ("inputs", "outputs"):
        for form in (f"{{{{ {field} }}}}", f"{{{{{field}}}}}"):
            rule = rule.replace(form, "the text")
    return model.removeprefix(_START).lstrip("/"), rule


def scorers_of(store: TrackingStore) -> Scorers:
    """Return the scorers of a tracking store; NotSupported if it keeps none."""
    found = store.ability(Scorers)
    if found is None:
        raise refusals.unsupported("registered scorers", store)
    return found


def move(database: Database, open_store: Callable[[], TrackingStore]) -> None:
    """Register scorers with the tracking store that the gateway kept before, if any are left.

    What cannot be moved stays, and the log says why. The tracking store is opened only if needed.
    """
    with database.reading() as connection:
        if connection.execute("SELECT 1 FROM gateway_scorer_left").fetchone() is None:
            return
    scorers = scorers_of(open_store())
    # One process moves them, the others wait and find nothing.
    with database.writing() as connection:
        for row in connection.execute(
            "SELECT number, experiment, name, version, serialized FROM gateway_scorer_left "
            "ORDER BY experiment, name, version"
        ).fetchall():
            if _moved(scorers, row):
                connection.execute("DELETE FROM gateway_scorer_left WHERE number = ?", row[:1])


def _moved(scorers: Scorers, row: Sequence[Any]) -> bool:
    _, experiment, name, version, serialized = row
    try:
        made = scorers.register(experiment, name, serialized)
    except PegboardError as error:
        what = "The gateway keeps version %s of the scorer %r of the experiment %s: %s"
        _log().warning(what, version, name, experiment, error)
        return False
    what = "Version %s of the scorer %r of the experiment %s is now version %s of the store."
    _log().info(what, version, name, experiment, made.version)
    return True


def _log() -> logging.Logger:
    return logging.getLogger("pegboard.gateway")
