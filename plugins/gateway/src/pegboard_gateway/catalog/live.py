"""The catalog of a running gateway: read from files and database, swapped when these change.

Files are looked at once a second, and so is the revision of the database, by each process for
itself. A change that is wrong changes nothing: the log says why, and so does ``status``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attrs import evolve, frozen
from pegboard import config as configuration
from pegboard import settings as tables_of_settings
from pegboard.contracts.llm import LocalProvider
from pegboard.errors import PegboardError

from pegboard_gateway import mlflow_file
from pegboard_gateway.catalog import building, pricing, tables
from pegboard_gateway.catalog.building import Entry
from pegboard_gateway.catalog.contract import Catalog, GatewayEndpoint, Snapshot
from pegboard_gateway.catalog.policies import Scope
from pegboard_gateway.catalog.store import Store
from pegboard_gateway.settings import EndpointTable, Settings

if TYPE_CHECKING:
    from pegboard.host import Host

LOOK_SECONDS = 1.0
LOCAL = "llamacpp"
"""The provider of models in this process, where it is installed."""
EMBEDDED_MODELS = ("smollm2", "minilm")
"""Its models that are offered if nothing is configured: one that chats, and one of vectors."""
EMBEDDED = "embedded"
"""The source of their endpoints."""
DATABASE = "database"
"""The source of endpoints that were made through the API."""

_Stamp = tuple[float, int, int] | None


@frozen
class Status:
    """How the catalog is."""

    revision: int
    endpoints: int
    loaded_at_ms: int
    """When the snapshot in force was made."""
    fault: str = ""
    """Why the last change was not taken over; empty if it was."""
    problems: tuple[str, ...] = ()
    """Endpoints of the database that cannot be served, and why."""
    warnings: tuple[str, ...] = ()
    """What is served, but perhaps not as it was meant: models whose price nobody knows."""


class LiveCatalog(Catalog):
    """Reads the configuration of a host, and keeps up with it."""

    def __init__(self, host: Host, mlflow_config: Path | None = None) -> None:
        """Serve nothing until ``reload`` is called.

        ``mlflow_config``: a YAML file of MLflow's gateway to be read in place of the one that the
        settings name.
        """
        self.host = host
        self.settings: Settings = host.settings("gateway")
        self.current = Snapshot()
        self.store = Store(self._path(self.settings.database), self._key_file())
        self._mlflow_config = mlflow_config
        self._models = building.Models(host)
        self._lock = threading.Lock()
        self._seen: tuple[Any, ...] = ()
        self._told = ""
        self._warned: frozenset[str] = frozenset()
        self._status = Status(0, 0, 0)

    def reload(self) -> None:
        """Read the configuration anew; ConfigError leaves the endpoints in force as they are."""
        with self._lock:
            seen = self._look()
            try:
                settings = self._with_policies(self._read_settings())
                snapshot, problems = self._build(settings)
            except PegboardError as error:
                self._status = evolve(self._status, fault=str(error))
                raise
            finally:
                self._seen = seen
            self.settings = settings
            self._models.keep()
            self.current = snapshot
            count, now = len(snapshot.endpoints), int(time.time() * 1000)
            warnings = pricing.warnings(settings, snapshot.endpoints.values())
            self._status = Status(snapshot.revision, count, now, "", problems, warnings)

    def status(self) -> Status:
        """Return how the catalog is."""
        return self._status

    def watch(self) -> Callable[[], None]:
        """Begin to look for changes, in a thread; return what ends that."""
        end = threading.Event()

        def look() -> None:
            while not end.wait(LOOK_SECONDS):
                try:
                    self.refresh()
                except Exception:
                    # A fault in one look must not end all those that come after it.
                    _log().exception("The gateway cannot read its configuration.")

        thread = threading.Thread(target=look, name="gateway catalog", daemon=True)
        thread.start()

        def stop() -> None:
            end.set()
            thread.join()

        return stop

    def refresh(self) -> bool:
        """Take over what has changed, if it is right; return whether anything was."""
        try:
            if self._look() == self._seen:
                return False
            self.reload()
        except PegboardError as error:
            self._tell(error)
            return False
        self._told = ""
        names = ", ".join(sorted(self.current.endpoints)) or "none"
        _log().info("The gateway's endpoints are now: %s.", names)
        self._warn()
        return True

    def _warn(self) -> None:
        """Log what is wrong or odd: each once, however often something else is changed."""
        found = (*self._status.problems, *self._status.warnings)
        for text in found:
            if text not in self._warned:
                _log().warning("%s", text)
        self._warned = frozenset(found)

    def _tell(self, error: PegboardError) -> None:
        """Log why nothing was taken over: once, not every second."""
        if str(error) != self._told:
            self._told = str(error)
            kept = "keeps its endpoints" if self._status.revision else "serves no model"
            _log().error("The gateway %s: %s", kept, error)

    def is_of_files(self, name: str) -> bool:
        """Whether an endpoint is configured in a file, where the API cannot change it."""
        found = self.current.endpoints.get(name)
        return found is not None and found.source != DATABASE

    def close(self) -> None:
        """Close the database, and what holds models in this process."""
        for endpoint in self.current.endpoints.values():
            for target in endpoint.targets:
                if isinstance(target.model, LocalProvider):
                    target.model.close()
        self.current = Snapshot(revision=self.current.revision + 1)
        self.store.close()
        with _catalogs_lock:
            if _catalogs.get(self.host) is self:
                del _catalogs[self.host]

    # -- reading -------------------------------------------------------------------------------

    def _build(self, settings: Settings) -> tuple[Snapshot, tuple[str, ...]]:
        self._models.begin(settings.providers)
        found = self.of_files(settings)
        problems = self._add_stored(found, settings)
        if not found and not problems:
            found = building.endpoints(self._embedded(), self._models)
        return Snapshot(found, self.current.revision + 1), problems

    def of_files(self, settings: Settings) -> dict[str, GatewayEndpoint]:
        """Return the endpoints that files configure, by name; ConfigError."""
        entries = [*self._of_settings(settings), *self._of_mlflow(settings)]
        return building.endpoints(entries, self._models)

    def _of_settings(self, settings: Settings) -> Sequence[Entry]:
        file = str(self.host.config.file or "the settings")
        return [
            Entry(table, file, f"{file}: [[gateway.endpoints]] {table.name!r}")
            for table in settings.endpoints
        ]

    def _of_mlflow(self, settings: Settings) -> Sequence[Entry]:
        file = self._mlflow_file(settings)
        if file is None:
            return []
        return [
            Entry(table, str(file), f"{file}: endpoint {table.name!r}")
            for table in mlflow_file.read(file)
        ]

    def _add_stored(self, found: dict[str, GatewayEndpoint], settings: Settings) -> tuple[str, ...]:
        """Add the endpoints of the database; return why some of them cannot be served."""
        problems = []
        if not self.store.exists():
            return ()
        secrets = {each.secret_id: each.auth_config for each in self.store.credentials.secrets()}
        every = self.store.policies.all()
        policies = [each for each in every if each.target_scope is Scope.ENDPOINT]
        for stored in self.store.endpoints.all():
            where = f"The endpoint {stored.name!r} of {self.store.path}"
            if (other := found.get(stored.name)) is not None:
                problems.append(f"{where} is hidden by the one of {other.source}.")
                continue
            try:
                table = tables.table(stored, secrets, self.store.credentials.open_secret, where)
                own = [
                    each.budget() for each in policies if each.target_value == stored.endpoint_id
                ]
                guards = [
                    each.guardrail.table()
                    for each in self.store.guardrails.of_endpoint(stored.endpoint_id)
                ]
                table = evolve(
                    table,
                    budgets=(*table.budgets, *own),
                    guardrails=(*table.guardrails, *guards),
                )
                entry = Entry(table, DATABASE, where, settings.upstream_allow)
                found[stored.name] = building.endpoint(entry, self._models)
            except PegboardError as error:
                # One that is wrong is no reason to serve none of the others.
                problems.append(str(error))
        return tuple(problems)

    def _with_policies(self, settings: Settings) -> Settings:
        """Return settings with the budgets of the database that are of no single endpoint."""
        if not self.store.exists():
            return settings
        found = self.store.policies.all()
        general = [each.budget() for each in found if each.target_scope is not Scope.ENDPOINT]
        return evolve(settings, budgets=(*settings.budgets, *general))

    def _embedded(self) -> Sequence[Entry]:
        """Return the models in this process that are offered if nothing is configured."""
        return [
            Entry(EndpointTable(name=name, provider=LOCAL, model=name), EMBEDDED, f"{name!r}")
            for name in EMBEDDED_MODELS
            if self._has(name)
        ]

    def _has(self, name: str) -> bool:
        """Whether a model is on this machine; it is not loaded for that."""
        allowed = self.settings.providers
        if LOCAL not in self.host.declared("LLM provider") or LOCAL not in (allowed or (LOCAL,)):
            return False
        try:
            return bool(self.host.llm_provider(LOCAL, {}, "").takes_of(name))
        except PegboardError:
            return False

    def _read_settings(self) -> Settings:
        config = self.host.config
        if config.file is None:
            settings: Settings = self.host.settings("gateway")
            return settings
        given = configuration.read_file(config.file).plugins.get("gateway", {})
        named = tables_of_settings.from_environment(Settings, "PEGBOARD_gateway")
        values: Mapping[str, Any] = {**given, **{key: value for key, _, value in named}}
        return tables_of_settings.structure(Settings, values, f"{config.file}: [plugins.gateway]")

    # -- looking -------------------------------------------------------------------------------

    def _look(self) -> tuple[Any, ...]:
        """Return what differs from the last time if something has changed."""
        files = (self.host.config.file, self._mlflow_file(self.settings))
        stamps = tuple(_stamp(file) for file in files)
        return (*stamps, self.store.endpoints.revision() if self.store.exists() else 0)

    def _mlflow_file(self, settings: Settings) -> Path | None:
        if self._mlflow_config is not None:
            return self._mlflow_config
        return self._path(settings.mlflow_config) if settings.mlflow_config else None

    def _path(self, text: str) -> Path:
        """Return a path of the settings, which is relative to the configuration's directory."""
        file = self.host.config.file
        return (file.absolute().parent if file else Path.cwd()) / Path(text).expanduser()

    def _key_file(self) -> Path:
        named = self.settings.secret_key_file
        if named:
            return self._path(named)
        database = self._path(self.settings.database)
        return database.with_name(database.name + ".key")


_catalogs: WeakKeyDictionary[Host, LiveCatalog] = WeakKeyDictionary()
_catalogs_lock = threading.Lock()


def catalog_of(host: Host, mlflow_config: Path | None = None) -> LiveCatalog:
    """Return the catalog of a host, made on first use, perhaps with a YAML file; ConfigError."""
    with _catalogs_lock:
        found = _catalogs.get(host)
        if found is None:
            found = LiveCatalog(host, mlflow_config)
            found.reload()
            _catalogs[host] = found
        return found


def use(host: Host, catalog: LiveCatalog) -> None:
    """Make ``catalog`` that of a host."""
    with _catalogs_lock:
        _catalogs[host] = catalog


def _stamp(file: Path | None) -> _Stamp:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _log() -> logging.Logger:
    return logging.getLogger("pegboard.gateway")
