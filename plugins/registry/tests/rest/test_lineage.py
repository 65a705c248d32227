"""The lineage of a version that a server has is as whole as that of one here."""

from __future__ import annotations

from pegboard_registry.lineage import trace
from pegboard_scripting.client import Client

from ..conftest import train


def test_a_server_tells_which_runs_use_a_model(alone, server) -> None:
    here = Client(server.uri, server.uri)
    model = train(here, alone).model
    here.create_registered_model("iris")
    here.create_model_version("iris", model.model_uri)
    uri = "models:/iris/1"
    found = trace(Client(server.url, server.url), uri)
    assert found.unknown == []
    assert ("used by", "scoring") in [(node.relation, node.name) for node in found.downstream]
    local = trace(here, uri)
    assert (found.upstream, found.downstream) == (local.upstream, local.downstream)


def test_a_server_that_does_not_know_is_said_to_be_so(alone, server, monkeypatch) -> None:
    here = Client(server.uri, server.uri)
    model = train(here, alone).model
    for place in [place for place in server.endpoints if "/pegboard/" in place[1]]:
        monkeypatch.delitem(server.endpoints, place)
    found = trace(Client(server.url, server.url), model.model_uri)
    assert [text for text in found.unknown if "which runs use" in text]
