"""The data of the run table, over HTTP, from a server in a process of its own."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import define, evolve, field
from pegboard_server import users
from pegboard_wire.http import Permission

SECONDS = 60.0
API = "/api/pegboard/1.0"
COMMAND = str(Path(sys.executable).with_name("pegboard"))


@define
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body)


@define
class Server:
    """A running server, and who asks it."""

    port: int
    headers: dict[str, str] = field(factory=dict)
    experiment: str = "0"

    def get(self, path: str, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
        """Ask for data, of the experiment of the test."""
        fields.setdefault("experiment_ids", self.experiment)
        query = urlencode(fields, doseq=True)
        return self.send("GET", f"{API}/{path}?{query}", headers=headers)

    def post(self, path: str, fields: dict[str, Any]) -> Any:
        body = json.dumps(fields).encode()
        head = {"content-type": "application/json"}
        return self.send("POST", f"/api/2.0/mlflow/{path}", body, head).json

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            head = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, head, answer.read())

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def run(self, name: str, **more: Any) -> str:
        """Create a run with metrics, params and tags; return its id."""
        tags = [{"key": key, "value": value} for key, value in more.get("tags", {}).items()]
        created = self.post(
            "runs/create",
            {"experiment_id": self.experiment, "run_name": name, "tags": tags, "start_time": 1},
        )
        run_id: str = created["run"]["info"]["run_id"]
        self.log(run_id, **more)
        return run_id

    def log(self, run_id: str, **more: Any) -> None:
        metrics = [
            {"key": key, "value": value, "timestamp": 1, "step": 0}
            for key, value in more.get("metrics", {}).items()
        ]
        params = [{"key": key, "value": value} for key, value in more.get("params", {}).items()]
        self.post("runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})


@contextlib.contextmanager
def started(place: Path, store: str) -> Iterator[tuple[Server, subprocess.Popen[str]]]:
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [COMMAND, "server", "--store", store, "--port", "0"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert "://" in first, (place / "log").read_text()
            yield Server(int(first.strip().rpartition(":")[2].strip("/"))), process
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return a server of a store with a table of its own, and of one without."""
    place = tmp_path_factory.mktemp(request.param)
    kinds = {"sqlite": f"sqlite:{place / 's.db'}", "memory": "memory:"}
    with started(place, kinds[request.param]) as (made, _):
        yield made


@pytest.fixture
def server(shared: Server, request: pytest.FixtureRequest) -> Server:
    """Return the server with an empty experiment."""
    made = shared.post("experiments/create", {"name": request.node.name})
    return evolve(shared, experiment=made["experiment_id"])


def test_rows_come_in_columns(server: Server) -> None:
    one = server.run("größer ✓", metrics={"val/ä": 0.5}, params={"p": "it's"})
    two = server.run("<b>", metrics={"val/ä": "NaN", "x": "-Infinity"})
    table = server.get("runs/table", sort="-metrics.val/ä", tree="true").json
    assert table["ids"] == [one, two]
    assert table["names"] == ["größer ✓", "<b>"]
    assert table["asked"] == ["metrics.val/ä"]
    assert table["cols"]["metrics.val/ä"] == [0.5, "NaN"]
    assert table["cols"]["metrics.x"] == [None, "-Infinity"]
    assert table["cols"]["params.p"] == ["it's", None]
    assert table["cols"]["attributes.duration"] == [None, None]
    assert list(table["cols"]) == table["chosen"]
    counts = {name: table[name] for name in ("total", "matched", "live", "rows")}
    assert counts == {"total": 2, "matched": 2, "live": 2, "rows": 2}
    for name in ("status", "parents", "depth", "children", "dimmed", "experiments"):
        assert len(table[name]) == 2, name


def test_lists_are_repeated_or_one_text(server: Server) -> None:
    server.run("n", metrics={"a.b c": 1.0})
    repeated = server.get(
        "runs/table", experiment_ids=[server.experiment, "99"], cols=["metrics.a.b c", "params.p"]
    ).json
    as_text = server.get(
        "runs/table",
        experiment_ids=json.dumps([server.experiment, "99"]),
        cols='["metrics.a.b c", "params.p"]',
    ).json
    assert repeated == as_text
    assert as_text["cols"] == {"metrics.a.b c": [1.0], "params.p": [None]}


def test_a_wrong_filter_is_answered_with_its_place(server: Server) -> None:
    for path, fields, at in (
        ("runs/table", {"q": "metrics.acc > "}, 13),
        ("runs/table", {"q": "metrics.acc >> 1"}, 12),
        ("runs/histogram", {"q": "params.a = 1 oder", "columns": "params.a"}, 13),
        ("runs/keys", {"q": "/(/"}, 1),
    ):
        reply = server.get(path, **fields)
        told = json.loads(reply.body)
        assert reply.status == 400
        assert told["error_code"] == "INVALID_PARAMETER_VALUE"
        assert told["position"] == at, told
        assert told["message"]
        assert "hint" in told


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("runs/table", {"cols": "nothing"}),
        ("runs/table", {"sort": "metrics"}),
        ("runs/table", {"sort": "-attributes.mood"}),
        ("runs/table", {"limit": "501"}),
        ("runs/table", {"offset": "-1"}),
        ("runs/table", {"group": "p"}),
        ("runs/table", {"group": "params.p", "within": "[1]"}),
        ("runs/table", {"view": "none"}),
        ("runs/keys", {"kind": "colours"}),
        ("runs/values", {}),
        ("runs/values", {"column": "x.y"}),
        ("runs/histogram", {"columns": "metrics.m", "bins": "65"}),
        ("events", {"scope": "planet:1"}),
        ("events", {"since": "now"}),
    ],
)
def test_wrong_fields_are_refused(server: Server, path: str, fields: dict[str, str]) -> None:
    reply = server.get(path, **fields)
    assert reply.status == 400, reply.body
    assert json.loads(reply.body)["message"]


def test_keys_values_and_histograms(server: Server) -> None:
    for i in range(4):
        server.run(f"n{i}", metrics={"m": float(i)}, params={"p": "ab"[i % 2], "n": str(i)})
    keys = server.get("runs/keys", kind="metrics").json
    assert keys == {
        "total": 1,
        "keys": [
            {"column": "metrics.m", "kind": "metrics", "runs": 4, "distinct": 4, "min": 0, "max": 3}
        ],
    }
    found = server.get("runs/keys", q="/^[np]$/").json["keys"]
    assert [each["column"] for each in found] == ["params.n", "params.p"]
    values = server.get("runs/values", column="params.p", q="B").json
    assert values == {"values": [{"value": "b", "runs": 2}]}
    found = server.get(
        "runs/histogram", columns=["metrics.m", "params.p"], bins=3, keys="true"
    ).json
    assert found["keys"] == server.get("runs/keys").json["total"]
    columns = found["columns"]
    assert columns["metrics.m"] == {
        "kind": "number",
        "edges": [0, 1, 2, 3],
        "counts": [1, 1, 2],
        "nan": 0,
        "infinite": 0,
    }
    assert columns["params.p"] == {
        "kind": "text",
        "values": ["a", "b"],
        "counts": [2, 2],
        "other": 0,
    }


def test_groups_and_the_runs_of_one(server: Server) -> None:
    ids = [server.run(f"n{i}", metrics={"m": float(i)}, params={"p": "aab"[i]}) for i in range(3)]
    server.run("without")
    table = server.get("runs/table", group="params.p", cols="metrics.m").json
    assert [(each["value"], each["runs"]) for each in table["groups"]] == [
        ("a", 2),
        ("b", 1),
        (None, 1),
    ]
    figures = table["groups"][0]["cols"]["metrics.m"]
    assert figures == {"count": 2, "min": 0, "mean": 0.5, "max": 1}
    for within, found in (('"b"', ids[2:]), ("b", ids[2:]), ('"a"', ids[:2])):
        page = server.get("runs/table", group="params.p", within=within, sort="metrics.m").json
        assert page["ids"] == found


def test_nested_runs_unfold_at_any_depth(server: Server) -> None:
    chain = [server.run("0")]
    for depth in range(1, 30):
        chain.append(server.run(str(depth), tags={"mlflow.parentRunId": chain[-1]}))
    page = server.get("runs/table", tree="true").json
    assert (page["ids"], page["children"]) == (chain[:1], [1])
    page = server.get("runs/table", tree="true", open=json.dumps(chain)).json
    assert page["ids"] == chain
    assert page["depth"] == list(range(30))
    page = server.get("runs/table", tree="true", open=chain, q="run_name = '2'").json
    assert (page["ids"], page["dimmed"]) == (chain[:3], [True, True, False])


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    for i in range(40):
        server.run(f"n{i}", params={"p": str(i)})
    first = server.get("runs/table")
    tag = first.headers["etag"]
    again = server.get("runs/table", {"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    packed = server.get("runs/table", {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == first.body
    revision = first.json["revision"]
    same = server.get("runs/table", since=revision).json
    assert same == {"revision": revision, "unchanged": True}
    server.run("new")
    assert server.get("runs/table", since=revision).json["total"] == 41
    assert server.get("runs/table", {"if-none-match": tag}).status == 200


class Listening:
    """A client of ``events``."""

    def __init__(self, server: Server, **fields: Any) -> None:
        self._connection = server.connect()
        self._connection.request("GET", f"{API}/events?{urlencode(fields)}", headers=server.headers)
        self.answer: HTTPResponse = self._connection.getresponse()

    def next(self) -> Any:
        """Return the next message, whatever pings come before; None at the end."""
        for line in iter(self.answer.readline, b""):
            if line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))
        return None

    def close(self) -> None:
        self._connection.close()


def test_a_live_run_is_told_of(server: Server) -> None:
    run_id = server.run("live")
    with contextlib.closing(Listening(server, scope=f"experiment:{server.experiment}")) as events:
        assert events.answer.headers["content-type"] == "text/event-stream"
        begin = events.next()
        assert begin["runs"] == []
        server.post(
            "runs/log-metric",
            {"run_id": run_id, "key": "loss", "value": 0.25, "timestamp": 1, "step": 3},
        )
        told = events.next()
        assert told["runs"] in ([run_id], None)
        assert told["revision"] != begin["revision"]
        table = server.get("runs/table", since=begin["revision"]).json
        assert table["cols"]["metrics.loss"] == [0.25]
    with contextlib.closing(Listening(server, scope="all", since=begin["revision"])) as events:
        assert events.next()["runs"] in ([run_id], None)


def test_events_are_told_to_those_whom_they_concern(tmp_path: Path) -> None:
    with started(tmp_path, f"sqlite:{tmp_path / 's.db'}") as (server, _):
        one, two = server.run("one"), server.run("two")
        listeners = [
            Listening(server, scope=scope) for scope in (f"run:{one}", "experiment:7", "all")
        ]
        begun = [each.next() for each in listeners]
        assert [each["runs"] for each in begun] == [[], [], []]
        server.log(two, metrics={"m": 1.0})
        assert listeners[2].next()["runs"] == [two]
        server.log(one, metrics={"m": 1.0})
        assert listeners[0].next()["runs"] == [one]
        for each in listeners:
            each.close()


def test_events_end_with_the_server(tmp_path: Path) -> None:
    with started(tmp_path, f"sqlite:{tmp_path / 's.db'}") as (server, process):
        events = Listening(server)
        events.next()
        process.terminate()
        # The server is given 30 s for what is in flight, and does not need them.
        assert events.next() is None
        assert process.wait(20) == 0


def test_too_many_listeners_are_refused_and_the_gone_are_forgotten(tmp_path: Path) -> None:
    with started(tmp_path, f"sqlite:{tmp_path / 's.db'}") as (server, _):
        open_ones = [Listening(server) for _ in range(60)]
        for each in open_ones:
            each.next()
        for each in open_ones:
            each.close()
        # Many more than may listen at a time, but one after the other.
        for _ in range(200):
            with contextlib.closing(Listening(server)) as events:
                assert events.answer.status == 200
                assert events.next()["runs"] == []


def test_another_process_that_writes_is_heard(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 's.db'}"
    writing = (
        "import sys; from pegboard.config import Config; from pegboard.host import Host\n"
        "host = Host(Config()); store = host.tracking_store(sys.argv[1])\n"
        "run = store.create_run('0').info.run_id\n"
        "store.metric_writer().log(run, 'm', 0.5, 1, 0)\n"
        "print(run); host.close()"
    )
    with started(tmp_path, store) as (server, _), contextlib.closing(Listening(server)) as events:
        begin = events.next()
        done = subprocess.run(
            [sys.executable, "-c", writing, store], capture_output=True, text=True, check=True
        )
        told = events.next()
        assert told["runs"] == [done.stdout.strip()]
        table = server.get("runs/table", since=begin["revision"]).json
        assert table["cols"]["metrics.m"] == [0.5]


def test_who_may_only_read_sees_the_table_and_a_stranger_nothing(tmp_path: Path) -> None:
    secret = users.password_hash("a long secret")

    users.write(tmp_path / "users", [users.Credential("ann", Permission.READ, secret)])
    (tmp_path / "pegboard.toml").write_text('[plugins.server]\nusers_file = "users"\n')
    with started(tmp_path, f"sqlite:{tmp_path / 's.db'}") as (stranger, _):
        pair = base64.b64encode(b"ann:a long secret").decode()
        ann = Server(stranger.port, {"authorization": f"Basic {pair}"})
        for path, fields in (
            ("runs/table", {}),
            ("runs/keys", {}),
            ("runs/values", {"column": "params.p"}),
            ("runs/histogram", {"columns": "metrics.m"}),
        ):
            assert ann.get(path, **fields).status == 200
            assert stranger.get(path, **fields).status == 401
        with contextlib.closing(Listening(ann)) as events:
            assert events.next()["runs"] == []
        assert stranger.get("events").status == 401


def test_they_are_described(server: Server) -> None:
    document = server.send("GET", "/openapi.json").json
    for path in ("runs/table", "runs/keys", "runs/values", "runs/histogram", "events"):
        described = document["paths"][f"{API}/{path}"]["get"]
        assert described["summary"]
        assert {each["name"] for each in described["parameters"]}
