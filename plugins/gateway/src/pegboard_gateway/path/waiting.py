"""Those who wait for another call to an upstream to end, as it takes no more at one time."""

from __future__ import annotations

import asyncio

from pegboard_gateway.entities import Busy
from pegboard_gateway.path.sites import Site
from pegboard_gateway.routing import State


class Waiting:
    """They wait in one event loop, and are told in their order."""

    def __init__(self) -> None:
        self._of: dict[State, dict[asyncio.Future[None], None]] = {}

    def __len__(self) -> int:
        """Return for how many upstreams somebody waits."""
        return len(self._of)

    async def wait(self, site: Site, until: float) -> None:
        """Wait until a call to a site's upstream has ended.

        Raises Busy at ``until``, a time of the loop's clock.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        others = self._of.setdefault(site.state, {})
        others[waiter] = None
        try:
            async with asyncio.timeout_at(until):
                await waiter
        except TimeoutError:
            name = site.target.model_name
            text = f"All calls that {name!r} takes at one time were in use."
            raise Busy(text) from None
        finally:
            others.pop(waiter, None)
            if not others and self._of.get(site.state) is others:
                del self._of[site.state]

    def ended(self, site: Site) -> None:
        """Tell all who wait for a call to a site's upstream."""
        if self._of and (waiting := self._of.pop(site.state, None)):
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)
