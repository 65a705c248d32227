"""Views, colours, pins and kept states, asked of a real server."""

from __future__ import annotations

import base64
import random
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from pegboard.config import Config
from pegboard.entities import RunTag
from pegboard.host import Host
from pegboard_server import users
from pegboard_wire.http import Permission

from .conftest import served

API = "/api/pegboard/1.0"
NAMES = ["mine", "Größe/β ☂", "<b>x</b>", "a b%20c", "..", "v" * 100]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{tmp_path_factory.mktemp('views')}/s.db")
    host.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory, store):
    place, uri = tmp_path_factory.mktemp("server"), f"sqlite:{store._database.path}"
    with served(place, "server", "--store", uri, "--port", "0") as found:
        yield found


@pytest.fixture
def experiment(store, request):
    return store.create_experiment(request.node.name).experiment_id


def save(site, experiment, name, view, **headers):
    sent = {"experiment_id": experiment, "name": name, "view": view}
    return site.send("PUT", f"{API}/views/{quote(name, safe='')}", sent, **headers)


def mark(site, experiment, headers=None, **marks):
    sent = {"experiment_id": experiment, **marks}
    return site.send("PUT", f"{API}/marks", sent, **(headers or {}))


def keep(site, experiment, state, **headers):
    sent = {"experiment_id": experiment, "state": state}
    return site.send("POST", f"{API}/v", sent, **headers)


NOTHING = {"views": {}, "colours": {}, "pins": []}


def views(site, experiment, **headers):
    return site.get(f"{API}/views?experiment_id={experiment}", **headers)


def test_a_view_is_kept_under_any_name(site, experiment):
    for number, name in enumerate(NAMES):
        reply = save(site, experiment, name, {"q": f"metrics.acc > {number}"})
        assert reply.status == 200, reply.body
    found = views(site, experiment).json
    assert found["name"] == test_a_view_is_kept_under_any_name.__name__
    assert found["views"] == {name: {"q": f"metrics.acc > {i}"} for i, name in enumerate(NAMES)}
    assert save(site, experiment, "mine", {"cols": ["a"]}).status == 200
    assert views(site, experiment).json["views"]["mine"] == {"cols": ["a"]}
    for name in NAMES:
        gone = f"{API}/views/{quote(name, safe='')}?experiment_id={experiment}"
        sent = {"name": name, "experiment_id": experiment}
        assert site.send("DELETE", gone, sent).status == 200
        assert site.send("DELETE", gone, sent).status == 404
    assert views(site, experiment).json.items() >= NOTHING.items()


def test_a_view_has_bounds(site, experiment):
    assert save(site, experiment, "long", {"q": "x" * 15_900}).status == 200
    too_long = save(site, experiment, "long", {"q": "x" * 16_100})
    assert too_long.status == 400
    assert "16000" in too_long.json["message"]
    assert save(site, experiment, "n" * 101, {}).status == 400
    assert save(site, experiment, "  ", {}).status == 400
    assert len(views(site, experiment).json["views"]["long"]["q"]) == 15_900


def test_tags_that_others_wrote_are_no_views(site, store, experiment):
    store.set_experiment_tags(
        experiment,
        {
            "pegboard.ui.view.a": "not json",
            "pegboard.ui.view.b": "[1]",
            "pegboard.ui.view.c": '{"name": 3, "view": {}}',
            "pegboard.ui.colour.r": "red",
            "team": "x",
        },
    )
    assert views(site, experiment).json.items() >= NOTHING.items()


def test_colours_and_pins_are_of_single_runs(site, store, experiment):
    runs = [store.create_run(experiment).info.run_id for _ in range(3)]
    first = {"colours": {runs[0]: 4, runs[1]: 29}, "pins": {runs[2]: True}}
    assert mark(site, experiment, **first).status == 200
    other = {"colours": {runs[2]: 0, runs[1]: None}, "pins": {runs[0]: 1}}
    assert mark(site, experiment, **other).status == 200
    found = views(site, experiment).json
    assert found["colours"] == {runs[0]: 4, runs[2]: 0}
    assert found["pins"] == sorted([runs[0], runs[2]])
    gone = {runs[0]: False, runs[2]: None, "never": False}
    assert mark(site, experiment, pins=gone).status == 200
    assert views(site, experiment).json["pins"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        *({"colours": {"r": slot}} for slot in (30, -1, "red", True, 1.5)),
        *({"pins": {run: True}} for run in ("a b", "", "x" * 65, "a/b")),
        {"pins": {f"{number}": True for number in range(1_001)}},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_marks_that_make_no_sense_are_refused(site, experiment, wrong):
    assert mark(site, experiment, **wrong).status == 400
    assert views(site, experiment).json.items() >= NOTHING.items()


def test_a_state_is_called_by_what_it_holds(site, experiment):
    state = {"q": "metrics.acc > 0.5", "runs": [f"{i:032x}" for i in range(300)]}
    first = keep(site, experiment, state).json["hash"]
    turned = dict(reversed(state.items()))
    assert keep(site, experiment, turned).json["hash"] == first
    other = keep(site, experiment, {**state, "q": ""}).json["hash"]
    assert other != first
    assert site.get(f"{API}/v/{first}").json == {"state": state}
    # What is kept for addresses is nobody's view.
    assert views(site, experiment).json["views"] == {}


@pytest.mark.parametrize("name", ["0-" + "0" * 20, "77-" + "0" * 20, "x", "0-", "9" * 30 + "-ab"])
def test_a_state_that_is_not_there(site, name):
    assert site.get(f"{API}/v/{name}").status == 404


def test_a_state_that_was_changed_is_not_shown(site, store, experiment):
    name = keep(site, experiment, {"q": "a"}).json["hash"]
    key = f"pegboard.ui.state.{name.partition('-')[2]}"
    _, _, packed = store.get_experiment(experiment).tags[key].partition(":")
    whole = base64.b64decode(packed)
    other = zlib.compress(b'{"q":"b"}')
    for content in (b"", b"x", whole[:9], other, zlib.compress(b"[" * 10_000_000)):
        store.set_experiment_tags(experiment, {key: base64.b64encode(content).decode()})
        assert site.get(f"{API}/v/{name}").status == 404
    store.set_experiment_tags(experiment, {key: "no base64"})
    assert site.get(f"{API}/v/{name}").status == 404


def test_states_that_nobody_asks_for_make_room(site, store, experiment):
    today = int(time.time()) // 86_400
    prefix = "pegboard.ui.state."

    def kept():
        tags = store.get_experiment(experiment).tags
        return {key: tags[key].partition(":")[0] for key in tags if key.startswith(prefix)}

    names = [keep(site, experiment, {"q": str(number)}).json["hash"] for number in range(4)]
    keys = [prefix + name.partition("-")[2] for name in names]
    assert kept() == dict.fromkeys(keys, str(today))
    tags = store.get_experiment(experiment).tags
    packed = [tags[key].partition(":")[2] for key in keys]
    days = (today - 91, today - 90, today - 30, None)
    for key, text, day in zip(keys, packed, days, strict=True):
        value = text if day is None else f"{day}:{text}"
        store.set_experiment_tags(experiment, {key: value})
    # Two that an address asks for are in use; the one without a day is of an older version.
    for name, number in ((names[2], 2), (names[3], 3)):
        assert site.get(f"{API}/v/{name}").json == {"state": {"q": str(number)}}
    assert kept()[keys[2]] == kept()[keys[3]] == str(today)
    keep(site, experiment, {"q": "new"})
    assert keys[0] not in kept()
    assert {*keys[1:]} < {*kept()}
    assert site.get(f"{API}/v/{names[0]}").status == 404


def test_of_too_many_states_the_oldest_goes(site, store, experiment):
    today = int(time.time()) // 86_400
    prefix = "pegboard.ui.state."
    many = {f"{prefix}{number:020x}": f"{today - number % 80}:x" for number in range(500)}
    store.set_experiment_tags(experiment, many)
    name = keep(site, experiment, {"q": "new"}).json["hash"].partition("-")[2]
    left = {key for key in store.get_experiment(experiment).tags if key.startswith(prefix)}
    assert len(left) == 500
    assert prefix + name in left
    [gone] = many.keys() - left
    assert many[gone] == f"{today - 79}:x"


def test_a_state_has_bounds(site, experiment):
    chosen = random.Random(1)
    long = {"runs": [f"{chosen.getrandbits(128):032x}" for _ in range(2_000)]}
    for state in (long, {"q": "x" * 300_000}):
        reply = keep(site, experiment, state)
        assert reply.status == 400
        assert "allowed" in reply.json["message"]


def test_who_may_only_read_sees_views_and_changes_none(tmp_path, store, experiment):
    secret = users.password_hash("a long secret")
    users.write(
        tmp_path / "users",
        [
            users.Credential("ann", Permission.READ, secret),
            users.Credential("bob", Permission.WRITE, secret),
        ],
    )
    (tmp_path / "pegboard.toml").write_text('[plugins.server]\nusers_file = "users"\n')
    ann, bob = (
        {"Authorization": "Basic " + base64.b64encode(f"{name}:a long secret".encode()).decode()}
        for name in ("ann", "bob")
    )
    words = ("server", "--store", f"sqlite:{store._database.path}", "--port", "0")
    with served(tmp_path, *words) as site:
        assert save(site, experiment, "v", {"q": "a"}, **bob).status == 200
        state = keep(site, experiment, {"q": "b"}, **bob).json["hash"]
        gone = {"experiment_id": experiment, "name": "v"}
        for reply in (
            save(site, experiment, "v", {"q": "other"}, **ann),
            site.send("DELETE", f"{API}/views/v", gone, **ann),
            mark(site, experiment, ann, pins={"r": 1}),
            keep(site, experiment, {}, **ann),
        ):
            assert reply.status == 403
        assert views(site, experiment, **ann).json["views"] == {"v": {"q": "a"}}
        assert site.get(f"{API}/v/{state}", **ann).json == {"state": {"q": "b"}}
        assert views(site, experiment).status == 401


def test_several_who_write_at_once_keep_each_others_names(site, experiment):
    wanted = {f"v{number}": {"n": number} for number in range(40)}
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda each: save(site, experiment, *each), wanted.items())
        assert {reply.status for reply in replies} == {200}
    assert views(site, experiment).json["views"] == wanted


def test_the_tags_of_runs_are_not_looked_at(site, store, experiment):
    run_id = store.create_run(experiment).info.run_id
    store.log_batch(run_id, tags=[RunTag("pegboard.ui.pin.x", "1")])
    assert views(site, experiment).json["pins"] == []
