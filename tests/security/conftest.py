"""Servers to attack: open to this machine, with users, hasty, and one that scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from served import serving, started
from target import PROXY, SECRET, Target, pegboard, token_of

PASSWORD = "the password of ann"
LEVELS = ("read", "write", "delete", "admin")


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return a server without users, with one file ``mine/file``, beside a secret."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text(SECRET)
    place = outside / "served"
    place.mkdir()
    with serving(place) as url:
        target = Target(url, place)
        assert target("PUT", f"{PROXY}/mine/file", body=b"mine").status == 200
        yield target
    assert (outside / "secret").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["secret", "served"]
    broken = [line for line in target.log if line["kind"] == "error" and "traceback" in line]
    assert not broken, broken[0]["traceback"]


@frozen
class Guarded:
    """A server with users: a token for each level, and ann, who reads, with a password."""

    target: Target
    users: Path
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Return a server that knows its users."""
    place = tmp_path_factory.mktemp("guarded")
    users = place / "users"
    tokens = {level: token_of(users, f"u-{level}", level) for level in LEVELS}
    words = ("server", "user", "add", "ann", "--level", "read", "--users", str(users))
    pegboard(*words, "--password-stdin", stdin=f"{PASSWORD}\n")
    with serving(place, "--users", str(users)) as url:
        yield Guarded(Target(url, place), users, tokens)


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return a server with low limits and little patience."""
    place = tmp_path_factory.mktemp("hasty")
    limits = "read_timeout_seconds = 2.0\nmax_streams = 3\nmax_connections = 20\nmax_body_mib = 1\n"
    (place / "pegboard.toml").write_text(f"[plugins.server]\n{limits}")
    with serving(place) as url:
        yield Target(url, place)


@pytest.fixture(scope="session")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return a server that predicts with a model of one column ``a``."""
    import pandas as pd
    from pegboard_models import signature
    from pegboard_models.saving import save_model
    from sklearn.linear_model import LinearRegression

    place = tmp_path_factory.mktemp("scoring")
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    model = LinearRegression().fit(table, [1.0, 2.0, 3.0])
    found = signature.infer_signature(table, model.predict(table))
    save_model("sklearn", model, place / "model", signature=found, pip_requirements=["numpy"])
    with started(place, "models", "serve", "-m", str(place / "model")) as url:
        yield Target(url, place)
