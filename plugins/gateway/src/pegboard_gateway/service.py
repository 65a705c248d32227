"""The gateway of a process: what its faces, its admin API and its commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from attrs import define, field
from pegboard.errors import PluginError

from pegboard_gateway.entities import Caller

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_wire.http import Call

    from pegboard_gateway.catalog.contract import Catalog
    from pegboard_gateway.controls import Controls
    from pegboard_gateway.path import Calls


class Callers:
    """Finds out who calls. This one knows what the server does; others know keys too."""

    def of(self, call: Call, headers: Mapping[str, str]) -> Caller:  # noqa: ARG002
        """Return who sends a call; LLMError if a key is wrong, or needed and missing.

        ``headers`` are the client's; a key may be in several of them, as the face has it.
        """
        return Caller(user=call.identity.name, address=call.address)

    def may_see(self, caller: Caller, endpoint: str) -> bool:  # noqa: ARG002
        """Whether a caller may learn that an endpoint is there."""
        return True


@define(eq=False)
class Gateway:
    """The parts of a running gateway."""

    catalog: Catalog
    calls: Calls
    callers: Callers = field(factory=Callers)
    controls: Controls | None = None
    """Keys, counters and usage; None in tests of other things."""

    def close(self) -> None:
        """End it; calls that still run are cut."""
        self.calls.close()


_gateways: WeakKeyDictionary[Host, Gateway] = WeakKeyDictionary()


def use(host: Host, gateway: Gateway | None) -> None:
    """Serve a host's endpoints with a gateway; None: with none any more."""
    if gateway is None:
        _gateways.pop(host, None)
    else:
        _gateways[host] = gateway


def of(host: Host) -> Gateway:
    """Return the gateway that serves a host."""
    found = _gateways.get(host)
    if found is None:
        raise PluginError("The gateway is not running.", hint="Its server has not started yet.")
    return found


def callers_of(host: Host) -> Callers | None:
    """Return what knows the callers of the gateway that serves a host; None if there is none."""
    found = _gateways.get(host)
    return None if found is None else found.callers


def controls_of(host: Host) -> Controls | None:
    """Return what controls the gateway that serves a host; None if there is none."""
    found = _gateways.get(host)
    return None if found is None else found.controls
