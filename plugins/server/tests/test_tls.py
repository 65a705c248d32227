"""HTTPS."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path

import trustme

from .conftest import SECONDS, Start


def test_it_serves_https(start: Start, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    server = start("--tls-cert", str(cert), "--tls-key", str(key))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with urllib.request.urlopen(
        f"https://localhost:{server.port}/health", timeout=SECONDS, context=context
    ) as answer:
        assert answer.read() == b"OK"
    assert server.stop() == 0
