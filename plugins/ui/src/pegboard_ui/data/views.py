"""Named views, colours and pins of an experiment, and states too long for an address.

They are tags of the experiment, one for each name, run or state, so that two people who change
different ones at once both succeed. A key of a tag allows few characters, so a view lies under a
digest of its name. A state is named by what it holds: the same one is kept once. Its tag begins
with the day on which it was last kept or asked for; what nobody asks for goes (``_make_room``).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import zlib
from typing import Annotated, Any

import orjson
from attrs import field, frozen
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment
from pegboard.errors import InvalidValue, NotFound, PegboardError
from pegboard_stores.clock import now_ms
from pegboard_wire.http import Answer, Call, Permission, Result
from pegboard_wire.requests import store_of
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, typed

from pegboard_ui.data.answers import json_answer

VIEW = "pegboard.ui.view."
COLOUR = "pegboard.ui.colour."
PIN = "pegboard.ui.pin."
STATE = "pegboard.ui.state."

MOST_NAME = 100
MOST_VIEW = 16_000
"""How many characters the JSON of a view may have; a tag has room for 20,000."""
MOST_VIEWS = 200
MOST_MARKS = 1_000
"""How many runs of an experiment may have a colour of their own, and how many a pin."""
MOST_STATE = 256_000
_MOST_PACKED = 19_000
MOST_STATES = 500
KEPT_DAYS = 90
"""How long a state is kept that nobody asks for."""
_NOTED_DAYS = 7
"""A day of use is noted anew when it is so old, so that few looks write something."""
_DAY_MS = 86_400_000
SLOTS = 30
"""How many colours there are: enough that a peg is unique among them."""

_RUN = re.compile(r"[\w\-]{1,64}")
_DAY = re.compile(r"[0-9]{1,7}")
_TOKEN = re.compile(r"(\d{1,19})-([0-9a-f]{20})")


@frozen
class Of:
    """Which experiment."""

    experiment_id: str


@frozen
class NamedView:
    """A view that is kept under a name."""

    experiment_id: str
    name: Annotated[str, AtMost(MOST_NAME)]
    view: dict[str, Any]


@frozen
class ViewName:
    """A view that goes."""

    experiment_id: str
    name: Annotated[str, AtMost(MOST_NAME)]


@frozen
class Marks:
    """Runs that get a colour or a pin; null takes it away."""

    experiment_id: str
    colours: dict[str, Any] = field(factory=dict)
    pins: dict[str, Any] = field(factory=dict)


@frozen
class State:
    """A state of a page."""

    state: dict[str, Any]
    experiment_id: str = "0"


@frozen
class Token:
    """What a state is called."""

    hash: str


def read(call: Call, wanted: Of) -> Answer:
    """Return the name of an experiment, and its views, colours and pins."""
    experiment = store_of(call).get_experiment(wanted.experiment_id)
    tags = experiment.tags
    views = {}
    for key, value in sorted(tags.items()):
        if key.startswith(VIEW) and (found := _loaded(value)) is not None:
            views[found["name"]] = found["view"]
    colours = {
        key.removeprefix(COLOUR): int(value)
        for key, value in tags.items()
        if key.startswith(COLOUR) and value.isdigit() and len(value) < 4
    }
    pins = sorted(key.removeprefix(PIN) for key in tags if key.startswith(PIN))
    told = {"name": experiment.name, "views": views, "colours": colours, "pins": pins}
    return json_answer(call, told)


def _loaded(value: str) -> dict[str, Any] | None:
    # Anybody may write tags.
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    is_view = isinstance(found, dict) and isinstance(found.get("name"), str)
    return found if is_view and isinstance(found.get("view"), dict) else None


def save(call: Call, wanted: NamedView) -> Result:
    """Keep a view under a name; one of that name is replaced."""
    name = wanted.name.strip()
    if not name:
        raise InvalidValue("A view needs a name.")
    text = orjson.dumps({"name": name, "view": wanted.view}).decode()
    if len(text) > MOST_VIEW:
        raise InvalidValue(
            f"The view {name!r} has {len(text)} characters; {MOST_VIEW} are allowed.",
            hint="Take columns or runs out of it.",
        )
    store, key = store_of(call), VIEW + _digest(name)
    _refuse_many(store, wanted.experiment_id, VIEW, {key}, MOST_VIEWS)
    store.set_experiment_tags(wanted.experiment_id, {key: text})
    return {"name": name}


def delete(call: Call, wanted: ViewName) -> Result:
    """Remove a view."""
    store, key = store_of(call), VIEW + _digest(wanted.name.strip())
    if key not in store.get_experiment(wanted.experiment_id).tags:
        raise NotFound(f"The experiment has no view {wanted.name!r}.")
    store.delete_experiment_tag(wanted.experiment_id, key)
    return {}


def mark(call: Call, wanted: Marks) -> Result:
    """Give runs colours and pins, or take these away."""
    store, experiment = store_of(call), wanted.experiment_id
    given: dict[str, str] = {}
    gone = []
    for prefix, marks in ((COLOUR, wanted.colours), (PIN, wanted.pins)):
        added = set()
        for run_id, value in marks.items():
            if _RUN.fullmatch(run_id) is None:
                raise InvalidValue(f"{run_id[:60]!r} is not the id of a run.")
            if value is None or value is False:
                gone.append(prefix + run_id)
                continue
            given[prefix + run_id] = "1" if prefix == PIN else str(_slot(value))
            added.add(prefix + run_id)
        _refuse_many(store, experiment, prefix, added, MOST_MARKS)
    if given:
        store.set_experiment_tags(experiment, given)
    tags = store.get_experiment(experiment).tags
    for key in gone:
        if key in tags:
            store.delete_experiment_tag(experiment, key)
    return {}


def _slot(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < SLOTS:
        raise InvalidValue(f"A colour is a number from 0 to {SLOTS - 1}, not {str(value)[:40]!r}.")
    return value


def keep(call: Call, wanted: State) -> Result:
    """Keep a state, and return what it is called from now on."""
    content = orjson.dumps(wanted.state, option=orjson.OPT_SORT_KEYS)
    packed = base64.b64encode(zlib.compress(content, 9)).decode()
    if len(content) > MOST_STATE or len(packed) > _MOST_PACKED:
        raise InvalidValue(
            f"The state has {len(content)} bytes, {len(packed)} when compressed; {MOST_STATE} and "
            f"{_MOST_PACKED} are allowed.",
            hint="Choose fewer columns or runs, or filter instead of picking.",
        )
    store = store_of(call)
    experiment = store.get_experiment(wanted.experiment_id)
    digest = hashlib.sha256(content).hexdigest()[:20]
    key = STATE + digest
    if key not in experiment.tags:
        _make_room(store, experiment)
    _note_use(store, experiment, key, packed)
    return {"hash": f"{experiment.experiment_id}-{digest}"}


def look_up(call: Call, wanted: Token) -> Answer:
    """Return the state of a name."""
    match = _TOKEN.fullmatch(wanted.hash)
    store = store_of(call)
    experiment = store.get_experiment(match[1]) if match else None
    kept = experiment.tags.get(STATE + match[2]) if match and experiment else None
    if match is None or experiment is None or kept is None:
        raise NotFound(
            f"No state is called {wanted.hash[:60]!r}.",
            hint="Ask who sent the address to copy it again; after "
            f"{KEPT_DAYS} days without use a state is removed.",
        )
    _, packed = _dated(kept)
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(base64.b64decode(packed), MOST_STATE)
        state = orjson.loads(content)
    except (ValueError, zlib.error):
        raise NotFound(f"The state {wanted.hash!r} was changed by somebody else.") from None
    if hashlib.sha256(content).hexdigest()[:20] != match[2]:
        raise NotFound(f"The state {wanted.hash!r} was changed by somebody else.")
    # A store that cannot be written still tells what it holds.
    with contextlib.suppress(PegboardError):
        _note_use(store, experiment, STATE + match[2], packed)
    return json_answer(call, {"state": state})


def _dated(kept: str) -> tuple[int | None, str]:
    """Return the day of a tag, counted from 1970, and the packed state; None: nobody noted it."""
    day, colon, packed = kept.partition(":")
    return (int(day), packed) if colon and _DAY.fullmatch(day) else (None, kept)


def _note_use(store: TrackingStore, experiment: Experiment, key: str, packed: str) -> None:
    """Keep a state with the day of today, unless one of these days is noted already."""
    today = now_ms() // _DAY_MS
    noted, _ = _dated(experiment.tags.get(key, ""))
    if noted is None or not 0 <= today - noted < _NOTED_DAYS:
        store.set_experiment_tags(experiment.experiment_id, {key: f"{today}:{packed}"})


def _make_room(store: TrackingStore, experiment: Experiment) -> None:
    """Remove the states that nobody asked for in KEPT_DAYS, and of too many the oldest."""
    today = now_ms() // _DAY_MS
    noted = {
        key: _dated(value)[0] for key, value in experiment.tags.items() if key.startswith(STATE)
    }
    # Those of an older version have no day; it is noted when one is asked for.
    gone = {key for key, day in noted.items() if day is not None and today - day > KEPT_DAYS}
    left = sorted(noted.keys() - gone, key=lambda key: noted[key] or 0)
    gone.update(left[: max(len(left) - MOST_STATES + 1, 0)])
    for key in gone:
        store.delete_experiment_tag(experiment.experiment_id, key)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:20]


def _refuse_many(
    store: TrackingStore, experiment_id: str, prefix: str, added: set[str], most: int
) -> None:
    experiment: Experiment = store.get_experiment(experiment_id)
    there = {key for key in experiment.tags if key.startswith(prefix)}
    if added - there and len(there | added) > most:
        raise InvalidValue(
            f"The experiment {experiment.name!r} has {len(there)} tags {prefix}…; {most} are "
            "allowed.",
            hint="Remove some that nobody needs any more.",
        )


_BASE = "/api/pegboard/1.0"
_READ, _WRITE, _TAGS = Permission.READ, Permission.WRITE, ("Pages",)
_OBJECT = {"type": "object"}

ENDPOINTS = [
    typed(
        "GET", f"{_BASE}/views", read, _READ, "Views, colours and pins of an experiment.", Of,
        record(name=TEXT, views=mapping(_OBJECT), colours=mapping(INT64), pins=array(TEXT)),
        tags=_TAGS,
    ),
    typed(
        "PUT", f"{_BASE}/views/{{name}}", save, _WRITE, "Keep a view of an experiment.",
        NamedView, record(name=TEXT), tags=_TAGS,
    ),
    typed(
        "DELETE", f"{_BASE}/views/{{name}}", delete, _WRITE, "Remove a view of an experiment.",
        ViewName, EMPTY, tags=_TAGS,
    ),
    typed(
        "PUT", f"{_BASE}/marks", mark, _WRITE, "Give runs colours and pins, or take them away.",
        Marks, EMPTY, tags=_TAGS,
    ),
    typed(
        "POST", f"{_BASE}/v", keep, _WRITE, "Keep a state that is too long for an address.",
        State, record(hash=TEXT), tags=_TAGS,
    ),
    typed(
        "GET", f"{_BASE}/v/{{hash}}", look_up, _READ, "A state that was kept.", Token,
        record(state=_OBJECT), tags=_TAGS,
    ),
]  # fmt: skip
