"""SSRF: the server calls nobody that a client names, but for webhooks on the public internet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from served import serving
from target import API, Target, refused

EVENT = {"entity": "REGISTERED_MODEL", "action": "CREATED"}


@define
class Witness:
    """Listens on this machine and notes whether it is called."""

    port: int
    called: list[str] = field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/latest/meta-data"


@pytest.fixture
def witness() -> Iterator[Witness]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            seen.called.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{seen.port}/redirected")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_HEAD = do_PUT = _answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Witness(server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield seen
        server.shutdown()


PRIVATE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
    "http://x.localhost:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fec0::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fd00:ec2::254]/latest/meta-data",
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:169.254.169.254]/",
    "http://100.100.100.200/latest/meta-data",
    "http://168.63.129.16/",
    "http://192.0.0.192/latest/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://example.org@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.org/",
    "http://example.org#@127.0.0.1:{port}/",
    "http://exa\tmple.org/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "ftp://example.org/",
    "//example.org/",
    "http:///x",
    "http://:80/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_ssrf_1_a_webhook_calls_nobody_in_the_servers_network(
    target: Target, witness: Witness, url: str
) -> None:
    hook = {"name": "hook", "url": url.format(port=witness.port), "events": [EVENT]}
    refused(target("POST", f"{API}/webhooks", hook))
    assert target("GET", f"{API}/webhooks").json.get("webhooks", []) == []
    assert witness.called == []


def test_ssrf_1_a_webhook_is_not_turned_on_the_servers_network(
    target: Target, witness: Witness
) -> None:
    hook = {"name": "hook", "url": "https://hooks.example.org/", "events": [EVENT]}
    made = target("POST", f"{API}/webhooks", hook).json["webhook"]
    place = f"{API}/webhooks/{made['webhook_id']}"
    refused(target("PATCH", place, {"url": witness.url}))
    assert target("GET", place).json["webhook"]["url"] == hook["url"]
    assert target("DELETE", place).status == 200
    assert witness.called == []


def test_ssrf_2_a_webhook_follows_no_redirect(tmp_path: Path, witness: Witness) -> None:
    allowed = f'webhook_allow = ["127.0.0.1:{witness.port}"]\n'
    (tmp_path / "pegboard.toml").write_text(f"[plugins.registry]\n{allowed}")
    hook = {"name": "hook", "url": witness.url, "events": [EVENT], "secret": "of the hook"}
    with serving(tmp_path) as url:
        target = Target(url, tmp_path)
        made = target("POST", f"{API}/webhooks", hook).json["webhook"]
        result = target("POST", f"{API}/webhooks/{made['webhook_id']}/test", {}).json["result"]
        assert result["response_status"] == 302
        assert not result.get("success")
    assert set(witness.called) == {"/latest/meta-data"}


def test_ssrf_3_the_files_of_a_run_are_fetched_from_nowhere(
    target: Target, witness: Witness
) -> None:
    """CVE-2023-6974."""
    for number, scheme in enumerate(("http", "ftp", "s3", "sftp", "hdfs", "webdav")):
        location = f"{scheme}://127.0.0.1:{witness.port}/x"
        refused(*target.files_of(f"else {number}", location))
    assert witness.called == []


@pytest.mark.parametrize(
    "source", ["{url}", "https://169.254.169.254/m", "ftp://h/m", "mlflow-artifacts://evil/0/r"]
)
def test_ssrf_4_a_version_is_fetched_from_nowhere(
    target: Target, witness: Witness, source: str
) -> None:
    target("POST", f"{API}/registered-models/create", {"name": "fetched"})
    fields = {"name": "fetched", "source": source.format(url=witness.url)}
    refused(target("POST", f"{API}/model-versions/create", fields))
    assert witness.called == []
