"""Generations that run in threads of their own, read as one stream that can be stopped.

llama.cpp calls back for each token, in the thread that asked; here that becomes an iterator, which
one thread reads and any other may close.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias

from pegboard.contracts.llm import LLMError

from pegboard_llamacpp.refusals import refused

Call: TypeAlias = Callable[[str, Callable[[str], bool]], None]
"""Runs one generation: its body as JSON, and what receives each chunk and says whether to stop."""

_END = object()


class Running(Iterator[tuple[int, str]]):
    """The chunks of some generations, as JSON, each with the number of its generation.

    At most ``parallel`` run at once. Reading raises LLMError if one of them fails, and then the
    others are stopped.
    """

    def __init__(self, call: Call, bodies: Sequence[str], parallel: int) -> None:
        self._call = call
        self._bodies = deque(enumerate(bodies))
        self._chunks: SimpleQueue[object] = SimpleQueue()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name="llamacpp", daemon=True)
            for _ in range(min(parallel, len(bodies)))
        ]
        self._working = len(self._threads)
        self._lock = threading.Lock()
        for thread in self._threads:
            thread.start()

    def __next__(self) -> tuple[int, str]:
        """Return the next chunk; it waits for it."""
        item = self._chunks.get()
        if isinstance(item, tuple):
            return item
        self._chunks.put(item)  # Who asks again hears the same.
        if isinstance(item, BaseException):
            self.stop()
            raise item
        raise StopIteration

    def stop(self, reason: LLMError | None = None) -> None:
        """Have the model stop at its next token; who still reads is told ``reason``, or the end."""
        self._stopped = True
        self._chunks.put(reason or _END)

    def close(self) -> None:
        """Stop, and wait until the model has: its slots are free then."""
        self.stop()
        self.join()

    def join(self) -> None:
        """Wait until the model has stopped."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _work(self) -> None:
        try:
            while not self._stopped:
                index, body = self._bodies.popleft()
                self._call(body, partial(self._take, index))
        except IndexError:
            pass  # All generations are taken.
        except Exception as error:
            self._chunks.put(refused({"message": str(error)}))
        with self._lock:
            self._working -= 1
            last = not self._working
        if last:
            self._chunks.put(_END)

    def _take(self, index: int, chunk: str) -> bool:
        """Receive a chunk of llama.cpp and return whether to stop."""
        if not self._stopped:
            self._chunks.put((index, chunk))
        return self._stopped
