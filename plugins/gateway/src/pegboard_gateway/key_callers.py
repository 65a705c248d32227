"""Who calls a gateway: by a key of its own, or as the server knows.

On a server without users and a gateway without keys anybody may call. As soon as there is a key,
or there are users, a call needs a key, or a user who may write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pegboard.errors import StoreError
from pegboard_wire.http import Identity, Permission

from pegboard_gateway import service
from pegboard_gateway.control import keys
from pegboard_gateway.control.guardrails import FACE
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.keys import PREFIX, KeyRefused
from pegboard_gateway.entities import Asked, Caller
from pegboard_gateway.path.faults import no_endpoint
from pegboard_gateway.service import Callers

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_wire.http import Call

_BY_KEY = frozenset({Permission.PUBLIC, Permission.INVOKE})
_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")
_START = b"bearer " + PREFIX.encode()


class KeyCallers(Callers):
    """Knows the keys of a store."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store

    def of(self, call: Call, headers: Mapping[str, str]) -> Caller:
        """Return who sends a call; KeyRefused if a key is wrong, or needed and missing."""
        given = keys.key_in(headers)
        if given is not None and (found := self.store.find(given)) is not None:
            return found.caller(call.address)
        if given is not None and given.startswith(PREFIX) and not self.store.is_empty:
            raise KeyRefused("The key is not known, is over or was revoked.")
        if call.identity.name or self.store.is_empty:
            return Caller(user=call.identity.name, address=call.address)
        raise KeyRefused("This gateway wants to know who calls.")

    def may_see(self, caller: Caller, endpoint: str) -> bool:
        """Whether a caller may learn that an endpoint is there."""
        key = self.store.of_id(caller.key_id) if caller.key_id else None
        return key is None or key.covers(endpoint)

    def check(self, asked: Asked) -> None:
        """Refuse what a caller's key is not for, as if it were not there."""
        key_id = asked.caller.key_id
        if not key_id or asked.face == FACE:
            # A guardrail may ask what its callers may not.
            return
        key = self.store.of_id(key_id)
        if key is None or not key.allows(asked):
            raise no_endpoint(asked.endpoint)

    def still(self, caller: Caller) -> None:
        """Refuse to go on with a stream whose key was revoked since it began; KeyRefused."""
        try:
            key = self.store.of_id(caller.key_id)
        except StoreError:
            key = None
        if key is None or key.revoked_ms is not None:
            raise KeyRefused("The key was revoked.")


def known_keys(host: Host) -> Callable[[Mapping[bytes, bytes]], Identity | None]:
    """Return what tells the server, for each request, who comes with a key of the gateway.

    It speaks of the gateway that serves the host at that time; see ``pegboard_callers``.
    """

    def known(headers: Mapping[bytes, bytes]) -> Identity | None:
        given = headers.get(b"authorization", b"")
        if given[: len(_START)].lower() != _START and not any(name in headers for name in _HEADERS):
            return None
        callers = service.callers_of(host)
        if not isinstance(callers, KeyCallers):
            return None
        text = keys.key_in({k.decode("latin-1"): v.decode("latin-1") for k, v in headers.items()})
        found = callers.store.find(text) if text else None
        return None if found is None else Identity(f"key {found.id}", _BY_KEY)

    return known
