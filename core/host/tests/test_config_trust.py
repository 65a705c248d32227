"""A pegboard.toml of another user is not used: as other users, by their real ids."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pegboard import config

MINE, THEIRS, OTHER = 61001, 61002, 61003
"""User ids that nobody has."""

SHOWN = """
import os, pwd, sys
from pathlib import Path
from pegboard import config
# What another user cannot import, as Python lies in the home of root, is imported before.
config.read_file(Path(sys.argv[2]))
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
found = [config.load() for _ in range(2)]
assert found[0] == found[1]
print(found[0].pegboard.tracking_uri)
"""

TEXT = '[tracking]\nuri = "memory:found"\n'
FOUND = "memory:found\n"
DEFAULT = f"{config.DEFAULT_TRACKING_URI}\n"

pytestmark = pytest.mark.usefixtures("as_root")


@pytest.fixture(scope="module")
def as_root() -> None:
    """Only root can become another user; who is not has only files of their own to try."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("becomes other users, which only root can")


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a directory of the user, with one below it, in a place that all may enter."""
    with TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        (top / "work" / "deep").mkdir(parents=True)
        for each in (top / "work", top / "work" / "deep"):
            os.chown(each, MINE, MINE)
        yield top / "work"


def put(file: Path, owner: int, mode: int = 0o644) -> Path:
    file.write_text(TEXT)
    os.chown(file, owner, owner)
    file.chmod(mode)
    return file


def run(place: Path, user: int = MINE, **environ: str) -> subprocess.CompletedProcess[str]:
    """Load the configuration twice, below a directory, as a user."""
    sample = place.parent / "sample.toml"
    sample.write_text(TEXT)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW", "SUDO"))}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN, str(user), str(sample)],
        cwd=place / "deep",
        env={**kept, "HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("owner", [MINE, 0], ids=["the user", "root"])
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_a_file_is_used_that_belongs_to(place: Path, owner: int, mode: int) -> None:
    put(place / "pegboard.toml", owner, mode | 0o044)
    done = run(place)
    assert (done.stdout, done.stderr) == (FOUND, "")


def of_another(place: Path) -> None:
    put(place / "pegboard.toml", THEIRS)


def of_another_in_a_shared_directory(place: Path) -> None:
    place.chmod(0o1777)
    put(place / "pegboard.toml", THEIRS)


def writable_by_all(place: Path) -> None:
    put(place / "pegboard.toml", MINE, 0o666)


def replaceable_by_all(place: Path) -> None:
    put(place / "pegboard.toml", MINE)
    place.chmod(0o777)


def through_a_link_of_another(place: Path) -> None:
    put(place.parent / "other.toml", MINE)
    (place / "pegboard.toml").symlink_to(place.parent / "other.toml")
    os.chown(place / "pegboard.toml", THEIRS, THEIRS, follow_symlinks=False)


def through_a_link_to_a_file_of_another(place: Path) -> None:
    put(place.parent / "other.toml", THEIRS)
    (place / "pegboard.toml").symlink_to(place.parent / "other.toml")
    os.chown(place / "pegboard.toml", MINE, MINE, follow_symlinks=False)


def through_a_link_into_a_directory_open_to_all(place: Path) -> None:
    (place.parent / "open").mkdir()
    put(place.parent / "open" / "other.toml", MINE)
    (place.parent / "open").chmod(0o777)
    (place / "pegboard.toml").symlink_to(place.parent / "open" / "other.toml")
    os.chown(place / "pegboard.toml", MINE, MINE, follow_symlinks=False)


PLANTED: dict[Callable[[Path], None], str] = {
    of_another: "belongs to another user",
    of_another_in_a_shared_directory: "belongs to another user",
    writable_by_all: "every user may write to it",
    replaceable_by_all: "every user may replace it",
    through_a_link_of_another: "belongs to another user",
    through_a_link_to_a_file_of_another: "belongs to another user",
    through_a_link_into_a_directory_open_to_all: "every user may replace it",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_file_is_not_used_and_that_is_said_once(
    place: Path, plant: Callable[[Path], None]
) -> None:
    plant(place)
    file = place / "pegboard.toml"
    done = run(place)
    assert done.stdout == DEFAULT
    [line] = done.stderr.splitlines()
    assert line.startswith(f"pegboard: {file} is not used: ")
    assert PLANTED[plant] in line
    assert line.endswith(f"If you trust it, set PEGBOARD_CONFIG={file}")
    done = run(place, PEGBOARD_CONFIG=str(file))
    assert (done.stdout, done.stderr) == (FOUND, "")


def test_the_file_of_the_user_in_a_shared_directory_with_the_sticky_bit_is_used(
    place: Path,
) -> None:
    put(place / "pegboard.toml", MINE)
    place.chmod(0o1777)
    done = run(place)
    assert (done.stdout, done.stderr) == (FOUND, "")


def test_the_search_goes_on_above_a_file_that_is_not_used(place: Path) -> None:
    put(place / "deep" / "pegboard.toml", THEIRS)
    put(place / "pegboard.toml", MINE)
    done = run(place)
    assert done.stdout == FOUND
    assert "deep/pegboard.toml is not used" in done.stderr


def test_root_uses_its_own_files_and_those_of_who_called_sudo(place: Path) -> None:
    put(place / "pegboard.toml", MINE)
    assert run(place, user=0).stdout == DEFAULT
    assert run(place, user=0, SUDO_UID=str(OTHER)).stdout == DEFAULT
    assert run(place, user=0, SUDO_UID=str(MINE)).stdout == FOUND


def test_who_is_not_root_cannot_say_to_have_called_sudo(place: Path) -> None:
    put(place / "pegboard.toml", THEIRS)
    assert run(place, SUDO_UID=str(THEIRS)).stdout == DEFAULT
