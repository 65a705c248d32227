"""What others had to publish advisories for is refused here: one test for each way in.

The requests go to a real server that can change nothing but its own directory, with targets that
are sent as they are written: a client that tidies paths up would hide the attack.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from attrs import frozen
from served import serving

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
SECRET = "the secret beside the store"


@frozen
class Reply:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.text)
        return answer


@frozen
class Target:
    """A server, and its directory, which lies beside a secret."""

    url: str
    place: Path

    def __call__(
        self,
        method: str,
        target: str,
        fields: dict[str, Any] | None = None,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        if fields is not None:
            body = json.dumps(fields).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = HTTPConnection(str(urlsplit(self.url).netloc), timeout=60)
        try:
            connection.request(method, target, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
        finally:
            connection.close()

    def experiment(self, name: str, **fields: Any) -> Reply:
        return self("POST", f"{API}/experiments/create", {"name": name, **fields})

    def run(self, experiment_id: str) -> str:
        fields = {"experiment_id": experiment_id, "start_time": 1}
        answer = self("POST", f"{API}/runs/create", fields)
        return str(answer.json["run"]["info"]["run_id"])

    def files_of(self, name: str, location: str) -> list[Reply]:
        """Ask in every way for the file ``secret`` of a run that is said to lie at a location."""
        made = self.experiment(name, artifact_location=location)
        if made.status != 200:
            return [made]
        run_id = self.run(made.json["experiment_id"])
        ask = f"run_id={run_id}&path=secret"
        upload = f"{API}/upload-artifact?run_id={run_id}&path=planted"
        return [
            self("GET", f"/get-artifact?{ask}"),
            self("GET", f"{API}/artifacts/list?{ask}"),
            self("POST", upload, body=b"planted"),
        ]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text(SECRET)
    place = outside / "served"
    place.mkdir()
    with serving(place) as url:
        target = Target(url, place)
        assert target("PUT", f"{PROXY}/mine/file", body=b"mine").status == 200
        yield target
    assert (outside / "secret").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["secret", "served"]


def refused(*replies: Reply) -> None:
    for reply in replies:
        assert 400 <= reply.status < 500, reply
        assert SECRET not in reply.text
        assert "Traceback" not in reply.text


CLIMBING = (
    "../secret",
    "mine/../../secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "%2E%2E%2Fsecret",
    "mine/..%5c..%5csecret",
    "..\\secret",
)


@pytest.mark.parametrize("path", CLIMBING)
def test_cve_2023_6015_a_climbing_upload_is_refused(target: Target, path: str) -> None:
    refused(target("PUT", f"{PROXY}/{path}", body=b"planted"))


@pytest.mark.parametrize("path", CLIMBING)
def test_cve_2023_6831_a_climbing_delete_is_refused(target: Target, path: str) -> None:
    refused(target("DELETE", f"{PROXY}/{path}"))


@pytest.mark.parametrize("path", ["%252e%252e/secret", "%252E%252E%252Fsecret"])
def test_cve_2024_1560_a_path_is_unquoted_once_only(target: Target, path: str) -> None:
    refused(target("DELETE", f"{PROXY}/{path}"), target("GET", f"{PROXY}/{path}"))


@pytest.mark.parametrize("path", ["/etc/hostname", "//etc/hostname", "%2Fetc%2Fhostname", "C:/x"])
def test_cve_2023_1176_an_absolute_path_is_refused(target: Target, path: str) -> None:
    refused(target("GET", f"{PROXY}/{path}"), target("PUT", f"{PROXY}/{path}", body=b"planted"))


@pytest.mark.parametrize("path", [*CLIMBING, "%2Fetc"])
def test_cve_2023_6977_a_climbing_list_is_refused(target: Target, path: str) -> None:
    reply = target("GET", f"{PROXY.removesuffix('/artifacts')}/artifacts?path={path}")
    if reply.status == 200:  # A name that is nobody's, as it is not what it looks like.
        assert reply.json.get("files", []) == []
    else:
        refused(reply)


def test_cve_2023_6975_a_link_in_the_store_leads_nowhere(target: Target) -> None:
    mine = next(path for path in target.place.rglob("mine") if path.is_dir())
    (mine / "link").symlink_to(target.place.parent / "secret")
    (mine / "folder").symlink_to(target.place.parent)
    for path in ("link", "folder/secret"):
        refused(
            target("GET", f"{PROXY}/mine/{path}"),
            target("PUT", f"{PROXY}/mine/{path}", body=b"planted"),
        )


@pytest.mark.parametrize(
    "location",
    [
        "{outside}",
        "file://{outside}",
        "file:{outside}",
        "FILE://{outside}",
        "file://localhost{outside}",
        "{served}/..",
        "file://{served}/../",
        "file://{served}/%2e%2e",
        "file://{served}/%252e%252e/",
    ],
)
def test_cve_2023_1177_files_outside_are_not_served(target: Target, location: str) -> None:
    places = {"outside": target.place.parent, "served": target.place}
    refused(*target.files_of(f"plain {location}", location.format(**places)))


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/x#/../../../..{outside}",
        "file://{outside}#",
        "file://{served}/x#/../..",
        "mlflow-artifacts:/#/../..",
    ],
)
def test_cve_2024_1594_a_fragment_hides_no_path(target: Target, location: str) -> None:
    places = {"outside": target.place.parent, "served": target.place}
    refused(*target.files_of(f"fragment {location}", location.format(**places)))


@pytest.mark.parametrize(
    "location",
    [
        "http://host/?/../../../../../../../..{outside}",
        "mlflow-artifacts:/x?../../../..{outside}",
        "file://{served}?x=/../..",
    ],
)
def test_cve_2023_6909_a_query_hides_no_path(target: Target, location: str) -> None:
    places = {"outside": target.place.parent, "served": target.place}
    refused(*target.files_of(f"query {location}", location.format(**places)))


@pytest.mark.parametrize("location", ["file://host{outside}", "file://..{outside}", "dbfs:/../x"])
def test_cve_2024_3573_a_scheme_or_host_hides_no_local_path(target: Target, location: str) -> None:
    text = location.format(outside=target.place.parent)
    refused(*target.files_of(f"host {location}", text))


@pytest.mark.parametrize(
    "query", ["run_id={run};&path=../secret", "run_id={run}&path=..%3B/secret"]
)
def test_cve_2024_1593_a_semicolon_hides_no_path(target: Target, query: str) -> None:
    run = target.run("0")
    refused(target("GET", f"/get-artifact?{query.format(run=run)}"))


def test_cve_2023_6974_a_server_fetches_nothing_for_a_client(target: Target) -> None:
    asked = threading.Event()

    class Witness(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            self.send_response(302)
            self.send_header("Location", f"file://{target.place.parent}/secret")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Witness) as witness:
        threading.Thread(target=witness.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{witness.server_port}/x"
        refused(*target.files_of("elsewhere", address))
        witness.shutdown()
    assert not asked.is_set()


@pytest.mark.parametrize("media_type", ["<script>alert(1)</script>", "text/html<img src=x>"])
def test_cve_2023_6568_an_error_is_no_page(target: Target, media_type: str) -> None:
    reply = target(
        "POST", f"{API}/experiments/create", body=b"{}", headers={"Content-Type": media_type}
    )
    refused(reply)
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_cve_2024_27132_a_file_is_never_shown_as_a_page(target: Target) -> None:
    page = b"<script>alert(1)</script>"
    assert target("PUT", f"{PROXY}/mine/page.html", body=page).status == 200
    reply = target("GET", f"{PROXY}/mine/page.html")
    assert reply.text == page.decode()
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_cve_2023_43472_a_page_of_another_site_can_change_nothing(
    target: Target, origin: str
) -> None:
    reply = target(
        "POST",
        f"{API}/experiments/create",
        {"name": f"from {origin}"},
        headers={"Origin": origin, "Content-Type": "text/plain"},
    )
    assert reply.status == 403
    found = target(
        "GET", f"{API}/experiments/get-by-name?experiment_name={quote(f'from {origin}')}"
    )
    assert found.status == 404


def test_cve_2025_14279_another_name_of_the_address_is_not_answered(target: Target) -> None:
    port = urlsplit(target.url).port
    for host in (f"evil.example:{port}", f"127.0.0.1.evil.example:{port}"):
        reply = target("GET", f"{API}/experiments/get?experiment_id=0", headers={"Host": host})
        assert reply.status == 403


def test_cve_2024_6838_long_texts_are_refused(target: Target) -> None:
    refused(
        target.experiment("n" * 1_000_000),
        target.experiment("long place", artifact_location=f"mlflow-artifacts:/{'a' * 100_000}"),
    )


def test_cve_2024_3099_a_quoted_name_is_another_name(target: Target) -> None:
    assert target.experiment("a name").status == 200
    reply = target("GET", f"{API}/experiments/get-by-name?experiment_name=a%2520name")
    assert reply.status == 404


def test_cve_2025_0453_many_names_in_one_request_hold_nobody_up(target: Target) -> None:
    ids = [str(number) for number in range(100_000)]
    reply = target("POST", f"{API}/runs/search", {"experiment_ids": ids, "max_results": 10})
    assert reply.status in (200, 400)
    assert target("GET", f"{API}/experiments/get?experiment_id=0").status == 200


def test_cve_2024_4263_reading_is_no_right_to_delete(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    token = _token(users, "reader", "read")
    place = tmp_path / "served"
    place.mkdir()
    with serving(place, "--users", str(users)) as url:
        target = Target(url, place)
        headers = {"Authorization": f"Bearer {token}"}
        assert target("GET", f"{PROXY}?path=", headers=headers).status == 200
        for method in ("PUT", "DELETE"):
            reply = target(method, f"{PROXY}/file", body=b"x", headers=headers)
            assert (reply.status, reply.json["error_code"]) == (403, "PERMISSION_DENIED")


def test_cve_2023_6014_nobody_becomes_a_user_by_request(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    _token(users, "reader", "read")
    place = tmp_path / "served"
    place.mkdir()
    with serving(place, "--users", str(users)) as url:
        target = Target(url, place)
        for path in ("/signup", f"{API}/users/create", "/api/2.0/mlflow/users/create?x=/health"):
            reply = target("POST", path, {"username": "me", "password": "long enough, and mine"})
            assert reply.status in (401, 404)
        for path in (f"{API}/experiments/search?max_results=1", "//health/../api", "/health/../x"):
            assert target("GET", path).status in (401, 404)


def _token(users: Path, name: str, level: str) -> str:
    """Add a user, and return the token that the command prints once."""
    command = Path(sys.executable).with_name("pegboard")
    words = ["server", "user", "add", name, "--level", level, "--token"]
    done = subprocess.run(
        [str(command), *words, "--users", str(users)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
