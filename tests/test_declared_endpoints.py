"""What plugins say that they serve is what their modules serve: no more, no less, in that order."""

from __future__ import annotations

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_wire.lazy import EndpointModule, endpoints_in

DECLARED = [
    (plugin.plugin_name, item)
    for plugin in Host(Config()).manager.hook.pegboard_endpoints.get_hookimpls()
    for item in plugin.function()
]


def test_first_party_plugins_import_nothing_that_nobody_asks_for() -> None:
    assert len(DECLARED) > 40
    assert [each for each in DECLARED if not isinstance(each[1], EndpointModule)] == []


@pytest.mark.parametrize(
    "module", [pytest.param(module, id=module.target) for _, module in DECLARED]
)
def test_a_module_has_the_endpoints_that_are_declared(module: EndpointModule) -> None:
    served = [f"{method} {path}" for method, path in endpoints_in(module)]
    assert "\n".join(module.served) == "\n".join(served), "the table of the plugin is not current"
