"""What a person sees who opens the address of a gateway that runs alone."""

from __future__ import annotations

from pegboard.errors import NotFound, command_line
from pegboard_wire import notices
from pegboard_wire.http import Answer, Call, Endpoint, Permission
from pegboard_wire.notices import Link


def endpoint() -> Endpoint:
    """Return the endpoint of the address itself: a page for people; programs have no use for it."""
    summary = "Say what this server is, to a person with a browser."
    return Endpoint("GET", "/", _welcome, Permission.PUBLIC, summary, quick=True, tags=("Pages",))


def _welcome(call: Call) -> Answer:
    base = f"{call.server_url}/v1"
    if not notices.is_wanted(call.headers.get("accept", "")):
        raise NotFound("There is nothing at this address.", hint=f"Clients of OpenAI use {base}.")
    start = notices.up(call.path)
    page = notices.page(
        "This is a gateway for language models",
        [
            "It works. Programs speak to it; clients of OpenAI's API need its base URL:",
        ],
        code=f'client = OpenAI(base_url="{base}", api_key="...")',
        links=[
            Link("The models that it offers", f"{start}v1/models"),
            Link("All addresses that programs may ask", f"{start}docs"),
            Link("Its measurements", f"{start}metrics"),
        ],
        small="Charts of spending, and keys of clients, are on the page that "
        f"'{command_line('pegboard', 'server')}' serves.",
    )
    return Answer(page, headers=notices.HEADERS, media_type=notices.MEDIA_TYPE)
