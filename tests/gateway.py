"""A server with a gateway, in a process of its own, in front of the fake upstream."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen
from served import started

_TESTS = Path(__file__).parent.parent / "plugins" / "gateway" / "tests"
UPSTREAM_KEY = "sk-marker-of-the-upstream-0123456789"


def _loaded(name: str) -> ModuleType:
    """Return a module of the gateway's own tests, which are no package."""
    path = _TESTS / f"{name}.py"
    specification = importlib.util.spec_from_file_location(f"gateway_{name}", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


fake = _loaded("upstream_fake")
"""The module of the fake upstream: ``fake.FakeUpstream`` and its behaviours."""
files = _loaded("mlflow_files")
"""Files of MLflow's gateway."""


@frozen
class Served:
    """A gateway that serves, and the upstream behind it."""

    url: str
    upstream: Any
    place: Path

    @property
    def log(self) -> str:
        return (self.place / "log").read_text()


@contextmanager
def serving(place: Path, *options: str, **files: str) -> Iterator[Served]:
    """Serve what files say, by name with ``_`` for a dot.

    ``UPSTREAM`` in them is the fake's URL, and ``KEY`` the key that it is called with.
    """
    with fake.FakeUpstream() as upstream:
        for name, text in files.items():
            written = text.replace("UPSTREAM", upstream.url).replace("KEY", UPSTREAM_KEY)
            (place / name.replace("_", ".")).write_text(written)
        with started(place, "server", "--store", f"sqlite:{place}/s.db", *options) as url:
            yield Served(url, upstream, place)
