"""The client's methods for files of runs."""

from __future__ import annotations

import io
import json
import posixpath
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pegboard import paths, uris
from pegboard.errors import InvalidValue, NotFound
from pegboard.paths import RelativePath
from pegboard.tags import LOGGED_IMAGES, LOGGED_TABLES

from pegboard_scripting.client import transfer
from pegboard_scripting.client.naming import NamedFilesMethods
from pegboard_scripting.client.operations import outcome

if TYPE_CHECKING:
    import os

    import pandas
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.entities import FileInfo, Page, Run
    from pegboard.host import Host

    from pegboard_scripting.client.operations import RunOperations
    from pegboard_scripting.resolver import NamedFiles

_KNOWN_ROOTS = 4096


class ArtifactMethods(NamedFilesMethods):
    """What can be done with the files of a run. Paths are relative, with ``/`` between parts."""

    def __init__(self, host: Host) -> None:
        """Open artifact stores through ``host``."""
        self.host = host
        self._roots: dict[str, str] = {}

    @abstractmethod
    def get_run(self, run_id: str) -> Run:
        """Return a run."""

    @abstractmethod
    def set_tag(self, run_id: str, key: str, value: Any) -> RunOperations | None:
        """Set a tag."""

    @abstractmethod
    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        *,
        page_token: str | None = None,
    ) -> Page[Run]:
        """Return a page of runs that match."""

    def get_artifact_uri(self, run_id: str, path: RelativePath | None = None) -> str:
        """Return the URI of a run's artifacts, or of one of them."""
        root = self._roots.get(run_id) or self.get_run(run_id).info.artifact_uri
        return uris.join(root, paths.safe_relative(path)) if path else root

    def _remember(self, run: Run) -> Run:
        """Note where the files of a run are, which never changes."""
        if len(self._roots) >= _KNOWN_ROOTS:
            self._roots.clear()
        self._roots[run.info.run_id] = run.info.artifact_uri
        return run

    def artifacts(self, run_id: str) -> ArtifactStore:
        """Return the artifact store whose root is that of a run."""
        return self.host.artifact_store(self.store.located(self.get_artifact_uri(run_id)))

    # -- files ---------------------------------------------------------------------------------

    def log_artifact(
        self,
        run_id: str,
        local_path: str | os.PathLike[str],
        artifact_path: RelativePath | None = None,
    ) -> None:
        """Store a file, or a directory with its name, below ``artifact_path``."""
        transfer.upload(self.artifacts(run_id), Path(local_path), paths.text(artifact_path or ""))

    def log_artifacts(
        self,
        run_id: str,
        local_dir: str | os.PathLike[str],
        artifact_path: RelativePath | None = None,
    ) -> None:
        """Store every file below a directory, without its name, below ``artifact_path``."""
        transfer.upload_content(
            self.artifacts(run_id), Path(local_dir), paths.text(artifact_path or "")
        )

    def list_artifacts(self, run_id: str, path: RelativePath | None = None) -> list[FileInfo]:
        """Return what is directly below a directory, sorted by path.

        A directory is also a logged model of the run, by its name.
        """
        if not path:
            return self.artifacts(run_id).list()
        return list_files(*self._of_run(run_id, path))

    def download_artifacts(
        self, run_id: str, path: RelativePath, dst_path: str | os.PathLike[str] | None = None
    ) -> str:
        """Copy a file or directory to ``dst_path/path`` and return that path.

        A directory is also a logged model of the run, by its name. Without ``dst_path``: return
        where it lies, if on this machine, else copy it to a new temporary directory.
        """
        return str(fetch_files(*self._of_run(run_id, path), dst_path))

    def _of_run(self, run_id: str, path: RelativePath | None) -> tuple[ArtifactStore, NamedFiles]:
        named = self._resolver.of_run(run_id, paths.text(path or ""), self.get_artifact_uri(run_id))
        return self.open_files(named), named

    # -- content -------------------------------------------------------------------------------

    def log_text(self, run_id: str, text: str, artifact_file: RelativePath) -> None:
        """Store text as a file (UTF-8)."""
        self.log_stream(run_id, io.BytesIO(text.encode()), artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: RelativePath) -> None:
        """Store a dict or list as YAML if the suffix is ``.yml`` or ``.yaml``, else as JSON."""
        self.log_text(run_id, _serialized(dictionary, paths.text(artifact_file)), artifact_file)

    def log_stream(
        self,
        run_id: str,
        stream: BinaryIO | io.BufferedIOBase | io.RawIOBase,
        artifact_file: RelativePath,
    ) -> None:
        """Store what a binary stream yields as a file."""
        self.artifacts(run_id).write(paths.safe_relative(artifact_file), stream)  # type: ignore[arg-type]

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: RelativePath,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a matplotlib or plotly figure; the file's suffix decides the format."""
        from pegboard_scripting.client import figures

        with transfer.staged(self.artifacts(run_id), artifact_file) as file:
            figures.save(figure, file, save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: RelativePath | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Store an image: as a file, or under a key as one of a series by step.

        ``image`` is a NumPy array, a Pillow image or a ``pegboard.Image``.
        """
        from pegboard_scripting.client import images

        if (artifact_file is None) == (key is None):
            raise InvalidValue("log_image needs either artifact_file or key.")
        pillow = images.to_pillow(image)
        if key is None:
            if step is not None or timestamp is not None:
                raise InvalidValue("log_image takes step and timestamp only together with key.")
            with transfer.staged(self.artifacts(run_id), artifact_file or "") as file:
                pillow.save(file)
        else:
            now = time.time_ns() // 1_000_000
            files = images.step_files(key, step or 0, now if timestamp is None else timestamp)
            self._keep_image(run_id, pillow, files.image, files.thumbnail)
            self.set_tag(run_id, LOGGED_IMAGES, True)
        return outcome(synchronous)

    def _keep_image(self, run_id: str, image: Any, path: str, thumbnail_path: str) -> None:
        from pegboard_scripting.client import images

        pillow = images.to_pillow(image)
        store = self.artifacts(run_id)
        with transfer.staged(store, path) as file:
            pillow.save(file)
        with transfer.staged(store, thumbnail_path) as file:
            images.thumbnail(pillow).save(file)

    # -- tables --------------------------------------------------------------------------------

    def log_table(self, run_id: str, data: Any, artifact_file: RelativePath) -> None:
        """Store a table (a dict or a pandas.DataFrame) as ``.json`` or ``.parquet``.

        Rows are added to a table of that path that is there already.
        """
        from pegboard_scripting.client import tables

        artifact_file = tables.checked_path(artifact_file)
        frame = tables.to_frame(data)
        tables.replace_images(
            frame,
            artifact_file,
            lambda image, path, thumbnail: self._keep_image(run_id, image, path, thumbnail),
        )
        store = self.artifacts(run_id)
        if transfer.exists(store, artifact_file):
            from pegboard_scripting.client.frames import load_pandas

            present = _read_table(store, artifact_file)
            frame = load_pandas().concat([present, frame], ignore_index=True)
        with transfer.staged(store, artifact_file) as file:
            try:
                tables.write(frame, file)
            except (TypeError, ValueError, OverflowError) as error:
                raise InvalidValue(
                    f"The table {artifact_file!r} holds a value that cannot be kept: {error}."
                ) from error
        listed = json.loads(self.get_run(run_id).data.tags.get(LOGGED_TABLES, "[]"))
        entry = {"path": artifact_file, "type": "table"}
        if entry not in listed:
            self.set_tag(run_id, LOGGED_TABLES, json.dumps([*listed, entry]))

    def load_table(
        self,
        experiment_id: str,
        artifact_file: RelativePath,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pandas.DataFrame:
        """Return the tables of that path of an experiment's runs, one below the other.

        ``extra_columns`` are columns of ``search_runs``, such as ``run_id`` or ``params.lr``, to
        add to each run's rows. NotFound if no run has such a table.
        """
        from pegboard_scripting.client import frames, tables

        artifact_file = tables.checked_path(artifact_file)
        found = []
        for run in self._runs_with_table(experiment_id, artifact_file, run_ids):
            frame = _read_table(self.artifacts(run.info.run_id), artifact_file)
            row = frames.runs_frame([run]).iloc[0]
            tables.add_columns(frame, {name: row.get(name) for name in extra_columns or ()})
            found.append(frame)
        if not found:
            raise NotFound(f"No run of the experiment {experiment_id!r} has {artifact_file!r}.")
        return frames.load_pandas().concat(found, ignore_index=True)

    def _runs_with_table(
        self, experiment_id: str, path: str, run_ids: Sequence[str] | None
    ) -> list[Run]:
        from pegboard import paging
        from pegboard.literals import literal

        # Wildcards in the path may match more, so results are checked again.
        where = f"tags.`{LOGGED_TABLES}` LIKE {literal(f'%{path}%')}"
        if run_ids:
            where += f" AND attributes.run_id IN ({', '.join(map(literal, run_ids))})"

        runs = paging.items(partial(self.search_runs, [experiment_id], where))
        return [run for run in runs if _lists_table(run, path)]


def list_files(store: ArtifactStore, named: NamedFiles) -> list[FileInfo]:
    """Return what is directly below a directory that a URI names, with the paths it has there."""
    found = store.list(named.path)
    if not named.folder:
        return found
    from attrs import evolve

    return [evolve(file, path=posixpath.join(named.folder, file.path)) for file in found]


def fetch_files(
    store: ArtifactStore, named: NamedFiles, dst_path: str | os.PathLike[str] | None
) -> Path:
    """Copy from a store to a directory, or return where it lies; see ``download_artifacts``."""
    if dst_path is not None:
        return transfer.download(store, named.path, paths.below(Path(dst_path), named.folder))
    local = store.local_path(paths.safe_relative(named.path))
    if local is not None and local.exists():
        return local
    import tempfile

    return transfer.download(store, named.path, Path(tempfile.mkdtemp(prefix="pegboard-")))


def _serialized(value: Any, path: str) -> str:
    if posixpath.splitext(path)[1] in (".yml", ".yaml"):
        try:
            import yaml
        except ImportError:
            # JSON is YAML too; without the library it has to do.
            pass
        else:
            text: str = yaml.dump(value, indent=2, default_flow_style=False)
            return text
    return json.dumps(value, indent=2, default=str)


def _read_table(store: ArtifactStore, path: str) -> pandas.DataFrame:
    import tempfile

    from pegboard_scripting.client import tables

    with tempfile.TemporaryDirectory(prefix="pegboard-") as directory:
        return tables.read(transfer.download(store, path, Path(directory)))


def _lists_table(run: Run, path: str) -> bool:
    listed = json.loads(run.data.tags.get(LOGGED_TABLES, "[]"))
    return {"path": path, "type": "table"} in listed
