"""MLflow's endpoints for registered scorers and their schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_stores import refusals
from pegboard_stores.scorers import Schedule, Scorers, ScorerVersion, content
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.requests import NOTHING, optional_text, store_of, text
from pegboard_wire.scalars import double, get, integer
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import INT64, NUMBER, TEXT, array, record
from pegboard_wire.typed import AtMost, Between, typed

BASE = "/api/3.0/mlflow/scorers"
_MOST = 1000
_Version = Annotated[int, Between(1, 2**31 - 1)]


@frozen
class NewScorer:
    """A version of a scorer to register."""

    experiment_id: str
    name: str
    serialized_scorer: str


@frozen
class OfExperiments:
    """Whose scorers to list."""

    experiment_id: str | None = None
    experiment_ids: tuple[str, ...] | None = None


@frozen
class Named:
    """A scorer, by experiment and name."""

    experiment_id: str
    name: str


@frozen
class Versioned:
    """A version of a scorer."""

    experiment_id: str
    name: str
    version: _Version | None = None


@frozen
class NewSchedule:
    """How a scorer is to judge new traces."""

    experiment_id: str
    name: str
    sample_rate: float
    filter_string: str | None = None


@frozen
class OfScorers:
    """Whose schedules to return."""

    scorer_ids: Annotated[tuple[str, ...], AtMost(_MOST)]


def scorers_of(call: Call) -> Scorers:
    """Return the scorers of the store that a call is about; NotSupported."""
    store = store_of(call)
    found = store.ability(Scorers)
    if found is None:
        raise refusals.unsupported("registered scorers", store)
    return found


# -- in JSON, and back -----------------------------------------------------------------------------


def scorer_json(scorer: ScorerVersion) -> dict[str, Any]:
    """Return a version of a scorer as MLflow's clients know it."""
    if not scorer.experiment_id.isdecimal():
        raise InvalidValue(f"The experiment {scorer.experiment_id} has no number, as scorers need.")
    return {
        # In this place, and in no other, it is a number.
        "experiment_id": int(scorer.experiment_id),
        "scorer_name": scorer.name,
        "scorer_version": scorer.version,
        "serialized_scorer": scorer.serialized,
        "creation_time": scorer.created_time,
        "scorer_id": scorer.scorer_id,
    }


def read_scorer(fields: Mapping[str, Any], prefix: str = "scorer_") -> ScorerVersion:
    """Read a version of a scorer; the answer to a registration has no prefix in its names."""
    return ScorerVersion(
        scorer_id=text(fields, "scorer_id"),
        experiment_id=str(integer(get(fields, "experiment_id"), "experiment_id")),
        name=text(fields, f"{prefix}name"),
        version=integer(get(fields, f"{prefix}version"), "version"),
        serialized=text(fields, "serialized_scorer"),
        created_time=integer(get(fields, "creation_time"), "creation_time"),
    )


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as MLflow's clients know it."""
    return {
        "online_scoring_config_id": schedule.schedule_id,
        "scorer_id": schedule.scorer_id,
        "sample_rate": schedule.sample_rate,
        "experiment_id": schedule.experiment_id,
        **({"filter_string": schedule.filter} if schedule.filter else {}),
    }


def read_schedule(fields: Mapping[str, Any]) -> Schedule:
    """Read a schedule."""
    return Schedule(
        schedule_id=text(fields, "online_scoring_config_id"),
        scorer_id=text(fields, "scorer_id"),
        experiment_id=text(fields, "experiment_id"),
        sample_rate=double(get(fields, "sample_rate"), "sample_rate"),
        filter=optional_text(fields, "filter_string"),
    )


# -- answers ---------------------------------------------------------------------------------------


def _register(call: Call, given: NewScorer) -> Result:
    if content.has_code(content.data(given.serialized_scorer)):
        raise InvalidValue(
            "Custom scorers, made with the decorator @scorer, are not registered with a server: "
            "they are code, which others would have to run.",
            hint="Use a built-in scorer, or a judge made with make_judge.",
        )
    made = scorers_of(call).register(given.experiment_id, given.name, given.serialized_scorer)
    return {
        "version": made.version,
        "scorer_id": made.scorer_id,
        "experiment_id": made.experiment_id,
        "name": made.name,
        "serialized_scorer": made.serialized,
        "creation_time": made.created_time,
    }


def _list(call: Call, given: OfExperiments) -> Result:
    if given.experiment_id and given.experiment_ids is not None:
        raise InvalidValue("Cannot specify both 'experiment_id' and 'experiment_ids'.")
    scorers, wanted = scorers_of(call), given.experiment_ids
    if given.experiment_id:
        wanted = (given.experiment_id,)
        found = store_of(call).get_experiment(given.experiment_id)
        if found.lifecycle_stage == "deleted":
            raise refusals.experiment_deleted(found.experiment_id, found.name)
    listed = [scorer_json(each) for each in scorers.latest(wanted)]
    return {"scorers": listed} if listed else NOTHING


def _versions(call: Call, given: Named) -> Result:
    found = scorers_of(call).versions(given.experiment_id, given.name)
    return {"scorers": [scorer_json(each) for each in found]}


def _get(call: Call, given: Versioned) -> Result:
    found = scorers_of(call).get(given.experiment_id, given.name, given.version)
    return {"scorer": scorer_json(found)}


def _delete(call: Call, given: Versioned) -> Result:
    scorers_of(call).delete(given.experiment_id, given.name, given.version)
    return NOTHING


def _schedule(call: Call, given: NewSchedule) -> Result:
    made = scorers_of(call).schedule(
        given.experiment_id, given.name, given.sample_rate, given.filter_string or ""
    )
    return {"config": schedule_json(made)}


def _schedules(call: Call, given: OfScorers) -> Result:
    # MLflow's clients need the list, even if it is empty.
    return {
        "configs": [schedule_json(each) for each in scorers_of(call).schedules(given.scorer_ids)]
    }


# -- endpoints -------------------------------------------------------------------------------------

_READ, _WRITE, _DELETE = Permission.READ, Permission.WRITE, Permission.DELETE
_SCORER = record(
    experiment_id=INT64, scorer_name=TEXT, scorer_version=INT64, serialized_scorer=TEXT,
    creation_time=INT64, scorer_id=TEXT,
)  # fmt: skip
_SCORERS = record(scorers=array(_SCORER))
_REGISTERED = record(
    version=INT64, scorer_id=TEXT, experiment_id=TEXT, name=TEXT, serialized_scorer=TEXT,
    creation_time=INT64,
)  # fmt: skip
_CONFIG = record(
    online_scoring_config_id=TEXT, scorer_id=TEXT, sample_rate=NUMBER, experiment_id=TEXT,
    filter_string=TEXT,
)  # fmt: skip
_TAGS = ("Scorers",)

ENDPOINTS = [
    typed(
        "POST", f"{BASE}/register", _register, _WRITE, "Register a version of a scorer.",
        NewScorer, _REGISTERED, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/list", _list, _READ, "List the latest versions of scorers.",
        OfExperiments, _SCORERS, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/versions", _versions, _READ, "List the versions of a scorer.",
        Named, _SCORERS, tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/get", _get, _READ, "Return a scorer.",
        Versioned, record(scorer=_SCORER), tags=_TAGS,
    ),
    typed(
        "DELETE", f"{BASE}/delete", _delete, _DELETE, "Delete a version of a scorer, or all.",
        Versioned, EMPTY, tags=_TAGS,
    ),
    typed(
        "PUT", f"{BASE}/online-config", _schedule, _WRITE,
        "Let a scorer judge a share of the traces to come.",
        NewSchedule, record(config=_CONFIG), tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/online-configs", _schedules, _READ,
        "Return how scorers judge the traces to come.",
        OfScorers, record(configs=array(_CONFIG)), tags=_TAGS,
    ),
]  # fmt: skip
