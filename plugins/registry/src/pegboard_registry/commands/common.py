"""What the commands share: the client, naming models and versions, and asking before deleting."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click
from pegboard.cli.opening import open_host
from pegboard.entities.registry import ModelVersion, RegisteredModel
from pegboard.errors import InvalidValue
from pegboard_scripting import model_uris
from pegboard_scripting.client import Client
from pegboard_scripting.resolver import is_explicit
from pegboard_stores import formats
from pegboard_stores.command_options import confirm as confirm
from pegboard_stores.command_options import done as done
from pegboard_stores.command_options import key_values as key_values
from pegboard_stores.command_options import limit_option as limit_option
from pegboard_stores.command_options import print_found as print_found
from pegboard_stores.command_options import reason_option as reason_option
from pegboard_stores.command_options import tags_option as tags_option
from pegboard_stores.command_options import yes_option as yes_option
from pegboard_stores.filters import Kind, SearchSchema, parse_filter
from pegboard_stores.search_hints import note_unknown_keys

Tagged = RegisteredModel | ModelVersion

_SAMPLE = 1000
"""From how many models or versions tags are collected, to say which there are."""

VERSION = "NAME/VERSION"
"""How a version is shown in usages; ``version_of`` says what else names one."""

filter_option = click.option(
    "--filter",
    "filter_text",
    default="",
    metavar="TEXT",
    help="Which ones, for instance \"tags.team = 'blue' AND name LIKE 'iris%'\".",
)
order_option = click.option(
    "--order-by",
    multiple=True,
    metavar="KEY",
    help='What comes first, for instance "last_updated_timestamp DESC". May be repeated.',
)


def client(*, create: bool = False) -> Client:
    """Return a client of the store and the registry that the configuration and options name.

    NoStore if they are not there, unless ``create``: then they are made.
    """
    config = open_host(click.get_current_context(), creates_stores=create).config
    return Client(config.pegboard.tracking_uri, config.pegboard.models_uri)


def version_of(client: Client, reference: str) -> ModelVersion:
    """Return the version that is named by NAME/3, NAME@ALIAS, NAME/latest, NAME/STAGE or a URI."""
    uri = _parse(reference)
    if uri.model_id is not None or uri.path:
        raise InvalidValue(
            f"{reference!r} does not say which version.",
            hint=f"Write NAME/3, NAME@ALIAS or NAME/latest, for instance {reference}/latest.",
        )
    return model_uris.find_version(client.registry, uri)


def uri_of(client: Client, reference: str) -> str:
    """Return the URI of a model that is named by a URI, or like a version (see ``version_of``).

    That of a version has its number in it.
    """
    if is_explicit(reference) and not model_uris.is_model_uri(reference):
        return reference
    uri = _parse(reference)
    if uri.model_id is None and not uri.path:
        return model_uris.find_version(client.registry, uri).model_uri
    if model_uris.is_model_uri(reference):
        return reference
    return version_of(client, reference).model_uri


def logged_model_of(client: Client, reference: str) -> str | None:
    """Return the id of the logged model that a URI names, None if a reference is not a URI of one.

    InvalidValue for a URI of something else than a model of a store.
    """
    if not is_explicit(reference):
        return None
    if model_uris.is_model_uri(reference):
        named = _parse(reference)
        is_one = model_uris.is_model_id(named.model_id or "") and not named.path
        return named.model_id if is_one else None
    found = client.named_files(reference)
    if found.model_id is None or found.path:
        raise InvalidValue(
            f"{reference!r} is not a logged model.",
            hint="'pegboard artifacts list' shows files; models are NAME, NAME/3, models:/m-ID "
            "and runs:/RUN/NAME.",
        )
    return found.model_id


def alias_of(reference: str) -> tuple[str, str]:
    """Return the name and the alias in NAME@ALIAS."""
    uri = _parse(reference)
    if uri.alias is None or uri.path or "@" not in reference:
        raise InvalidValue(f"{reference!r} is not of the form NAME@ALIAS.")
    return uri.name, uri.alias


def names_version(reference: str) -> bool:
    """Whether a reference names a version, not a registered model as a whole."""
    return _parse(reference).model_id is None


def name_of(reference: str) -> str:
    """Return the name of the registered model that a reference is about."""
    uri = _parse(reference)
    return uri.model_id or uri.name


def _parse(reference: str) -> model_uris.ModelUri:
    if model_uris.is_model_uri(reference):
        return model_uris.parse(reference)
    return model_uris.parse(f"models:/{reference}")


def note_unknown_tags(
    filter_text: str, schema: SearchSchema, found: Iterator[Tagged], owners: str
) -> None:
    """Say which tags in a filter that found nothing do not exist at all."""
    if filter_text.strip():
        tags = {key for each in islice(found, _SAMPLE) for key in each.tags}
        note_unknown_keys(parse_filter(filter_text, schema), {Kind.TAG: tags}, owners)


def moment(milliseconds: int) -> str:
    """Return a time with how long it is ago."""
    return f"{formats.moment(milliseconds)} ({formats.age(milliseconds)})"


def listed(pairs: dict[str, str]) -> str:
    """Return tags or aliases in one line."""
    return ", ".join(f"{key}={value}" for key, value in sorted(pairs.items()))
