"""Calls that are not waited for longer than they may take."""

from __future__ import annotations

import os
import threading
from queue import Empty

import pytest
from pegboard_evaluation import pool


def raising(error: Exception) -> None:
    raise error


def test_one_thread_makes_the_calls_until_one_is_given_up() -> None:
    first = pool.within(60, threading.get_ident)
    assert first != threading.get_ident()
    with pytest.raises(Empty):
        pool.within(60, lambda: raising(Empty()))
    assert pool.within(60, threading.get_ident) == first
    go_on = threading.Event()
    with pytest.raises(pool.TooSlow):
        pool.within(0.05, go_on.wait)
    # The next one does not wait behind the one that hangs.
    assert pool.within(60, threading.get_ident) != first
    go_on.set()


def test_a_thread_ends_with_the_one_that_it_works_for() -> None:
    made: list[threading.Thread] = []
    owner = threading.Thread(target=lambda: made.append(pool.within(60, threading.current_thread)))
    owner.start()
    owner.join()
    made[0].join(10)
    assert not made[0].is_alive()


def test_a_forked_child_makes_its_calls_itself() -> None:
    pool.within(60, threading.get_ident)
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.within(10, os.getpid) == os.getpid() else 1)
    assert os.waitpid(child, 0)[1] == 0
