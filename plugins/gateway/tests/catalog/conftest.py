"""A host with a provider of its own, a configuration file, and the catalog that reads it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from attrs import field, frozen
from pegboard import config
from pegboard.contracts.llm import (
    EventReader,
    HttpCall,
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    Task,
    Trouble,
)
from pegboard.hookspecs import Provider, hookimpl
from pegboard.host import Host
from pegboard.settings import Secret
from pegboard_gateway.catalog.live import LiveCatalog
from pegboard_gateway.catalog.records import Link, Linkage

MARKER = "sk-marker-0123456789-of-a-key"


@frozen
class Upstream:
    api_key: Secret
    base_url: str = "https://api.example.org/v1"
    organization: str = ""


class Plain(LLMProvider):
    """A vendor that can chat and complete."""

    settings = Upstream
    takes = MappingProxyType(
        {Task.CHAT: frozenset({"messages"}), Task.COMPLETION: frozenset({"prompt"})}
    )

    def call(self, request: LLMRequest) -> HttpCall:
        headers = {"authorization": f"Bearer {self.options.api_key.value}"}
        return HttpCall(f"{self.options.base_url}/chat", b"{}", headers)

    def answer(self, request: LLMRequest, reply: HttpReply) -> Json:
        return {}

    def events(self, request: LLMRequest) -> EventReader:
        raise LLMError(Trouble.UNSUPPORTED, "no streams")

    def error(self, reply: HttpReply) -> LLMError:
        return LLMError(Trouble.SERVER, "broken")


@frozen
class Place:
    """A directory with pegboard.toml."""

    path: Path
    hosts: list[Host] = field(factory=list)

    @property
    def file(self) -> Path:
        return self.path / "pegboard.toml"

    def write(self, text: str) -> None:
        """Write the configuration, with a stamp that differs from the last one's."""
        before = self.file.stat().st_mtime_ns if self.file.exists() else 0
        self.file.write_text(textwrap.dedent(text))
        if self.file.stat().st_mtime_ns <= before:
            os.utime(self.file, ns=(before + 1, before + 1))

    def host(self) -> Host:
        made = Host(config.load({"PEGBOARD_CONFIG": str(self.file)}, self.path))
        made.register(Vendors(), "vendors")
        self.hosts.append(made)
        return made


class Vendors:
    """The plugin that declares the provider."""

    @hookimpl
    def pegboard_llm_providers(self) -> Sequence[Provider]:
        return [Provider("plain", f"{__name__}:Plain", "chats")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAIN_KEY", MARKER)
    for name in ("PEGBOARD_GATEWAY_SECRET_KEY", "PEGBOARD_GATEWAY_NEXT_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Place(tmp_path)
    yield made
    for each in made.hosts:
        each.close()


@pytest.fixture
def open_catalog(place: Place) -> Iterator[Callable[[str], LiveCatalog]]:
    """Return what writes a configuration and opens its catalog."""
    opened: list[LiveCatalog] = []

    def make(text: str) -> LiveCatalog:
        place.write(text)
        opened.append(LiveCatalog(place.host()))
        opened[-1].reload()
        return opened[-1]

    yield make
    for each in opened:
        each.close()


ONE = """
    [[gateway.endpoints]]
    name = "chat"
    provider = "plain"
    model = "small"
    api_key = { env = "PLAIN_KEY" }
"""


def stored(catalog: LiveCatalog, name: str = "stored", **options: Any) -> Mapping[str, str]:
    """Keep a secret, a model definition and an endpoint; return their ids."""
    credentials, endpoints = catalog.store.credentials, catalog.store.endpoints
    secret = credentials.create_secret(f"{name} key", {"api_key": MARKER})
    model = credentials.create_definition(f"{name} model", secret.secret_id, "plain", "small")
    link = Link(model_definition_id=model.model_definition_id, linkage_type=Linkage.PRIMARY)
    made = endpoints.create(name, [link], options=options)
    return {
        "secret": secret.secret_id,
        "definition": model.model_definition_id,
        "endpoint": made.endpoint_id,
    }
