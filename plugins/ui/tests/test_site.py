"""The page as a server serves it: its addresses, its files, and what stays an error in JSON."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from pegboard_server import users
from pegboard_ui.site import CONTENT_POLICY, PLACES, STATIC
from pegboard_wire.http import Permission

DEEP = ["/", "/experiments/1", "/experiments/1/", "/models/a%2Fb/2", "/p/plugins", "/traces/a/b"]


def linked(page: str, text: str) -> set[str]:
    """Return the files of a document as the browser asks for them."""
    return {urljoin(page, found) for found in re.findall(r'(?:src|href)="(?!data:)([^"]+)"', text)}


@pytest.mark.parametrize("path", DEEP)
def test_every_address_of_the_page_loads_the_same_files(site: Any, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    files = linked(path, answer.body.decode())
    assert len(files) >= 5
    assert {file.rpartition("/")[0] for file in files} == {"/assets"}
    assert {site.get(file).status for file in files} == {200}


def test_the_page_may_load_from_its_own_server_only(site: Any) -> None:
    headers = site.get("/").headers
    assert headers["content-security-policy"] == CONTENT_POLICY
    assert "unsafe" not in CONTENT_POLICY
    assert headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_has_the_page_gets_it_no_second_time(site: Any) -> None:
    first = site.get("/runs/x")
    assert site.get("/runs/x", If_None_Match=first.headers["etag"]).status == 304
    # From elsewhere the links are others.
    assert site.get("/runs/x/y", If_None_Match=first.headers["etag"]).status == 200


def test_files_are_sent_compressed_and_kept_for_ever(site: Any) -> None:
    (script,) = [p for p in (STATIC / "assets").iterdir() if re.fullmatch(r"first-.*\.js", p.name)]
    path = f"/assets/{script.name}"
    plain, packed = site.get(path), site.get(path, Accept_Encoding="gzip")
    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == script.read_bytes()
    assert site.get(path, Accept_Encoding="gzip, br").headers["content-encoding"] == "br"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nothing"),
        ("GET", "/api/2.0/mlflow/nothing"),
        ("GET", "/nothing"),
        ("POST", "/api/nothing"),
        ("GET", "/experimentsx"),
    ],
)
def test_other_addresses_stay_errors_in_json(site: Any, method: str, path: str) -> None:
    answer = site.send(method, path)
    assert answer.status == 404
    assert answer.json["error_code"] == "ENDPOINT_NOT_FOUND"


@pytest.mark.parametrize("path", ["/assets/../site.py", "/assets/%2e%2e/site.py", "/assets/no.js"])
def test_nothing_beside_the_files_of_the_page_is_served(site: Any, path: str) -> None:
    assert site.get(path).status in (400, 404)


def test_the_page_knows_at_once_who_looks_and_what_there_is(site: Any) -> None:
    about = site.get("/api/pegboard/1.0/ui/pages").json
    permissions = ["delete", "invoke", "public", "read", "write"]
    assert about["user"] == {"name": "", "permissions": permissions}
    assert about["server"]["root"] == site.url
    assert {"ui", "server", "tracking"} <= set(about["features"])
    assert "plugins" in {page["key"] for page in about["pages"]}
    assert about["server"]["version"] in site.get("/").body.decode()


def test_who_is_not_known_gets_the_page_and_learns_nothing(tmp_path: Path, serving: Any) -> None:
    known = [users.Credential("ann", Permission.READ, users.password_hash("a long secret"))]
    users.write(tmp_path / "users", known)
    (tmp_path / "pegboard.toml").write_text('[plugins.server]\nusers_file = "users"\n')
    with serving(tmp_path, "server", "--store", f"sqlite:{tmp_path}/s.db", "--port", "0") as site:
        about = site.get("/api/pegboard/1.0/ui/pages").json
        assert (about["user"], about["pages"], about["features"]) == (None, [], [])
        assert site.get("/experiments/0").status == 200
        assert site.get("/api/pegboard/1.0/ui/plugins").status == 401
        module = "/p/plugins/assets/x/plugins.js"
        assert site.get(module).status == 404
        pair = base64.b64encode(b"ann:a long secret").decode()
        assert site.get(module, Authorization=f"Basic {pair}").status == 200


def test_the_installed_plugins_are_told_with_what_they_offer(site: Any) -> None:
    found = {
        each["name"]: each for each in site.get("/api/pegboard/1.0/ui/plugins").json["plugins"]
    }
    assert found["ui"]["distribution"] == "pegboard-ui"
    assert found["ui"]["state"] == "works"
    offered = [(each["kind"], each["name"]) for each in found["ui"]["offers"]]
    assert ("command", "ui") in offered
    assert ("page", "plugins") in offered


def test_a_page_of_a_plugin_is_served_with_its_files(site: Any) -> None:
    pages = site.get("/api/pegboard/1.0/ui/pages").json["pages"]
    module = next(page["module"] for page in pages if page["key"] == "plugins")
    answer = site.get(f"/{module}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    old = re.sub("assets/[0-9a-f]+/", "assets/0000/", module)
    assert site.get(f"/{old}").headers["cache-control"] == "no-store"
    for path in (
        "p/plugins/assets/x/../../plugin.py",
        "p/plugins/assets/x/no.js",
        "p/no/assets/x/y.js",
    ):
        assert site.get(f"/{path}").status in (400, 404)


def test_below_a_path_the_page_needs_to_know_nothing_of_it(tmp_path: Path, serving: Any) -> None:
    words = (
        "server",
        "--store",
        f"sqlite:{tmp_path}/s.db",
        "--port",
        "0",
        "--root-path",
        "/team/ml",
    )
    with serving(tmp_path, *words) as site:
        place = type(site)(site.url.removesuffix("/team/ml"))
        # A proxy hands on the whole path, or has taken the front off.
        for asked in ("/team/ml/experiments/1", "/experiments/1"):
            files = linked("/team/ml/experiments/1", place.get(asked).body.decode())
            assert {file.rpartition("/")[0] for file in files} == {"/team/ml/assets"}
            assert {place.get(file).status for file in files} == {200}


def test_one_command_serves_and_names_the_address_last(tmp_path: Path, serving: Any) -> None:
    with serving(tmp_path, "ui", f"sqlite:{tmp_path}/s.db", "--no-open") as site:
        assert site.get("/").status == 200
        assert site.url.startswith("http://127.0.0.1:")
    # The command was told to end, and its server with it.
    with pytest.raises(ConnectionRefusedError):
        site.get("/")


def test_the_places_of_the_server_are_the_routes_of_the_page() -> None:
    sources = Path(__file__).parents[1] / "web" / "src" / "pages"
    routed = {
        path
        for file in sources.glob("*/route.ts")
        for path in re.findall(r"path: '/([a-z-]+)", file.read_text())
    }
    assert routed <= set(PLACES)
