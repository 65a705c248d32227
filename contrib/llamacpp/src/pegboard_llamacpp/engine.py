"""A model in memory: llama.cpp's server, in this process and without a network.

llama.cpp listens on a socket whatever it is told; here it is one that nobody else can reach. A
crash in it ends the process, which no Python code can prevent.
"""

from __future__ import annotations

import ctypes
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

from pegboard_llamacpp.asking import MOST_BYTES
from pegboard_llamacpp.gguf import Header
from pegboard_llamacpp.refusals import refused
from pegboard_llamacpp.running import Running

_BATCH = 256
"""So many tokens of prompts are read between two looks at whether somebody still wants them."""
_LONGEST_SOCKET = 100
"""Bytes of the path of a socket; systems take 104 or 108."""
_inherited = False
"""Whether this process was forked from one in which a model was answering."""


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
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._embedding = 0
        self._server: Any = _serve(load)

    @property
    def busy(self) -> bool:
        """Whether it answers now."""
        return bool(self._running or self._embedding)

    def chat(self, bodies: Sequence[Json]) -> Running:
        """Start generations from messages."""
        return self._run("handle_chat_completions", bodies)

    def complete(self, bodies: Sequence[Json]) -> Running:
        """Start generations from prompts."""
        return self._run("handle_completions", bodies)

    def embed(self, body: Json) -> Json:
        """Return what llama.cpp answers to a request for embeddings."""
        text = encoded(body).decode()
        with self._lock:
            server = self._in_use()
            self._embedding += 1
        try:
            answer: Json = orjson.loads(server.handle_embeddings(text))
        except (ValueError, RuntimeError) as error:
            raise refused({"message": str(error)}) from None
        finally:
            with self._lock:
                self._embedding -= 1
        if "error" in answer:
            raise refused(answer["error"])
        return answer

    def done(self, running: Running) -> None:
        """Forget generations that have ended.

        It takes no lock: a stream that nobody closed says so when it is collected, which may happen
        in a thread that holds one.
        """
        self._running.discard(running)

    def close(self) -> None:
        """Stop what runs, and free the memory."""
        with self._lock:
            running = list(self._running)
            server, self._server = self._server, None
        for each in running:
            each.stop(_closed())
        for each in running:
            each.join()
        # llama.cpp's loop forgets that it was asked to end if it only begins then, and would be
        # waited for for ever. What goes through its queue is answered once it runs.
        if server is not None:
            server.handle_metrics()
        del server

    def abandon(self) -> None:
        """Forget a model that a forked process inherited, in which no model can be used now."""
        global _inherited
        _inherited = True
        # It is never freed, as that would wait for threads that exist in the parent only.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))

    def _run(self, name: str, bodies: Sequence[Json]) -> Running:
        texts, size = [], 0
        for body in bodies:
            texts.append(encoded(body).decode())
            size += len(texts[-1])
            if size > MOST_BYTES:
                raise LLMError(
                    Trouble.TOO_LONG, "The prompts of this request are longer than can be read."
                )
        with self._lock:
            running = Running(getattr(self._in_use(), name), texts, self.load.slots)
            self._running.add(running)
        return running

    def _in_use(self) -> Any:
        if self._server is None:
            raise _closed()
        return self._server


def _closed() -> LLMError:
    return LLMError(Trouble.CUT, "The model was closed before the answer was complete.")


def _serve(load: Load) -> Any:
    import xllamacpp

    if _inherited:
        raise LLMError(
            Trouble.SERVER,
            "This process was forked from one in which a model was answering, so llama.cpp cannot "
            "be used in it.",
            hint="Start processes with the method 'spawn', or before the first request.",
        )

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
        except (RuntimeError, ValueError):
            raise LLMError(
                Trouble.NO_MODEL,
                f"llama.cpp cannot load {load.path.name}.",
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
    parameters.endpoint_metrics = True  # For whoever closes it, see there.
