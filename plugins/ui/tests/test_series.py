"""Curves of metrics, asked of a real server."""

from __future__ import annotations

import gzip
import json
import math
import re
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from pegboard.config import Config
from pegboard.entities import Metric
from pegboard.host import Host

from .conftest import served

PATH = "/api/pegboard/1.0/metrics/series"
NOISE = [math.sin(step * 12.9898) * 43758.5453 % 1 for step in range(20_000)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, request):
    """Serve a store with two runs; yield the site and their ids."""
    place = tmp_path_factory.mktemp("series")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/s.db")
    ids = [store.create_run("0", start_time=1_700_000_000_000).info.run_id for _ in range(2)]
    for run_id in ids:
        points = [Metric("loss", y, 1_700_000_000_000 + 50 * i, i) for i, y in enumerate(NOISE)]
        few = [Metric("épöch/µ 1", i / 3, 1_700_000_000_000 + i, 3 * i) for i in range(10)]
        flat = [Metric("flat", 1 + y * 1e-9, 1, i) for i, y in enumerate(NOISE)]
        odd = [Metric("odd", v, 1, i) for i, v in enumerate([math.nan, math.inf, -math.inf, 2.0])]
        store.log_batch(run_id, metrics=[*points, *few, *flat, *odd])
    host.close()
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as site:
        yield site, ids


def ask(site, headers=None, **fields):
    pairs = [
        (k, v)
        for k, value in fields.items()
        for v in ([value] if isinstance(value, str) else value)
    ]
    return site.get(f"{PATH}?{urlencode(pairs)}", **(headers or {}))


@pytest.fixture(scope="module")
def decoded():
    """Return what reads an array, as the README shows it."""
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = {}
    exec(code, shown)
    return shown["decoded"]


def test_a_curve_tells_what_it_stands_for(runs, decoded):
    site, ids = runs
    reply = ask(site, run_ids=ids, keys="loss", width="100")
    assert reply.status == 200
    assert (reply.json["points"], reply.json["drawn"]) == (
        40_000,
        sum(len(decoded(s["x"])) for s in reply.json["series"]),
    )
    assert [each["run_id"] for each in reply.json["series"]] == ids
    for each in reply.json["series"]:
        x, y = decoded(each["x"]), decoded(each["y"])
        assert each["drawn"] == len(x) == len(y) <= 200
        assert (each["points"], each["total"], each["exact"]) == (20_000, 20_000, False)
        assert (each["min"], each["max"]) == (min(NOISE), max(NOISE))
        assert each["span"] == [0, 19_999]
        assert (x[0], x[-1]) == (0, 19_999)
        assert y == pytest.approx([NOISE[step] for step in x], rel=1e-6)
        assert each["last"] == {"step": 19_999, "time": 1_700_000_999_950, "value": NOISE[-1]}
        assert "smooth" not in each


def test_few_points_come_as_they_are(runs, decoded):
    site, ids = runs
    [each] = ask(site, run_ids=ids[0], keys="épöch/µ 1").json["series"]
    assert (each["key"], each["exact"]) == ("épöch/µ 1", True)
    assert decoded(each["x"]) == list(range(0, 30, 3))
    assert decoded(each["y"]) == [i / 3 for i in range(10)]


def test_values_that_hardly_differ_keep_all_their_digits(runs, decoded):
    site, ids = runs
    [each] = ask(site, run_ids=ids[0], keys="flat", width="50").json["series"]
    assert each["y"].startswith("f8:")
    assert decoded(each["y"]) == [1 + NOISE[step] * 1e-9 for step in decoded(each["x"])]


@pytest.mark.parametrize(("axis", "start"), [("time", 1_700_000_000_000), ("relative", 0)])
def test_times_are_an_axis(runs, decoded, axis, start):
    site, ids = runs
    low, high = start + 50 * 4_000, start + 50 * 4_009
    fields = {"run_ids": ids[0], "keys": "loss", "x": axis, "from": str(low), "to": str(high)}
    [each] = ask(site, **fields).json["series"]
    assert decoded(each["x"]) == [low + 50 * i for i in range(10)]
    assert decoded(each["y"]) == NOISE[4_000:4_010]
    assert (each["points"], each["total"]) == (10, 20_000)


def test_smoothing_and_another_metric_as_the_axis(runs, decoded):
    site, ids = runs
    [each] = ask(site, run_ids=ids[0], keys="épöch/µ 1", x="metrics.loss", smooth="0.5").json[
        "series"
    ]
    x = decoded(each["x"])
    assert x == sorted(NOISE[0:30:3])
    average, right = 0.0, []
    for count, value in enumerate(decoded(each["y"]), 1):
        average = average / 2 + value / 2
        right.append(average / (1 - 0.5**count))
    assert decoded(each["smooth"]["y"]) == pytest.approx(right)
    assert decoded(each["smooth"]["x"]) == x


def test_values_that_are_no_numbers_are_told(runs):
    site, ids = runs
    reply = ask(site, run_ids=ids[0], keys="odd")
    [each] = reply.json["series"]
    told = {"nan": 0.0, "inf": 1.0, "neginf": 2.0}
    assert {name: each[name] for name in told} == {
        k: {"count": 1, "x": [x]} for k, x in told.items()
    }
    assert (each["points"], each["drawn"], each["exact"]) == (4, 1, True)


def test_runs_that_are_gone_do_not_spoil_a_chart(runs):
    site, ids = runs
    answer = ask(site, run_ids=["gone", *ids], keys=["odd", "never"]).json
    assert answer["missing"] == ["gone"]
    assert [(each["run_id"], each["key"]) for each in answer["series"]] == [(i, "odd") for i in ids]


def test_lists_may_be_json(runs):
    site, ids = runs
    keys = json.dumps(["odd", "épöch/µ 1"])
    found = ask(site, run_ids=json.dumps(ids), keys=keys).json["series"]
    assert len(found) == 4


def test_an_answer_is_compressed_and_not_sent_again(runs):
    site, ids = runs
    path = f"{PATH}?keys=loss&run_ids={ids[0]}"
    plain, packed = site.get(path), site.get(path, Accept_Encoding="br;q=0, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "accept-encoding" in packed.headers["vary"]
    again = site.get(path, If_None_Match=packed.headers["etag"], Accept_Encoding="gzip")
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == plain.headers["etag"]


def test_a_point_is_drawn_once_it_was_taken(runs, decoded):
    site, ids = runs
    before = site.get(f"{PATH}?keys=live&run_ids={ids[1]}")
    assert before.json["series"] == []
    for step in range(3):
        sent = {"run_id": ids[1], "key": "live", "value": step + 0.5, "timestamp": 5, "step": step}
        assert site.send("POST", "/api/2.0/mlflow/runs/log-metric", sent).status == 200
        reply = site.get(f"{PATH}?keys=live&run_ids={ids[1]}", If_None_Match=before.headers["etag"])
        assert reply.status == 200
        assert decoded(reply.json["series"][0]["y"]) == [each + 0.5 for each in range(step + 1)]
        before = reply


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"keys": "m"}, "run_ids"),
        ({"run_ids": "a"}, "keys"),
        ({"run_ids": "a", "keys": "m", "x": "epochs"}, "x axis"),
        ({"run_ids": "a", "keys": "m", "width": "1"}, "width"),
        ({"run_ids": "a", "keys": "m", "width": "100000"}, "width"),
        ({"run_ids": "a", "keys": "m", "smooth": "1"}, "smooth"),
        ({"run_ids": "a", "keys": "m", "smooth": "NaN"}, "smooth"),
        ({"run_ids": "a", "keys": "m", "from": "NaN"}, "finite"),
        ({"run_ids": "a", "keys": "m", "from": "x"}, "from"),
        ({"run_ids": [str(i) for i in range(101)], "keys": "m"}, "run_ids"),
        ({"run_ids": [str(i) for i in range(90)], "keys": list("abcdefgh")}, "series"),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_said(runs, fields, word):
    site, _ = runs
    reply = ask(site, **fields)
    assert reply.status == 400
    assert reply.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert word in reply.json["message"]


def test_the_endpoints_are_described(runs):
    site, ids = runs
    paths = site.get("/openapi.json").json["paths"]
    for path in ("metrics/series", "runs/compare", "runs/overview", "ui/home", "views", "marks"):
        assert f"/api/pegboard/1.0/{path}" in paths
    assert {"from", "to"} <= {each["name"] for each in paths[PATH]["get"]["parameters"]}
    assert site.get(f"{PATH}?keys={quote('no such')}&run_ids={ids[0]}").json["series"] == []
