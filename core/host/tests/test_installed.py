"""What is installed is seen at once, and as importlib.metadata sees it."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard.installed import EntryPoint, entry_points, version

GROUP = "pegboard"


def put(place: Path, name: str, *lines: str, release: str = "1.2") -> Path:
    info = place / f"{name}-{release}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return info


def named() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(GROUP)}


def test_it_is_what_importlib_finds() -> None:
    theirs = importlib.metadata.entry_points(group=GROUP)
    ours = entry_points(GROUP)
    assert sorted((each.name, each.value) for each in theirs) == [each[:2] for each in ours]
    assert version("pegboard") == importlib.metadata.version("pegboard")


def test_what_is_installed_changed_and_removed_is_seen_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "made_now.py").write_text("")
    for name in ("one", "two"):
        # The same file, of the same size, in one tick of the file system's clock.
        info = put(tmp_path, "Made.Now", "[other]", "x = y", f"[{GROUP}]", f"{name} = made_now")
        made = Host(Config()).plugins
        assert {"one", "two"} & made.keys() == {name}
        assert (made[name].distribution, made[name].version) == ("Made.Now", "1.2")
    shutil.rmtree(info)
    assert not {"one", "two"} & Host(Config()).plugins.keys()


def test_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("later", "first"):
        monkeypatch.syspath_prepend(str(tmp_path / place))
        put(tmp_path / place, "a_b", f"[{GROUP}]", f"{place} = a_b")
    assert {"first", "later"} & named().keys() == {"first"}


def test_an_archive_holds_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = put(tmp_path / "code", "zipped", f"[{GROUP}]", "# a remark", "zipped = zipped:Plugin")
    with zipfile.ZipFile(tmp_path / "app.pyz", "w") as archive:
        archive.writestr("zipped.py", "class Plugin: pass")
        for file in info.iterdir():
            archive.write(file, f"{info.name}/{file.name}")
    monkeypatch.syspath_prepend(str(tmp_path / "app.pyz"))
    plugin = Host(Config()).plugins["zipped"]
    assert plugin.loaded.__name__ == "Plugin"
    assert (plugin.distribution, plugin.version) == ("zipped", "1.2")
    sys.modules.pop("zipped")


def test_a_damaged_file_of_another_distribution_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (put(tmp_path, "odd") / "entry_points.txt").write_bytes(b"[pegboard]\n\xff\n= \nno line")
    (put(tmp_path, "folder") / "entry_points.txt").unlink()
    (tmp_path / "folder-1.2.dist-info" / "entry_points.txt").mkdir()
    put(tmp_path, "whole", f"[{GROUP}]", "whole = whole [extra]")
    assert named()["whole"].value == "whole [extra]"
