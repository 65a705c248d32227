from __future__ import annotations

import pytest
from pegboard.errors import InvalidState, InvalidValue, Refused
from pegboard_wire.http import Identity, Permission

BASE = "/api/pegboard/1.0/registry"
ANYBODY = Identity("", frozenset({Permission.READ, Permission.WRITE, Permission.DELETE}))


@pytest.fixture
def iris(wire):
    wire.post("registered-models/create", name="iris")
    for _ in range(2):
        wire.post("model-versions/create", name="iris", source="s3://bucket/m")
    return wire


def test_too_many_owners_are_not_asked_for_at_once(iris) -> None:
    owner = {"id": "r1", "uris": ["s3://bucket"]}
    (needed,) = iris.post(f"{BASE}/needing", owners=[owner])["needed"]
    assert needed["id"] == "r1"
    assert [version["version"] for version in needed["model_versions"]] == ["1", "2"]
    for owners in ([owner] * 101, [{"id": "r1", "uris": ["s3://b"] * 11}], [{"uris": []}], ["r1"]):
        assert isinstance(iris.refused("POST", f"{BASE}/needing", owners=owners), InvalidValue)


def changes(wire, **fields):
    return wire.get(f"{BASE}/history", name="iris", **fields)["changes"]


def test_the_history_says_who_changed_what_from_what_and_why(iris) -> None:
    iris.headers = {"x-pegboard-reason": "better%20%C2%B7%20by%20far"}
    iris.post("registered-models/alias", name="iris", alias="champion", version="2")
    (change,) = changes(iris, kinds="alias")
    assert change.pop("timestamp") > 0
    assert change.pop("number") > 0
    assert change == {
        "name": "iris",
        "kind": "alias",
        "version": "2",
        "key": "champion",
        "after": "2",
        "user": "tester",
        "reason": "better · by far",
    }


def test_a_known_caller_cannot_pass_for_another(iris) -> None:
    iris.headers = {"x-pegboard-user": "boss"}
    iris.post("registered-models/alias", name="iris", alias="champion", version="2")
    assert changes(iris, kinds=["alias"])[0]["user"] == "tester"


def test_a_server_that_knows_nobody_believes_who_calls(iris) -> None:
    iris.identity, iris.headers = ANYBODY, {"x-pegboard-user": "J%C3%BCrgen"}
    iris.post("registered-models/alias", name="iris", alias="champion", version="2")
    assert changes(iris, kinds=["alias"])[0]["user"] == "Jürgen"


def test_the_history_comes_page_by_page_and_of_the_kinds_that_are_asked_for(iris) -> None:
    iris.post("registered-models/alias", name="iris", alias="champion", version="2")
    first = iris.get(f"{BASE}/history", name="iris", max_results=2)
    rest = iris.get(f"{BASE}/history", name="iris", page_token=first["next_page_token"])
    kinds = [each["kind"] for each in [*first["changes"], *rest["changes"]]]
    assert kinds == ["alias", "version", "version"]
    error = iris.refused("GET", f"{BASE}/history", name="iris", kinds=["birthday"])
    assert isinstance(error, InvalidValue)


def test_an_alias_is_rolled_back_move_by_move(iris) -> None:
    for version in ("1", "2"):
        iris.post("registered-models/alias", name="iris", alias="champion", version=version)
    back = iris.post(f"{BASE}/rollback", name="iris", alias="champion")
    assert back["model_version"]["version"] == "1"
    assert (
        changes(iris, kinds=["alias"])[0]["undoes"] == changes(iris, kinds=["alias"])[1]["number"]
    )
    error = iris.refused("POST", f"{BASE}/rollback", name="iris", alias="champion")
    assert isinstance(error, InvalidState)


def test_approvals_are_given_and_taken_back_in_the_name_of_the_caller(iris) -> None:
    asked = {"name": "iris", "version": "2", "key": "champion"}
    assert iris.post(f"{BASE}/approvals", **asked) == {}
    given = iris.registry.approvals("iris", "2", "champion")
    assert [each.user for each in given] == ["tester"]
    assert iris.post(f"{BASE}/approvals", **asked, withdraw=True) == {}
    assert iris.registry.approvals("iris", "2", "champion") == []


def test_nobody_cannot_approve(iris) -> None:
    iris.identity = ANYBODY
    asked = {"name": "iris", "version": "2", "key": "champion"}
    assert isinstance(iris.refused("POST", f"{BASE}/approvals", **asked), InvalidValue)


def test_a_gate_refuses_a_promotion_through_the_server(iris) -> None:
    def no(promotion):
        raise Refused(f"Not {promotion.key!r}, {promotion.author.user}.")

    iris.registry.allow = no
    error = iris.refused(
        "POST", "registered-models/alias", name="iris", alias="champion", version="2"
    )
    assert error.error_code == "PERMISSION_DENIED"
    assert error.message == "Not 'champion', tester."
    assert changes(iris, kinds=["alias"]) == []
