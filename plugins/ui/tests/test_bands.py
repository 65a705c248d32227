"""Bands of groups of curves."""

from __future__ import annotations

import math
from array import array
from urllib.parse import urlencode

import pytest
from pegboard.config import Config
from pegboard.entities import Metric, Param
from pegboard.host import Host
from pegboard_stores.curves import Curve
from pegboard_ui.data.bands import band

from .conftest import served

PATH = "/api/pegboard/1.0/metrics/series"


def curve(points: dict[float, float]) -> Curve:
    return Curve(
        points=len(points), total=len(points), x=array("d", points), y=array("d", points.values())
    )


def test_curves_count_between_their_points_but_not_before_or_behind():
    made = band([curve({0: 0, 10: 10, 20: 20}), curve({0: 10, 20: 30, 30: 40})], 100)
    assert list(made.x) == [0, 10, 20, 30]
    assert list(made.mean) == [5, 15, 25, 40]
    assert list(made.least) == [0, 10, 20, 40]
    assert list(made.greatest) == [10, 20, 30, 40]


def test_many_points_are_joined_in_stretches_and_no_extreme_is_lost():
    flat = curve(dict.fromkeys(range(1000), 4.5))
    made = band([curve({x: x % 10 for x in range(1000)}), flat], 20)
    assert len(made.x) == 20
    assert (min(made.least), max(made.greatest)) == (0, 9)
    assert list(made.mean) == pytest.approx([4.5] * 20, abs=0.1)
    assert list(made.x) == sorted(made.x)


def test_groups_without_curves_have_no_places():
    made = band([], 10)
    assert (list(made.x), list(made.mean)) == ([], [])
    assert list(band([curve({3: math.pi})], 10).mean) == [math.pi]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve runs of two optimisers and one without."""
    place = tmp_path_factory.mktemp("bands")
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{place}/s.db")
    ids = []
    for opt, shift in (("adam", 0), ("adam", 2), ("sgd", 5), ("", 9)):
        run_id = store.create_run("0", start_time=1).info.run_id
        params = [Param("opt", opt)] if opt else []
        points = [Metric("loss", step + shift, 1, step) for step in range(5)]
        if not opt:
            points[-1] = Metric("loss", math.nan, 1, 4)
        store.log_batch(run_id, metrics=points, params=params)
        ids.append(run_id)
    host.close()
    with served(place, "server", "--store", f"sqlite:{place}/s.db", "--port", "0") as server:
        yield server, ids


def test_a_request_for_groups_has_bands_in_place_of_series(site):
    server, ids = site
    fields = [*(("run_ids", each) for each in ids), ("keys", "loss"), ("group", "params.opt")]
    said = server.get(f"{PATH}?{urlencode(fields)}").json
    assert said["series"] == []
    told = ("value", "runs", "points", "not_finite")
    assert [tuple(each[name] for name in told) for each in said["groups"]] == [
        ("adam", 2, 10, 0), ("sgd", 1, 5, 0), (None, 1, 5, 1),
    ]  # fmt: skip
    assert (said["points"], said["drawn"]) == (20, 14)
    assert all(each["x"].startswith("u2:0:") for each in said["groups"])


@pytest.mark.parametrize("group", ["metrics.loss", "params.", "attributes.artifact_uri", "opt"])
def test_other_columns_make_no_groups(site, group):
    server, ids = site
    reply = server.get(f"{PATH}?{urlencode({'run_ids': ids[0], 'keys': 'loss', 'group': group})}")
    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "params.KEY" in reply.json["message"]
