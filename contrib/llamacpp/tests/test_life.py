"""Models in memory: loaded once, shared, given back, and never in the way of a process's end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Trouble
from pegboard_llamacpp.provider import LlamaCpp, Settings

Ask: TypeAlias = Callable[..., LLMRequest]

BEGIN = """
import contextlib, os, sys, threading
from pegboard.contracts.llm import LLMError, LLMRequest, Task
from pegboard_llamacpp.provider import LlamaCpp, Settings
provider = LlamaCpp(Settings(context=512, slots=1))
def asked(text, **fields):
    body = {"messages": [{"role": "user", "content": text}], "temperature": 0, **fields}
    return LLMRequest(Task.CHAT, "smollm2", body)
"""


def run(code: str) -> str:
    """Run code in a process of its own, with a provider; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def memory() -> int:
    return psutil.Process().memory_info().rss


def test_nothing_is_loaded_before_the_first_request() -> None:
    assert run("print('xllamacpp' in sys.modules)") == "False\n"


def test_providers_share_a_model_and_the_last_one_frees_it(chat: Ask) -> None:
    asked = chat("What is the capital of France?", max_tokens=1)
    first, second = LlamaCpp(Settings(context=512)), LlamaCpp(Settings(context=512))
    before = memory()
    first.answer(asked)
    loaded = memory() - before
    assert loaded > 50_000_000
    second.answer(asked)
    assert memory() - before < loaded * 1.3
    first.close()
    second.answer(asked)
    second.close()
    assert memory() - before < loaded / 2
    assert first.answer(asked)["choices"], "it is loaded again when it is asked again"
    first.close()


def test_threads_that_ask_first_load_it_once(chat: Ask) -> None:
    provider = LlamaCpp(Settings(context=768))
    engines: set[object] = set()
    threads = [
        threading.Thread(target=lambda: engines.add(provider._engine("smollm2"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 1
    provider.close()


def test_closing_ends_what_runs_with_an_error(chat: Ask) -> None:
    provider = LlamaCpp(Settings(context=512))
    events = provider.events(chat("Tell me a long story.", max_tokens=400))
    next(events)
    provider.close()
    with pytest.raises(LLMError, match="closed") as cut:
        list(events)
    assert cut.value.trouble is Trouble.CUT


def test_a_stream_that_is_forgotten_stops_in_whichever_thread_it_is_collected() -> None:
    code = """
import gc
gc.disable()
events = provider.events(asked("Tell me a long story.", max_tokens=400))
next(events)
running, events.itself = events._running, events
del events
with provider._engine("smollm2")._lock:
    gc.collect()
running.join()
print(running._chunks.qsize() < 100, provider._engine("smollm2").busy)
"""
    assert run(code) == "True False\n"


def test_a_process_ends_while_a_model_answers() -> None:
    code = """
story = asked("Tell me a long story.", max_tokens=400)
begun = threading.Event()
def read():
    with contextlib.suppress(LLMError):
        for chunk in provider.events(story):
            begun.set()
def answer():
    with contextlib.suppress(LLMError):
        provider.answer(story)
threading.Thread(target=read, daemon=True).start()
begun.wait()
threading.Thread(target=answer, daemon=True).start()
print("over")
"""
    assert run(code) == "over\n"


def test_a_forked_process_loads_its_own() -> None:
    code = """
question = asked("What is the capital of France?")
provider.answer(question)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
print(provider.answer(question)["choices"][0]["message"]["content"], flush=True)
"""
    assert run(code) == "The capital of France is Paris.\n" * 2


def test_a_process_forked_amid_an_answer_is_told_so_and_the_answer_goes_on() -> None:
    code = """
events = provider.events(asked("Count to ten.", max_tokens=60))
next(events)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    print(bool(list(events)[-1]["usage"]))
else:
    try:
        provider.answer(asked("Hello!"))
    except LLMError as error:
        print(error.message, flush=True)
    os._exit(0)
"""
    said, went_on = run(code).splitlines()
    assert "forked" in said
    assert went_on == "True"


def test_nobody_else_reaches_the_server_of_llama_cpp(chat: Ask) -> None:
    provider = LlamaCpp(Settings(context=256))
    provider.answer(chat("Hello!", max_tokens=1))
    listening = [
        each for each in psutil.Process().net_connections("all") if each.status == "LISTEN"
    ]
    sockets = [each.laddr for each in psutil.Process().net_connections("unix") if each.laddr]
    provider.close()
    assert listening == []
    assert not any(Path(str(path)).exists() for path in sockets if "llama" in str(path))
    assert any("llama" in str(path) for path in sockets)
