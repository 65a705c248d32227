"""Sending what journals hold to a server: in order, and nothing twice.

Beside ``NAME.log`` lies ``NAME.sent``: the position up to which the server acknowledged, the
position up to which the rest is being sent, and ``packed`` if that is sent as journals keep it.
After a crash the same part is cut into the same batches again, each with the same
``X-Pegboard-Batch: NAME:NUMBER``, whose numbers rise: a server of ours remembers the last one and
keeps each batch once. MLflow's drops points that are all alike.

Any process may send any journal: the writer, its parent, one that takes over what the dead left.
The lock of ``NAME.sending`` keeps it to one at a time, so that each knows what the last has sent.

What the server refuses for good (its run was deleted, say) goes to ``refused.jsonl``, and the
rest goes on.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve, frozen
from pegboard.errors import (
    AlreadyExists,
    InvalidState,
    InvalidValue,
    NotFound,
    PegboardError,
    translate_os_error,
)
from pegboard_wire.client.api import Api
from pegboard_wire.client.connection import Connection
from pegboard_wire.client.errors import UnknownPath, Unreachable

from pegboard_tracking.client import messages, places, span_messages
from pegboard_tracking.client.messages import Message, Parcel
from pegboard_tracking.client.span_messages import SPANS_PATH, SpanParcel
from pegboard_tracking.points import journal, packed_points
from pegboard_tracking.points.journal_points import Points
from pegboard_tracking.points.journal_reader import JournalReader

REFUSED_FILE = "refused.jsonl"
_LOOK_AGAIN_SECONDS = 0.02

_READ_BYTES = 1 << 18
_READ_PACKED_BYTES = 1 << 22
"""How much of a journal is sent at once, as JSON and packed."""

_START = len(journal.MAGIC)
_FINAL = (AlreadyExists, InvalidState, InvalidValue, NotFound)

logger = logging.getLogger(__name__)


@frozen
class Progress:
    """How far a journal was sent. ``until`` is where the part that is being sent ends."""

    position: int = _START
    until: int = _START
    is_packed: bool = False
    """Whether the part that is being sent is sent packed."""


class Outbox:
    """Sends the journals in a directory to a server; it is a ``Sink`` of journals."""

    def __init__(
        self,
        connection: Connection,
        directory: Path,
        *,
        on_sent: Callable[[int, int], None] = lambda _points, _others: None,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """``directory`` is where the journals lie; it need not exist.

        ``on_sent`` receives how many points and other requests the server took just now,
        ``on_refused`` that it refused a request for good.
        """
        self._connection = connection
        self._api = Api(connection)
        self.directory = directory
        self._on_sent = on_sent
        self._on_refused = on_refused
        self._locks: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Start anew in a child process, which must not use the locks of its parent."""
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks = set()
        self._lock = threading.RLock()
        self._readers: dict[str, JournalReader] = {}
        self._thread = threading.local()

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Within it, this thread tries again to reach a server that is out of reach."""
        self._thread.patient = True
        try:
            yield
        finally:
            self._thread.patient = False

    # -- journals ------------------------------------------------------------------------------

    def one(self, name: str) -> None:
        """Send everything that one journal holds."""
        with self._lock, self._alone(name) as is_there:
            if is_there:
                self._send_all(name)

    def _send_all(self, name: str) -> None:
        try:
            self._send(name)
        except FileNotFoundError:
            # Somebody else sent the rest and removed it.
            self.forget(name)
        except OSError as error:
            raise translate_os_error(error, _path(self.directory, name)) from error

    def forget(self, name: str) -> None:
        """Forget what was read of a journal, which may be another's."""
        self._readers.pop(name, None)

    def is_damaged(self, name: str) -> bool:
        """Whether a journal was found to be damaged, so that nothing more can be read from it."""
        reader = self._readers.get(name)
        return reader is not None and reader.damaged_at is not None

    def finish(self, name: str) -> None:
        """Send the rest of a journal that has no writer any more, and remove it."""
        with self._lock, self._alone(name) as is_there:
            if not is_there:
                return
            self._send_all(name)
            path = _path(self.directory, name)
            reader = self._readers.pop(name, None)
            if reader is not None and reader.damaged_at is not None and path.exists():
                journal.set_aside(path, reader.damaged_at)
            # A journal without its progress would be sent again, so it goes first.
            if (
                path.exists()
                and (torn := path.stat().st_size - _progress(self.directory, name).position) > 0
            ):
                logger.warning(
                    "The last record of the journal %s was cut off after %d bytes when its "
                    "process died; it was dropped. All before it was sent.",
                    path,
                    torn,
                )
            path.unlink(missing_ok=True)
            _progress_file(self.directory, name).unlink(missing_ok=True)

    @contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        """Keep other processes from sending a journal; False if it was removed."""
        path, file = _path(self.directory, name), _sending_file(self.directory, name)
        if not path.exists():
            self.forget(name)
            yield False
            return
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise translate_os_error(error, file) from error
        self._locks.add(descriptor)
        try:
            self._wait_for(descriptor, path)
            yield path.exists()
            if not path.exists():
                # Names are never used again, so this lock is not needed any more.
                file.unlink(missing_ok=True)
        finally:
            self._locks.discard(descriptor)
            journal.unlock(descriptor)
            os.close(descriptor)

    def _wait_for(self, descriptor: int, path: Path) -> None:
        """Wait for the lock of sending as long as one request may take."""
        deadline = time.monotonic() + self._connection.options.timeout
        while not journal.try_lock(descriptor):
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"Another process has been sending {path} to the server "
                    f"{self._connection.server.url} for a long time.",
                    hint="Try again later.",
                )
            time.sleep(_LOOK_AGAIN_SECONDS)

    # -- sending -------------------------------------------------------------------------------

    def _send(self, name: str) -> None:
        path = _path(self.directory, name)
        progress = _progress(self.directory, name)
        while path.stat().st_size > progress.position:
            reader = self._readers.get(name)
            if reader is None:
                reader = self._readers[name] = JournalReader(path)
            again = progress.until - progress.position
            is_packed = progress.is_packed if again > 0 else self._takes_packed()
            limit = _READ_PACKED_BYTES if is_packed else _READ_BYTES
            points = reader.read(progress.position, again if again > 0 else limit)
            if points.end <= progress.position:
                return
            progress = Progress(points.start, points.end, is_packed)
            if again <= 0:
                self._note(name, progress)
            try:
                self._send_points(points, name, is_packed=is_packed)
            except UnknownPath:
                if not is_packed:
                    raise
                # Another server stands there now.
                self._connection.forget_abilities()
                progress = evolve(progress, is_packed=False)
            else:
                progress = Progress(points.end, points.end)
            self._note(name, progress)

    def _takes_packed(self) -> bool:
        return self._connection.abilities(patient=self._is_patient).packed_points

    @property
    def _is_patient(self) -> bool:
        return getattr(self._thread, "patient", False)

    def _note(self, name: str, progress: Progress) -> None:
        words = [str(progress.position), str(progress.until), *["packed"] * progress.is_packed]
        places.write(_progress_file(self.directory, name), " ".join(words))

    def _send_points(self, points: Points, name: str, *, is_packed: bool) -> None:
        if is_packed:
            for parcel in messages.parcels(points, name):
                self._deliver_parcel(parcel)
        else:
            for message in messages.messages(points, name):
                self._deliver(message)
        for sent in span_messages.messages(points.spans, self._experiment):
            self._deliver_spans(sent)
        if points.other is not None:
            self._deliver(Message.unpacked(points.other))

    def _deliver_parcel(self, parcel: Parcel) -> None:
        try:
            self._api.post_content(
                packed_points.PATH, parcel.content(), parcel.headers, patient=self._is_patient
            )
        except _FINAL as error:
            for fields in messages.batches(parcel.run_id, parcel.series):
                self._refuse(Message("runs/log-batch", fields), error)
        else:
            self._on_sent(parcel.points, 0)

    def _deliver(self, message: Message) -> None:
        try:
            self._connection.call(
                message.method,
                message.name,
                message.fields,
                headers=message.headers,
                patient=self._is_patient,
            )
        except _FINAL as error:
            self._refuse(message, error)
            return
        if message.is_points:
            self._on_sent(len(message.fields["metrics"]), 0)
        else:
            self._on_sent(0, 1)

    def _experiment(self, name: str) -> str:
        """Return the id of the experiment of a name, which is created if need be."""
        try:
            found = self._api.get("experiments/get-by-name", experiment_name=name)
            return str(found["experiment"]["experiment_id"])
        except NotFound:
            return str(self._api.post("experiments/create", name=name)["experiment_id"])

    def _deliver_spans(self, message: Message | SpanParcel) -> None:
        if isinstance(message, Message):
            self._deliver(message)
            return
        try:
            self._api.post_content(
                SPANS_PATH, message.content(), message.headers, patient=self._is_patient
            )
        except _FINAL as error:
            self._refuse(Message(SPANS_PATH, message.fields()), error)
        else:
            self._on_sent(0, len(message.spans))

    def _refuse(self, message: Message, error: PegboardError) -> None:
        """Keep what the server will never take, so that it does not hold up the rest."""
        file = self.directory / REFUSED_FILE
        line = json.dumps({"method": message.name, "fields": message.fields, "error": str(error)})
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(line.encode() + b"\n")
        self._on_refused()
        logger.warning(
            "The server %s refused what was logged before: %s It was set aside in %s.",
            self._connection.server.url,
            error,
            file,
        )


def waiting(directory: Path, name: str, run_id: str | None = None) -> tuple[int, int]:
    """Return how many points and other requests, of one run or of all, a journal still holds.

    Raises FileNotFoundError if the journal is gone.
    """
    reader = JournalReader(_path(directory, name))
    position = _progress(directory, name).position
    points = messages = 0
    while True:
        found = reader.read(position)
        if found.end <= position:
            return points, messages
        position = found.end
        for (owner, _), pieces in found.by_series.items():
            if run_id in (None, owner):
                points += sum(map(len, pieces)) // journal.POINT_BYTES
        if run_id is None:
            messages += len(found.spans)
        if found.other is not None:
            is_wanted = run_id in (None, Message.unpacked(found.other).fields.get("run_id"))
            messages += is_wanted


def _path(directory: Path, name: str) -> Path:
    return directory / f"{name}{journal.SUFFIX}"


def _progress_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.sent"


def _sending_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.sending"


def _progress(directory: Path, name: str) -> Progress:
    try:
        position, until, *form = _progress_file(directory, name).read_text().split()
    except FileNotFoundError:
        return Progress()
    return Progress(int(position), int(until), form == ["packed"])
