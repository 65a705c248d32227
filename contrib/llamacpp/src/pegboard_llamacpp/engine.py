"""Models in memory: llama.cpp's server, in this process and without a network.

A model is loaded on first use, once for all that want it with the same settings, and leaves memory
with the last of them. llama.cpp listens on a socket whatever it is told; here it is one that nobody
else can reach. A crash in it ends the process, which no Python code can prevent.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen
from pegboard.contracts.llm import Json, LLMError, Trouble
from pegboard_llm.shapes import encoded

from pegboard_llamacpp.gguf import Header
from pegboard_llamacpp.refusals import refused
from pegboard_llamacpp.running import Running

_BATCH = 256
"""So many tokens of prompts are read between two looks at whether somebody still wants them."""
_LONGEST_SOCKET = 100
"""Bytes of the path of a socket; systems take 104 or 108."""


@frozen
class Load:
    """What is loaded, and how: equal loads share memory."""

    path: Path
    header: Header = field(eq=False)
    context: int
    """Tokens of one request, prompt and answer together."""
    threads: int
    slots: int
    chat_template: str
    changed: int
    """When the file was, so that another one in its place is another model."""


class Engine:
    """A model in memory. Methods may be called by threads, at once."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._server: Any = _serve(load)

    @property
    def alive(self) -> bool:
        """Whether it can be used: it is not closed, and this process did not inherit it."""
        return self._server is not None and self._process == os.getpid()

    def chat(self, bodies: Sequence[Json]) -> Running:
        """Start generations from messages."""
        return self._run("handle_chat_completions", bodies)

    def complete(self, bodies: Sequence[Json]) -> Running:
        """Start generations from prompts."""
        return self._run("handle_completions", bodies)

    def embed(self, body: Json) -> Json:
        """Return what llama.cpp answers to a request for embeddings."""
        server = self._in_use()
        try:
            answer: Json = orjson.loads(server.handle_embeddings(encoded(body).decode()))
        except (ValueError, RuntimeError) as error:
            raise refused({"message": str(error)}) from None
        if "error" in answer:
            raise refused(answer["error"])
        return answer

    def done(self, running: Running) -> None:
        """Forget generations that have ended."""
        with self._lock:
            self._running.discard(running)

    def close(self) -> None:
        """Stop what runs, and free the memory."""
        with self._lock:
            running, self._running = self._running, set()
            server, self._server = self._server, None
        for each in running:
            each.stop(_closed())
        for each in running:
            each.join()
        del server

    def abandon(self) -> None:
        """Forget a model that a forked process inherited: its threads exist in the parent only."""
        import ctypes

        # Never freed, as that waits for those threads.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))

    def _run(self, name: str, bodies: Sequence[Json]) -> Running:
        call = getattr(self._in_use(), name)
        running = Running(call, [encoded(body).decode() for body in bodies], self.load.slots)
        with self._lock:
            if self._server is not None:
                self._running.add(running)
                return running
        running.close()
        raise _closed()

    def _in_use(self) -> Any:
        if (server := self._server) is None:
            raise _closed()
        return server


def _closed() -> LLMError:
    return LLMError(Trouble.CUT, "The model was closed before the answer was complete.")


def _serve(load: Load) -> Any:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = os.fspath(load.path)
    parameters.n_parallel = load.slots
    parameters.n_ctx = load.context * load.slots
    parameters.n_batch = parameters.n_ubatch = min(_BATCH, load.context)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = load.threads
    parameters.cache_ram_mib = 0  # Else prompts that were answered fill up to 8 GiB.
    parameters.cache_idle_slots = False
    parameters.offline = True
    parameters.verbosity = -1
    if load.chat_template:
        parameters.chat_template = load.chat_template
    if load.header.embeds:
        parameters.embedding = True
        # A text is embedded as a whole. One that is a little too long is told by its right name.
        parameters.n_batch = parameters.n_ubatch = 2 * load.context
    with tempfile.TemporaryDirectory(prefix="llamacpp-", ignore_cleanup_errors=True) as folder:
        _hide(parameters, Path(folder, "llama.sock"))
        try:
            return xllamacpp.Server(parameters)
        except (RuntimeError, ValueError) as error:
            raise LLMError(
                Trouble.SERVER,
                f"llama.cpp cannot load {load.path.name}: {error}",
                hint=f"Is there memory for {load.slots} slots of {load.context} tokens? Else the "
                f"file is damaged, or newer than xllamacpp {xllamacpp.__version__}.",
            ) from None


def _hide(parameters: Any, path: Path) -> None:
    """Let llama.cpp listen where nobody can speak to it: its socket goes with its directory.

    Where there are no such sockets, it listens on the loopback interface, and to no one without a
    key, which is thrown away.
    """
    # By the end of its name, .sock, llama.cpp tells a socket from a host.
    if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) < _LONGEST_SOCKET:
        parameters.hostnames = [os.fspath(path)]
    parameters.port = 0
    parameters.api_keys = [secrets.token_urlsafe(32)]
    parameters.cors_origins = ""
    parameters.n_threads_http = 1
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False


class _Place:
    """Where one model is or will be, and how many want it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.engine: Engine | None = None


_lock = threading.Lock()
_places: dict[Load, _Place] = {}


def borrow(load: Load) -> Engine:
    """Return the model, loaded if it is not; LLMError SERVER if it cannot be."""
    with _lock:
        if not _places:
            atexit.register(close_all)
        place = _places.setdefault(load, _Place())
        place.users += 1
    try:
        with place.lock:
            if place.engine is None:
                place.engine = Engine(load)
            return place.engine
    except BaseException:
        _release(load)
        raise


def give_back(engine: Engine) -> None:
    """Say that one of those who borrowed a model needs it no more."""
    if engine.alive:
        _release(engine.load)


def _release(load: Load) -> None:
    with _lock:
        place = _places.get(load)
        if place is None:
            return
        place.users -= 1
        if place.users:
            return
        del _places[load]
    if place.engine is not None:
        place.engine.close()


def close_all() -> None:
    """Stop and free all models, before the interpreter takes their threads away."""
    with _lock:
        atexit.unregister(close_all)
        places = list(_places.values())
        _places.clear()
    for place in places:
        if place.engine is not None and place.engine.alive:
            place.engine.close()


def _abandon_all() -> None:
    global _lock
    _lock = threading.Lock()
    for place in _places.values():
        if place.engine is not None:
            place.engine.abandon()
    _places.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
