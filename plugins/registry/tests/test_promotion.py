"""Promotions in a model registry that gates have to let pass, and the stages there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pegboard.config import Config, PegboardConfig
from pegboard.contracts.registry import ModelRegistry, Promotion
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.registry import Author, ChangeKind
from pegboard.errors import ConfigError, Refused
from pegboard.hookspecs import Backend, hookimpl
from pegboard.host import Host
from pegboard_registry import plugin as registry_plugin
from pegboard_registry.hookspecs import Gate, Verdict
from pegboard_registry.promotion import required_gates, store_beside
from pegboard_testing.targets import target_of
from pegboard_wire import plugin as wire_plugin


class Thing:
    """Stands for a registry or a store: what the host hands on, and nobody calls here."""

    stages: Sequence[str] = ()
    allow: Callable[[Promotion], None] | None = None

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def close(self) -> None: ...


def _fake(contract: type[Any]) -> type[Any]:
    made = type(contract)("Fake", (Thing, contract), {})
    made.__abstractmethods__ = frozenset()
    return made


class Plugin:
    """A registry, a store, and gates that note what they are asked."""

    def __init__(self, **verdicts: Verdict) -> None:
        self.verdicts = verdicts
        self.asked: list[tuple[str, Promotion, Any]] = []

    @hookimpl
    def pegboard_model_registries(self) -> Sequence[Backend[Any]]:
        return [
            Backend("test", target_of(lambda uri, _: _fake(ModelRegistry)(uri.text)), "For tests")
        ]

    @hookimpl
    def pegboard_tracking_stores(self) -> Sequence[Backend[Any]]:
        return [
            Backend("test", target_of(lambda uri, _: _fake(TrackingStore)(uri.text)), "For tests")
        ]

    @hookimpl
    def pegboard_gates(self) -> Sequence[Gate]:
        def gate(name: str, verdict: Verdict) -> Gate:
            def check(promotion: Promotion, registry: Any, host: Host) -> Verdict:
                self.asked.append((name, promotion, (registry, host)))
                return verdict

            return Gate(name, target_of(check), f"Says {verdict.passed}")

        return [gate(name, verdict) for name, verdict in self.verdicts.items()]


NO = Verdict(False, "it is Friday")
YES = Verdict(True)


def _host(
    monkeypatch: pytest.MonkeyPatch,
    gates: dict[str, list[str]],
    plugin: Plugin,
    uri: str = "",
    **settings: Any,
) -> Host:
    monkeypatch.setattr(Host, "_discover", lambda self: None)
    monkeypatch.setattr(Host, "_check_settings", lambda self: None)
    host = Host(
        Config(
            pegboard=PegboardConfig("test:runs", uri),
            plugins={"registry": {"gates": gates, **settings}},
        )
    )
    host.register(wire_plugin, "wire")
    host.register(registry_plugin, "registry")
    host.register(plugin, "test")
    return host


def _promote(host: Host, key: str) -> None:
    registry = host.model_registry()
    assert registry.allow is not None
    registry.allow(Promotion(ChangeKind.ALIAS, "iris", "3", key, "2", Author("ann")))


def test_all_gates_of_an_alias_and_those_of_all_are_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = Plugin(a=YES, b=YES, c=YES)
    host = _host(monkeypatch, {"champion": ["a", "b"], "*": ["b"], "other": ["c"]}, plugin)
    _promote(host, "champion")
    assert [name for name, _, _ in plugin.asked] == ["a", "b"]
    _, promotion, (registry, asking) = plugin.asked[0]
    assert (promotion.name, promotion.version, promotion.key) == ("iris", "3", "champion")
    assert registry is host.model_registry()
    assert asking is host
    _promote(host, "free")
    assert [name for name, _, _ in plugin.asked] == ["a", "b", "b"]


def test_a_gate_that_says_no_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _host(monkeypatch, {"champion": ["a", "b"]}, Plugin(a=YES, b=NO))
    with pytest.raises(Refused, match=r"'b'.*version 3 of 'iris'.*'champion': it is Friday"):
        _promote(host, "champion")


def test_no_spelling_of_a_stage_gets_past_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _host(monkeypatch, {"production": ["a"]}, Plugin(a=NO))
    assert required_gates(host, "Production") == ["a"]
    with pytest.raises(Refused):
        _promote(host, "Production")


def test_a_gate_that_there_is_not_refuses_with_the_ones_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = _host(monkeypatch, {"champion": ["typo"]}, Plugin(a=YES))
    with pytest.raises(ConfigError, match=r"'typo'(?s:.*)a"):
        _promote(host, "champion")
    assert "a" in host.declared("gate")


def test_without_gates_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _host(monkeypatch, {}, Plugin(a=NO)).model_registry().allow is None


def test_the_stages_of_the_configuration_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    host = _host(monkeypatch, {}, Plugin(), stages=["new", "live"])
    assert host.model_registry().stages == ("new", "live")


@pytest.mark.parametrize("stages", [[], ["a", "b", "A"]])
def test_stages_that_cannot_be_told_apart_are_refused(
    monkeypatch: pytest.MonkeyPatch, stages: list[str]
) -> None:
    host = _host(monkeypatch, {}, Plugin(), stages=stages)
    with pytest.raises(ConfigError, match="stages"):
        host.model_registry()


def test_the_store_beside_a_registry_is_of_the_same_uri_or_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = _host(monkeypatch, {}, Plugin(), uri="test:models")
    configured: Any = store_beside(host, host.model_registry())
    assert configured.uri == "test:runs"
    other: Any = store_beside(host, host.model_registry("test:other"))
    assert other.uri == "test:other"
    plain = _host(monkeypatch, {}, Plugin())
    beside: Any = store_beside(plain, plain.model_registry())
    assert beside.uri == "test:runs"
