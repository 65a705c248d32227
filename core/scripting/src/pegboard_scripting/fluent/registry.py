"""Registered models in scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pegboard import paging

from pegboard_scripting.client.registry import AWAIT_SECONDS
from pegboard_scripting.fluent.experiments import client

if TYPE_CHECKING:
    from pegboard.entities.registry import ModelVersion, RegisteredModel

_PAGE = 1000


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: float | None = AWAIT_SECONDS,
    *,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Make a version of a registered model, which is created if need be, from a model.

    ``model_uri`` is ``runs:/RUN/NAME``, ``models:/m-ID``, ``models:/NAME/3`` of another version,
    or a directory. ``await_registration_for`` is how many seconds to wait until the files are where
    they belong; None or 0 waits not at all.
    """
    from pegboard_scripting.client import registration

    return registration.register(client(), str(model_uri), name, tags, await_registration_for or 0)


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[RegisteredModel]:
    """Return all registered models that match; by default ordered by name."""
    search = partial(
        client().search_registered_models, filter_string=filter_string, order_by=order_by
    )
    return paging.first(search, max_results, _PAGE)


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[ModelVersion]:
    """Return all versions of registered models that match; by default the last updated first."""
    search = partial(client().search_model_versions, filter_string=filter_string, order_by=order_by)
    return paging.first(search, max_results, _PAGE)


def set_model_version_tag(
    name: str, version: str | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set or change a tag of a version."""
    client().set_model_version_tag(name, version, key, value)
